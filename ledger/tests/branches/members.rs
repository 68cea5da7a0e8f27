//! Members of another group that change, and signatures of theirs that are none.

use super::{Two, decide, is_refused, known, prepare, proof_of, text, two};
use crate::support::world::World;
use crate::support::{certificate_of, replica};
use quorate_ledger::{Act, GROUP_DOMAIN, JoinStatement, Joiner, RULES, Reconfiguration, Rekey, State};
use quorate_pbft::Signer;

/// The next epoch of a group, in which other replicas have the numbers of three of its four members.
fn others_take_over(world: &mut World) {
    for old in 0..3 {
        let checkpoint = certificate_of(&world.ledger).claim().clone();
        let statement = JoinStatement::sign(&world.genesis.group(), checkpoint, RULES, &replica(old + 10));
        let joiner = Joiner::prove(&format!("org-{old}"), &replica(old + 10));
        let new = Joiner { statement: Some(statement), ..joiner };
        let rekey = vec![Rekey { old: replica(old).public_key(), new }];
        let change = Reconfiguration { rekey, ..Reconfiguration::default() };
        world.agrees(GROUP_DOMAIN, Act::Reconfigure { change });
        world.fill();
        world.slot(&[]);
    }
    assert_eq!(
        world.ledger.voters().keys().filter(|key| world.genesis.founders().keys().any(|old| old == *key)).count(),
        1
    );
}

#[test]
fn a_proof_leads_on_to_members_that_have_taken_over_since_the_branch_was_prepared() {
    let mut two = two().prepared();
    others_take_over(&mut two.other);
    assert_eq!((two.decide_home(0, true).state, two.home.text("a")), (State::Applied, text("at home")));
    let here = two.home.view().foreign_groups().expect("memory").remove(0).1;
    assert_eq!(here.members, known(&two.other).members);
    others_take_over(&mut two.home);
    assert_eq!((two.decide_other(3, true).state, two.other.text("b")), (State::Applied, text("elsewhere")));
}

/// The proof of a branch with one bit of this signature of its certificate turned.
fn faulty(world: &World, two: &Two, signature: usize) -> Vec<u8> {
    let mut proof = proof_of(world, &two.id());
    let certificate = certificate_of(&world.ledger);
    let (_, bytes) = &certificate.claim().signatures[signature];
    let bytes = borsh::to_vec(bytes).expect("memory");
    let at = proof.windows(bytes.len()).position(|part| part == bytes).expect("it is there");
    proof[at] ^= 1;
    proof
}

#[test]
fn one_faulty_signature_makes_a_proof_worth_nothing_to_a_group_of_four() {
    let mut two = two();
    two.prepare_home();
    for signature in 0..3 {
        let (proof, edits) = (faulty(&two.home, &two, signature), two.edits[1].clone());
        let refused = prepare(&mut two.other, 1, &two.transaction, proof, &edits);
        is_refused(&refused, "does not hold by the members of its epoch 0");
    }
    assert_eq!(two.prepare_other().state, State::Applied);
    for signature in 0..3 {
        let (proof, id) = (faulty(&two.other, &two, signature), two.id());
        is_refused(&decide(&mut two.home, 0, id, true, vec![proof]), "does not hold by the members of its epoch 0");
    }
    assert_eq!(two.decide_home(0, true).state, State::Applied);
}
