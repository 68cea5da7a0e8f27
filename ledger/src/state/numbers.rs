//! Numbers that authors used: a row for each verdict, which the author's [`Sequence`] vouches for.
//!
//! Execution asks for those within the horizon, and for the newest [`NUMBERS_MAX`] of an author in a domain: a replica
//! may forget all others.

use crate::state::overlay::Overlay;
use crate::state::record::{NumberRow, Sequence};
use crate::state::store::{Live, Read, StoreError, Table};
use crate::state::{entry, name, rows};
use crate::vocabulary::ids::EnvelopeId;
use borsh::BorshDeserialize;
use core::ops::ControlFlow;
use quorate_pbft::{Digest, PublicKey, SeqNum, hash};

/// Newest verdicts of an author in a domain that later envelopes may build on. So the longest chain has as many links.
pub(crate) const NUMBERS_MAX: u64 = 4_096;

/// A number as an author uses it: the domain, and number and attempt there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used<'a> {
    pub(crate) domain: u32,
    pub(crate) author: &'a PublicKey,
    pub(crate) number: u64,
    pub(crate) attempt: u64,
}

impl Used<'_> {
    pub(crate) fn key(&self) -> Vec<u8> {
        rows::number(self.domain, self.author, self.number, self.attempt)
    }

    /// Adds a verdict to those of its author; the key of its row.
    pub(crate) fn put(&self, overlay: &mut Overlay, sequence: &mut Sequence, row: &NumberRow) -> Vec<u8> {
        sequence.verdicts = row.ordinal;
        sequence.numbers = hash_of((self.number, self.attempt), row);
        let key = self.key();
        overlay.put_row(Table::Past, key.clone(), entry::bytes_of(row));
        key
    }

    /// Envelope that had the verdict at this number and attempt, as far as execution may know.
    pub(crate) fn by(
        &self,
        overlay: &Overlay,
        sequence: &Sequence,
        floor: SeqNum,
    ) -> Result<Option<EnvelopeId>, StoreError> {
        let row: Option<NumberRow> = overlay.row(Live::Past, &self.key())?;
        Ok(row.filter(|row| is_known(row.ordinal, row.slot, sequence, floor)).map(|row| row.envelope))
    }
}

/// Verdict at a number and attempt, as the rows that are kept tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// The row of the verdict.
    By(Box<NumberRow>),
    /// No envelope had one there.
    Nobody,
    /// Rows thereabouts are forgotten.
    Forgotten,
}

impl Used<'_> {
    /// The verdict there, of one that may be beyond the horizon: for those who ask, never for execution. Verdicts are
    /// counted, so that two rows show whether one is missing between them.
    pub(crate) fn told(&self, read: &dyn Read, sequence: &Sequence) -> Result<Told, StoreError> {
        let (first, last) = (self.at((0, 0)), self.at((u64::MAX, u64::MAX)));
        let (mut below, mut above) = (Ok(None), Ok(None));
        read.scan(Table::Past, &self.key(), &last, &mut |key, row| {
            above = entry::value_of::<NumberRow>(row).map(|row| Some((key == self.key(), row)));
            ControlFlow::Break(())
        })?;
        read.scan_back(Table::Past, &first, &self.key(), &mut |_, row| {
            below = entry::value_of::<NumberRow>(row).map(|row| Some(row.ordinal));
            ControlFlow::Break(())
        })?;
        Ok(match (below?.unwrap_or(0), above?) {
            (_, Some((true, row))) => Told::By(Box::new(row)),
            (below, None) if below == sequence.verdicts => Told::Nobody,
            (below, Some((false, row))) if row.ordinal == below + 1 => Told::Nobody,
            _ => Told::Forgotten,
        })
    }

    fn at(&self, (number, attempt): (u64, u64)) -> Vec<u8> {
        rows::number(self.domain, self.author, number, attempt)
    }
}

/// Whether an author had a verdict in a domain before a slot, or may have had one: rows of before may be forgotten.
pub(crate) fn may_be_older(
    read: &dyn Read,
    (domain, author): (u32, &PublicKey),
    slot: SeqNum,
) -> Result<bool, StoreError> {
    let known: Option<Sequence> = entry::load(read, domain, &name::sequence(author))?;
    if known.is_none_or(|sequence| sequence.verdicts == 0) {
        return Ok(false);
    }
    let [first, last] = [0, u64::MAX].map(|end| rows::number(domain, author, end, end));
    let mut oldest = Ok(None);
    read.scan(Table::Past, &first, &last, &mut |_, row| {
        oldest = entry::value_of::<NumberRow>(row).map(Some);
        ControlFlow::Break(())
    })?;
    Ok(oldest?.is_none_or(|row| row.ordinal > 1 || row.slot < slot))
}

/// Running hash over the rows up to one at a number and attempt.
pub(crate) fn hash_of(at: (u64, u64), row: &NumberRow) -> Digest {
    hash("quorate/v1/number", &(at, row))
}

/// Whether execution may still ask for a verdict.
pub(crate) fn is_known(ordinal: u64, slot: SeqNum, sequence: &Sequence, floor: SeqNum) -> bool {
    slot >= floor && sequence.verdicts < ordinal.saturating_add(NUMBERS_MAX)
}

/// Place among its author's verdicts, and slot, that begin a row after the envelope's id.
pub(crate) fn place_of(mut row: &[u8]) -> Result<(u64, SeqNum), StoreError> {
    let begin: Result<(EnvelopeId, u64, SeqNum), _> = BorshDeserialize::deserialize(&mut row);
    begin.map(|(_, ordinal, slot)| (ordinal, slot)).map_err(|_| entry::damaged("the row of a number"))
}

/// The row of an envelope in its own domain, with its key.
pub(crate) fn of_envelope(overlay: &Overlay, id: &EnvelopeId) -> Result<Option<(Vec<u8>, NumberRow)>, StoreError> {
    let Some(key) = key_of_envelope(overlay, id)? else { return Ok(None) };
    Ok(overlay.row(Live::Past, &key)?.map(|row| (key, row)))
}

/// The key of that row. A row that names nothing is damaged: an answer without it would be another replica's only by chance.
pub(crate) fn key_of_envelope(overlay: &Overlay, id: &EnvelopeId) -> Result<Option<Vec<u8>>, StoreError> {
    let key = overlay.bytes(Live::Index, &rows::envelope(id))?;
    if key.as_ref().is_some_and(Vec::is_empty) {
        return Err(entry::damaged("the row of an envelope"));
    }
    Ok(key)
}
