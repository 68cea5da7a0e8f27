//! Settlement where changes meet: the policy's strategies, votes, arbiters.

mod support;

use quorate_ledger::policy::{DomainPolicy, PathRule, Principle, Step, Strategy};
use quorate_ledger::{Class, Code, ConflictId, Mode, Op, PathOutcome, Principal, Receipt, State};
use quorate_pbft::Signer;
use support::world::{Edit, World, remove, rename, revision, write};
use support::{author, digest};

fn step(strategy: Strategy) -> Step {
    Step { class: None, strategy, deadline_ms: None }
}

fn only(class: Class, strategy: Strategy) -> Step {
    Step { class: Some(class), strategy, deadline_ms: None }
}

fn organisation(n: u8) -> Principal {
    Principal::Organisation(format!("org-{n}"))
}

/// A world whose paths are decided by these strategies.
fn with(strategies: Vec<Step>) -> World {
    let rule = PathRule { pattern: "**".into(), strategies, ..PathRule::default() };
    let policy = DomainPolicy { paths: vec![rule], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    world
}

/// Authors 1 and 2 make something of one base; the verdict on what author 2 made.
fn clash(world: &mut World, base: &str, one: &str, two: &str) -> Receipt {
    world.does(0, &[write("a", base)]);
    let base = world.now();
    world.does_on(base, 1, &[write("a", one)]);
    world.does_on(base, 2, &[write("a", two)])
}

fn vote(world: &mut World, who: u8, conflict: ConflictId, side: u32) -> Receipt {
    world.does(who, &[Edit::Other(Op::Vote { conflict, side })])
}

fn is_open(world: &World, id: &ConflictId) -> bool {
    world.view().conflict(id).expect("memory").expect("a conflict").record.settled.is_none()
}

#[test]
fn the_owners_side_wins_whoever_comes_first() {
    let mut world = with(vec![step(Strategy::Authoritative(organisation(2)))]);
    let receipt = clash(&mut world, "base\n", "one\n", "two\n");
    assert_eq!((receipt.state, world.text("a").as_deref()), (State::Applied, Some("two\n")));

    let mut world = with(vec![step(Strategy::Authoritative(organisation(1)))]);
    let receipt = clash(&mut world, "base\n", "one\n", "two\n");
    assert_eq!((receipt.state, receipt.changes[0].outcome), (State::Merged, PathOutcome::Overruled));
    assert_eq!(world.text("a").as_deref(), Some("one\n"));
}

#[test]
fn an_owner_who_takes_no_side_decides_nothing() {
    let mut world = with(vec![step(Strategy::Authoritative(organisation(3)))]);
    assert_eq!(clash(&mut world, "base\n", "one\n", "two\n").state, State::Conflict);
}

#[test]
fn strategies_are_asked_in_order() {
    let owner = step(Strategy::Authoritative(organisation(2)));
    let (one, two) = ("one\n2\n3\n", "1\n2\nthree\n");
    let mut world = with(vec![step(Strategy::Merge), owner.clone()]);
    clash(&mut world, "1\n2\n3\n", one, two);
    assert_eq!(world.text("a").as_deref(), Some("one\n2\nthree\n"));
    let mut world = with(vec![owner, step(Strategy::Merge)]);
    clash(&mut world, "1\n2\n3\n", one, two);
    assert_eq!(world.text("a").as_deref(), Some(two));
}

#[test]
fn a_principle_decides_where_it_applies() {
    let steps = || vec![step(Strategy::Merge), step(Strategy::Rule(Principle::LargerNumber))];
    let mut world = with(steps());
    assert_eq!(clash(&mut world, "1\n", "10\n", "9\n").state, State::Merged);
    assert_eq!(world.text("a").as_deref(), Some("10\n"));
    let mut world = with(steps());
    assert_eq!(clash(&mut world, "1\n", "ten\n", "9\n").state, State::Conflict);
}

#[test]
fn the_last_writer_wins_only_where_the_policy_says_so() {
    let mut world = with(vec![step(Strategy::Merge), step(Strategy::LastWriterWins)]);
    assert_eq!(clash(&mut world, "base\n", "one\n", "two\n").state, State::Applied);
    assert_eq!(world.text("a").as_deref(), Some("two\n"));
}

#[test]
fn reject_keeps_the_first_valid_change() {
    let mut world = with(vec![step(Strategy::Merge), step(Strategy::Reject)]);
    assert_eq!(clash(&mut world, "base\n", "one\n", "two\n").code, Some(Code::Validator));
    assert_eq!(world.text("a").as_deref(), Some("one\n"));
    let base = world.now();
    world.does_on(base, 1, &[rename("a", "b")]);
    assert_eq!(world.does_on(base, 2, &[rename("a", "c")]).code, Some(Code::Validator));
}

#[test]
fn strategies_may_differ_by_class() {
    let steps = vec![
        step(Strategy::Merge),
        only(Class::Structural, Strategy::LastWriterWins),
        only(Class::Value, Strategy::Reject),
    ];
    let mut world = with(steps);
    assert_eq!(clash(&mut world, "base\n", "one\n", "two\n").code, Some(Code::Validator));
    let base = world.now();
    world.does_on(base, 1, &[write("a", "three\n")]);
    assert_eq!(world.does_on(base, 2, &[remove("a")]).state, State::Applied);
    assert_eq!(world.text("a"), None);
}

#[test]
fn an_arbiter_decides_and_nobody_else() {
    let arbiter = Principal::Author(author(3).public_key());
    let mut world = with(vec![step(Strategy::Merge), step(Strategy::Arbitrate(arbiter))]);
    let id = clash(&mut world, "base\n", "one\n", "two\n").conflicts[0];
    assert_eq!(world.does(0, &[write("a", "mine\n")]).state, State::Conflict, "it joins");
    assert_eq!(vote(&mut world, 0, id, 0).code, Some(Code::BadAct));
    let receipt = world.does(3, &[write("a", "peace\n")]);
    assert_eq!(receipt.changes[0].outcome, PathOutcome::Settled);
    assert_eq!((world.text("a").as_deref(), is_open(&world, &id)), (Some("peace\n"), false));
}

#[test]
fn a_quorum_of_organisations_votes_a_side_in() {
    let mut world = World::new();
    let id = clash(&mut world, "base\n", "one\n", "two\n").conflicts[0];
    vote(&mut world, 0, id, 1);
    vote(&mut world, 1, id, 0);
    vote(&mut world, 2, id, 1);
    assert!(is_open(&world, &id));
    let last = world.draft(3, world.now(), &[Edit::Other(Op::Vote { conflict: id, side: 1 })]);
    let receipts = world.slot(&[&last]).receipts;
    let [voted, settled] = &receipts[..] else { panic!("a vote, and the settlement as a change of its own") };
    assert_eq!((voted.state, voted.changes.len(), voted.conflicts[0]), (State::Applied, 0, id));
    assert_eq!((settled.state, settled.changes[0].outcome), (State::Applied, PathOutcome::Settled));
    assert_eq!((settled.id.0, settled.author), (id.0, author(2).public_key()));
    assert_eq!(settled.conflicts, [id]);
    assert_eq!(world.text("a").as_deref(), Some("two\n"));
    assert_eq!(vote(&mut world, 0, id, 1).code, Some(Code::UnknownConflict));
}

#[test]
fn an_organisation_has_one_vote_and_may_change_it() {
    let mut world = World::new();
    let id = clash(&mut world, "base\n", "one\n", "two\n").conflicts[0];
    for side in [1, 1, 0] {
        vote(&mut world, 0, id, side);
    }
    let votes = world.view().conflict(&id).expect("memory").expect("a conflict").record.votes;
    assert_eq!(votes.into_iter().collect::<Vec<_>>(), [("org-0".to_owned(), 0)]);
    assert_eq!(vote(&mut world, 0, id, 2).code, Some(Code::UnknownConflict));
}

#[test]
fn what_somebody_suggests_can_be_voted_in() {
    let mut world = with(vec![step(Strategy::Merge), step(Strategy::Vote(Some(2)))]);
    let id = clash(&mut world, "base\n", "one\n", "two\n").conflicts[0];
    let suggestion = Op::Suggest { conflict: id, file: Some((Mode::File, digest(b"both\n"))), reason: "peace".into() };
    let mut draft = world.draft(3, world.now(), &[Edit::Other(suggestion)]);
    draft.contents.push(b"both\n".to_vec());
    assert_eq!(world.verdict(&draft).state, State::Applied);
    let sides = world.view().conflict(&id).expect("memory").expect("a conflict").sides;
    assert_eq!(sides[2].side.proposed.as_deref(), Some("peace"));
    vote(&mut world, 0, id, 2);
    vote(&mut world, 1, id, 2);
    assert_eq!((world.text("a").as_deref(), is_open(&world, &id)), (Some("both\n"), false));
}

#[test]
fn a_suggestion_is_nobodys_edit_and_hinders_no_settlement() {
    let mut world = World::new();
    let id = clash(&mut world, "base\n", "one\n", "two\n").conflicts[0];
    let seen = world.now();
    let suggestion = Op::Suggest { conflict: id, file: None, reason: "away with it".into() };
    world.does(3, &[Edit::Other(suggestion)]);
    assert_eq!(world.does_on(seen, 0, &[write("a", "done\n")]).state, State::Applied);
}

#[test]
fn a_vote_ends_a_file_against_a_folder_either_way() {
    for (side, file, folder) in [(0, Some("file\n"), None), (1, None, Some("folder\n"))] {
        let mut world = World::new();
        world.does_on(revision("0"), 1, &[write("a", "file\n")]);
        let id = world.does_on(revision("0"), 2, &[write("a/b", "folder\n")]).conflicts[0];
        for who in [0, 1, 2] {
            vote(&mut world, who, id, side);
        }
        assert!(!is_open(&world, &id));
        assert_eq!((world.text("a").as_deref(), world.text("a/b").as_deref()), (file, folder));
    }
}

#[test]
fn a_conflict_on_a_renamed_file_is_voted_on_at_its_new_place() {
    let mut world = World::new();
    world.does(0, &[write("dir/a", "base\n")]);
    let base = world.now();
    world.does_on(base, 1, &[rename("dir/a", "new/a"), write("new/a", "one\n")]);
    let receipt = world.does_on(base, 2, &[write("dir/a", "two\n")]);
    assert_eq!((receipt.state, receipt.changes[0].path.as_str()), (State::Conflict, "new/a"));
    for who in [0, 1, 2] {
        vote(&mut world, who, receipt.conflicts[0], 1);
    }
    assert_eq!((world.text("dir/a"), world.text("new/a").as_deref()), (None, Some("two\n")));
}

fn until(strategy: Strategy, deadline_ms: u64) -> Step {
    Step { class: None, strategy, deadline_ms: Some(deadline_ms) }
}

#[test]
fn a_vote_that_reaches_its_deadline_passes_to_the_next_strategy() {
    let mut world =
        with(vec![step(Strategy::Merge), until(Strategy::Vote(None), 1_000), step(Strategy::LastWriterWins)]);
    let id = clash(&mut world, "base\n", "one\n", "two\n").conflicts[0];
    vote(&mut world, 0, id, 0);
    world.time += 900;
    assert!(world.slot(&[]).deadline.is_some());
    assert!(is_open(&world, &id));
    world.time += 100;
    let outcome = world.slot(&[]);
    assert_eq!((outcome.deadline, is_open(&world, &id)), (None, false));
    assert_eq!(world.text("a").as_deref(), Some("two\n"));
    let slot = world.ledger.revision();
    let log = world.view().log("main", Some("a"), None, 10).expect("known").items;
    assert_eq!((log[0].revision.seq(), log[0].author), (slot.seq(), author(2).public_key()));
    let before = support::world::at(&(slot.seq().get() - 1).to_string());
    let diff = world.view().diff("main", (before, slot), None, 10).expect("known").items;
    assert_eq!(diff.len(), 1);
}

#[test]
fn a_vote_that_is_won_in_time_leaves_no_deadline() {
    let mut world = with(vec![until(Strategy::Vote(Some(1)), 1_000), step(Strategy::LastWriterWins)]);
    let id = clash(&mut world, "base\n", "one\n", "two\n").conflicts[0];
    vote(&mut world, 0, id, 0);
    world.time += 2_000;
    assert_eq!(world.slot(&[]).deadline, None);
    assert_eq!(world.text("a").as_deref(), Some("one\n"));
}

#[test]
fn after_a_vote_an_arbiter_may_be_named_and_after_the_arbiter_the_first_stands() {
    let arbiter = Principal::Author(author(3).public_key());
    let steps =
        vec![until(Strategy::Vote(None), 1_000), until(Strategy::Arbitrate(arbiter), 1_000), step(Strategy::Reject)];
    let mut world = with(steps);
    let id = clash(&mut world, "base\n", "one\n", "two\n").conflicts[0];
    world.time += 1_000;
    world.slot(&[]);
    assert_eq!(vote(&mut world, 0, id, 0).code, Some(Code::BadAct), "an arbiter decides now");
    world.time += 1_000;
    world.slot(&[]);
    assert_eq!((is_open(&world, &id), world.text("a").as_deref()), (false, Some("one\n")));
}

#[test]
fn a_deadline_with_nothing_after_it_throws_nothing_away() {
    let mut world = with(vec![until(Strategy::Vote(None), 1_000)]);
    let id = clash(&mut world, "base\n", "one\n", "two\n").conflicts[0];
    world.time += 5_000;
    assert_eq!(world.slot(&[]).deadline, None);
    assert!(is_open(&world, &id));
    assert_eq!(world.does(0, &[write("a", "done\n")]).state, State::Applied);
}
