//! Questions of a replica that is far behind (N9, L5).

use super::*;
use cluster::alone::status;
use quorate_pbft::Bundle;
use std::sync::Arc;

/// A replica of which these peers say that they have executed a thousand slots.
fn far_behind(peers: &[usize]) -> Alone {
    let mut laggard = Alone::new(4, 3);
    for peer in peers {
        let body = status(Vec::new(), 1_000);
        let statement = say(*peer, Kind::Status, 0, 1, body.digest());
        laggard.hear(*peer, Message::Status { statement, body });
    }
    laggard.tick(1);
    laggard
}

/// First and last of the slots, or of the bundles of lane 1, that have been asked for since the last look.
fn asked(laggard: &mut Alone, slots: bool) -> Vec<(u64, u64)> {
    let questions = laggard.sent().filter_map(|message| match message {
        Message::Ask(question) => Some(question.wanted.clone()),
        _ => None,
    });
    let ranges = questions.filter_map(|wanted| match wanted {
        Wanted::Slots { from, to } if slots => Some((from.get(), to.get())),
        Wanted::Bundles { lane, from, to } if !slots && lane == id(1) => Some((from.get(), to.get())),
        _ => None,
    });
    let ranges = ranges.collect();
    laggard.effects.retain(|effect| matches!(effect, Effect::Execute(_)));
    ranges
}

/// A lane of small bundles, and the slots of which each advances it by one.
fn lane(count: u64) -> (Vec<Arc<Bundle>>, Vec<Content>) {
    let mut bundles: Vec<Arc<Bundle>> = Vec::new();
    for _ in 0..count {
        let last = bundles.last().map_or_else(Default::default, |last| (last.header.tip(), last.header.lane_bytes));
        bundles.push(bundle(1, last.0, last.1, envelope("small")));
    }
    let cut = |bundle: &Arc<Bundle>| Content { cut: vec![(id(1), bundle.header.tip())], ..empty(1_000) };
    let slots = bundles.iter().map(cut).collect();
    (bundles, slots)
}

fn decide(laggard: &mut Alone, slots: &[Content], from: u64, to: u64) {
    let decided = |seq| {
        let content: &Content = &slots[seq as usize - 1];
        let certificate = certificate(Kind::Commit, 0, seq, content.digest(), &[0, 1, 2]);
        Message::Decided { certificate, content: content.clone() }
    };
    laggard.hear_together(0, (from..=to).map(decided));
    laggard.tick(1);
}

fn bring(laggard: &mut Alone, bundles: &[Arc<Bundle>], from: u64, to: u64) {
    laggard.hear_together(1, bundles[from as usize - 1..to as usize].iter().rev().cloned().map(Message::Bundle));
    laggard.tick(1);
}

/// N9: slots that others have long executed are not on their way; one peer alone may lie.
#[test]
fn slots_are_asked_for_at_once_where_two_members_are_far_ahead_and_after_a_while_where_one_is() {
    assert_eq!(asked(&mut far_behind(&[0, 1]), true), [(1, 64)]);
    let mut doubtful = far_behind(&[0]);
    assert_eq!(asked(&mut doubtful, true), []);
    doubtful.tick(100);
    assert_eq!(asked(&mut doubtful, true), [(1, 64)]);
}

/// N9: each answer is followed by the next question, up to a window; then execution makes room for as many as an answer holds.
#[test]
fn slots_are_asked_for_by_as_many_as_an_answer_holds() {
    let (mut laggard, (bundles, slots)) = (far_behind(&[0, 1, 2]), lane(256));
    for from in [1, 65, 129, 193] {
        assert_eq!(asked(&mut laggard, true), [(from, from + 63)]);
        decide(&mut laggard, &slots, from, from + 63);
    }
    assert_eq!(asked(&mut laggard, true), []);
    bring(&mut laggard, &bundles, 1, 63);
    laggard.execute();
    laggard.tick(1);
    assert_eq!(asked(&mut laggard, true), [], "room for 63");
    bring(&mut laggard, &bundles, 64, 64);
    laggard.execute();
    laggard.tick(1);
    assert_eq!(asked(&mut laggard, true), [(257, 320)]);
}

/// L5: the lowest first, as light ones as these further ahead than full ones, and a few only where execution waits for them.
#[test]
fn bundles_are_asked_for_by_as_many_as_an_answer_holds_while_others_are_in_hand() {
    let (mut laggard, (bundles, slots)) = (far_behind(&[0, 1, 2]), lane(256));
    decide(&mut laggard, &slots, 1, 256);
    for from in [1, 65, 129, 193] {
        assert_eq!(asked(&mut laggard, false), [(from, from + 63)]);
        bring(&mut laggard, &bundles, from, from + 63);
    }
    assert_eq!(asked(&mut laggard, false), []);

    let (mut few, (bundles, slots)) = (far_behind(&[0, 1, 2]), lane(100));
    decide(&mut few, &slots, 1, 64);
    bring(&mut few, &bundles, 1, 64);
    assert_eq!(asked(&mut few, false), [(1, 64)]);
    decide(&mut few, &slots, 65, 80);
    assert_eq!(asked(&mut few, false), [], "64 are in hand");
    few.execute();
    few.tick(1);
    assert_eq!(asked(&mut few, false), [(65, 80)], "none is in hand");
}
