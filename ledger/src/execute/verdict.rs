//! Verdicts, written where the author's next envelope, readers and proofs look for them.

use super::Execution;
use super::envelope::Origin;
use crate::apply::Applied;
use crate::format::receipt::{Receipt, State};
use crate::state::record::{Sequence, Verdict, ViewRecord};
use crate::state::slot::Listed;
use crate::state::store::{StoreError, Table};
use crate::state::{entry, name, rows};
use crate::validate::submission::{self, Accepted, Submission};
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::Refusal;
use quorate_pbft::hash;

impl Execution<'_, '_> {
    /// Records the verdict on an envelope: receipt, number, revision and history.
    pub(super) fn record_verdict(
        &mut self,
        submission: &Submission,
        origin: Origin,
        number: Option<u32>,
        mut sequence: Sequence,
        accepted: Result<Accepted, Refusal>,
    ) -> Result<(), StoreError> {
        let verdict = self.verdict(submission, origin, &sequence, accepted);
        if let Some(number) = number {
            let body = &submission.envelope.body;
            if verdict.receipt.state == State::Refused {
                sequence.attempt = body.attempt;
            } else {
                (sequence.next, sequence.attempt) = (body.to_seq + 1, 0);
            }
            sequence.track_record.note(body, verdict.receipt.state);
            let used = rows::number(number, &body.author, body.from_seq, body.attempt);
            self.overlay.put_row(Table::History, used, submission.id.0.0.to_vec());
            self.write(submission, number, sequence, &verdict);
            self.write_parts(submission, &verdict)?;
        } else if self.overlay.bytes(Table::Receipts, &submission.id.0.0)?.is_none() {
            self.overlay.put_row(Table::Receipts, submission.id.0.0.to_vec(), entry::bytes_of(&verdict));
        }
        self.note_service(origin.lane, &verdict.receipt);
        self.publish(verdict.receipt)
    }

    /// Records the final verdict on a change that was pending: receipt, revision and history; no number moves.
    pub(super) fn record_final(
        &mut self,
        submission: &Submission,
        origin: Origin,
        number: u32,
        accepted: Result<Accepted, Refusal>,
    ) -> Result<(), StoreError> {
        let mut sequence = submission::sequence(&self.overlay, number, &submission.envelope.body)?;
        sequence.pending = sequence.pending.saturating_sub(1);
        let verdict = self.verdict(submission, origin, &sequence, accepted);
        sequence.track_record.note_again(verdict.receipt.state);
        self.write(submission, number, sequence, &verdict);
        self.publish(verdict.receipt)
    }

    fn write(&mut self, submission: &Submission, number: u32, mut sequence: Sequence, verdict: &Verdict) {
        sequence.verdicts = hash("quorate/v1/verdict", verdict);
        self.overlay.put(number, name::sequence(&submission.envelope.body.author), &sequence);
        self.overlay.put_row(Table::Receipts, submission.id.0.0.to_vec(), entry::bytes_of(verdict));
        if !matches!(verdict.receipt.state, State::Refused | State::Pending) {
            self.overlay.put_row(Table::History, rows::log(number, submission.revision), submission.id.0.0.to_vec());
        }
    }

    pub(super) fn publish(&mut self, receipt: Receipt) -> Result<(), StoreError> {
        self.overlay.commit()?;
        self.verdicts += 1;
        self.list.push(Listed::Receipt(receipt.digest()));
        self.receipts.push(receipt);
        self.note_losers()
    }

    fn verdict(
        &mut self,
        submission: &Submission,
        origin: Origin,
        sequence: &Sequence,
        accepted: Result<Accepted, Refusal>,
    ) -> Verdict {
        let body = &submission.envelope.body;
        let mut receipt = receipt_of(submission, origin);
        let mut view = ViewRecord { first: Revision::GENESIS, parent: None, writes: Vec::new() };
        match accepted {
            Ok(accepted) => {
                receipt.state = accepted.applied.state();
                receipt.changes = accepted.applied.changes();
                self.take_in(&body.domain, accepted.applied, &mut receipt);
                self.take_in_parts(submission, accepted.others, &mut receipt);
                view = accepted.view;
            }
            Err(refusal) => {
                (receipt.stage, receipt.code) = (Some(refusal.stage), Some(refusal.code));
                receipt.detail = Some(refusal.detail);
            }
        }
        let messages = body.changes.iter().map(|change| &change.message).filter(|message| !message.is_empty());
        Verdict {
            receipt,
            attempt: body.attempt,
            position: origin.position,
            messages: messages.cloned().collect(),
            time_ms: body.changes.last().map_or(0, |change| change.time_ms),
            view,
            time: self.time,
            before: sequence.verdicts,
            place: self.list.len() as u32,
        }
    }

    fn take_in(&mut self, domain: &str, applied: Applied, receipt: &mut Receipt) {
        receipt.conflicts = applied.conflicts();
        self.won.extend(applied.won.iter().copied());
        self.account(domain, applied, receipt.revision.unwrap_or_default());
    }

    /// Books the effects beyond the entries.
    pub(super) fn account(&mut self, domain: &str, applied: Applied, revision: Revision) {
        let changes_files = applied.changes_files();
        self.events.extend(applied.events);
        self.tell_of_locks(applied.locks, revision);
        if let Some(number) = self.ledger.domain(domain).map(|domain| domain.record.number) {
            self.losers.extend(applied.lost.into_iter().map(|author| (number, author)));
        }
        self.resolved.extend(applied.resolved);
        if changes_files && let Some(known) = self.ledger.domain(domain) {
            let usage = self.usage.entry(domain.to_owned()).or_insert_with(|| known.usage.clone());
            usage.superseded_bytes = usage.superseded_bytes.saturating_add(applied.superseded_bytes);
            usage.files = usage.files.saturating_add_signed(applied.files);
            usage.bytes = usage.bytes.saturating_add_signed(applied.bytes);
            usage.changed = revision;
        }
        applied.decisions.into_iter().for_each(|decision| self.ledger.take_note(decision));
    }
}

/// A refusal's receipt without its reason.
fn receipt_of(submission: &Submission, origin: Origin) -> Receipt {
    let body = &submission.envelope.body;
    Receipt {
        id: submission.id,
        domain: body.domain.clone(),
        author: body.author,
        from_seq: body.from_seq,
        to_seq: body.to_seq,
        state: State::Refused,
        revision: Some(submission.revision),
        lane: Some(origin.lane),
        stage: None,
        code: None,
        detail: None,
        conflicts: Vec::new(),
        changes: Vec::new(),
    }
}
