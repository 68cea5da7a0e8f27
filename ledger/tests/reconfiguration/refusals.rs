//! Refusals of reconfigurations: when proposed, when they would take effect; and those that wait.

use super::*;
use quorate_ledger::{Code, RulesRange};
use quorate_pbft::{Epoch, Signature};

/// Milliseconds of an hour of ledger time.
const HOUR: u64 = 3_600_000;

/// The reason for which a proposal of this is refused.
fn refused(world: &mut World, change: Reconfiguration) -> String {
    let receipt = propose(world, change);
    assert_eq!(receipt.code, Some(Code::BadAct), "{receipt:?}");
    receipt.detail.expect("a reason")
}

fn with(joiner: Joiner) -> Reconfiguration {
    Reconfiguration { add: vec![joiner], ..Reconfiguration::default() }
}

fn stating(n: u8, statement: JoinStatement) -> Reconfiguration {
    with(Joiner { statement: Some(statement), ..joiner(n) })
}

#[test]
fn a_list_that_does_not_follow_from_the_members_is_refused() {
    let mut world = World::new();
    let both = Reconfiguration { remove: vec![key(1)], ..with(joiner(4)) };
    assert!(refused(&mut world, both).contains("touches 2 members, and of a group of 4 at most 1"));
    assert!(refused(&mut world, remove(9)).contains("is no member"));
    assert!(refused(&mut world, Reconfiguration::default()).contains("changes nothing"));
    let order = Reconfiguration { order: vec![key(0)], ..Reconfiguration::default() };
    assert!(refused(&mut world, order).contains("names each of the next members once"));
}

#[test]
fn the_last_member_does_not_leave() {
    let mut world = World::of(support::genesis(1));
    assert!(refused(&mut world, remove(0)).contains("1 to 256 members"));
}

#[test]
fn a_joiner_has_a_key_of_its_own_that_it_holds_and_a_known_organisation() {
    let mut world = World::new();
    assert!(refused(&mut world, with(joiner(2))).contains("is a member already"));
    let nobody = Joiner::prove("org-9", &replica(4));
    assert!(refused(&mut world, with(nobody)).contains("no organisation \"org-9\""));
    let stolen = Joiner { proof: joiner(5).proof, ..joiner(4) };
    assert!(refused(&mut world, with(stolen)).contains("possession"));
    let small = Joiner { key: PublicKey([0; 32]), ..joiner(4) };
    assert!(refused(&mut world, with(small)).contains("small order"));
    let nowhere = Joiner { addresses: vec!["nowhere".into()], ..joiner(4) };
    assert!(refused(&mut world, with(nowhere)).contains("multiaddrs"));
    let elsewhere = Joiner::prove("org-2", &replica(4));
    let rekey = Reconfiguration { rekey: vec![Rekey { old: key(1), new: elsewhere }], ..Reconfiguration::default() };
    assert!(refused(&mut world, rekey).contains("is not of \"org-2\""));
}

#[test]
fn a_key_that_was_a_members_never_joins_again() {
    let mut world = World::new();
    agreed(&mut world, remove(3));
    world.fill();
    world.slot(&[]);
    assert_eq!(members(&world), [0, 1, 2].map(key));
    assert!(refused(&mut world, with(joiner(3))).contains("is or was a member's"));
    let rekeyed = rekey(&world, 1, 7);
    agreed(&mut world, rekeyed);
    world.fill();
    world.slot(&[]);
    assert!(refused(&mut world, with(joiner(1))).contains("is or was a member's"));
}

#[test]
fn a_statement_is_the_joiners_own_about_a_checkpoint_that_is_certified_and_executed() {
    let mut world = World::new();
    world.slot(&[]);
    let good = statement(&world, 4);
    assert!(refused(&mut world, stating(5, good.clone())).contains("not signed by the joiner's key"));

    let group = world.genesis.group();
    let signed = |change: &dyn Fn(&mut JoinStatement)| {
        let mut made = good.clone();
        change(&mut made);
        JoinStatement::sign(&group, made.checkpoint, made.rules, &replica(4))
    };
    let other_rules = signed(&|made| made.rules = RulesRange { oldest: 9, newest: 9 });
    assert!(refused(&mut world, stating(4, other_rules)).contains("executes by rules 9, the group by rules 8"));
    let too_few = signed(&|made| made.checkpoint.signatures.truncate(2));
    assert!(refused(&mut world, stating(4, too_few)).contains("not certified by the members of epoch 0"));
    let forged = signed(&|made| made.checkpoint.signatures[0].1 = Signature([7; 64]));
    assert!(refused(&mut world, stating(4, forged)).contains("not certified"));
    let later = signed(&|made| made.checkpoint.epoch = Epoch::new(1));
    assert!(refused(&mut world, stating(4, later)).contains("epoch 1, which has not begun"));
    let ahead = signed(&|made| made.checkpoint.seq = quorate_pbft::SeqNum::new(1_000));
    assert!(refused(&mut world, stating(4, ahead)).contains("not executed yet"));
    proposed(&mut world, stating(4, good));
}

/// Executes slots, so that the newest checkpoint is no longer the newest of the last hour.
fn passes(world: &mut World, ms: u64) {
    world.time += 2 * 60_000;
    world.slot(&[]);
    world.time += ms;
}

#[test]
fn a_statement_is_about_a_state_that_was_the_newest_within_the_last_hour() {
    let mut world = World::new();
    world.slot(&[]);
    let old = statement(&world, 4);
    passes(&mut world, HOUR - 3 * 60_000);
    proposed(&mut world, stating(4, old.clone()));
    world.time += 3 * 60_000;
    assert!(refused(&mut world, stating(4, old)).contains("more than an hour old"));
}

#[test]
fn a_proposal_waits_for_the_joiner_and_for_a_fresh_word_of_it() {
    let mut world = World::new();
    let unready = agreed(&mut world, with(joiner(4)));
    assert_eq!((end(&world, unready), world.ledger.next_voters()), (None, None));
    assert_eq!(world.view().joiners(), Ok(vec![joiner(4)]));
    assert_eq!(ready(&mut world, unready, 4).code, None);
    assert_eq!(end(&world, unready), Some(ProposalFate::Effective));
    assert_eq!(world.view().joiners(), Ok(vec![]));

    let mut world = World::new();
    world.slot(&[]);
    let stating = add(&world, 4);
    let proposal = proposed(&mut world, stating);
    passes(&mut world, HOUR);
    approve(&mut world, proposal, 1);
    approve(&mut world, proposal, 2);
    assert_eq!(end(&world, proposal), None, "its word is too old by now");
    assert_eq!(ready(&mut world, proposal, 4).code, None);
    assert_eq!(end(&world, proposal), Some(ProposalFate::Effective));
}

#[test]
fn an_earlier_statement_does_not_take_the_place_of_a_later_one() {
    let mut world = World::new();
    world.slot(&[]);
    let early = statement(&world, 4);
    let proposal = proposed(&mut world, with(joiner(4)));
    assert_eq!(ready(&mut world, proposal, 4).code, None);
    let again = Edit::Other(Op::Ready { proposal, key: key(4), statement: early });
    assert_eq!(world.does_in(GROUP_DOMAIN, 2, &[again]).code, Some(Code::BadAct));
}

#[test]
fn a_plan_says_what_would_be_refused_and_who_is_not_ready() {
    let mut world = World::new();
    world.slot(&[]);
    let plan = |change: &Reconfiguration| world.view().plan(change).expect("memory");
    let unready = plan(&with(joiner(4)));
    assert!(unready.refused.expect("a reason").contains("is not ready"));
    let next = unready.next.expect("five members");
    assert_eq!((next.len(), next.quorum(), next.faulty_max(), unready.present.quorum()), (5, 4, 1, 3));
    assert_eq!(plan(&add(&world, 4)).refused, None);
    let both = plan(&Reconfiguration { remove: vec![key(1)], ..add(&world, 4) });
    assert_eq!((both.next, both.refused.is_some_and(|why| why.contains("touches 2"))), (None, true));
}

#[test]
fn nobody_is_ready_for_a_proposal_that_does_not_name_it() {
    let mut world = World::new();
    let proposal = proposed(&mut world, with(joiner(4)));
    assert_eq!(ready(&mut world, proposal, 5).code, Some(Code::BadAct));
    let leaving = proposed(&mut world, remove(1));
    assert_eq!(ready(&mut world, leaving, 4).code, Some(Code::BadAct));
}

#[test]
fn one_reconfiguration_is_pending_at_a_time() {
    let mut world = World::new();
    let second = proposed(&mut world, remove(2));
    agreed(&mut world, remove(3));
    assert!(refused(&mut world, remove(1)).contains("another reconfiguration is pending"));
    approve(&mut world, second, 1);
    approve(&mut world, second, 2);
    assert_eq!(end(&world, second), None, "it is open until the epoch ends");
    assert!(world.ledger.next_voters().is_some_and(|next| next.keys().eq(&[0, 1, 2].map(key))));
}

/// The reason for which a proposal could not be done any more.
fn failed(world: &World, proposal: ProposalId) -> String {
    let Some(ProposalFate::Failed(why)) = end(world, proposal) else { panic!("{:?}", end(world, proposal)) };
    why
}

#[test]
fn a_reconfiguration_ends_with_the_epoch_in_which_it_was_proposed() {
    let mut world = World::new();
    let (leaves, joins) = (proposed(&mut world, remove(2)), proposed(&mut world, with(joiner(4))));
    agreed(&mut world, remove(3));
    world.fill();
    approve(&mut world, leaves, 1);
    assert_eq!(
        end(&world, leaves).map(|_| failed(&world, leaves).contains("propose it again, in epoch 1")),
        Some(true)
    );
    assert_eq!(ready(&mut world, joins, 4).code, None);
    assert!(failed(&world, joins).contains("the epoch in which it was proposed is over"));
    let again = agreed(&mut world, remove(2));
    assert_eq!(end(&world, again), Some(ProposalFate::Effective));
}

#[test]
fn a_stated_slot_is_one_of_the_stated_epoch() {
    let mut world = World::new();
    agreed(&mut world, remove(3));
    world.fill();
    let last = statement(&world, 4);
    world.slot(&[]);
    let (mut above, mut below) = (last.clone(), statement(&world, 4));
    above.checkpoint.seq = world.ledger.executed().seq;
    below.checkpoint.seq = last.checkpoint.seq;
    assert!(refused(&mut world, stating(4, above)).contains("which is none of epoch 0"));
    assert!(refused(&mut world, stating(4, below)).contains("which is none of epoch 1"));
    proposed(&mut world, stating(4, last));
}

#[test]
fn a_state_from_before_a_pause_of_weeks_is_not_recent() {
    let mut world = World::new();
    world.slot(&[]);
    world.slot(&[]);
    let old = statement(&world, 4);
    world.time += 3 * 7 * 24 * HOUR;
    assert!(refused(&mut world, stating(4, old)).contains("more than an hour old"));
    let fresh = statement(&world, 4);
    proposed(&mut world, stating(4, fresh));
}

#[test]
fn members_are_changed_by_the_group_alone() {
    let mut world = World::new();
    let act = Act::Reconfigure { change: remove(3) };
    assert_eq!(world.does(0, &[Edit::Other(Op::Propose { act })]).code, Some(Code::BadAct));
}
