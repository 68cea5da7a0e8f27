//! Verdicts, written where the author's next envelope, readers and proofs look for them.

use super::Execution;
use super::envelope::Origin;
use crate::apply::Applied;
use crate::format::receipt::{Receipt, State};
use crate::state::author_view::AuthorView;
use crate::state::numbers::Used;
use crate::state::record::{ChainPlace, NumberAnswer, NumberRow, Sequence, Verdict};
use crate::state::slot::Listed;
use crate::state::store::{StoreError, Table};
use crate::state::{chain, entry, name, rows};
use crate::validate::submission::{self, Accepted, Submission};
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::Refusal;

impl Execution<'_, '_> {
    /// Records the verdict on an envelope: receipt, number, revision and history.
    pub(super) fn record_verdict(
        &mut self,
        submission: &Submission,
        origin: Origin,
        number: Option<u32>,
        mut sequence: Sequence,
        accepted: Result<(Accepted, ChainPlace), Refusal>,
    ) -> Result<(), StoreError> {
        let (accepted, place) = match accepted {
            Ok((accepted, place)) => (Ok(accepted), Some(place)),
            Err(refusal) => (Err(refusal), None),
        };
        let (verdict, view) = self.verdict(submission, origin, accepted, number.filter(|_| place.is_some()))?;
        let waits = verdict.receipt.state == State::Pending;
        let answer = match view.zip(place).map(|(view, place)| view.into_record(place)) {
            Some(view) if waits => NumberAnswer::Waits(view),
            Some(view) => NumberAnswer::Accepted(view),
            None => NumberAnswer::Refused,
        };
        if let Some(number) = number {
            let body = &submission.envelope.body;
            if verdict.receipt.state == State::Refused {
                sequence.attempt = body.attempt;
            } else {
                (sequence.next, sequence.attempt) = (body.to_seq + 1, 0);
            }
            if !verdict.receipt.is_for_another_slot() {
                sequence.track_record.note(body, verdict.receipt.state);
            }
            self.use_number(&submission.used(number), submission.id, &mut sequence, answer);
            self.write(submission, number, sequence, &verdict);
            self.write_parts(submission, &verdict.receipt)?;
        } else {
            self.overlay.put_row(Table::Receipts, submission.id.0.0.to_vec(), entry::bytes_of(&verdict));
        }
        self.note_service(origin.lane, &verdict.receipt);
        self.publish(verdict.receipt)
    }

    /// Writes the row of a number that had its verdict now.
    pub(super) fn use_number(
        &mut self,
        used: &Used,
        envelope: EnvelopeId,
        sequence: &mut Sequence,
        answer: NumberAnswer,
    ) {
        let (ordinal, slot, before) = (sequence.verdicts + 1, self.seq, sequence.numbers);
        let row = NumberRow { envelope, ordinal, slot, answer, before };
        let key = used.put(&mut self.overlay, sequence, &row);
        for (table, key, value) in chain::index(&key, &row) {
            self.overlay.put_row(table.into(), key, value);
        }
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
        let (verdict, _) = self.verdict(submission, origin, accepted, None)?;
        sequence.track_record.note_again(verdict.receipt.state);
        self.write(submission, number, sequence, &verdict);
        self.publish(verdict.receipt)
    }

    fn write(&mut self, submission: &Submission, number: u32, sequence: Sequence, verdict: &Verdict) {
        self.overlay.put(number, name::sequence(&submission.envelope.body.author), &sequence);
        self.overlay.put_row(Table::Receipts, submission.id.0.0.to_vec(), entry::bytes_of(verdict));
        if !matches!(verdict.receipt.state, State::Refused | State::Pending) {
            self.overlay.put_row(Table::Archive, rows::log(number, submission.revision), submission.id.0.0.to_vec());
        }
    }

    pub(super) fn publish(&mut self, receipt: Receipt) -> Result<(), StoreError> {
        self.overlay.commit()?;
        self.verdicts += 1;
        self.list.push(Listed::Receipt(receipt.digest()));
        self.receipts.push(receipt);
        self.note_losers()
    }

    /// The verdict, and the author's view after an accepted envelope. Contents that a view in a domain alone names count
    /// as old ones there.
    fn verdict(
        &mut self,
        submission: &Submission,
        origin: Origin,
        accepted: Result<Accepted, Refusal>,
        keeps_view: Option<u32>,
    ) -> Result<(Verdict, Option<AuthorView>), StoreError> {
        let body = &submission.envelope.body;
        let mut receipt = receipt_of(submission, origin);
        let mut view = None;
        match accepted {
            Ok(mut accepted) => {
                receipt.state = accepted.applied.state();
                receipt.changes = accepted.applied.changes();
                if let Some(number) = keeps_view {
                    accepted.applied.superseded_bytes +=
                        submission.unserved_bytes(&self.overlay, number, &accepted.view, |_| true)?;
                }
                self.take_in(&body.domain, accepted.applied, &mut receipt);
                self.take_in_parts(submission, accepted.others, &mut receipt);
                view = Some(accepted.view);
            }
            Err(refusal) => {
                (receipt.stage, receipt.code) = (Some(refusal.stage), Some(refusal.code));
                receipt.detail = Some(refusal.detail);
            }
        }
        let messages = body.changes.iter().map(|change| &change.message).filter(|message| !message.is_empty());
        let verdict = Verdict {
            receipt,
            position: origin.position,
            messages: messages.cloned().collect(),
            time_ms: body.changes.last().map_or(0, |change| change.time_ms),
            first: view.as_ref().map_or(Revision::GENESIS, AuthorView::first),
            parent: view.as_ref().and_then(AuthorView::parent),
            time: self.time,
            place: self.list.len() as u32,
        };
        Ok((verdict, view))
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
        if (changes_files || applied.superseded_bytes > 0)
            && let Some(known) = self.ledger.domain(domain)
        {
            let usage = self.usage.entry(domain.to_owned()).or_insert_with(|| known.usage.clone());
            usage.superseded_bytes = usage.superseded_bytes.saturating_add(applied.superseded_bytes);
            usage.files = usage.files.saturating_add_signed(applied.files);
            usage.bytes = usage.bytes.saturating_add_signed(applied.bytes);
            usage.changed = if changes_files { revision } else { usage.changed };
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
