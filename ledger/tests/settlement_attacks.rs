//! Authors and organisations who would bend a settlement.

mod support;

use quorate_ledger::policy::{DomainPolicy, PathRule, Step, Strategy};
use quorate_ledger::{Code, ConflictId, Ending, GROUP_DOMAIN, Op, Principal, Receipt, State};
use quorate_pbft::Signer;
use support::author;
use support::world::{Edit, World, rename, revision, write};

fn world_with(strategies: Vec<Step>) -> World {
    let rule = PathRule { pattern: "**".into(), strategies, ..PathRule::default() };
    let policy = DomainPolicy { paths: vec![rule], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    world
}

fn step(strategy: Strategy, deadline_ms: Option<u64>) -> Step {
    Step { class: None, strategy, deadline_ms }
}

/// Authors 1 and 2 make something of one base.
fn clash(world: &mut World) -> ConflictId {
    world.does(0, &[write("a", "base\n")]);
    let base = world.now();
    world.does_on(base, 1, &[write("a", "one\n")]);
    world.does_on(base, 2, &[write("a", "two\n")]).conflicts[0]
}

fn ballot(conflict: ConflictId, side: u32) -> Edit {
    Edit::Other(Op::Vote { conflict, side })
}

fn is_open(world: &World, id: &ConflictId) -> bool {
    world.view().conflict(id).expect("memory").expect("a conflict").record.settled.is_none()
}

#[test]
fn two_votes_of_an_organisation_in_one_envelope_are_one() {
    let mut world = World::new();
    let id = clash(&mut world);
    let receipt = world.does(0, &[ballot(id, 1), ballot(id, 1), ballot(id, 1)]);
    assert_eq!(receipt.state, State::Applied);
    assert!(is_open(&world, &id));
    world.does(0, &[ballot(id, 1), ballot(id, 0)]);
    let votes = world.view().conflict(&id).expect("memory").expect("a conflict").record.votes;
    assert_eq!(votes.into_iter().collect::<Vec<_>>(), [("org-0".to_owned(), 0)]);
}

#[test]
fn two_votes_signed_for_one_number_count_once() {
    let mut world = World::new();
    let id = clash(&mut world);
    let first = world.draft(0, world.now(), &[ballot(id, 0)]);
    let mut second = first.clone();
    second.body.changes[0].ops = vec![Op::Vote { conflict: id, side: 1 }];
    let outcome = world.slot(&[&first, &second]);
    assert_eq!((outcome.receipts.len(), outcome.deferred.len()), (1, 1), "the first in the order counts");
    let votes = world.view().conflict(&id).expect("memory").expect("a conflict").record.votes;
    assert_eq!(votes.get("org-0"), Some(&0));
}

#[test]
fn a_vote_of_a_revoked_author_is_refused_and_one_from_before_stands() {
    let mut world = World::new();
    let id = clash(&mut world);
    world.does(3, &[ballot(id, 1)]);
    let key = author(3).public_key();
    assert_eq!(world.does_in(GROUP_DOMAIN, 3, &[Edit::Other(Op::Revoke { key })]).state, State::Applied);
    assert_eq!(world.does(3, &[ballot(id, 0)]).code, Some(Code::Revoked));
    for who in [0, 1] {
        world.does(who, &[ballot(id, 1)]);
    }
    assert!(!is_open(&world, &id), "the vote was the organisation's, and it was cast in time");
}

#[test]
fn a_vote_in_the_slot_of_the_deadline_is_too_late() {
    let mut world = world_with(vec![step(Strategy::Vote(Some(1)), Some(1_000)), step(Strategy::Reject, None)]);
    let id = clash(&mut world);
    world.time += 1_000;
    let late = world.draft(0, world.now(), &[ballot(id, 1)]);
    let outcome = world.slot(&[&late]);
    assert_eq!(outcome.receipts[0].code, Some(Code::BadAct));
    let settled = world.view().conflict(&id).expect("memory").expect("a conflict").record.settled;
    assert_eq!(settled.map(|settled| settled.how), Some(Ending::FirstStands));
    assert_eq!(world.text("a").as_deref(), Some("one\n"));
}

#[test]
fn an_arbiter_who_is_late_decides_nothing() {
    let arbiter = Principal::Author(author(3).public_key());
    let steps = vec![step(Strategy::Arbitrate(arbiter), Some(1_000)), step(Strategy::Reject, None)];
    let mut world = world_with(steps);
    clash(&mut world);
    world.time += 1_000;
    let late = world.draft(3, world.now(), &[write("a", "peace\n")]);
    assert_eq!(world.slot(&[&late]).receipts[0].state, State::Conflict);
    assert_eq!(world.text("a").as_deref(), Some("one\n"), "the deadline's strategy has the last word");
}

/// Both answers are signed on what the arbiter saw of the open conflict.
#[test]
fn of_two_answers_of_an_arbiter_the_first_settles_and_the_second_overwrites_nothing() {
    let arbiter = Principal::Author(author(3).public_key());
    let mut world = world_with(vec![step(Strategy::Merge, None), step(Strategy::Arbitrate(arbiter), None)]);
    let id = clash(&mut world);
    let seen = world.now();
    let one = world.draft(3, seen, &[write("a", "peace\n")]);
    let two = world.draft(3, seen, &[write("a", "war\n")]);
    let receipts = world.slot(&[&one, &two]).receipts;
    assert!(!is_open(&world, &id));
    assert_eq!((receipts[0].state, receipts[1].state), (State::Applied, State::Conflict));
    assert_eq!(world.text("a").as_deref(), Some("peace\n"));
    assert_ne!(receipts[1].conflicts[0], id, "the second answer is a side of a conflict of its own");
}

#[test]
fn votes_that_win_in_one_slot_settle_once() {
    let mut world = World::new();
    let id = clash(&mut world);
    let drafts: Vec<_> = (0..4).map(|who| world.draft(who, world.now(), &[ballot(id, 0)])).collect();
    let receipts = world.slot(&drafts.iter().collect::<Vec<_>>()).receipts;
    let settlements: Vec<&Receipt> = receipts.iter().filter(|receipt| receipt.from_seq == 0).collect();
    assert_eq!(settlements.len(), 1);
    assert_eq!(receipts.last().map(|receipt| receipt.code), Some(Some(Code::UnknownConflict)), "the fourth is late");
}

#[test]
fn a_settlement_has_no_number_and_is_nobodys_base() {
    let mut world = World::new();
    let id = clash(&mut world);
    for who in [0, 1, 2] {
        world.does(who, &[ballot(id, 1)]);
    }
    let base = quorate_ledger::Base::Envelope(quorate_ledger::EnvelopeId(id.0));
    assert_eq!(world.does_on(base, 2, &[write("b", "x\n")]).code, Some(Code::BaseUnknown));
}

#[test]
fn of_three_sides_each_can_win() {
    for winner in 0..3 {
        let mut world = World::new();
        world.does(0, &[write("a", "base\n")]);
        let base = world.now();
        world.does_on(base, 1, &[write("a", "one\n")]);
        let id = world.does_on(base, 2, &[write("a", "two\n")]).conflicts[0];
        assert_eq!(world.does_on(base, 3, &[write("a", "three\n")]).conflicts, [id], "it joins");
        for who in [0, 1, 2] {
            world.does(who, &[ballot(id, winner)]);
        }
        let texts = ["one\n", "two\n", "three\n"];
        assert_eq!(world.text("a").as_deref(), Some(texts[winner as usize]));
    }
}

#[test]
fn votes_split_over_three_sides_settle_nothing() {
    let mut world = World::new();
    world.does(0, &[write("a", "base\n")]);
    let base = world.now();
    world.does_on(base, 1, &[write("a", "one\n")]);
    let id = world.does_on(base, 2, &[write("a", "two\n")]).conflicts[0];
    world.does_on(base, 3, &[write("a", "three\n")]);
    for (who, side) in [(0, 0), (1, 0), (2, 1), (3, 2)] {
        world.does(who, &[ballot(id, side)]);
    }
    assert!(is_open(&world, &id));
}

#[test]
fn a_conflict_in_a_renamed_folder_is_settled_at_the_new_place() {
    let mut world = World::new();
    world.does(0, &[write("old/a", "base\n"), write("old/b", "base\n")]);
    let base = world.now();
    let moved = [rename("old/a", "new/a"), rename("old/b", "new/b"), write("new/a", "one\n")];
    assert_eq!(world.does_on(base, 1, &moved).state, State::Applied);
    let receipt = world.does_on(base, 2, &[write("old/a", "two\n"), write("old/b", "free\n")]);
    assert_eq!((receipt.state, world.text("new/b").as_deref()), (State::Conflict, Some("free\n")));
    for who in [0, 1, 2] {
        world.does(who, &[ballot(receipt.conflicts[0], 1)]);
    }
    assert_eq!((world.text("old/a"), world.text("new/a").as_deref()), (None, Some("two\n")));
}

#[test]
fn settling_at_the_base_revision_of_the_conflict_needs_no_vote() {
    let mut world = World::new();
    let id = clash(&mut world);
    let since = world.view().conflict(&id).expect("memory").expect("a conflict").record.since;
    let receipt = world.does_on(revision(&since.to_string()), 0, &[write("a", "seen\n")]);
    assert_eq!((receipt.state, is_open(&world, &id)), (State::Applied, false));
}
