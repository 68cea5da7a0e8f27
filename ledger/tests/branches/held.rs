//! Conflicts whose decided end waits for the decision of a branch.

use super::{Two, answer, decide, is_refused, prepare, text, transaction, two, with};
use crate::support::disputes::{is_open, policy, rule, step, vote};
use crate::support::locks::LEASE;
use crate::support::world::{Edit, World, remove, write};
use quorate_ledger::policy::{PathRule, Step, Strategy};
use quorate_ledger::{Op, Receipt, State};

const HOUR: u64 = 60 * 60 * 1_000;

/// Votes for half a second, and the last writer then.
fn last_writer_then() -> Vec<Step> {
    [step(Strategy::Vote(None), Some(500)), step(Strategy::LastWriterWins, None)].into()
}

/// A home that has promised to write `d/new`, and its conflict about a file `d`.
fn a_file_above_a_promise(strategies: Vec<Step>) -> (Two, Receipt) {
    let mut two = with([write("d/new", "new")].into(), [write("b", "elsewhere")].into());
    two.home.decide("main", policy(vec![PathRule { strategies, ..rule("d") }]));
    let base = two.home.now();
    two.home.does(0, &[write("d/x", "below")]);
    let conflict = two.home.does_on(base, 1, &[write("d", "a file")]);
    assert_eq!(conflict.state, State::Conflict);
    two.home.does(0, &[remove("d/x")]);
    (two.prepared(), conflict)
}

/// Three of four vote for a side.
fn decided(world: &mut World, conflict: &Receipt, side: u32) {
    assert_eq!([0, 1, 2].map(|who| vote(world, who, conflict, side).code), [None; 3]);
}

fn waits(world: &World, conflict: &Receipt) -> bool {
    let found = world.view().conflict(&conflict.conflicts[0]).expect("memory").expect("it was opened");
    found.record.held_up.is_some()
}

#[test]
fn the_end_of_a_conflict_brings_no_file_to_where_a_promised_path_needs_a_folder() {
    let (mut two, conflict) = a_file_above_a_promise(vec![]);
    decided(&mut two.home, &conflict, 1);
    assert!(waits(&two.home, &conflict) && is_open(&two.home, &conflict));
    assert_eq!((two.decide_home(0, true).state, two.home.text("d/new")), (State::Applied, text("new")));
    assert_eq!((two.home.text("d"), is_open(&two.home, &conflict)), (None, true));
}

#[test]
fn a_file_that_won_above_a_promised_path_stands_once_that_is_aborted() {
    let (two, conflict) = a_file_above_a_promise(vec![]);
    for ends in [|two: &mut Two| drop(two.decide_home(0, false)), |two: &mut Two| two.home.passes(LEASE)] {
        let mut two = two.clone();
        decided(&mut two.home, &conflict, 1);
        ends(&mut two);
        assert_eq!((two.home.text("d"), is_open(&two.home, &conflict)), (text("a file"), false));
    }
}

#[test]
fn no_other_side_wins_because_of_a_promise_that_may_yet_be_aborted() {
    let (mut two, conflict) = a_file_above_a_promise(last_writer_then());
    two.home.passes(500);
    assert!(waits(&two.home, &conflict) && is_open(&two.home, &conflict));
    assert_eq!(two.decide_home(0, false).state, State::Applied);
    assert_eq!((two.home.text("d"), is_open(&two.home, &conflict)), (text("a file"), false));
}

#[test]
fn a_side_that_needs_no_place_above_a_promised_path_waits_for_none() {
    let (mut two, conflict) = a_file_above_a_promise(vec![]);
    decided(&mut two.home, &conflict, 0);
    assert!(!is_open(&two.home, &conflict));
}

#[test]
fn no_branch_promises_a_path_below_one_for_which_the_end_of_a_conflict_waits() {
    let (mut two, conflict) = a_file_above_a_promise(vec![]);
    decided(&mut two.home, &conflict, 1);
    let more = vec![write("d/more", "")];
    let another = transaction(&[(&two.home, &more), (&two.other, &more)], 8);
    let refused = prepare(&mut two.home, 0, &another, vec![], &more);
    is_refused(&refused, "the end of a conflict at d has to take effect first");
    assert_eq!(decide(&mut two.home, 0, two.transaction.id(), false, vec![]).state, State::Applied);
    is_refused(&prepare(&mut two.home, 0, &another, vec![], &more), "path-is-file");
}

/// Conflicts at 300 paths.
fn three_hundred(world: &mut World) -> Vec<Receipt> {
    let base = world.now();
    let mut write_all = |who, words: &str| -> Vec<Receipt> {
        let edits: Vec<Edit> = (0..300).map(|n| write(&format!("c/{n}"), words)).collect();
        edits.chunks(60).map(|edits| world.does_on(base, who, edits)).collect()
    };
    write_all(1, "one");
    write_all(2, "two")
}

#[test]
fn each_of_many_conflicts_that_an_anchored_branch_holds_up_takes_effect_within_an_hour_of_its_end() {
    let mut two = two();
    two.other.decide("main", policy(vec![PathRule { strategies: last_writer_then(), ..rule("c/**") }]));
    let conflicts = three_hundred(&mut two.other);
    let ids: Vec<_> = conflicts.iter().flat_map(|receipt| &receipt.conflicts).copied().collect();
    assert_eq!(ids.len(), 300);
    let open = |world: &World| {
        let record = |id| world.view().conflict(id).expect("memory").expect("it was opened").record;
        ids.iter().filter(|id| record(id).settled.is_none()).count()
    };
    let anchor = Edit::Other(Op::Anchor { revision: two.other.ledger.revision() });
    two.edits[1].insert(0, anchor);
    two.transaction = transaction(&[(&two.home, &two.edits[0]), (&two.other, &two.edits[1])], 7);
    let mut two = two.prepared();
    (0..2).for_each(|_| two.other.passes(500));
    assert_eq!(open(&two.other), 300);
    two.decide_home(0, false);
    assert_eq!((answer(&two.decide_other(2, false)), open(&two.other)), (Ok(State::Applied), 44));
    two.other.passes(HOUR);
    assert_eq!(open(&two.other), 0);
}
