//! Certified checkpoints, and contradictions that stop a follower.

use super::*;

/// C2: a certificate for the own state makes it stable, and it is written down.
#[test]
fn a_certified_state_that_is_the_own_one_becomes_stable() {
    let mut lone = Lone::new();
    lone.decide(1, &marked(1));
    lone.stable(1, lone.state());
    assert_eq!(lone.follower.stable().map(|stable| stable.seq()), Some(SeqNum::new(1)));
    assert!(lone.effects.iter().any(|effect| matches!(effect, Effect::Persist(Record::Stable(_)))));
}

/// C3: a certified state that is not the own one stops it.
#[test]
fn a_follower_whose_state_is_not_the_certified_one_stops() {
    let mut lone = Lone::new();
    lone.decide(1, &marked(1));
    lone.stable(1, Digest([1; 32]));
    assert!(matches!(lone.follower.broken(), Some(Broken::Diverged { seq, .. }) if *seq == SeqNum::new(1)));
    lone.decide(2, &empty(2));
    assert_eq!(lone.executed(), [1]);
}

#[test]
fn a_checkpoint_certified_before_it_is_executed_is_compared_when_it_is() {
    let mut lone = Lone::new();
    lone.stable(2, Digest([1; 32]));
    lone.decide(1, &empty(1));
    assert_eq!(lone.follower.broken(), None);
    lone.decide(2, &marked(2));
    assert!(lone.follower.broken().is_some());
}

#[test]
fn a_newer_stable_checkpoint_of_a_member_is_asked_for() {
    let mut lone = Lone::new();
    lone.status(2, 1, StatusBody { stable: SeqNum::new(1), ..status(Vec::new(), 0) });
    assert_eq!(lone.asked(), [(2, Wanted::StableCheckpoint)]);
}

/// N4: two decisions of one slot mean that more than f members are faulty.
#[test]
fn a_second_decision_of_a_slot_stops_a_follower() {
    let mut lone = Lone::new();
    lone.decide(2, &empty(2));
    lone.decide(2, &empty(3));
    assert!(matches!(lone.follower.broken(), Some(Broken::TwoCommits { .. })));
}
