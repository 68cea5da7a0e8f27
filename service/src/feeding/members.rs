//! Members that a feeder asks, in turns; who was found to lie is asked no more for a while.

use quorate_ledger::copy::Refused;
use quorate_pbft::PublicKey;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Time for which who gave a wrong answer is not asked.
const SHUNNED_FOR: Duration = Duration::from_secs(60);

/// Turns of the members.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Member that was asked last.
    last: Option<PublicKey>,
    shunned: BTreeMap<PublicKey, Instant>,
}

impl Members {
    /// The members to ask, one after the other: first the one that has answered last.
    pub(super) fn in_turn(&mut self, serving: &[PublicKey], now: Instant) -> Vec<PublicKey> {
        self.shunned.retain(|_, until| *until > now);
        let sound: Vec<PublicKey> = serving.iter().filter(|key| !self.shunned.contains_key(key)).copied().collect();
        let first = sound.iter().position(|key| Some(*key) >= self.last).unwrap_or_default();
        [&sound[first..], &sound[..first]].concat()
    }

    /// Notes a member that has answered.
    pub(super) fn answered(&mut self, member: PublicKey) {
        self.last = Some(member);
    }

    /// Notes a wrong answer.
    pub(super) fn shun(&mut self, member: PublicKey, why: &Refused, now: Instant) {
        tracing::warn!(event = "answer-refused", %member, %why, "a member gave a wrong part of the state; it is asked no more for a minute");
        self.shunned.insert(member, now + SHUNNED_FOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::Digest;

    const KEYS: [PublicKey; 3] = [PublicKey([1; 32]), PublicKey([2; 32]), PublicKey([3; 32])];

    #[test]
    fn the_member_that_answered_last_is_asked_first_and_then_those_after_it() {
        let (mut members, now) = (Members::default(), Instant::now());
        assert_eq!(members.in_turn(&KEYS, now), KEYS);
        members.answered(KEYS[1]);
        assert_eq!(members.in_turn(&KEYS, now), [KEYS[1], KEYS[2], KEYS[0]]);
        assert_eq!(members.in_turn(&KEYS[..1], now), [KEYS[0]], "it went away");
    }

    #[test]
    fn a_member_that_lied_is_asked_no_more_for_a_minute() {
        let (mut members, now) = (Members::default(), Instant::now());
        members.answered(KEYS[0]);
        members.shun(KEYS[0], &Refused::MissingContent(Digest::ZERO), now);
        assert_eq!(members.in_turn(&KEYS, now), [KEYS[1], KEYS[2]]);
        assert_eq!(members.in_turn(&KEYS, now + SHUNNED_FOR), KEYS);
    }
}
