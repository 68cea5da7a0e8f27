//! Additions of a slot to the records of authors and replicas.

use super::Execution;
use crate::format::body::Body;
use crate::format::change::Op;
use crate::format::constants::GROUP;
use crate::format::receipt::{Receipt, State};
use crate::policy::attestation::{PendingChange, Progress};
use crate::policy::reputation::{Service, TrackRecord};
use crate::state::name;
use crate::state::record::Sequence;
use crate::state::store::StoreError;
use crate::vocabulary::verdict::Code;
use quorate_pbft::{PublicKey, ReplicaId};

impl TrackRecord {
    /// Notes what became of an envelope.
    pub(super) fn note(&mut self, body: &Body, state: State) {
        if state == State::Refused {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let ops = body.changes.iter().flat_map(|change| &change.ops);
        let votes = ops.filter(|op| matches!(op, Op::Vote { .. } | Op::Approve { .. })).count() as u64;
        self.votes = self.votes.saturating_add(votes);
        if state != State::Pending {
            self.effective = self.effective.saturating_add(1);
        }
    }

    /// Notes what became of an envelope that was pending.
    pub(super) fn note_again(&mut self, state: State) {
        let count = if state == State::Refused { &mut self.refused } else { &mut self.effective };
        *count = count.saturating_add(1);
    }
}

impl Execution<'_, '_> {
    /// Notes what a replica's lane brought. A refusal for what others of the organisation have done is no misdeed.
    pub(super) fn note_service(&mut self, lane: ReplicaId, receipt: &Receipt) {
        if receipt.is_for_another_slot() {
            return;
        }
        let service = self.services.entry(lane).or_default();
        let count = match (receipt.state, receipt.code) {
            (State::Refused, Some(Code::UnknownAuthor)) => &mut service.strangers,
            (State::Refused, _) => &mut service.refused,
            _ => &mut service.effective,
        };
        *count = count.saturating_add(1);
    }

    /// Notes that a replica's lane brought a stranger's envelope that has no verdict.
    pub(super) fn note_stranger(&mut self, lane: ReplicaId) {
        let service = self.services.entry(lane).or_default();
        service.strangers = service.strangers.saturating_add(1);
    }

    /// Notes who was right about a pending change. A change that all approved and that was refused all the same says
    /// nothing about them.
    pub(super) fn note_opinions(
        &mut self,
        domain: u32,
        pending: &PendingChange,
        progress: Progress,
        took_effect: bool,
    ) -> Result<(), StoreError> {
        for (author, opinion) in &pending.opinions {
            let was_right = match progress {
                Progress::Disapproved | Progress::Refuted => !opinion,
                Progress::Approved | Progress::Waits if took_effect => *opinion,
                Progress::Approved | Progress::Waits => continue,
            };
            self.note_record(domain, author, |track_record| {
                if was_right { &mut track_record.attested } else { &mut track_record.wrong }
            })?;
        }
        Ok(())
    }

    /// Notes who lost conflicts that the envelope in hand, or a deadline, has ended.
    pub(super) fn note_losers(&mut self) -> Result<(), StoreError> {
        for (domain, author) in core::mem::take(&mut self.losers) {
            self.note_record(domain, &author, |track_record| &mut track_record.lost)?;
        }
        Ok(())
    }

    fn note_record(
        &mut self,
        domain: u32,
        author: &PublicKey,
        which: impl Fn(&mut TrackRecord) -> &mut u64,
    ) -> Result<(), StoreError> {
        let known: Option<Sequence> = self.overlay.get(domain, &name::sequence(author))?;
        let mut sequence = known.unwrap_or_else(Sequence::new);
        let count = which(&mut sequence.track_record);
        *count = count.saturating_add(1);
        self.overlay.put(domain, name::sequence(author), &sequence);
        self.overlay.commit()
    }

    /// Writes what the lanes of this slot brought.
    pub(super) fn write_services(&mut self) -> Result<(), StoreError> {
        if self.services.is_empty() {
            return Ok(());
        }
        let Some((committee, _)) = self.committee(self.epoch)? else { return Ok(()) };
        for (lane, brought) in core::mem::take(&mut self.services) {
            let Some(key) = committee.key(lane) else { continue };
            let known: Service = self.overlay.get(GROUP, &name::service(key))?.unwrap_or_default();
            self.overlay.put(GROUP, name::service(key), &known.with(brought));
        }
        self.overlay.commit()
    }
}
