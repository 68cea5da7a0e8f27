//! Settlements that are nobody's envelope: what votes or a deadline brought about, as a change of its own.
//!
//! Such a change has no number of its author's. The log tells it, and it has its receipt and its proof under the
//! conflict's own id; its author is that of the side which stands, its numbers are 0.

use super::Execution;
use super::envelope::Origin;
use crate::apply::{Applied, Applier, Attribution};
use crate::format::receipt::Receipt;
use crate::state::abort::Abort;
use crate::state::record::{ConflictRecord, Verdict};
use crate::state::store::{StoreError, Table};
use crate::state::{entry, name, rows};
use crate::vocabulary::conflict::{Ending, Settled};
use crate::vocabulary::ids::{ConflictId, EnvelopeId};
use crate::vocabulary::revision::Revision;
use core::time::Duration;
use quorate_pbft::Position;

impl Execution<'_, '_> {
    /// Enough organisations have voted: the winner takes effect here. If it cannot, the conflict stays open, and the
    /// next vote asks again. The time that this takes at the worst.
    pub(super) fn conclude(&mut self, id: &ConflictId, domain: &str, origin: Origin) -> Result<Duration, StoreError> {
        let context = self.context(domain);
        let place = context.place(domain).ok_or_else(|| entry::damaged("a conflict's domain"))?;
        let by = Attribution::settlement(id, context.revision());
        let mut applier = Applier::new(&mut self.overlay, context.limits(), place, by);
        let concluded = applier.conclude(id);
        let (applied, spent) = applier.applied_and_spent();
        match concluded {
            Ok(()) => self.concluded(id, (domain, place.record.number), context.revision(), Some(origin), applied)?,
            Err(Abort::Refused(_) | Abort::Deferred(_)) => self.overlay.rollback(),
            Err(Abort::Store(error)) => return Err(error),
        }
        Ok(spent.time())
    }

    /// Keeps what a turn that nobody signed has done; where it settled the conflict, with a receipt.
    pub(super) fn concluded(
        &mut self,
        id: &ConflictId,
        (domain, number): (&str, u32),
        revision: Revision,
        origin: Option<Origin>,
        applied: Applied,
    ) -> Result<(), StoreError> {
        if !applied.has_changes() {
            self.overlay.commit()?;
            self.account(domain, applied, revision);
            return self.note_losers();
        }
        let conflict: Option<ConflictRecord> = self.overlay.get(number, &name::conflict(id))?;
        let settled = conflict.as_ref().and_then(|conflict| conflict.settled.clone());
        let settled = settled.ok_or_else(|| entry::damaged("a settlement"))?;
        let words = words(&settled);
        let receipt = Receipt {
            id: EnvelopeId(id.0),
            domain: domain.to_owned(),
            author: settled.author,
            from_seq: 0,
            to_seq: 0,
            state: applied.state(),
            revision: Some(revision),
            lane: origin.map(|origin| origin.lane),
            stage: None,
            code: None,
            detail: Some(words.clone()),
            conflicts: applied.conflicts(),
            changes: applied.changes(),
        };
        let verdict = Verdict {
            receipt: receipt.clone(),
            position: origin.map_or(Position::new(0), |origin| origin.position),
            messages: vec![words],
            time_ms: self.time.get(),
            time: self.time,
            first: revision,
            parent: None,
            place: self.list.len() as u32, // a slot holds fewer than 2^32 items
        };
        self.overlay.put_row(Table::Receipts, id.0.0.to_vec(), entry::bytes_of(&verdict));
        self.overlay.put_row(Table::Archive, rows::log(number, revision), id.0.0.to_vec());
        self.account(domain, applied, revision);
        self.publish(receipt)
    }
}

fn words(settled: &Settled) -> String {
    let side = settled.side.map_or(String::new(), |side| format!(": side {} stands", side.saturating_add(1)));
    match settled.how {
        Ending::Vote => format!("enough organisations voted for the end of the conflict{side}"),
        Ending::LastWriter => {
            format!("the deadline of the conflict passed, and its path's policy lets the last writer win{side}")
        }
        Ending::FirstStands => {
            "the deadline of the conflict passed, and its path's policy rejects what came later".to_owned()
        }
        Ending::Change => "a change settled the conflict".to_owned(),
    }
}
