//! Decided slots: asked for, and executed in their order.

use super::*;

/// N6: slots are executed in their order, whatever order they come in.
#[test]
fn a_follower_executes_decided_slots_without_gaps() {
    let mut lone = Lone::new();
    lone.decide(2, &empty(2));
    assert_eq!(lone.executed(), []);
    lone.decide(1, &empty(1));
    assert_eq!(lone.executed(), [1, 2]);
}

#[test]
fn a_follower_asks_for_the_slots_that_a_member_claims() {
    let mut lone = Lone::new();
    lone.status(1, 1, status(Vec::new(), 70));
    assert_eq!(lone.asked(), [(1, slots(1, 64))]);
}

#[test]
fn a_decision_that_a_member_shows_calls_for_those_before_it() {
    let mut lone = Lone::new();
    lone.decide(5, &empty(5));
    assert_eq!(lone.asked(), [(1, slots(1, 5))]);
}

/// N9: one peer at a time, the next after a time-out.
#[test]
fn an_unanswered_question_goes_to_the_next_member_that_claims_the_slot() {
    let mut lone = Lone::new();
    lone.status(1, 1, status(Vec::new(), 3));
    lone.status(3, 1, status(Vec::new(), 3));
    lone.tick(Constants::default().base_timeout_ms / 5);
    assert_eq!(lone.asked(), [(1, slots(1, 3)), (3, slots(1, 3))]);
}

#[test]
fn a_member_that_has_dropped_a_slot_is_not_asked_for_it() {
    let mut lone = Lone::new();
    let late = || StatusBody { oldest: SeqNum::new(2), ..status(Vec::new(), 3) };
    lone.status(1, 1, late());
    assert_eq!(lone.asked(), []);
    assert_eq!(lone.follower.report().unserved, None, "one member may lie");
    lone.status(3, 1, late());
    assert_eq!(lone.follower.report().unserved, Some(SeqNum::new(1)));
}

#[test]
fn a_status_of_another_member_tells_nothing_of_who_hands_it_over() {
    let mut lone = Lone::new();
    let body = status(Vec::new(), 70);
    let statement = say(1, Kind::Status, 0, 1, body.digest());
    lone.hear(2, Message::Status { statement, body });
    assert_eq!((lone.asked(), lone.refused()), (vec![], 1));
}

/// L3: the digest of a decided tip vouches for its bundle, and each bundle for the one before it.
#[test]
fn a_slot_is_executed_once_the_chain_below_its_tips_is_here() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    lone.decide(1, &content);
    assert_eq!(lone.asked(), [(1, bundles(1, 2))]);
    lone.hear(1, Message::Bundle(second));
    assert_eq!(lone.executed(), []);
    lone.hear(3, Message::Bundle(first));
    assert_eq!(lone.executed(), [1]);
}

#[test]
fn a_bundle_that_no_decided_chain_names_is_refused_and_not_kept() {
    let mut lone = Lone::new();
    let ([first, _], content) = two_bundles();
    lone.hear(2, Message::Bundle(first));
    lone.decide(1, &content);
    lone.hear(2, Message::Bundle(bundle(2, Tip::default(), 0, envelope("forked"))));
    assert_eq!((lone.refused(), lone.follower.held_bytes()), (2, 0));
}

#[test]
fn votes_and_proposals_are_refused() {
    let mut lone = Lone::new();
    lone.hear(1, Message::Commit(say(1, Kind::Commit, 0, 1, empty(1).digest())));
    assert_eq!((lone.refused(), lone.executed()), (1, vec![]));
}

#[test]
fn items_and_strong_reads_are_refused_for_want_of_a_lane() {
    let mut lone = Lone::new();
    lone.step(Input::Submit(envelope("one")));
    lone.step(Input::Read { reader: 7, nonce: Digest([1; 32]) });
    let refused: Vec<_> = lone.effects.iter().collect();
    assert!(matches!(
        refused[..],
        [Effect::Refused(Rejected::LaneFull), Effect::Refused(Rejected::Read { reader: 7, .. })]
    ));
}

#[test]
fn a_follower_goes_on_from_its_disk() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    lone.decide(1, &empty(1));
    lone.decide(2, &content);
    lone.hear(1, Message::Bundle(second));
    lone.restart();
    lone.status(3, 1, status(Vec::new(), 2));
    assert_eq!(lone.asked(), [(3, bundles(1, 1))]);
    lone.hear(3, Message::Bundle(first));
    assert_eq!(lone.executed(), [2]);
}

/// Finds one envelope false.
struct Wary;

impl PayloadCheck for Wary {
    fn is_valid(&self, item: &Item) -> bool {
        *item != envelope("two")
    }
}

#[test]
fn a_certified_bundle_with_a_false_item_stops_a_follower_that_checks_and_is_not_written_down() {
    let mut lone = Lone::new();
    lone.follower = lone.follower.checking(Arc::new(Wary));
    let ([first, second], content) = two_bundles();
    lone.decide(1, &content);
    for bundle in [&second, &first] {
        lone.hear(1, Message::Bundle((*bundle).clone()));
    }
    let Some(Broken::FalseItem { lane, position, item, .. }) = lone.follower.broken() else {
        panic!("it goes on: {:?}", lone.follower.broken())
    };
    assert_eq!((*lane, *position, *item), (id(2), second.header.position, 0));
    assert_eq!(lone.executed(), [0u64; 0]);
    assert!(lone.disk.recovered().bundles.is_empty());

    let mut trusting = Lone::new();
    trusting.decide(1, &content);
    for bundle in [&second, &first] {
        trusting.hear(1, Message::Bundle((*bundle).clone()));
    }
    assert_eq!(trusting.executed(), [1], "without the check members are believed");
}
