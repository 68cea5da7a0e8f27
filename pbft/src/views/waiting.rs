//! What this replica waits for, and since when (V1, R).

use crate::replica::Replica;
use crate::wire::ids::{ReplicaId, SeqNum, Ticks};

/// Something that a primary, or a quorum, can be expected to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// An own bundle has no certificate.
    OwnBundle,
    /// A certified bundle of this lane is in no committed cut (V1 a).
    Lane(ReplicaId),
    /// The lowest slot that is not decided, though it or a later one was proposed or decided (V1 b).
    Slot(SeqNum),
    /// A decided slot that no checkpoint slot covers (V1 c).
    Checkpoint(SeqNum),
}

/// How long something waits until a replica that hears too few calls itself read-only (R).
const READ_ONLY_AFTER_MS: u64 = 3_000;

impl Replica {
    /// What has waited longest.
    pub(crate) fn longest_wait(&self) -> Option<(Ticks, Wait)> {
        let own = &self.lanes[self.me.index()];
        let uncertified = own.stored_between(own.certified().position.next(), self.own.tip.position);
        let own_bundle = uncertified.filter_map(|bundle| own.held(bundle.header.tip())).map(|held| held.since).min();
        let own_bundle = own_bundle.map(|since| (since, Wait::OwnBundle));
        let lanes = self.committee.replicas().filter_map(|lane| self.lane_wait(lane));
        let waits = own_bundle.into_iter().chain(lanes).chain(self.slot_wait()).chain(self.checkpoint_wait());
        waits.min_by_key(|(since, _)| *since)
    }

    /// V1 a: a certificate above every committed tip, since it is known or since the lane last advanced.
    pub(crate) fn lane_wait(&self, id: ReplicaId) -> Option<(Ticks, Wait)> {
        let lane = &self.lanes[id.index()];
        Some((lane.waiting_since?, Wait::Lane(id)))
    }

    /// V1 b.
    pub(crate) fn slot_wait(&self) -> Option<(Ticks, Wait)> {
        let mut expected = self.executed().next();
        let mut slots =
            self.log.above(self.executed()).filter(|(_, slot)| slot.proposal.is_some() || slot.committed.is_some());
        loop {
            let (seq, slot) = slots.next()?;
            if seq > expected || slot.committed.is_none() {
                let since = slot.proposal.map_or(slot.committed_at, |proposal| proposal.arrived);
                return Some((since, Wait::Slot(expected)));
            }
            expected = seq.next();
        }
    }

    /// V1 c: a decided slot wants a decided checkpoint slot above it.
    pub(crate) fn checkpoint_wait(&self) -> Option<(Ticks, Wait)> {
        let last = self
            .log
            .iter()
            .rev()
            .find(|(seq, slot)| slot.decided().is_some_and(|content| self.is_checkpoint_slot(*seq, content)));
        let last = last.map_or(self.low(), |(seq, _)| seq);
        let (seq, slot) = self.log.above(last).find(|(_, slot)| slot.committed.is_some())?;
        Some((slot.committed_at.after(self.constants.mark_age_ms), Wait::Checkpoint(seq)))
    }

    /// Whether something has waited a base time-out (N9).
    pub(crate) fn is_stuck(&mut self) -> bool {
        let Some((since, _)) = self.longest_wait() else { return false };
        let due = since.after(self.constants.base_timeout_ms);
        if due > self.now.ticks {
            self.wake_at(due);
        }
        due <= self.now.ticks
    }

    /// Members heard lately, this one included.
    pub(crate) fn heard_count(&self) -> usize {
        1 + self.others().filter(|peer| self.peers[peer.index()].is_heard(self.now.ticks)).count()
    }

    /// R: something has waited three seconds and fewer than q members are heard.
    pub(crate) fn is_read_only(&self) -> bool {
        let waited = self.longest_wait().is_some_and(|(since, _)| self.now.ticks.since(since) >= READ_ONLY_AFTER_MS);
        waited && self.heard_count() < self.committee.quorum()
    }
}
