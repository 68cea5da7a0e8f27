//! Cuts across groups: which states fit each other, what seals them, and what is to do after a restart from them.

use super::{BranchState, Two, known, knows, two};
use crate::support::world::World;
use quorate_ledger::TransactionId;
use quorate_ledger::proof::cut::{Beyond, Gap, GroupState, Step, gaps, plan, seal, under_way};
use quorate_ledger::{GROUP_DOMAIN, GroupsAct, Revision};
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

/// A state as after its group has forgotten the others, which says nothing of slots.
fn without_slots(state: &GroupState) -> GroupState {
    GroupState { known: Default::default(), ..state.clone() }
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

#[test]
fn a_branch_that_is_prepared_asks_for_a_record_of_the_home_also_where_slots_say_nothing() {
    let ([begun, _, prepared, ..], id) = states_after_each_step();
    let [home, other] = [begun[0].clone(), without_slots(&prepared[1])];
    assert_eq!(gap(&[home.clone(), other]), Some((home.group, Beyond::Record(id))));
}

#[test]
fn a_home_that_has_committed_asks_for_a_record_of_each_branch_also_where_slots_say_nothing() {
    let ([begun, .., home_decided, _], id) = states_after_each_step();
    let [home, other] = [without_slots(&home_decided[0]), begun[1].clone()];
    assert_eq!(gap(&[home, other.clone()]), Some((other.group, Beyond::Record(id))));
}

#[test]
fn a_branch_that_is_decided_asks_for_the_decision_of_the_home_also_where_slots_say_nothing() {
    let ([.., prepared, _, decided], id) = states_after_each_step();
    let home = prepared[0].clone();
    let forgotten = without_slots(&decided[1]);
    assert_eq!(gap(&[home.clone(), forgotten.clone()]), Some((home.group, Beyond::Decision(id))));

    let mut anew = decided[1].clone();
    let known = anew.known.get_mut(&home.group).expect("it is known");
    (known.seen, known.since) = (SeqNum::default(), Revision::slot(anew.seq));
    assert_eq!(gap(&[home.clone(), anew]), Some((home.group, Beyond::Decision(id))));
}

#[test]
fn a_branch_that_was_settled_while_its_home_waits_is_no_gap() {
    let mut two = two().prepared();
    let id = two.id();
    two.other.agrees(GROUP_DOMAIN, GroupsAct::Settle { transaction: id, commit: false }.act());
    super::decide(&mut two.other, 2, id, false, vec![]);
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
fn a_group_that_is_forgotten_and_known_anew_has_seen_nothing_of_it() {
    let mut two = two().prepared();
    let (group, newest) = (two.home.genesis.group(), known(&two.home));
    assert!(across(&two.other).known[&group].seen > SeqNum::default());
    two.other.agrees(GROUP_DOMAIN, GroupsAct::Forget(group).act());
    assert!(across(&two.other).known.is_empty());
    knows(&mut two.other, newest);
    assert_eq!(across(&two.other).known[&group].seen, SeqNum::default());
}
