//! Recorded evidence (E5).

use super::page::{self, Page};
use super::{QueryError, StateView};
use crate::proof::{EvidenceProof, Proof};
use crate::state::store::{StoreError, Table};
use crate::state::{entry, rows};
use core::ops::ControlFlow;
use quorate_pbft::{Digest, Evidence, EvidenceKey, PublicKey, SeqNum, View};

/// Proof of a replica's fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceEntry {
    /// Names the proof.
    pub id: Digest,
    /// The offender's number, the epoch, and what it did.
    pub what: EvidenceKey,
    /// The offender's key.
    pub key: PublicKey,
    /// View of the offence; its meaning depends on the kind.
    pub view: View,
    /// Slot, or position in a lane, of the offence.
    pub seq: SeqNum,
    /// The slot that recorded it.
    pub recorded_at: SeqNum,
}

impl<'a> StateView<'a> {
    /// Evidence in the order in which it was recorded, after the evidence `from`.
    pub fn evidence(&self, from: Option<Digest>, limit: usize) -> Result<Page<EvidenceEntry>, QueryError> {
        let limit = page::limit(limit);
        let first = rows::evidence_at(SeqNum::new(0), &Digest::ZERO);
        let last = rows::evidence_at(SeqNum::new(u64::MAX), &Digest([0xff; 32]));
        let mut found = Vec::new();
        self.read.scan(Table::History, &first, &last, &mut |key, _| {
            found.extend(place(key));
            ControlFlow::Continue(()) // at most eight for a replica
        })?;
        let start = match from {
            None => 0,
            Some(from) => 1 + found.iter().position(|(_, id)| *id == from).ok_or(QueryError::Cursor)?,
        };
        let shown = found.drain(start..).take(limit + 1).map(|(seq, id)| self.evidence_entry(seq, id));
        let shown = shown.collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(shown, limit, |evidence| evidence.id.to_string()))
    }

    /// The proof file.
    pub fn evidence_file(&self, id: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let evidence: Option<Evidence> = entry::load_row(self.read, Table::History, &rows::evidence(id))?;
        Ok(evidence.map(|evidence| Proof::Evidence(Box::new(EvidenceProof::new(evidence))).encode()))
    }

    fn evidence_entry(&self, recorded_at: SeqNum, id: Digest) -> Result<EvidenceEntry, StoreError> {
        let evidence: Option<Evidence> = entry::load_row(self.read, Table::History, &rows::evidence(&id))?;
        let evidence = evidence.ok_or_else(|| entry::damaged("evidence"))?;
        let (what, (view, seq)) = (evidence.key(), evidence.place());
        let committee = self.ledger.genesis().committee(what.epoch);
        let key = committee.and_then(|committee| committee.key(what.signer)).copied();
        let key = key.ok_or_else(|| entry::damaged("the offender of evidence"))?;
        Ok(EvidenceEntry { id, what, key, view, seq, recorded_at })
    }
}

fn place(key: &[u8]) -> Option<(SeqNum, Digest)> {
    let (seq, id) = key.get(1..)?.split_first_chunk()?;
    Some((SeqNum::new(u64::from_be_bytes(*seq)), Digest(id.try_into().ok()?)))
}
