//! Changes that waited for the word of others, after their wait: the state has forgotten who spoke, and history tells.
//!
//! A word is an envelope of the log. Its bytes are not in the ledger, but in the bundle that brought it.

use super::{QueryError, StateView};
use crate::format::receipt::{Receipt, State};
use crate::state::record::{NumberAnswer, NumberRow, Verdict};
use crate::state::slot::{Listed, SlotLeaf};
use crate::state::store::{StoreError, Table};
use crate::state::{entry, rows};
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::revision::Revision;
use quorate_pbft::{Epoch, Position, PublicKey, ReplicaId, SeqNum};

/// Wait of a change for the word of others, as history tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waited {
    /// The change did not wait, or waits still, or was never ordered in this domain.
    Not,
    /// Rows of history are forgotten that would tell.
    Forgotten,
    /// The wait is over.
    Until(Box<EndedWait>),
}

/// Wait that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedWait {
    /// The revision that ordered the change.
    pub since: Revision,
    /// The last receipt of the change: of the revision at which it took effect, or was refused.
    pub receipt: Receipt,
}

/// Accepted envelope, and the bundle that brought it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brought {
    /// The envelope.
    pub id: EnvelopeId,
    /// Author of the envelope.
    pub author: PublicKey,
    /// Epoch of the slot that ordered it.
    pub epoch: Epoch,
    /// Lane of the bundle.
    pub lane: ReplicaId,
    /// Place of the bundle in its lane.
    pub position: Position,
    /// Bytes that were read for this: a receipt may name many paths.
    pub bytes: usize,
}

impl StateView<'_> {
    /// Wait of a change of a domain that is over.
    pub fn waited(&self, domain: &str, id: &EnvelopeId) -> Result<Waited, QueryError> {
        self.number(domain)?;
        let oldest = self.history_from()?;
        let lacking = if oldest > SeqNum::default() { Waited::Forgotten } else { Waited::Not };
        let Some(receipt) = self.ledger.receipt(self.read, id)? else { return Ok(lacking) };
        if receipt.domain != domain || receipt.state == State::Pending {
            return Ok(Waited::Not);
        }
        let Some(row) = self.number_row(id)? else { return Ok(lacking) };
        if !matches!(row.answer, NumberAnswer::Waits(_)) {
            return Ok(Waited::Not);
        }
        if row.slot < oldest {
            return Ok(Waited::Forgotten);
        }
        let since = self.pending_since(&receipt, row.slot)?;
        Ok(since.map_or(lacking, |since| Waited::Until(Box::new(EndedWait { since, receipt }))))
    }

    /// The place of an accepted envelope in the order; none for a settlement, which no envelope made.
    pub fn brought(&self, revision: Revision, id: &EnvelopeId) -> Result<Option<Brought>, QueryError> {
        let row = self.read.get(Table::Receipts, &id.0.0)?.ok_or(QueryError::Dropped(revision))?;
        let Verdict { receipt, position, .. } = entry::value_of(&row)?;
        let Some(lane) = receipt.lane.filter(|_| receipt.from_seq > 0) else { return Ok(None) };
        // An envelope that waited itself was brought before the revision that it made.
        let slot = self.number_row(id)?.map_or(revision.seq(), |row| row.slot);
        let (author, epoch) = (receipt.author, self.epoch_of(slot)?);
        Ok(Some(Brought { id: *id, author, epoch, lane, position, bytes: row.len() }))
    }

    fn number_row(&self, id: &EnvelopeId) -> Result<Option<NumberRow>, StoreError> {
        let Some(key) = self.read.get(Table::Index, &rows::envelope(id))? else { return Ok(None) };
        entry::load_row(self.read, Table::Past, &key)
    }

    /// The revision at which a change was ordered as pending: that of its first receipt, which its slot lists.
    fn pending_since(&self, last: &Receipt, slot: SeqNum) -> Result<Option<Revision>, StoreError> {
        let row: Option<(SlotLeaf, Vec<Listed>)> = entry::load_row(self.read, Table::Archive, &rows::slot(slot))?;
        let Some((_, list)) = row else { return Ok(None) };
        let (stage, code, detail, conflicts, changes) = Default::default();
        let mut first = Receipt { state: State::Pending, stage, code, detail, conflicts, changes, ..last.clone() };
        let verdicts = list.into_iter().filter(|listed| matches!(listed, Listed::Receipt(_)));
        Ok((1..).zip(verdicts).find_map(|(place, listed)| {
            first.revision = Revision::item(slot, place);
            first.revision.filter(|_| listed == Listed::Receipt(first.digest()))
        }))
    }
}
