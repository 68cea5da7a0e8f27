//! Members that vote: who is heard and casts no vote holds the group's faults used up, and nothing else shows it.

use quorate_pbft::{Epoch, Message, ReplicaId, SeqNum, Ticks};
use std::collections::BTreeMap;

/// Slots in which a member that is not behind casts some vote.
const SLOTS: u64 = 64;
/// Milliseconds for which a change may wait without a word of a member, and in which who has come back casts its first vote.
const WAITS_MS_MAX: u64 = 10_000;

/// Votes of the other members in one epoch, and how long a change has waited for them.
#[derive(Debug, Default)]
pub(super) struct Voters {
    epoch: Epoch,
    /// The newest slot that each voted on, and when it last said what followers do not.
    heard: BTreeMap<ReplicaId, (SeqNum, Ticks)>,
    /// The slot that was executed when counting began.
    since: Option<SeqNum>,
    /// The slot that was last seen executed, and since when changes wait for the next.
    waits: Option<(SeqNum, Ticks)>,
}

impl Voters {
    /// Takes note of a message, if it is one that a follower does not sign.
    pub(super) fn hear(&mut self, message: &Message, now: Ticks) {
        let (statement, votes) = match message {
            Message::PrePrepare { statement, .. } | Message::Prepare { statement, .. } => (statement, true),
            Message::Commit(statement) | Message::Checkpoint(statement) => (statement, true),
            Message::ViewChange { statement, .. } | Message::NewView { statement, .. } => (statement, false),
            Message::Ack(statement) => (statement, false),
            _ => return,
        };
        let epoch = statement.statement.epoch;
        if epoch > self.epoch {
            *self = Self { epoch, ..Self::default() };
        }
        if epoch == self.epoch {
            let (newest, at) = self.heard.entry(statement.signer).or_default();
            *newest = if votes { statement.statement.seq.max(*newest) } else { *newest };
            *at = now;
        }
    }

    /// Takes note of the slot that is executed, and whether changes wait. Each round looks, so that no answer to a change comes
    /// before it is seen to wait.
    pub(super) fn look(&mut self, executed: SeqNum, is_waiting: bool, now: Ticks) {
        self.since.get_or_insert(executed);
        match self.waits.filter(|(seq, _)| is_waiting && *seq == executed) {
            Some(_) => (),
            None => self.waits = is_waiting.then_some((executed, now)),
        }
    }

    /// Members that are heard, are not behind, and have cast no vote in the last slots and seconds, or said nothing that counts
    /// for as long as a change has waited, where another one has.
    pub(super) fn missing(
        &self,
        executed: SeqNum,
        heard: impl Iterator<Item = (ReplicaId, SeqNum)>,
        now: Ticks,
    ) -> Vec<ReplicaId> {
        let counts = self.since.is_some_and(|since| executed.get().saturating_sub(since.get()) >= SLOTS);
        let waits = self.waits.map(|(_, since)| since).filter(|since| now.since(*since) >= WAITS_MS_MAX);
        let waits = waits.filter(|since| self.heard.values().any(|(_, at)| at >= since));
        let lacks = |peer: &ReplicaId| {
            let (newest, at) = self.heard.get(peer).copied().unwrap_or_default();
            let is_late = newest.plus(SLOTS) <= executed && now.since(at) >= WAITS_MS_MAX;
            waits.is_some_and(|since| at < since) || counts && is_late
        };
        let there = heard.filter(|(_, theirs)| theirs.plus(SLOTS) > executed).map(|(peer, _)| peer);
        there.filter(lacks).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::{Digest, Ed25519Signer, Kind, Signed, Signer as _, Statement, View};

    fn vote(signer: u16, seq: u64) -> Message {
        let statement = Statement {
            group: Digest::ZERO,
            epoch: Epoch::default(),
            kind: Kind::Commit,
            view: View::default(),
            seq: SeqNum::new(seq),
            digest: Digest::ZERO,
        };
        let signature = Ed25519Signer::from_seed(&[1; 32]).sign(&statement.signed_bytes());
        Message::Commit(Signed { statement, signer: ReplicaId::new(signer), signature })
    }

    fn peers(executed: [u64; 3]) -> impl Iterator<Item = (ReplicaId, SeqNum)> {
        executed.into_iter().zip(1..).map(|(executed, replica)| (ReplicaId::new(replica), SeqNum::new(executed)))
    }

    fn at(ms: u64) -> Ticks {
        Ticks::new(ms)
    }

    #[test]
    fn a_member_without_a_vote_in_64_slots_is_named_and_one_that_is_behind_is_not() {
        let mut voters = Voters::default();
        let missing = |voters: &Voters, ms| voters.missing(SeqNum::new(74), peers([74, 74, 9]), at(ms));
        voters.look(SeqNum::new(10), false, at(0));
        (11..=74).for_each(|seq| voters.hear(&vote(1, seq), at(seq)));
        assert_eq!(missing(&voters, 9_999), [], "it may have just come back");
        assert_eq!(missing(&voters, 10_000), [ReplicaId::new(2)]);
        voters.hear(&vote(2, 74), at(10_001));
        assert!(missing(&voters, 10_001).is_empty());
    }

    #[test]
    fn a_member_without_a_word_is_named_once_a_change_has_waited_for_ten_seconds() {
        let mut voters = Voters::default();
        [(1, 9), (2, 9), (3, 9)].into_iter().for_each(|(signer, seq)| voters.hear(&vote(signer, seq), at(1)));
        voters.look(SeqNum::new(10), true, at(5_000));
        let missing = |voters: &Voters, ms| voters.missing(SeqNum::new(10), peers([10, 10, 10]), at(ms));
        assert!(missing(&voters, 20_000).is_empty(), "nobody has spoken");
        voters.hear(&vote(1, 11), at(5_001));
        voters.look(SeqNum::new(10), true, at(14_999));
        assert!(missing(&voters, 14_999).is_empty());
        assert_eq!(missing(&voters, 15_000), [2, 3].map(ReplicaId::new));
        voters.look(SeqNum::new(10), false, at(15_001));
        assert!(missing(&voters, 20_000).is_empty(), "nothing waits");
    }

    #[test]
    fn votes_of_another_epoch_count_for_nothing() {
        let mut voters = Voters::default();
        voters.hear(&vote(1, 11), at(5));
        let Message::Commit(mut later) = vote(2, 12) else { panic!("a vote") };
        later.statement.epoch = Epoch::new(1);
        voters.look(SeqNum::new(11), true, at(0));
        voters.hear(&Message::Commit(later), at(6));
        voters.look(SeqNum::new(11), true, at(2_000));
        voters.hear(&vote(3, 13), at(2_001));
        voters.hear(&vote(2, 12), at(2_001));
        assert!(
            voters.missing(SeqNum::new(11), peers([11, 11, 11]), at(20_000)).is_empty(),
            "all are of the last epoch"
        );
    }
}
