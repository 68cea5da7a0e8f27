//! What a peer can make others do (B, E2).

use super::*;

/// B: a peer's questions.
#[test]
fn a_peer_that_asks_too_often_is_refused() {
    let mut replica = Alone::new(4, 3);
    for _ in 0..300 {
        replica.hear(1, Message::Ask(Wanted::StableCheckpoint));
    }
    assert!(replica.refused().iter().any(|refused| matches!(refused, Rejected::TooOften { .. })));
    replica.effects.clear();
    replica.hear(2, Message::Ask(Wanted::StableCheckpoint));
    assert!(replica.refused().is_empty(), "budgets are per sender");
}

/// E2: at most 32 halves a second for a signer.
#[test]
fn halves_are_sent_on_at_a_bounded_rate() {
    let mut replica = Alone::new(4, 3);
    for seq in 1..=100 {
        let content = empty(1_000 + seq);
        replica.propose(0, 0, seq, &content);
        replica.hear(2, Message::Commit(say(2, Kind::Commit, 0, seq, Digest([9; 32]))));
    }
    let halves = replica.sent().filter(|message| matches!(message, Message::Half(_))).count();
    assert_eq!(halves, 32);
}

/// E2: two PrePrepares meet inside Prepares.
#[test]
fn the_other_pre_prepare_inside_a_prepare_is_evidence() {
    let mut replica = Alone::new(4, 3);
    replica.propose(0, 0, 1, &empty(1_000));
    replica.prepare(2, 0, 1, empty(1_001).digest());
    assert!(replica.effects.iter().any(|effect| matches!(effect, Effect::Accuse(of) if of.key().signer == id(0))));
}
