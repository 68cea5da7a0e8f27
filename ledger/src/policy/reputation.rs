//! Standing: the record of authors and replicas, from what the ledger saw in order, and a figure made of it.
//!
//! Counted events are ordered, so every replica counts alike. Signing a certificate does not count: the q votes that a
//! replica holds differ from replica to replica. The figure goes from 0 to 1,000; whoever is new stands at 500, and
//! good deeds and misdeeds pull it up and down the more slowly the more there are of the other kind. Policy may use it
//! for rates ([`crate::policy::Rates`]) and, at an epoch change only, for the order of primaries
//! ([`order_of_primaries`]): within an epoch nobody's deeds move anybody's turn.

use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::ReplicaId;
use serde::{Deserialize, Serialize};

/// Good deeds that count: more would let somebody save up for a misdeed.
const GOOD_MAX: u64 = 1_000;
/// Good deeds, and as many misdeeds, that everybody begins with.
const START: u64 = 10;
/// The best figure.
pub const SCORE_MAX: u32 = 1_000;
/// Misdeeds that one wrong attestation counts as: others relied on it.
const WRONG_WEIGHT: u64 = 5;
/// Misdeeds that one number used twice counts as: nobody does it by accident but with one key on two machines.
const REPEATED_WEIGHT: u64 = 50;
/// Misdeeds that a stranger's envelope on the own lane counts as: every replica's gate knows who is enrolled.
const STRANGER_WEIGHT: u64 = 10;
/// Refused envelopes on the own lane that count as one misdeed: the gate lets them through so that there is a receipt.
const REFUSED_PER_MISDEED: u64 = 8;

/// Deeds of an author in a domain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TrackRecord {
    /// Envelopes that took effect.
    pub effective: u64,
    /// Envelopes that were refused.
    pub refused: u64,
    /// Conflicts in which another content than the author's stands now.
    pub lost: u64,
    /// Votes and approvals, ordered and valid.
    pub votes: u64,
    /// Attestations that agree with what became of the change.
    pub attested: u64,
    /// Attestations that turned out wrong.
    pub wrong: u64,
}

/// Service of a replica's lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Service {
    /// Envelopes that took effect.
    pub effective: u64,
    /// Envelopes of authors that were refused.
    pub refused: u64,
    /// Envelopes of somebody who was never enrolled: the gate must not let them through.
    pub strangers: u64,
}

/// A figure, and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reputation {
    /// 0 to 1,000; 500 at the start.
    #[serde(rename = "figure")]
    pub score: u32,
    /// Reasons in words; empty for a newcomer.
    pub reasons: Vec<String>,
}

impl TrackRecord {
    /// Of two domains together.
    pub fn with(self, other: Self) -> Self {
        Self {
            effective: self.effective.saturating_add(other.effective),
            refused: self.refused.saturating_add(other.refused),
            lost: self.lost.saturating_add(other.lost),
            votes: self.votes.saturating_add(other.votes),
            attested: self.attested.saturating_add(other.attested),
            wrong: self.wrong.saturating_add(other.wrong),
        }
    }

    /// Reputation of an author with these deeds, who used so many numbers twice.
    pub fn reputation(&self, repeated: u64) -> Reputation {
        let counts = [
            (self.effective, "changes that took effect"),
            (self.votes, "votes and approvals"),
            (self.attested, "attestations that held"),
            (self.refused, "changes refused"),
            (self.lost, "conflicts lost"),
            (self.wrong, "attestations that turned out wrong"),
            (repeated, "numbers used twice"),
        ];
        Reputation { score: self.score(repeated), reasons: reasons(&counts) }
    }

    /// The figure alone.
    pub fn score(&self, repeated: u64) -> u32 {
        let good = self.effective.saturating_add(self.votes).saturating_add(self.attested);
        let bad = self.refused.saturating_add(self.lost);
        let bad = bad.saturating_add(self.wrong.saturating_mul(WRONG_WEIGHT));
        score(good, bad.saturating_add(repeated.saturating_mul(REPEATED_WEIGHT)))
    }
}

impl Service {
    /// Earlier and later service together.
    pub fn with(self, other: Self) -> Self {
        Self {
            effective: self.effective.saturating_add(other.effective),
            refused: self.refused.saturating_add(other.refused),
            strangers: self.strangers.saturating_add(other.strangers),
        }
    }

    /// Reputation of a replica with this service, against whose key so many proofs of misbehaviour are recorded. Each
    /// of these leaves a quarter.
    pub fn reputation(&self, evidence: u8) -> Reputation {
        let bad = self.strangers.saturating_mul(STRANGER_WEIGHT).saturating_add(self.refused / REFUSED_PER_MISDEED);
        let quartered = score(self.effective, bad).checked_shr(2 * u32::from(evidence)).unwrap_or(0);
        let counts = [
            (self.effective, "envelopes on its lane that took effect"),
            (self.refused, "envelopes on its lane refused"),
            (self.strangers, "envelopes of strangers let through"),
            (u64::from(evidence), "proofs of misbehaviour"),
        ];
        Reputation { score: quartered, reasons: reasons(&counts) }
    }
}

/// A limit, such as a rate, for somebody with this figure: as it is at 500, up to twice that, never none.
pub fn scaled(limit: u64, score: u32) -> u64 {
    let scaled = u128::from(limit) * u128::from(score.min(SCORE_MAX)) * 2 / u128::from(SCORE_MAX);
    u64::try_from(scaled).unwrap_or(u64::MAX).max(1)
}

/// In which order replicas become primaries in an epoch that begins: by figure, then by number.
pub fn order_of_primaries(scores: &[(ReplicaId, u32)]) -> Vec<ReplicaId> {
    let mut order = scores.to_vec();
    order.sort_unstable_by_key(|(replica, score)| (core::cmp::Reverse(*score), *replica));
    order.into_iter().map(|(replica, _)| replica).collect()
}

fn score(good: u64, bad: u64) -> u32 {
    let good = u128::from(good.min(GOOD_MAX) + START);
    let all = good + u128::from(bad) + u128::from(START);
    (u128::from(SCORE_MAX) * good / all) as u32 // at most FIGURE_MAX, as good is a part of all
}

fn reasons(counts: &[(u64, &str)]) -> Vec<String> {
    counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{what}: {count}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_new_stands_in_the_middle_for_no_reason() {
        let middle = Reputation { score: 500, reasons: vec![] };
        assert_eq!(TrackRecord::default().reputation(0), middle);
        assert_eq!(Service::default().reputation(0), middle);
    }

    #[test]
    fn good_deeds_raise_the_figure_and_misdeeds_lower_it_by_their_weight() {
        let good = TrackRecord { effective: 100, ..TrackRecord::default() };
        let scores = [
            good.reputation(0),
            TrackRecord { refused: 1, ..good }.reputation(0),
            TrackRecord { wrong: 1, ..good }.reputation(0),
            good.reputation(1),
        ];
        let scores = scores.map(|reputation| reputation.score);
        assert_eq!(scores, [916, 909, 880, 647]);
    }

    #[test]
    fn nobody_saves_up_for_a_misdeed() {
        let score = |effective| TrackRecord { effective, ..TrackRecord::default() }.reputation(3).score;
        assert_eq!(score(1_000), score(u64::MAX));
        assert!(
            TrackRecord { refused: u64::MAX, wrong: u64::MAX, ..TrackRecord::default() }.reputation(u64::MAX).score
                == 0
        );
    }

    #[test]
    fn each_proof_of_misbehaviour_leaves_a_quarter() {
        let service = Service { effective: 980, ..Service::default() };
        assert_eq!([0, 1, 2, 8, 255].map(|proofs| service.reputation(proofs).score), [990, 247, 61, 0, 0]);
    }

    #[test]
    fn a_limit_is_scaled_and_never_none() {
        let at = |score| scaled(100, score);
        assert_eq!([0, 1, 250, 500, 1_000].map(at), [1, 1, 50, 100, 200]);
        assert_eq!(scaled(u64::MAX, 1_000), u64::MAX);
    }

    #[test]
    fn primaries_take_turns_by_figure_and_then_by_number() {
        let replica = ReplicaId::new;
        let order = order_of_primaries(&[(replica(0), 500), (replica(1), 900), (replica(2), 500), (replica(3), 0)]);
        assert_eq!(order, [1, 0, 2, 3].map(replica));
    }
}
