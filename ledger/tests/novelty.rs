//! Novelty of an envelope on a lane: what no gate lets in shows before anything is verified.

mod support;

use quorate_ledger::{Claim, Novelty, Store, Table};
use quorate_pbft::{ReplicaId, Time};
use support::world::{Draft, World, revision, write};

fn novelty(world: &World, draft: &Draft) -> Novelty {
    let bytes = world.item(draft).bytes;
    let claim = Claim::read(&bytes).expect("an envelope");
    world.ledger.novelty(&world.store, &claim, &bytes).expect("memory")
}

fn judged(world: &World, lane: u16) -> Novelty {
    Novelty::Judged { at: Time::new(world.time), lane: Some(ReplicaId::new(lane)) }
}

#[test]
fn an_envelope_is_new_until_its_numbers_have_their_verdict() {
    let mut world = World::new();
    let first = world.draft(0, world.now(), &[write("a", "1")]);
    let second = world.draft(0, world.now(), &[write("b", "2")]);
    assert_eq!([novelty(&world, &first), novelty(&world, &second)], [Novelty::New; 2]);

    let item = world.item(&first);
    world.slot_of(vec![(2, vec![item])]);

    assert_eq!([novelty(&world, &first), novelty(&world, &second)], [judged(&world, 2), Novelty::New]);
}

#[test]
fn another_attempt_after_a_refusal_is_new() {
    let mut world = World::new();
    let mut draft = world.draft(0, revision("99"), &[write("a", "x")]);
    world.slot_of(vec![(1, vec![world.item(&draft)])]);
    assert_eq!(novelty(&world, &draft), judged(&world, 1));

    draft.body.attempt += 1;

    assert_eq!(novelty(&world, &draft), Novelty::New);
}

#[test]
fn another_envelope_for_a_number_that_is_taken_is_as_old_as_the_first() {
    let mut world = World::new();
    let first = world.draft(0, world.now(), &[write("a", "1")]);
    let mut second = first.clone();
    second.body.changes[0].message = "another".into();

    world.slot_of(vec![(3, vec![world.item(&first)])]);

    assert_eq!(novelty(&world, &second), judged(&world, 3));
}

#[test]
fn a_number_whose_verdict_history_has_no_more_is_as_old_as_can_be() {
    let mut world = World::new();
    let draft = world.draft(0, world.now(), &[write("a", "1")]);
    world.slot(&[&draft]);

    let id = world.id(&draft);
    world.store.delete(Table::Receipts, id.0.as_bytes()).expect("memory");

    assert_eq!(novelty(&world, &draft), Novelty::Judged { at: Time::new(0), lane: None });
}

#[test]
fn who_was_never_enrolled_is_a_stranger_in_every_domain() {
    let mut world = World::new();
    let mut draft = world.draft(99, world.now(), &[write("a", "1")]);
    assert_eq!(novelty(&world, &draft), Novelty::Stranger);
    draft.body.domain = "nowhere".into();
    assert_eq!(novelty(&world, &draft), Novelty::Stranger);
}

#[test]
fn an_envelope_for_a_domain_that_does_not_exist_has_no_number() {
    let mut world = World::new();
    let mut draft = world.draft(0, world.now(), &[write("a", "1")]);
    draft.body.domain = "nowhere".into();
    assert_eq!(novelty(&world, &draft), Novelty::Nowhere);

    let refused = world.slot(&[&draft]);

    assert_eq!((refused.receipts.len(), novelty(&world, &draft)), (1, judged(&world, 0)));
}
