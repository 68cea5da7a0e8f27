//! Other followers, which are asked before the members.

use super::*;

#[test]
fn another_follower_is_asked_before_the_members() {
    let mut lone = Lone::new();
    lone.follower.take_claims(id(4), claims(2));
    lone.status(1, 1, status(Vec::new(), 2));
    assert_eq!(lone.asked(), [(4, slots(1, 2))]);
}

#[test]
fn another_follower_that_does_not_answer_is_asked_last() {
    let mut lone = Lone::new();
    lone.follower.take_claims(id(4), claims(1));
    lone.status(1, 1, status(Vec::new(), 9));
    lone.tick(200);
    lone.decide(1, &empty(1));
    lone.follower.take_claims(id(4), claims(9));
    lone.tick(200);
    assert_eq!(lone.asked().into_iter().map(|(whom, _)| whom).collect::<Vec<_>>(), [4, 1, 1]);
}

#[test]
fn a_follower_that_handed_a_decision_on_is_asked_for_its_data_once_it_has_executed_it() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    lone.follower.take_claims(id(4), Claims { decided: SeqNum::new(1), ..claims(0) });
    let certificate = certificate(Kind::Commit, 0, 1, content.digest(), &[0, 1, 2]);
    lone.hear(4, Message::Decided { certificate, content });
    assert_eq!(lone.asked(), []);
    lone.follower.take_claims(id(4), claims(1));
    lone.tick(1);
    assert_eq!(lone.asked(), [(4, bundles(1, 2))]);
    lone.hear(4, Message::Bundle(second));
    lone.hear(4, Message::Bundle(first));
    assert_eq!(lone.executed(), [1]);
}

#[test]
fn a_follower_that_handed_data_out_is_asked_before_one_that_never_did() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    lone.follower.take_claims(id(5), claims(1));
    lone.decide(1, &content);
    lone.hear(5, Message::Bundle(second));
    lone.hear(5, Message::Bundle(first));
    [4, 5].iter().for_each(|other| lone.follower.take_claims(id(*other), claims(2)));
    lone.tick(1);
    assert_eq!(lone.asked().last(), Some(&(5, slots(2, 2))));
}

#[test]
fn a_follower_that_never_answered_is_not_waited_for_once_one_that_did_has_the_slot_as_well() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    lone.follower.take_claims(id(5), claims(1));
    lone.decide(1, &content);
    lone.hear(5, Message::Bundle(second));
    lone.hear(5, Message::Bundle(first));
    lone.follower.take_claims(id(4), claims(2));
    lone.tick(1);
    lone.follower.take_claims(id(5), claims(2));
    lone.tick(1);
    lone.tick(1);
    assert_eq!(lone.asked()[1..], [(4, slots(2, 2)), (5, slots(2, 2))]);
}

#[test]
fn a_neighbour_that_drips_does_not_keep_the_members_from_being_asked() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    lone.follower.take_claims(id(5), claims(1));
    lone.decide(1, &content);
    lone.hear(5, Message::Bundle(second));
    lone.hear(5, Message::Bundle(first));
    [4, 5].iter().for_each(|other| lone.follower.take_claims(id(*other), claims(9)));
    lone.status(1, 1, status(Vec::new(), 9));
    let drop = empty(2);
    let certificate = certificate(Kind::Commit, 0, 2, drop.digest(), &[0, 1, 2]);
    lone.hear(5, Message::Decided { certificate, content: drop });
    [200, 1, 200].iter().for_each(|wait| lone.tick(*wait));
    let whom: Vec<usize> = lone.asked()[1..].iter().map(|(whom, _)| *whom).collect();
    assert_eq!(whom, [5, 4, 1]);
}

/// L5: bundles come highest first, and a follower takes 16 MiB of a lane beyond what its next slot needs.
#[test]
fn a_follower_whose_memory_is_full_of_later_bundles_asks_for_those_of_the_next_slot() {
    let mut lone = Lone::new();
    let mut lane: Vec<Arc<Bundle>> = Vec::new();
    for _ in 0..4 {
        let (tip, bytes) =
            lane.last().map_or_else(Default::default, |last| (last.header.tip(), last.header.lane_bytes));
        let large = Item { bytes: vec![7; 9 << 20], ..envelope("") };
        lane.push(bundle(2, tip, bytes, large));
    }
    for (bundle, seq) in lane.iter().rev().zip([4, 3, 2, 1]) {
        lone.decide(seq, &Content { cut: vec![(id(2), bundle.header.tip())], ..empty(seq) });
    }
    lone.hear(1, Message::Bundle(lane[3].clone()));
    lone.hear(1, Message::Bundle(lane[2].clone()));
    let asked = lone.asked().into_iter().map(|(_, wanted)| wanted).collect::<Vec<_>>();
    assert!(asked.ends_with(&[bundles(1, 3), bundles(1, 1)]), "{asked:?}");
}

#[test]
fn a_follower_that_answers_late_is_asked_first_again() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    [4, 5].iter().for_each(|other| lone.follower.take_claims(id(*other), claims(1)));
    lone.decide(1, &content);
    lone.tick(200);
    assert_eq!(lone.asked(), [(4, bundles(1, 2)), (5, bundles(1, 2))]);
    lone.hear(4, Message::Bundle(second));
    lone.hear(4, Message::Bundle(first));
    [4, 5].iter().for_each(|other| lone.follower.take_claims(id(*other), claims(2)));
    lone.tick(1);
    assert_eq!(lone.asked().last(), Some(&(4, slots(2, 2))));
}

#[test]
fn a_question_to_a_follower_that_leaves_goes_to_the_next_at_once() {
    let mut lone = Lone::new();
    [4, 5].iter().for_each(|other| lone.follower.take_claims(id(*other), claims(1)));
    lone.tick(1);
    lone.follower.forget(id(4));
    lone.tick(1);
    assert_eq!(lone.asked(), [(4, slots(1, 1)), (5, slots(1, 1))]);
}

#[test]
fn a_follower_that_has_left_is_not_asked_any_more() {
    let mut lone = Lone::new();
    lone.follower.take_claims(id(4), claims(2));
    lone.follower.forget(id(4));
    lone.tick(1);
    assert_eq!(lone.asked(), []);
}
