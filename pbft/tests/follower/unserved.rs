//! Slots that nobody gives any more.

use super::*;

#[test]
fn a_certificate_shows_a_follower_how_far_it_is_behind_whoever_hands_it_over() {
    let mut lone = Lone::new();
    lone.follower.take_claims(id(4), claims(0));
    let content = empty(1);
    let decided = certificate(Kind::Commit, 0, 9_000, content.digest(), &[0, 1, 2]);
    lone.hear(4, Message::Decided { certificate: decided, content });
    assert_eq!((lone.refused(), lone.follower.report().decided), (1, SeqNum::new(9_000)), "far outside the window");
    let stable = certificate(Kind::Checkpoint, 0, 9_001, ROOT, &[0, 1, 2]);
    lone.hear(4, Message::StableCheckpoint(stable));
    assert_eq!(lone.follower.report().decided, SeqNum::new(9_001));
}

#[test]
fn a_certified_slot_that_all_other_followers_have_dropped_is_unserved() {
    let mut lone = Lone::new();
    let unserved = |lone: &Lone| lone.follower.report().unserved.map(SeqNum::get);
    let late = Claims { oldest: SeqNum::new(8_000), ..claims(9_000) };
    [4, 5].iter().for_each(|other| lone.follower.take_claims(id(*other), late));
    assert_eq!(unserved(&lone), None, "nothing is certified");
    lone.stable(9_000, ROOT);
    assert_eq!(unserved(&lone), Some(1));
    lone.follower.take_claims(id(5), claims(0));
    assert_eq!(unserved(&lone), None, "one of them may have it yet");
    [4, 5].iter().for_each(|other| lone.follower.forget(id(*other)));
    assert_eq!(unserved(&lone), None, "nobody is there to say so");
}

/// A certificate cannot be lied about, so that one member's word is enough.
#[test]
fn a_certified_slot_that_the_only_member_that_is_heard_has_dropped_is_unserved() {
    let mut lone = Lone::new();
    let late = StatusBody { oldest: SeqNum::new(8_000), ..status(Vec::new(), 9_000) };
    lone.status(1, 1, late);
    assert_eq!(lone.follower.report().unserved, None, "one member may lie");
    lone.stable(9_000, ROOT);
    assert_eq!(lone.follower.report().unserved, Some(SeqNum::new(1)));
    lone.status(3, 1, status(Vec::new(), 9_000));
    assert_eq!(lone.follower.report().unserved, None, "another one has it");
}

/// A lie keeps nobody from hearing that waiting does not help; a slow neighbour has a minute.
#[test]
fn a_slot_that_a_neighbour_claims_and_never_gives_is_unserved_once_the_others_have_dropped_it() {
    let mut lone = Lone::new();
    let late = || StatusBody { oldest: SeqNum::new(8_000), ..status(Vec::new(), 9_000) };
    lone.stable(9_000, ROOT);
    lone.follower.take_claims(id(4), claims(9_000));
    (1..=120).for_each(|second| {
        lone.status(1, second, late());
        lone.tick(500);
    });
    assert_eq!(lone.follower.report().unserved, None, "{:?}", lone.asked().first());
    (121..=130).for_each(|second| {
        lone.status(1, second, late());
        lone.tick(500);
    });
    assert_eq!(lone.follower.report().unserved, Some(SeqNum::new(1)));
    lone.decide(1, &empty(1));
    assert_eq!(lone.follower.report().unserved, None, "of another slot it was asked for nothing yet");
}

/// Decisions are small: who hands them out and keeps the data back hides as little.
#[test]
fn a_slot_whose_bundles_a_neighbour_never_gives_is_unserved_once_the_others_have_dropped_it() {
    let mut lone = Lone::new();
    let late = || StatusBody { oldest: SeqNum::new(8_000), ..status(Vec::new(), 9_000) };
    lone.decide(1, &two_bundles().1);
    lone.stable(9_000, ROOT);
    lone.follower.take_claims(id(4), claims(9_000));
    let mut unserved = Vec::new();
    for second in 1..=130 {
        lone.status(1, second, late());
        lone.tick(500);
        unserved.push(lone.follower.report().unserved);
    }
    assert!(unserved[..120].iter().all(Option::is_none) && lone.asked().contains(&(4, bundles(1, 2))));
    assert_eq!(unserved[129], Some(SeqNum::new(1)));
}

/// A number is free once its follower has left.
#[test]
fn a_follower_answers_for_no_question_that_one_of_its_number_left_unanswered_as_it_went() {
    let mut lone = Lone::new();
    lone.stable(9_000, ROOT);
    lone.follower.take_claims(id(4), claims(9_000));
    lone.status(1, 1, status(Vec::new(), 9_000));
    lone.follower.forget(id(4));
    lone.tick(1);
    lone.tick(61_000);
    lone.status(1, 2, StatusBody { oldest: SeqNum::new(8_000), ..status(Vec::new(), 9_000) });
    lone.follower.take_claims(id(4), claims(9_000));
    assert_eq!(lone.follower.report().unserved, None, "{:?}", lone.asked());
}

/// Decisions alone execute nothing.
#[test]
fn a_slot_that_members_have_dropped_is_unserved_although_an_observer_that_has_not_executed_it_shows_its_decision() {
    let mut lone = Lone::new();
    lone.decide(1, &two_bundles().1);
    lone.follower.take_claims(id(4), claims(9_000));
    lone.follower.take_claims(id(4), claims(0));
    let late = || StatusBody { oldest: SeqNum::new(8_000), ..status(Vec::new(), 9_000) };
    lone.status(1, 1, late());
    assert_eq!(lone.follower.report().unserved, None, "one member may lie");
    lone.status(3, 1, late());
    assert_eq!(lone.follower.report().unserved, Some(SeqNum::new(1)));
}

/// A bundle of a MiB takes longer than a question waits.
#[test]
fn a_neighbour_that_hands_bundles_out_slowly_for_more_than_a_minute_serves_the_slot() {
    let mut lone = Lone::new();
    let mut lane: Vec<Arc<Bundle>> = Vec::new();
    for _ in 0..130 {
        let below = lane.last().map(|last| (last.header.tip(), last.header.lane_bytes));
        let (tip, bytes) = below.unwrap_or_default();
        lane.push(bundle(2, tip, bytes, envelope("x")));
    }
    let last = lane.last().expect("it has some").header.tip();
    lone.stable(9_000, ROOT);
    lone.follower.take_claims(id(4), claims(9_000));
    lone.tick(500);
    lone.tick(500);
    let content = Content { cut: vec![(id(2), last)], ..empty(1) };
    let certificate = certificate(Kind::Commit, 0, 1, content.digest(), &[0, 1, 2]);
    lone.hear(4, Message::Decided { certificate, content });
    for bundle in lane.iter().rev() {
        (0..3).for_each(|_| lone.tick(200));
        assert_eq!(lone.follower.report().unserved, None, "at {:?}", bundle.header.position);
        lone.hear(4, Message::Bundle(bundle.clone()));
    }
    assert_eq!(lone.executed(), [1]);
}

/// Small answers that bring nothing new keep nobody from hearing that waiting does not help.
#[test]
fn a_neighbour_that_says_a_decision_again_and_again_has_a_minute_for_its_bundles() {
    let mut lone = Lone::new();
    let (_, content) = two_bundles();
    let certificate = certificate(Kind::Commit, 0, 1, content.digest(), &[0, 1, 2]);
    lone.stable(9_000, ROOT);
    lone.follower.take_claims(id(4), claims(9_000));
    lone.tick(500);
    lone.tick(500);
    lone.tick(58_500);
    lone.hear(4, Message::Decided { certificate: certificate.clone(), content: content.clone() });
    lone.tick(500);
    lone.tick(59_000);
    assert_eq!(lone.follower.report().unserved, None, "the decision came within a minute, if late");
    lone.hear(4, Message::Decided { certificate, content });
    lone.status(1, 1, StatusBody { oldest: SeqNum::new(8_000), ..status(Vec::new(), 9_000) });
    lone.tick(1_000);
    assert_eq!(lone.follower.report().unserved, Some(SeqNum::new(1)));
}

/// Members of a later epoch show the end of this one, and have no status in it.
#[test]
fn a_slot_that_a_member_of_a_later_epoch_says_it_has_dropped_is_not_asked_of_it_and_is_unserved() {
    let mut lone = Lone::new();
    lone.follower.take_claims(id(1), Claims { oldest: SeqNum::new(8_000), ..claims(20_000) });
    lone.decide(9_000, &empty(1));
    assert_eq!((lone.asked(), lone.follower.report().unserved), (vec![], Some(SeqNum::new(1))));
    lone.status(1, 1, status(Vec::new(), 3));
    assert_eq!(lone.asked(), [(1, slots(1, 64))], "its status counts before its claims");
    assert_eq!(lone.follower.report().unserved, None);
}
