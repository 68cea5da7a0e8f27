//! Decisions of many against the lock of one: what was decided waits for the lock, and nobody keeps it waiting for ever.

mod support;

use quorate_ledger::LockMode::{Ix, S, X};
use quorate_ledger::keys::{Purpose, prove_possession};
use quorate_ledger::policy::{DomainPolicy, PathRule, Step, Strategy};
use quorate_ledger::{ConflictEventKind, ConflictId, Event, Ledger, LockStep, Op, Principal, Receipt, State};
use quorate_pbft::{Signer, Time};
use support::locks::{LEASE, acquire, acquire_for, answer, fence, grab, release};
use support::world::{Edit, World, remove, rename, write};

const LOCKED: &str = "ownership: lock";

fn until(strategy: Strategy, deadline_ms: u64) -> Step {
    Step { class: None, strategy, deadline_ms: Some(deadline_ms) }
}

fn step(strategy: Strategy) -> Step {
    Step { class: None, strategy, deadline_ms: None }
}

fn with(strategies: Vec<Step>) -> World {
    let rule = PathRule { pattern: "**".into(), strategies, ..PathRule::default() };
    let mut world = World::new();
    world.decide("main", DomainPolicy { paths: vec![rule], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) });
    world
}

/// A conflict at `d/a`: side 0 is author 1's, which is served, side 1 author 2's.
fn clash(world: &mut World) -> ConflictId {
    world.does(0, &[write("d/a", "base\n")]);
    let base = world.now();
    world.does_on(base, 1, &[write("d/a", "one\n")]);
    world.does_on(base, 2, &[write("d/a", "two\n")]).conflicts[0]
}

fn vote(world: &mut World, who: u8, conflict: ConflictId, side: u32) -> Receipt {
    world.does(who, &[Edit::Other(Op::Vote { conflict, side })])
}

/// Three of four vote for a side.
fn decide(world: &mut World, conflict: ConflictId, side: u32) {
    for who in [1, 2, 3] {
        assert_eq!(vote(world, who, conflict, side).state, State::Applied);
    }
}

/// Authors of organisation 0 more.
fn enrol(world: &mut World, members: &[u8]) {
    for who in members {
        let (key, organisation) = (support::author(*who).public_key(), "org-0".to_owned());
        let proof = prove_possession(Purpose::Author, &organisation, &support::author(*who));
        let receipt = world.does_in("@group", 0, &[Edit::Other(Op::Enrol { key, organisation, proof })]);
        assert_eq!(receipt.state, State::Applied);
    }
}

fn is_open(world: &World, id: &ConflictId) -> bool {
    world.view().conflict(id).expect("memory").expect("a conflict").record.settled.is_none()
}

fn waits_until(world: &World, id: &ConflictId) -> Option<Time> {
    world.view().conflict(id).expect("memory").expect("a conflict").record.held_up.map(|hold| hold.until)
}

fn served(world: &World) -> String {
    world.text("d/a").expect("a file")
}

#[test]
fn the_winner_of_a_vote_is_not_written_over_a_lock_and_takes_effect_when_it_is_given_back() {
    for (path, mode) in [("d/a", X), ("d", X), ("", S)] {
        let mut world = with(vec![]);
        let id = clash(&mut world);
        world.does(0, &[grab(path, mode)]);
        let token = world.token(0, path).expect("held");
        decide(&mut world, id, 1);
        assert!(is_open(&world, &id), "{path:?}");
        assert_eq!(served(&world), "one\n", "what the holder read stands");
        assert_eq!(answer(&world.does(0, &[fence(token), write("d/b", "mine")])), "Applied");
        assert_eq!(waits_until(&world, &id), world.lock(0, path).and_then(|lock| lock.held).map(|held| held.until));
        let outcome = {
            let draft = world.draft(0, world.now(), &[release(path)]);
            world.slot(&[&draft])
        };
        assert_eq!(outcome.receipts.len(), 2, "the release, and the end of the conflict");
        assert!(!is_open(&world, &id));
        assert_eq!((served(&world).as_str(), waits_until(&world, &id)), ("two\n", None));
    }
}

#[test]
fn a_lock_elsewhere_or_an_intention_holds_nothing_up() {
    let mut world = with(vec![]);
    let id = clash(&mut world);
    world.does(0, &[grab("d/b", X), grab("d/a", Ix)]);
    decide(&mut world, id, 1);
    assert!(!is_open(&world, &id));
}

#[test]
fn the_winners_own_lock_holds_it_up_too() {
    let mut world = with(vec![]);
    let id = clash(&mut world);
    world.does(2, &[grab("d/a", X)]);
    decide(&mut world, id, 1);
    assert!(is_open(&world, &id), "it is the decision of others that would write");
    world.does(2, &[release("d/a")]);
    assert_eq!(served(&world), "two\n");
}

#[test]
fn a_lease_that_is_over_lets_the_winner_through_without_anybodys_doing() {
    let mut world = with(vec![]);
    let id = clash(&mut world);
    world.does(0, &[grab("d/a", X)]);
    decide(&mut world, id, 1);
    let next = world.view().next_deadline().expect("memory").expect("an end of a lease");
    assert_eq!(Some(next), waits_until(&world, &id));
    world.ledger = Ledger::open(&world.store, &world.genesis).expect("it was written");
    world.passes(next.get() - world.time - 3);
    assert!(is_open(&world, &id));
    world.passes(1);
    assert!(!is_open(&world, &id));
    assert_eq!(served(&world), "two\n");
    assert_eq!(world.view().next_deadline().expect("memory"), None);
}

#[test]
fn no_lock_is_renewed_or_granted_while_a_decision_waits() {
    let mut world = with(vec![]);
    let id = clash(&mut world);
    world.does(0, &[grab("d/a", X)]);
    decide(&mut world, id, 1);
    let end = waits_until(&world, &id);
    assert_eq!(answer(&world.does(0, &[grab("d/a", X)])), LOCKED, "no renewal");
    world.does(0, &[release("d/a"), grab("d/x", X)]);
    assert!(!is_open(&world, &id));
    assert!(end.is_some());

    let mut world = with(vec![]);
    let id = clash(&mut world);
    world.does(0, &[grab("d/a", S)]);
    decide(&mut world, id, 1);
    assert_eq!(answer(&world.does(1, &[grab("d/a", S)])), LOCKED, "it would fit, and hold the decision up longer");
    assert_eq!(answer(&world.does(1, &[grab("", S)])), LOCKED);
    assert_eq!(answer(&world.does(1, &[acquire("d", S)])), "Applied");
    assert_eq!(world.place(1, "d"), Some(1), "it waits in line");
    assert_eq!(answer(&world.does(3, &[grab("d/a", quorate_ledger::LockMode::Is)])), "Applied");
    // Given back and asked for again at once, in one envelope and in one slot: the decision comes first.
    let again = world.draft(0, world.now(), &[release("d/a"), acquire("d/a", X)]);
    let more = world.draft(2, world.now(), &[acquire("d", X)]);
    world.slot(&[&again, &more]);
    assert!(!is_open(&world, &id));
    assert_eq!(served(&world), "two\n");
    assert!(world.token(1, "d").is_some(), "who stood in line has it now");
    assert_eq!(world.token(0, "d/a"), None);
}

/// Two who play into each other's hands hold a decision up for one lease, however they take turns.
#[test]
fn a_lock_that_is_refused_for_a_decision_that_waits_names_its_path_from_rules_16_on() {
    let mut world = support::disputes::world(16);
    let id = clash(&mut world);
    world.does(0, &[grab("d/a", S)]);
    decide(&mut world, id, 1);
    let refused = world.does(3, &[grab("d", S)]);
    let why = "d: the end of a conflict at d/a has to take effect first";
    assert_eq!((answer(&refused).as_str(), refused.detail.as_deref()), (LOCKED, Some(why)));
}

#[test]
fn holders_who_take_turns_hold_nothing_up_for_longer_than_one_lease() {
    let mut world = with(vec![]);
    let id = clash(&mut world);
    world.does(0, &[acquire_for("d/a", S, LEASE, 0)]);
    world.does(1, &[acquire_for("d", S, 2 * LEASE, 0)]);
    decide(&mut world, id, 1);
    let decided = world.time;
    while is_open(&world, &id) {
        for who in [0, 1] {
            for path in ["d/a", "d", ""] {
                world.does(who, &[acquire_for(path, S, 60_000, 60_000)]);
            }
        }
        world.passes(100);
        assert!(world.time < decided + 2 * LEASE + 200, "{} ms", world.time - decided);
    }
    assert_eq!(served(&world), "two\n");
}

#[test]
fn what_a_deadline_brings_about_waits_for_locks_and_nobody_answers_late_meanwhile() {
    for (last, stands) in [(Strategy::LastWriterWins, "two\n"), (Strategy::Reject, "one\n")] {
        let mut world = with(vec![until(Strategy::Vote(None), 500), step(last)]);
        let id = clash(&mut world);
        world.does(0, &[acquire_for("d/a", X, 5_000, 0)]);
        world.passes(600);
        assert!(is_open(&world, &id));
        assert!(waits_until(&world, &id).is_some());
        assert_eq!(answer(&vote(&mut world, 3, id, 0)), "content: bad-act", "the deadline has passed");
        for _ in 0..3 {
            world.passes(10);
        }
        assert!(is_open(&world, &id));
        world.does(0, &[release("d/a")]);
        assert!(!is_open(&world, &id));
        assert_eq!(served(&world), stands);
        assert_eq!(world.view().next_deadline().expect("memory"), None);
    }
}

#[test]
fn a_vote_that_was_won_in_time_is_not_lost_to_a_deadline_that_passes_while_it_waits() {
    let mut world = with(vec![until(Strategy::Vote(None), 500), step(Strategy::Reject)]);
    let id = clash(&mut world);
    world.does(0, &[acquire_for("d/a", X, 5_000, 0)]);
    decide(&mut world, id, 1);
    world.passes(600);
    assert!(is_open(&world, &id));
    world.passes(5_000);
    assert!(!is_open(&world, &id));
    assert_eq!(served(&world), "two\n", "not what `reject` would have kept");
    assert_eq!(world.view().next_deadline().expect("memory"), None);
}

#[test]
fn a_deadline_that_only_passes_the_decision_on_does_not_wait() {
    let arbiter = Strategy::Arbitrate(Principal::Organisation("org-3".into()));
    let mut world = with(vec![until(Strategy::Vote(None), 500), step(arbiter)]);
    let id = clash(&mut world);
    world.does(0, &[acquire_for("d/a", X, 5_000, 0)]);
    world.passes(600);
    assert_eq!(waits_until(&world, &id), None);
    assert_eq!(answer(&world.does(3, &[write("d/a", "three\n")])), LOCKED, "the arbiter's answer is a write");
}

#[test]
fn who_holds_the_lock_and_has_seen_all_sides_may_still_end_the_conflict() {
    let mut world = with(vec![]);
    let id = clash(&mut world);
    world.does(0, &[grab("d/a", X)]);
    decide(&mut world, id, 1);
    world.does(1, &[acquire("d/a", X)]);
    assert_eq!(world.does(0, &[write("d/a", "mine\n"), release("d/a")]).state, State::Applied);
    assert!(!is_open(&world, &id));
    assert_eq!((served(&world).as_str(), waits_until(&world, &id)), ("mine\n", None));
    assert!(world.token(1, "d/a").is_some(), "the line moves on");
}

#[test]
fn organisations_may_change_their_votes_while_it_waits() {
    let mut world = with(vec![]);
    let id = clash(&mut world);
    world.does(0, &[grab("d/a", X)]);
    decide(&mut world, id, 1);
    vote(&mut world, 3, id, 0);
    world.does(0, &[release("d/a")]);
    assert!(is_open(&world, &id), "two of four");
    assert_eq!(waits_until(&world, &id), None);
    vote(&mut world, 3, id, 1);
    assert!(!is_open(&world, &id));
}

#[test]
fn a_winner_that_stands_at_another_path_waits_for_the_lock_there() {
    let mut world = with(vec![]);
    world.does(0, &[write("x", "base\n")]);
    let base = world.now();
    world.does_on(base, 1, &[rename("x", "to-1")]);
    let receipt = world.does_on(base, 2, &[rename("x", "to-2")]);
    let id = receipt.conflicts[0];
    let sides = world.view().conflict(&id).expect("memory").expect("a conflict").sides;
    let elsewhere = sides.iter().map(|side| side.side.path.clone()).find(|path| path != &receipt.changes[0].path);
    let Some(elsewhere) = elsewhere else { panic!("one side stands elsewhere: {sides:?}") };
    let side = sides.iter().position(|side| side.side.path == elsewhere).expect("found above") as u32;
    world.does(0, &[grab(&elsewhere, X)]);
    decide(&mut world, id, side);
    assert!(is_open(&world, &id));
    world.does(0, &[release(&elsewhere)]);
    assert!(!is_open(&world, &id));
}

#[test]
fn a_key_that_is_revoked_holds_nothing_up() {
    let mut world = with(vec![]);
    let id = clash(&mut world);
    world.does(0, &[acquire_for("d/a", X, 60_000, 0)]);
    decide(&mut world, id, 1);
    let key = support::author(0).public_key();
    world.does_in("@group", 0, &[Edit::Other(Op::Revoke { key })]);
    world.passes(1);
    assert!(!is_open(&world, &id));
}

/// More leases end together than one slot works off, and the one that the vote waits for comes last: both times of the
/// conflict are due in one slot.
#[test]
fn a_vote_that_is_won_in_the_slot_of_its_deadline_is_not_overturned_by_the_next_entry_of_the_policy() {
    let mut world = with(vec![until(Strategy::Vote(None), 2_000), step(Strategy::LastWriterWins)]);
    let members: Vec<u8> = (10..15).collect();
    enrol(&mut world, &members);
    world.does(0, &[write("d/a", "base\n")]);
    let base = world.now();
    world.does_on(base, 1, &[write("d/a", "one\n")]);
    let receipt = world.does_on(base, 10, &[write("d/a", "late\n"), acquire_for("d/a", S, 2_001, 0)]);
    let id = receipt.conflicts[0];
    let end = world.lock(10, "d/a").and_then(|lock| lock.held).expect("held").until;
    for who in &members[1..] {
        for part in 0..4 {
            let path = |n: u32| format!("e/{who}/{part}/{n}");
            let grabs: Vec<Edit> = (0..16).map(|n| acquire_for(&path(n), S, end.get() - world.time - 3, 0)).collect();
            assert_eq!(world.does(*who, &grabs).state, State::Applied);
        }
    }
    for who in [1, 2, 3] {
        assert_eq!(vote(&mut world, who, id, 0).state, State::Applied);
    }
    assert_eq!(waits_until(&world, &id), Some(end), "the vote is won in time, and waits");
    world.passes(end.get() - world.time);
    assert!(!is_open(&world, &id));
    assert_eq!(served(&world), "one\n");
    let conflict_log = world.view().conflict_log(&id).expect("memory");
    let ends = conflict_log.iter().filter(|event| matches!(event.what, ConflictEventKind::Settled { .. })).count();
    assert_eq!(ends, 1, "what is settled stays settled");
    world.passes(10);
    assert_eq!((served(&world).as_str(), world.view().next_deadline().expect("memory")), ("one\n", None));
}

#[test]
fn the_line_moves_on_where_a_vote_ends_the_conflict_in_the_slot_of_the_release() {
    let mut world = with(vec![]);
    let id = clash(&mut world);
    world.does(0, &[grab("d/a", X)]);
    decide(&mut world, id, 1);
    world.does(1, &[acquire("d/a", X)]);
    let given_back = world.draft(0, world.now(), &[release("d/a")]);
    let again = world.draft(3, world.now(), &[Edit::Other(Op::Vote { conflict: id, side: 1 })]);
    world.slot(&[&given_back, &again]);
    assert!(!is_open(&world, &id));
    assert!(world.token(1, "d/a").is_some(), "who stood in line has it now");
}

/// Only the decision stood in the way of the second lock, and the decision is gone.
#[test]
fn the_line_moves_on_where_a_conflict_that_waited_is_passed_on() {
    let arbiter = Strategy::Arbitrate(Principal::Organisation("org-3".into()));
    let mut world = with(vec![until(Strategy::Vote(None), 500), step(arbiter)]);
    let id = clash(&mut world);
    world.does(0, &[acquire_for("d/a", S, 5_000, 0)]);
    decide(&mut world, id, 1);
    world.does(1, &[acquire("d/a", S)]);
    assert_eq!(world.token(1, "d/a"), None);
    vote(&mut world, 3, id, 0); // nobody has won any more
    world.passes(600);
    assert_eq!((is_open(&world, &id), waits_until(&world, &id)), (true, None), "the arbiter decides now");
    assert!(world.token(1, "d/a").is_some());
}

/// The side that was voted for cannot stand where a folder is by now: nobody is named to decide any more.
#[test]
fn the_line_moves_on_where_a_conflict_that_waited_stays_open() {
    let mut world = with(vec![]);
    world.does(0, &[write("d/a", "base\n")]);
    let base = world.now();
    world.does_on(base, 1, &[remove("d/a")]);
    let id = world.does_on(base, 2, &[write("d/a", "two\n")]).conflicts[0];
    world.does(0, &[acquire_for("d/a", S, LEASE, 0)]);
    decide(&mut world, id, 1);
    assert_eq!(world.does(0, &[write("d/a/x", "folder\n")]).state, State::Applied);
    world.does(1, &[acquire("d/a", S)]);
    assert_eq!(world.token(1, "d/a"), None);
    let draft = world.draft(0, world.now(), &[release("d/a")]);
    let outcome = world.slot(&[&draft]);
    assert_eq!((is_open(&world, &id), waits_until(&world, &id)), (true, None));
    assert!(world.token(1, "d/a").is_some());
    let granted = |event: &Event| matches!(event, Event::Lock { step: LockStep::Granted(_), .. });
    assert!(outcome.events.iter().any(granted), "and whoever watches hears of it");
}

#[test]
fn the_story_tells_once_that_it_waits_and_until_when() {
    let mut world = with(vec![]);
    let id = clash(&mut world);
    world.does(0, &[grab("d", X)]);
    decide(&mut world, id, 1);
    vote(&mut world, 0, id, 1);
    world.does(0, &[release("d")]);
    let conflict_log = world.view().conflict_log(&id).expect("memory");
    let told: Vec<&str> = conflict_log
        .iter()
        .filter_map(|event| match &event.what {
            ConflictEventKind::HeldUp { path, .. } => Some(path.as_str()),
            ConflictEventKind::Settled { .. } => Some("settled"),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["d/a", "settled"]);
}
