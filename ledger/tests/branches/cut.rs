//! Cuts across groups: which states fit each other, what seals them, and what is to do after a restart from them.

use super::{BranchState, Two, decide, group, known, knows, prepare, proof_of, transaction, two};
use crate::support::world::{World, write};
use quorate_ledger::TransactionId;
use quorate_ledger::cut::{Beyond, Gap, GroupState, Step, gaps, plan, seal, under_way};
use quorate_ledger::{GROUP_DOMAIN, GroupsAct};
use quorate_pbft::{Digest, Epoch, SeqNum};
use std::collections::BTreeSet;

/// States as a cut takes them.
fn all(states: &[GroupState]) -> Vec<&GroupState> {
    states.iter().collect()
}

fn across(world: &World) -> GroupState {
    world.view().across().expect("memory")
}

fn cut(two: &Two) -> [GroupState; 2] {
    [across(&two.home), across(&two.other)]
}

/// The first gap, as who lies behind and by what.
fn gap(states: &[GroupState]) -> Option<(Digest, Beyond)> {
    gaps(&all(states)).first().map(|Gap { behind, beyond, .. }| (*behind, *beyond))
}

fn states_after_each_step() -> ([[GroupState; 2]; 5], TransactionId) {
    let mut two = two();
    let begun = cut(&two);
    two.prepare_home();
    let home_prepared = cut(&two);
    two.prepare_other();
    let prepared = cut(&two);
    two.decide_home(0, true);
    let home_decided = cut(&two);
    two.decide_other(1, true);
    ([begun, home_prepared, prepared, home_decided, cut(&two)], two.id())
}

#[test]
fn states_of_one_moment_fit_at_each_step_of_a_transaction() {
    let (steps, id) = states_after_each_step();
    for states in &steps {
        assert_eq!(gaps(&all(states)), []);
    }
    let is_under_way = |states: &[GroupState; 2]| under_way(&all(states)).contains_key(&id);
    assert_eq!(steps.each_ref().map(is_under_way), [false, true, true, true, false]);
}

#[test]
fn states_of_which_the_later_has_seen_a_proof_of_beyond_the_other_are_named_with_both_slots() {
    let ([begun, home_prepared, prepared, home_decided, decided], _) = states_after_each_step();
    for (behind, ahead, place) in [(&begun, &prepared, 0), (&home_prepared, &home_decided, 1), (&prepared, &decided, 0)]
    {
        let (old, new) = (behind[place].clone(), ahead[1 - place].clone());
        let seen = new.known[&old.group].seen;
        let expected = Gap { behind: old.group, ahead: new.group, beyond: Beyond::Slot { seen, at: old.seq } };
        assert_eq!(gaps(&[&old, &new]).first(), Some(&expected));
    }
}

#[test]
fn a_state_that_is_later_and_of_which_nothing_was_seen_fits() {
    let ([begun, home_prepared, prepared, ..], _) = states_after_each_step();
    let [home, _] = home_prepared;
    assert_eq!(gaps(&[&home, &begun[1]]), []);
    assert_eq!(gaps(&[&prepared[0], &begun[1]]), []);
}

/// States after the home and the first other of three groups have committed, and that of the third before it prepared.
fn three() -> ([GroupState; 3], GroupState, TransactionId) {
    let mut worlds = ["home", "other", "third"].map(|name| group(name, 16));
    let all = worlds.each_ref().map(known);
    for world in &mut worlds {
        let own = world.genesis.group();
        all.iter().filter(|known| known.group != own).for_each(|known| knows(world, known.clone()));
    }
    let edits = vec![write("a", "in each")];
    let transaction = transaction(&worlds.each_ref().map(|world| (world, &edits)), 7);
    let (id, [mut home, mut other, mut third]) = (transaction.id(), worlds);
    prepare(&mut home, 0, &transaction, vec![], &edits);
    let begun = across(&third);
    for world in [&mut other, &mut third] {
        prepare(world, 1, &transaction, proof_of(&home, &id), &edits);
    }
    decide(&mut home, 0, id, true, [&other, &third].map(|world| proof_of(world, &id)).into());
    decide(&mut other, 1, id, true, vec![proof_of(&home, &id)]);
    ([across(&home), across(&other), across(&third)], begun, id)
}

#[test]
fn a_branch_that_is_committed_asks_for_a_record_of_each_other_one_also_where_the_home_is_not_in_the_cut() {
    let ([home, other, third], begun, id) = three();
    assert_eq!(other.branches[&id].state, BranchState::Committed);
    assert_eq!(gap(&[other.clone(), begun.clone()]), Some((third.group, Beyond::Record(id))));
    assert_eq!(gap(&[other.clone(), third.clone()]), None);
    assert_eq!(gap(&[home.clone(), other.clone(), third]), None);
    let seen = home.known[&begun.group].seen;
    assert_eq!(gap(&[home, other, begun.clone()]), Some((begun.group, Beyond::Slot { seen, at: begun.seq })));
}

#[test]
fn a_branch_that_was_settled_while_its_home_waits_is_no_gap() {
    let mut two = two().prepared();
    let id = two.id();
    two.other.agrees(GROUP_DOMAIN, GroupsAct::Settle { transaction: id, commit: false }.act());
    decide(&mut two.other, 2, id, false, vec![]);
    let states = cut(&two);
    assert_eq!(gaps(&all(&states)), []);
    let under_way = under_way(&all(&states));
    let records = &under_way[&id];
    let states = [&states[0].group, &states[1].group].map(|group| records[group].state);
    assert_eq!(states, [BranchState::Prepared, BranchState::Aborted], "and it is told");
}

#[test]
fn a_seal_is_of_the_groups_epochs_slots_and_roots_in_whatever_order() {
    let [home, other] = cut(&two());
    let sealed = seal(&[&home, &other]);
    assert_eq!(seal(&[&other, &home]), sealed);
    let altered: [fn(&mut GroupState); 4] = [
        |state| state.group = Digest([9; 32]),
        |state| state.epoch = Epoch::new(9),
        |state| state.seq = SeqNum::new(99),
        |state| state.state_root = Digest([9; 32]),
    ];
    for alter in altered {
        let mut state = home.clone();
        alter(&mut state);
        assert_ne!(seal(&[&state, &other]), sealed);
    }
    assert_ne!(seal(&[&home]), sealed);
}

fn planned(states: &[GroupState], restarted: &[&GroupState]) -> Vec<(Digest, Step)> {
    plan(&all(states), &restarted.iter().map(|state| state.group).collect::<BTreeSet<_>>())
}

#[test]
fn a_plan_settles_branches_as_the_home_of_the_cut_has_decided() {
    let ([.., prepared, home_decided, decided], id) = states_after_each_step();
    let [home, other] = &home_decided;
    let meet = [
        (home.group, Step::Know(other.group)),
        (home.group, Step::Forget(other.group)),
        (other.group, Step::Know(home.group)),
        (other.group, Step::Forget(home.group)),
    ];
    let settle = |commit| [(other.group, Step::Settle(id, commit)), (other.group, Step::Decide(id))];
    assert_eq!(planned(&home_decided, &[home, other]), [&meet[..], &settle(true)].concat());
    let abort = [(home.group, Step::Abort(id))];
    assert_eq!(planned(&prepared, &[home, other]), [&meet[..], &abort, &settle(false)].concat());
    assert_eq!(planned(&decided, &[home, other]), meet);
}

#[test]
fn a_plan_of_one_restarted_group_leaves_the_others_as_they_are() {
    let ([.., home_decided, _], id) = states_after_each_step();
    let [home, other] = &home_decided;
    let meet = |at: &GroupState, gone: &GroupState| {
        [Step::Know(gone.group), Step::Forget(gone.group)].map(|step| (at.group, step))
    };
    let follow = [(other.group, Step::Follow(id, home.group))];
    assert_eq!(planned(&home_decided, &[other]), [&meet(home, other)[..], &follow].concat());
    let alone = [(other.group, Step::Await(id))];
    assert_eq!(planned(&home_decided[1..], &[other]), alone, "its home is not in the cut");
    let settle = [(other.group, Step::Settle(id, true)), (other.group, Step::Decide(id))];
    assert_eq!(planned(&home_decided, &[home]), [&meet(other, home)[..], &settle].concat());
}

#[test]
fn a_group_that_is_forgotten_holds_its_state_against_a_cut_and_is_in_no_plan() {
    let mut two = two();
    let (begun, newest) = (across(&two.home), known(&two.home));
    two = two.prepared();
    let seen = across(&two.other).known[&begun.group].seen;
    let gap_of_begun = Some((begun.group, Beyond::Slot { seen, at: begun.seq }));
    two.other.agrees(GROUP_DOMAIN, GroupsAct::Forget(begun.group).act());
    assert_eq!(gap(&[begun.clone(), across(&two.other)]), gap_of_begun);
    let steps = planned(&cut(&two), &[&begun]);
    assert!(steps.iter().all(|(_, step)| !matches!(step, Step::Know(_) | Step::Forget(_))), "{steps:?}");
    knows(&mut two.other, newest);
    assert_eq!(gap(&[begun, across(&two.other)]), gap_of_begun);
}

/// Groups of which the other one has settled to abort what the home has committed.
fn settled_otherwise() -> Two {
    let mut two = two().prepared();
    let settle = GroupsAct::Settle { transaction: two.id(), commit: false };
    two.decide_home(0, true);
    two.other.agrees(GROUP_DOMAIN, settle.act());
    assert_eq!(two.states(), [Some(BranchState::Committed), Some(BranchState::Settled(false))]);
    two
}

#[test]
fn a_branch_that_is_settled_otherwise_follows_a_home_that_lives_on() {
    let two = settled_otherwise();
    let (id, [home, other]) = (two.id(), cut(&two));
    let steps = planned(&[home.clone(), other.clone()], &[&other]);
    assert_eq!(steps.last(), Some(&(other.group, Step::Follow(id, home.group))));
}

#[test]
fn a_branch_whose_group_has_forgotten_the_home_is_settled_as_that_has_decided() {
    let mut two = two().prepared();
    two.decide_home(0, true);
    two.other.agrees(GROUP_DOMAIN, GroupsAct::Forget(two.home.genesis.group()).act());
    let (id, [home, other]) = (two.id(), cut(&two));
    let settle = [Step::Settle(id, true), Step::Decide(id)].map(|step| (other.group, step));
    let steps = planned(&[home, other.clone()], &[&other]);
    assert_eq!(steps[2..], settle);
}

#[test]
fn a_plan_leaves_transactions_alone_of_which_no_group_was_restarted() {
    let ([.., home_decided, _], _) = states_after_each_step();
    assert_eq!(planned(&home_decided, &[]), []);
}

#[test]
fn a_branch_that_is_settled_otherwise_than_a_restarted_home_ends_is_not_carried_out_by_a_plan() {
    let mut two = settled_otherwise();
    let (id, [home, other]) = (two.id(), cut(&two));
    let last = |steps: Vec<(Digest, Step)>| steps.last().copied();
    for restarted in [&[&home][..], &[&home, &other]] {
        let steps = planned(&[home.clone(), other.clone()], restarted);
        assert_eq!(last(steps), Some((other.group, Step::Otherwise(id, true))));
    }
    two = super::two().prepared();
    let settle = |commit| GroupsAct::Settle { transaction: id, commit }.act();
    two.other.agrees(GROUP_DOMAIN, settle(false));
    let [home, other] = cut(&two);
    let steps = planned(&[home.clone(), other.clone()], &[&home, &other]);
    assert_eq!(last(steps), Some((other.group, Step::Decide(id))), "as the home aborts");
}

/// State of a group that has gone on by a restart from this one, under the id of nines.
fn gone_on(state: &GroupState) -> GroupState {
    GroupState { group: Digest([9; 32]), before: vec![state.group], ..state.clone() }
}

#[test]
fn a_branch_whose_home_was_restarted_earlier_is_settled_as_that_one_tells_or_awaits_its_end() {
    let ([begun, _, prepared, home_decided, _], id) = states_after_each_step();
    let other = prepared[1].clone();
    let steps = |home: &GroupState| planned(&[gone_on(home), other.clone()], &[&other]);
    let ends = |end: &[Step]| end.iter().map(|step| (other.group, *step)).collect::<Vec<_>>();
    assert_eq!(steps(&home_decided[0])[2..], ends(&[Step::Settle(id, true), Step::Decide(id)]));
    assert_eq!(steps(&prepared[0])[2..], ends(&[Step::Await(id)]));
    assert_eq!(steps(&begun[0])[2..], ends(&[Step::Settle(id, false), Step::Decide(id)]), "it has no record any more");
}

#[test]
fn a_transaction_that_is_committed_is_under_way_while_a_state_that_takes_part_has_no_record_of_it() {
    let ([begun, .., decided], id) = states_after_each_step();
    let lacks = [gone_on(&begun[0]), decided[1].clone()];
    assert!(under_way(&all(&lacks)).contains_key(&id));
    assert!(!under_way(&all(&decided[1..])).contains_key(&id));
}
