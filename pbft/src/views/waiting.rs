//! Waits of this replica, and since when they last (V1, R).

use crate::agreement::order::Order;
use crate::lanes::Lanes;
use crate::member::Member;
use crate::recovery::peer::Peers;
use crate::wire::{ReplicaId, SeqNum, Ticks};

/// A step that a primary, or a quorum, can be expected to take.
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

/// Longest wait of a replica that hears too few before it calls itself read-only (R).
const READ_ONLY_AFTER_MS: u64 = 3_000;

impl Order {
    /// R: something has waited three seconds and fewer than q members are heard.
    pub(crate) fn is_read_only(&self, lanes: &Lanes, peers: &Peers, member: &Member) -> bool {
        let wait = self.longest_wait(lanes, member);
        let waited = wait.is_some_and(|(since, _)| member.now.ticks.since(since) >= READ_ONLY_AFTER_MS);
        waited && peers.heard(member) < member.committee.quorum()
    }

    /// V1 b: the lowest slot that is open below one that is proposed or decided, and since when.
    pub(crate) fn open_slot(&self) -> Option<(Ticks, SeqNum)> {
        let mut expected = self.executed().next();
        let mut slots =
            self.log.above(self.executed()).filter(|(_, slot)| slot.proposal.is_some() || slot.committed.is_some());
        loop {
            let (seq, slot) = slots.next()?;
            if seq > expected || slot.committed.is_none() {
                let since = slot.proposal.map_or(slot.committed_at, |proposal| proposal.arrived);
                return Some((since, expected));
            }
            expected = seq.next();
        }
    }

    /// V1 c: a decided slot wants a decided checkpoint slot above it.
    pub(crate) fn checkpoint_wait(&self, member: &Member) -> Option<(Ticks, Wait)> {
        let last =
            self.log.iter().rev().find(|(seq, slot)| {
                slot.decided().is_some_and(|content| content.is_checkpoint(*seq, &member.constants))
            });
        let last = last.map_or(self.low(), |(seq, _)| seq);
        let (seq, slot) = self.log.above(last).find(|(_, slot)| slot.committed.is_some())?;
        Some((slot.committed_at.after(member.constants.mark_age_ms), Wait::Checkpoint(seq)))
    }

    /// The longest wait.
    pub(crate) fn longest_wait(&self, lanes: &Lanes, member: &Member) -> Option<(Ticks, Wait)> {
        let own = &lanes[member.me];
        let uncertified = own.stored_between(own.certified().position.next(), lanes.own.tip.position);
        let own_bundle = uncertified.filter_map(|bundle| own.held(bundle.header.tip())).map(|held| held.since).min();
        let own_bundle = own_bundle.map(|since| (since, Wait::OwnBundle));
        let lanes = member.committee.replicas().filter_map(|lane| lanes.lane_wait(lane));
        let waits = own_bundle
            .into_iter()
            .chain(lanes)
            .chain(self.open_slot().map(|(since, seq)| (since, Wait::Slot(seq))))
            .chain(self.checkpoint_wait(member));
        waits.min_by_key(|(since, _)| *since)
    }

    /// Whether something has waited a base time-out (N9).
    pub(crate) fn is_stuck(&mut self, lanes: &Lanes, member: &mut Member) -> bool {
        let Some((since, _)) = self.longest_wait(lanes, member) else { return false };
        member.is_due(since.after(member.constants.base_timeout_ms))
    }
}

impl Lanes {
    /// V1 a: a certificate above every committed tip, since it is known or since the lane last advanced.
    pub(crate) fn lane_wait(&self, id: ReplicaId) -> Option<(Ticks, Wait)> {
        let lane = &self[id];
        let (_, since) = lane.oldest_uncut()?;
        Some((since, Wait::Lane(id)))
    }
}
