//! Evidence outlives its epoch, by key and within the horizon.

use super::*;
use quorate_ledger::{Limits, Outcome};
use quorate_pbft::{Digest, Epoch, Evidence, Item, ItemKind, Kind, ReplicaId, SeqNum, Statement, View};

/// Two contradicting statements of a member in an epoch.
fn contradiction(world: &World, epoch: u64, number: u16, n: u8) -> Item {
    let (group, view, seq) = (world.genesis.group(), View::new(0), SeqNum::new(9));
    let vote = |byte| {
        let digest = Digest([byte; 32]);
        let statement = Statement { group, epoch: Epoch::new(epoch), kind: Kind::Prepare, view, seq, digest };
        statement.sign(ReplicaId::new(number), &replica(n))
    };
    let evidence = Evidence::pair(&vote(1), &vote(2)).expect("a contradiction");
    Item { kind: ItemKind::Evidence, bytes: borsh::to_vec(&evidence).expect("memory") }
}

fn reported(world: &mut World, item: Item) -> Outcome {
    world.slot_of(vec![(0, vec![item])])
}

/// A world without its first member, in the second epoch.
fn without_the_first(limits: Limits) -> World {
    let mut world = World::with(limits);
    agreed(&mut world, remove(0));
    world.fill();
    world.slot(&[]);
    world
}

#[test]
fn evidence_about_a_leaver_is_recorded_against_its_key() {
    let mut world = without_the_first(Limits::default());
    let old = contradiction(&world, 0, 0, 0);
    assert_eq!(reported(&mut world, old).recorded.len(), 1);
    let found = world.view().evidence(None, 10).expect("memory").items;
    assert_eq!(found.iter().map(|evidence| evidence.key).collect::<Vec<_>>(), [key(0)]);
    let accused = world.view().members().expect("memory");
    assert!(accused.iter().all(|member| member.evidence == 0), "who has its number now is not accused");
    let file = world.view().evidence_file(&found[0].id).expect("memory").expect("recorded");
    assert!(quorate_ledger::proof::Proof::decode(&file).expect("a proof").verify(&world.genesis).is_ok());
}

#[test]
fn a_number_accuses_the_member_that_has_it_in_the_epoch_of_the_statements() {
    let mut world = without_the_first(Limits::default());
    let foreign = contradiction(&world, 1, 0, 0);
    assert_eq!(reported(&mut world, foreign).recorded, [], "number 0 has another key now");
    let own = contradiction(&world, 1, 0, 1);
    assert_eq!(reported(&mut world, own).recorded.len(), 1);
    let found = world.view().evidence(None, 10).expect("memory").items;
    assert_eq!(found[0].key, key(1));
    let file = world.view().evidence_file(&found[0].id).expect("memory").expect("recorded");
    assert!(quorate_ledger::proof::Proof::decode(&file).expect("a proof").verify(&world.genesis).is_ok());
}

#[test]
fn evidence_of_an_epoch_that_has_not_begun_is_none() {
    let mut world = World::new();
    agreed(&mut world, remove(0));
    let early = contradiction(&world, 1, 0, 1);
    assert_eq!(reported(&mut world, early).recorded, []);
}

#[test]
fn evidence_of_an_epoch_beyond_the_horizon_is_recorded_no_more() {
    let mut world = without_the_first(Limits { base_horizon_ms: 64, ..Limits::default() });
    for _ in 0..16 {
        world.slot(&[]);
    }
    let (late, later) = (contradiction(&world, 0, 0, 0), contradiction(&world, 0, 3, 3));
    assert_eq!(reported(&mut world, late.clone()).recorded.len(), 1);
    for _ in 0..32 {
        world.slot(&[]);
    }
    assert_eq!(reported(&mut world, later).recorded, []);
    assert_eq!(reported(&mut world, late).recorded.len(), 1, "it is named again, for who forgot it");
}
