//! Waits of this replica, and since when they last (V1, R).

use crate::agreement::order::Order;
use crate::agreement::slot::Slot;
use crate::lanes::Lanes;
use crate::lanes::lane::Lane;
use crate::member::Member;
use crate::recovery::peer::Peers;
use crate::wire::{SeqNum, Ticks};

/// Longest wait of a replica that hears too few before it calls itself read-only (R).
const READ_ONLY_AFTER_MS: u64 = 3_000;

impl Order {
    /// R: something has waited three seconds and fewer than q members are heard.
    pub(crate) fn is_read_only(&self, lanes: &Lanes, peers: &Peers, member: &Member) -> bool {
        let waited =
            self.waits_since(lanes, member).is_some_and(|since| member.now.ticks.since(since) >= READ_ONLY_AFTER_MS);
        waited && peers.heard(member) < member.committee.quorum()
    }

    /// V1 b: the lowest slot that is open at or below one that is voted for here or decided, and since when: the first such vote
    /// or decision, however the slots follow each other. A proposal, or its content, that went to this replica alone would end its
    /// patience alone; a vote shows both to all.
    pub(crate) fn open_slot(&self) -> Option<(Ticks, SeqNum)> {
        let mut expected = self.executed().next();
        let is_voted = |slot: &Slot| slot.proposal.is_some_and(|proposal| slot.voted == Some(proposal.statement));
        let since = |slot: &Slot| if is_voted(slot) { slot.voted_at } else { slot.committed_at };
        let mut slots = self.log.above(self.executed()).filter(|(_, slot)| is_voted(slot) || slot.committed.is_some());
        loop {
            let (seq, slot) = slots.next()?;
            if seq > expected || slot.committed.is_none() {
                return Some((slots.fold(since(slot), |at, (_, above)| at.min(since(above))), expected));
            }
            expected = seq.next();
        }
    }

    /// V1 c: a decided slot wants a decided checkpoint slot above it.
    pub(crate) fn checkpoint_wait(&self, member: &Member) -> Option<Ticks> {
        let last =
            self.log.iter().rev().find(|(seq, slot)| {
                slot.decided().is_some_and(|content| content.is_checkpoint(*seq, &member.constants))
            });
        let last = last.map_or(self.low(), |(seq, _)| seq);
        let (_, slot) = self.log.above(last).find(|(_, slot)| slot.committed.is_some())?;
        Some(slot.committed_at.after(member.constants.mark_age_ms))
    }

    /// Begin of the longest wait for a step that a primary, or a quorum, can be expected to take: a certificate of an own
    /// bundle, a cut that covers a certified one (V1 a), a decision (V1 b), a checkpoint slot (V1 c).
    pub(crate) fn waits_since(&self, lanes: &Lanes, member: &Member) -> Option<Ticks> {
        let own = &lanes[member.me];
        let uncertified = own.stored_between(own.certified().position.next(), lanes.own.tip.position);
        let own_bundles = uncertified.filter_map(|bundle| own.held(bundle.header.tip())).map(|held| held.since);
        let lanes = lanes.iter().filter_map(Lane::oldest_uncut).map(|(_, since)| since);
        let slot = self.open_slot().map(|(since, _)| since);
        own_bundles.chain(lanes).chain(slot).chain(self.checkpoint_wait(member)).min()
    }

    /// Whether something has waited a base time-out (N9).
    pub(crate) fn is_stuck(&mut self, lanes: &Lanes, member: &mut Member) -> bool {
        let Some(since) = self.waits_since(lanes, member) else { return false };
        member.is_due(since.after(member.constants.base_timeout_ms))
    }
}
