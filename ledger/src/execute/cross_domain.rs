//! Effects of a transaction in the domains beside its own.

use super::Execution;
use crate::apply::Applied;
use crate::format::receipt::{PathChange, Receipt, State};
use crate::state::numbers::Used;
use crate::state::record::NumberAnswer;
use crate::state::store::{StoreError, Table};
use crate::state::{name, rows};
use crate::validate::submission::{self, Submission};

impl Execution<'_, '_> {
    /// Uses the author's number in each domain, or notes the attempt where it was its turn and the whole was refused.
    pub(super) fn write_parts(&mut self, submission: &Submission, receipt: &Receipt) -> Result<(), StoreError> {
        let (body, refused) = (&submission.envelope.body, receipt.state == State::Refused);
        for part in &submission.parts {
            let Some(number) = part.place.map(|place| place.record.number) else { continue };
            let mut sequence = submission::sequence(&self.overlay, number, body)?;
            let entered = part.entered;
            if sequence.next != entered.seq || entered.attempt <= sequence.attempt {
                continue; // it was refused, and somebody else's number or attempt stays as it is
            }
            (sequence.next, sequence.attempt) =
                if refused { (sequence.next, entered.attempt) } else { (entered.seq + 1, 0) };
            match refused {
                true if receipt.is_for_another_slot() => (),
                true => sequence.track_record.refused += 1,
                false => sequence.track_record.effective += 1,
            }
            let used = Used { domain: number, author: &body.author, number: entered.seq, attempt: entered.attempt };
            self.use_number(&used, submission.id, &mut sequence, NumberAnswer::Part);
            self.overlay.put(number, name::sequence(&body.author), &sequence);
            if !refused {
                self.overlay.put_row(
                    Table::Archive,
                    rows::log(number, submission.revision),
                    submission.id.0.0.to_vec(),
                );
                self.moved.push((body.author, entered.domain.to_owned()));
            }
        }
        Ok(())
    }

    /// Takes in what it did in each domain.
    pub(super) fn take_in_parts(&mut self, submission: &Submission, others: Vec<Applied>, receipt: &mut Receipt) {
        for (part, applied) in submission.parts.iter().zip(others) {
            let domain = part.entered.domain;
            let merged = applied.state() == State::Merged;
            receipt.state = if merged { State::Merged } else { receipt.state };
            let elsewhere = |change: PathChange| PathChange { path: format!("{domain}//{}", change.path), ..change };
            receipt.changes.extend(applied.changes().into_iter().map(elsewhere));
            self.account(domain, applied, submission.revision);
        }
        receipt.changes.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    }
}
