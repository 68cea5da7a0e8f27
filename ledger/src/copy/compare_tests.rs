//! Two states side by side: the entries that differ are named, and no answer can hide or invent one.

use super::frame::{Answer, Given, Held};
use super::{Comparison, Incomparable, Next, Refused, Session, Signed, TakeError, answer, answer_executed};
use crate::testing::certificate_of;
use crate::testing::world::{World, write};
use quorate_ledger::MemoryStore;

/// Two worlds that are one up to a slot, and differ in one file after it.
fn parted() -> [World; 2] {
    let mut left = World::new();
    let files: Vec<_> = (0..1_500).map(|n| write(&format!("folder/{n}"), &format!("content {n}"))).collect();
    left.does(0, &files);
    let mut right = left.clone();
    left.does(1, &[write("folder/7", "left")]);
    right.does(1, &[write("folder/7", "right")]);
    [left, right]
}

/// Compares two worlds; counts the questions.
fn compared(worlds: &[World; 2]) -> (Comparison, usize) {
    let (mut comparison, mut asked) = (Comparison::new(Some(worlds[0].genesis.clone())), 0);
    while let Some(ask) = comparison.ask() {
        let told = |world: &World| {
            answer(&world.ledger, &world.store, &certificate_of(&world.ledger), &ask).expect("nothing is missing")
        };
        comparison.take(&ask, [&told(&worlds[0]), &told(&worlds[1])]).expect("honest answers");
        asked += 1;
    }
    (comparison, asked)
}

#[test]
fn the_file_that_differs_is_named_with_its_revisions() {
    let worlds = parted();
    let (comparison, _) = compared(&worlds);
    let (found, is_cut) = comparison.found();
    let found: Vec<_> = found.collect();
    let (files, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(|one| one.kind == "file");
    let [file] = files[..] else { panic!("one file differs: {files:?}") };
    assert_eq!(file.name, "folder/7");
    assert!(file.revisions.iter().all(|at| at.is_some_and(|at| at.seq() == worlds[0].ledger.executed().seq)));
    assert!(rest.iter().any(|one| one.kind == "author's numbers"), "{rest:?}");
    assert!(!is_cut);
}

#[test]
fn one_question_tells_that_two_states_are_the_same() {
    let [world, _] = parted();
    let (comparison, asked) = compared(&[world.clone(), world]);
    assert_eq!((comparison.found().0.count(), asked), (0, 1));
    let [left, right] = comparison.shown().expect("both have answered");
    assert_eq!((left, left.signed), (right, Signed::Quorum));
}

#[test]
fn an_executed_state_is_compared_and_never_copied() {
    let [left, right] = parted();
    let mut comparison = Comparison::new(Some(left.genesis.clone()));
    while let Some(ask) = comparison.ask() {
        let [left, right] = [&left, &right].map(|world| answer_executed(&world.ledger, &world.store, &ask));
        comparison.take(&ask, [&left.expect("memory"), &right.expect("memory")]).expect("honest answers");
    }
    assert!(comparison.shown().is_some_and(|both| both.iter().all(|one| one.signed == Signed::Nobody)));
    assert!(comparison.found().0.any(|one| one.name == "folder/7"));

    let mut store = MemoryStore::new();
    let mut session = Session::open(&mut store, &left.genesis).expect("memory");
    let Next::Errand(mut errand) = session.next(&store).expect("memory") else {
        panic!("a pass begins with a question")
    };
    let told = answer_executed(&left.ledger, &left.store, &errand.ask().expect("a question")).expect("memory");
    let refused = session.take(&mut errand, &mut store, &told);
    assert!(matches!(refused, Err(TakeError::Refused(Refused::NotCertified(_)))), "{refused:?}");
}

#[test]
fn a_side_that_leaves_an_entry_out_is_refused_and_named() {
    let [left, right] = parted();
    let mut comparison = Comparison::new(Some(left.genesis.clone()));
    loop {
        let ask = comparison.ask().expect("the lie comes before the end");
        let told = |world: &World| {
            answer(&world.ledger, &world.store, &certificate_of(&world.ledger), &ask).expect("nothing is missing")
        };
        let mut lie: Answer = borsh::from_slice(&told(&right)).expect("an answer");
        let Given::Parts(parts) = &mut lie.given else { panic!("parts were asked for") };
        let has_lied = parts.iter_mut().any(|part| match &mut part.held {
            Held::Entries(entries) => entries.pop().is_some(),
            Held::Subtrees(_) => false,
        });
        let taken = comparison.take(&ask, [&told(&left), &borsh::to_vec(&lie).expect("memory")]);
        if has_lied {
            assert_eq!(taken, Err((1, Incomparable::Refused(Refused::OtherRoot))));
            return;
        }
        taken.expect("honest so far");
    }
}

#[test]
fn a_side_that_answers_from_another_state_has_moved() {
    let [mut left, right] = parted();
    let mut comparison = Comparison::new(Some(left.genesis.clone()));
    let told = |world: &World, ask| {
        answer(&world.ledger, &world.store, &certificate_of(&world.ledger), ask).expect("nothing is missing")
    };
    let ask = comparison.ask().expect("a question");
    comparison.take(&ask, [&told(&left, &ask), &told(&right, &ask)]).expect("honest answers");
    left.does(2, &[write("later", "x")]);
    let ask = comparison.ask().expect("a question");
    let moved = comparison.take(&ask, [&told(&left, &ask), &told(&right, &ask)]);
    assert_eq!(moved, Err((0, Incomparable::Moved(left.ledger.executed().seq))));
}
