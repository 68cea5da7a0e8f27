//! Recorded evidence (E5).

use super::page::{self, Page};
use super::{QueryError, StateView};
use crate::format::constants::GROUP;
use crate::proof::{EvidenceProof, Proof};
use crate::state::record::EpochRecord;
use crate::state::store::{StoreError, Table};
use crate::state::{entry, name, rows};
use core::ops::{ControlFlow, RangeInclusive};
use quorate_pbft::{Digest, Evidence, EvidenceKey, PublicKey, ReplicaId, SeqNum, View};

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
    /// Evidence in the order in which it was recorded, after the evidence `from`. No proof is read: one may be as large as
    /// a bundle.
    pub fn evidence(&self, from: Option<Digest>, limit: usize) -> Result<Page<EvidenceEntry>, QueryError> {
        let limit = page::limit(limit);
        let mut found = self.evidence_in(SeqNum::new(0)..=SeqNum::new(u64::MAX))?;
        if let Some(from) = from {
            let place = found.iter().position(|evidence| evidence.id == from).ok_or(QueryError::Cursor)?;
            found.drain(..=place);
        }
        found.truncate(limit + 1);
        Ok(Page::cut(found, limit, |evidence| evidence.id.to_string()))
    }

    /// Evidence that these slots recorded, in order: at most eight for a replica.
    pub fn evidence_in(&self, slots: RangeInclusive<SeqNum>) -> Result<Vec<EvidenceEntry>, StoreError> {
        let first = rows::evidence_at(*slots.start(), &Digest::ZERO);
        let last = rows::evidence_at(*slots.end(), &Digest([0xff; 32]));
        let mut found = Vec::new();
        self.read.scan(Table::Archive, &first, &last, &mut |key, value| {
            found.push(self.evidence_entry(key, value));
            ControlFlow::Continue(())
        })?;
        found.into_iter().collect()
    }

    /// Number of a member of the epoch that the last executed slot belongs to.
    pub fn number_of_member(&self, key: &PublicKey) -> Option<ReplicaId> {
        self.ledger.voters().replica_of(key)
    }

    /// The proof file.
    pub fn evidence_file(&self, id: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let evidence: Option<Evidence> = entry::load_row(self.read, Table::Archive, &rows::evidence(id))?;
        let prove = |evidence| Ok(EvidenceProof::through(&self.chain_of_epochs()?, evidence));
        let proof = evidence.map(prove).transpose()?;
        Ok(proof.map(|proof| Proof::Evidence(Box::new(proof)).encode()))
    }

    fn evidence_entry(&self, key: &[u8], value: &[u8]) -> Result<EvidenceEntry, StoreError> {
        let (recorded_at, id) = place(key).ok_or_else(|| entry::damaged("the place of evidence"))?;
        let (what, view, seq): (EvidenceKey, View, SeqNum) = entry::value_of(value)?;
        let members: Option<EpochRecord> = entry::load(self.read, GROUP, &name::epoch(what.epoch))?;
        let key = members.and_then(|epoch| epoch.members.get(what.signer.index()).copied());
        let key = key.ok_or_else(|| entry::damaged("the offender of evidence"))?;
        Ok(EvidenceEntry { id, what, key, view, seq, recorded_at })
    }
}

fn place(key: &[u8]) -> Option<(SeqNum, Digest)> {
    let (seq, id) = key.get(1..)?.split_first_chunk()?;
    Some((SeqNum::new(u64::from_be_bytes(*seq)), Digest(id.try_into().ok()?)))
}
