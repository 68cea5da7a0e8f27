//! Rules before 16 know nothing of all this: to a program of theirs such an envelope is none.

use super::{Two, group, is_refused, known, transaction, write};
use crate::support::disputes::goes_on_by;
use crate::support::world::{Edit, World};
use quorate_ledger::{Act, Code, EnvelopeCheck, GROUP_DOMAIN, GroupsAct, Op, Receipt, Reconfiguration, State};
use quorate_pbft::{
    Ed25519, Evidence, InvalidBundle, Item, ItemKind, Message, PayloadCheck, ReplicaId, Unverified, VerifyContext,
};

/// A group of rules 15 and an envelope that prepares a branch in it.
fn before() -> (World, Vec<Edit>) {
    let (world, other) = (group("home", 15), group("other", 16));
    let edits = vec![write("a", "x")];
    let transaction = transaction(&[(&world, &edits), (&other, &edits)], 1);
    let first = Edit::Other(Op::Prepare { transaction, proof: vec![] });
    (world, [&[first], &edits[..]].concat())
}

#[test]
fn under_rules_15_an_envelope_that_prepares_does_nothing_and_uses_no_number() {
    let (mut world, edits) = before();
    let draft = world.draft(0, world.now(), &edits);
    let outcome = world.slot(&[&draft]);
    assert_eq!((outcome.receipts.len(), outcome.deferred.len()), (0, 0));
    world.give_back(0);
    assert_eq!(world.does(0, &[write("a", "y")]).state, State::Applied, "its number is free");
}

#[test]
fn the_gate_lets_no_such_envelope_in_under_rules_15() {
    let (mut world, edits) = before();
    let draft = world.draft(0, world.now(), &edits);
    let admitted = |world: &World| world.ledger.admit(&world.store, &world.sign(&draft).encode()).expect("memory");
    let refused = admitted(&world).expect_err("nothing that these rules know");
    assert_eq!(refused.refusal.code, Code::Malformed);
    goes_on_by(&mut world, 16);
    assert!(admitted(&world).is_ok());
}

#[test]
fn the_gate_lets_such_an_envelope_in_once_the_last_slot_of_rules_15_is_executed() {
    let (mut world, edits) = before();
    let change = Reconfiguration { rules: Some(16), ..Reconfiguration::default() };
    world.agrees(GROUP_DOMAIN, Act::Reconfigure { change });
    let draft = world.draft(0, world.now(), &edits);
    let admitted = |world: &World| world.ledger.admit(&world.store, &world.sign(&draft).encode()).expect("memory");
    assert_eq!(admitted(&world).expect_err("slots of rules 15 are left").refusal.code, Code::Malformed);
    world.fill();
    assert!(world.ledger.rules() == 15 && admitted(&world).is_ok());
}

#[test]
fn rules_15_know_no_act_about_other_groups() {
    let (mut world, other) = (group("home", 15), group("other", 16));
    let propose = |world: &mut World| -> Receipt {
        let act = GroupsAct::Know(known(&other)).act();
        world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(Op::Propose { act })])
    };
    is_refused(&propose(&mut world), "rules 15, by which the group executes, know no act with the number 2");
    goes_on_by(&mut world, 16);
    assert_eq!(propose(&mut world).state, State::Applied);
}

#[test]
fn a_transaction_begins_once_both_groups_are_in_rules_16() {
    let (mut home, mut other) = (group("home", 15), group("other", 15));
    [&mut home, &mut other].into_iter().for_each(|world| goes_on_by(world, 16));
    let (edits, others) = (vec![write("a", "x")], vec![write("b", "y")]);
    let [home_known, other_known] = [known(&home), known(&other)];
    super::knows(&mut home, other_known);
    super::knows(&mut other, home_known);
    let transaction = transaction(&[(&home, &edits), (&other, &others)], 1);
    let mut two = Two { home, other, transaction, edits: [edits, others] }.prepared();
    assert_eq!(two.decide_home(0, true).state, State::Applied);
    assert_eq!(two.decide_other(0, true).state, State::Applied);
}

/// Takes every item for garbage, as a program of older rules takes an operation that it does not know.
struct Nothing;

impl PayloadCheck for Nothing {
    fn is_valid(&self, _item: &Item) -> bool {
        false
    }
}

#[test]
fn a_lane_holds_such_an_envelope_from_the_first_epoch_of_rules_16_on() {
    let (mut world, edits) = before();
    let check = EnvelopeCheck::new(&world.genesis);
    let draft = world.draft(0, world.now(), &edits);
    let (item, epoch) = (world.item(&draft), world.ledger.voters().epoch());
    let is_accused = |world: &World| {
        world.ledger.guide(&check);
        let bundle = world.clone().decided(vec![(2, vec![item.clone()])]).bundles.remove(0);
        let (committee, constants) = (world.ledger.voters(), world.genesis.constants());
        let context = VerifyContext { committee, verify: &Ed25519, payload: &check, constants };
        let verified = Unverified::new(ReplicaId::new(2), Message::Bundle(bundle)).verify(&context);
        matches!(verified.expect("it is signed").message(), Message::Evidence(_))
    };
    assert!(is_accused(&world), "to programs of rules 15 it is garbage");
    let change = Reconfiguration { rules: Some(16), ..Reconfiguration::default() };
    world.agrees(GROUP_DOMAIN, Act::Reconfigure { change });
    assert!(is_accused(&world), "up to the end of the epoch");
    assert!(check.is_known(&item, epoch.next()), "and in the next it is none");
    world.fill();
    world.slot(&[]);
    assert!(!is_accused(&world));
}

#[test]
fn under_rules_15_such_an_envelope_is_a_fault_of_whose_lane_it_is_on() {
    let (mut world, edits) = before();
    let draft = world.draft(0, world.now(), &edits);
    let item = world.item(&draft);
    let faulty = |world: &mut World| {
        let bundle = world.decided(vec![(2, vec![item.clone()])]).bundles.remove(0);
        let (committee, constants) = (world.ledger.voters(), world.genesis.constants());
        let context = VerifyContext { committee, verify: &Ed25519, payload: &Nothing, constants };
        let fault = InvalidBundle::find(&bundle, &context).expect("a fault");
        let bytes = borsh::to_vec(&Evidence::InvalidBundle(Box::new(fault))).expect("memory");
        Item { kind: ItemKind::Evidence, bytes }
    };
    let recorded = |world: &World, fault: &Item| world.clone().slot_of(vec![(0, vec![fault.clone()])]).recorded.len();
    let fault = faulty(&mut world.clone());
    assert_eq!(recorded(&world, &fault), 1);
    goes_on_by(&mut world, 16);
    assert_eq!(recorded(&world, &fault), 1, "its epoch had rules 15");
    let fault = faulty(&mut world.clone());
    assert_eq!(recorded(&world, &fault), 0, "by rules 16 it may be there");
}
