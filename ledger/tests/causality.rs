//! Before, after, concurrent (A4).

mod support;

use quorate_ledger::{Base, EnvelopeId, Order};
use support::world::{World, revision, write};

fn order(world: &World, a: EnvelopeId, b: EnvelopeId) -> Order {
    world.view().causality(&a, &b).expect("memory does not fail").expect("both executed").order
}

#[test]
fn a_change_is_before_what_was_based_on_a_revision_that_covers_it() {
    let mut world = World::new();
    let a = world.does(0, &[write("a", "x")]).id;
    let b = world.does_on(revision("1"), 1, &[write("b", "x")]).id;
    assert_eq!((order(&world, a, b), order(&world, b, a)), (Order::Before, Order::After));
    assert_eq!(order(&world, a, a), Order::Same);
}

#[test]
fn changes_whose_authors_had_not_seen_each_other_are_concurrent_in_any_order_of_execution() {
    let mut world = World::new();
    let a = world.does_on(revision("0"), 0, &[write("a", "x")]).id;
    let b = world.does_on(revision("0"), 1, &[write("b", "x")]).id;
    assert_eq!((order(&world, a, b), order(&world, b, a)), (Order::Concurrent, Order::Concurrent));
}

#[test]
fn of_one_slot_only_what_the_named_revision_covers_is_before() {
    let mut world = World::new();
    let drafts = [world.draft(0, revision("0"), &[write("a", "x")]), world.draft(1, revision("0"), &[write("b", "x")])];
    let ids: Vec<_> =
        world.slot(&drafts.iter().collect::<Vec<_>>()).receipts.iter().map(|receipt| receipt.id).collect();
    let c = world.does_on(revision("1.1"), 2, &[write("c", "x")]).id;
    assert_eq!((order(&world, ids[0], c), order(&world, ids[1], c)), (Order::Before, Order::Concurrent));
}

/// A4: never the cut at which the chain's envelopes were executed.
#[test]
fn a_chain_has_seen_its_first_revision_and_itself_only() {
    let mut world = World::new();
    let first = world.draft(0, revision("0"), &[write("a", "1")]);
    let second = world.draft(0, Base::Envelope(world.id(&first)), &[write("a", "2")]);
    let first = world.verdict(&first).id;
    let between = world.does_on(revision("0"), 1, &[write("b", "x")]).id;
    let second = world.verdict(&second).id;
    assert_eq!((order(&world, first, second), order(&world, between, second)), (Order::Before, Order::Concurrent));
}

#[test]
fn what_was_refused_came_neither_before_nor_after() {
    let mut world = World::new();
    let a = world.does(0, &[write("a", "x")]).id;
    let refused = world.does_on(revision("99"), 1, &[write("b", "x")]).id;
    assert_eq!(world.view().causality(&a, &refused), Ok(None));
}

#[test]
fn a_revision_names_the_envelope_that_made_it() {
    let mut world = World::new();
    let a = world.does(0, &[write("a", "x")]).id;
    let at = |text: &str| world.view().envelope_at("main", support::world::at(text)).expect("known");
    assert_eq!((at("1.1"), at("1"), at("0"), at("2.1")), (Some(a), None, None, None));
}
