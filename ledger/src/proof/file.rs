//! Proof of the file at a path at a checkpoint, or of its absence.

use super::checkpoint::{Checkpoint, holds};
use super::{Epochs, NonceProof, ProofError, SlotProof};
use crate::state::record::{DomainRoot, FileRecord};
use crate::state::slot::Listed;
use crate::state::tree::proof::TreeProof;
use crate::state::{entry, name};
use crate::vocabulary::file::{File, Mode};
use crate::vocabulary::ids::ConflictId;
use crate::vocabulary::revision::Revision;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, ReplicaId, SeqNum, Time};

/// Proof of what stands at a path, or that nothing does.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct FileProof {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) domain: String,
    pub(crate) domain_root: DomainRoot,
    pub(crate) domain_path: TreeProof,
    pub(crate) path: String,
    pub(crate) record: Option<FileRecord>,
    pub(crate) record_path: TreeProof,
    pub(crate) mark: Option<MarkProof>,
}

/// Proof that a read mark with somebody's nonce was executed before the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct MarkProof {
    pub(crate) slot: SlotProof,
    pub(crate) nonce: NonceProof,
}

/// A strong read's place in the order (R): where its mark was executed, and its nonce's path in the mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// The slot in which the mark was executed.
    pub seq: SeqNum,
    /// The nonce and its path.
    pub nonce: NonceProof,
}

/// Statement of a verified file proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedFile {
    /// The domain.
    pub domain: String,
    /// The path.
    pub path: String,
    /// File that is served there; none where nothing is.
    pub file: Option<File>,
    /// The revision that made it so; none where nothing was ever known to stand there.
    pub revision: Option<Revision>,
    /// The open conflict.
    pub conflict: Option<ConflictId>,
    /// The checkpoint's slot.
    pub seq: SeqNum,
    /// Ledger time at the checkpoint.
    pub time: Time,
    /// Replicas that signed the checkpoint.
    pub signers: Vec<ReplicaId>,
    /// The nonce of the strong read, with the slot in which its mark was executed.
    pub nonce: Option<(Digest, SeqNum)>,
}

impl ProvedFile {
    /// SHA-256 of the content; none where nothing is served.
    pub fn hash(&self) -> Option<Digest> {
        self.file.map(|file| file.content)
    }

    /// File, executable or link.
    pub fn mode(&self) -> Option<Mode> {
        self.file.map(|file| file.mode)
    }
}

impl FileProof {
    /// The checkpoint's slot, the hash of what is served, and the open conflict, as the proof claims. Shows nothing until it
    /// is verified.
    pub fn claim(&self) -> (SeqNum, Option<Digest>, Option<ConflictId>) {
        let (file, conflict) = self.record.as_ref().map_or((None, None), |record| (record.file, record.conflict));
        (self.checkpoint.head().seq, file.map(|file| file.content), conflict)
    }

    /// Whether it speaks of this file, and of a read with this nonce where there is one. Shows nothing until it is verified.
    pub fn is_of(&self, domain: &str, path: &str, nonce: Option<Digest>) -> bool {
        let marked = self.mark.as_ref().map(|mark| mark.nonce.nonce());
        (self.domain.as_str(), self.path.as_str()) == (domain, path) && (nonce.is_none() || nonce == marked)
    }

    pub(super) fn verify(&self, known: &Epochs) -> Result<(ProvedFile, Epochs), ProofError> {
        let (_, epochs) = self.checkpoint.verify_after(known)?;
        let root = entry::bytes_of(&self.domain_root);
        let domain_name = name::domain_root(&self.domain);
        self.checkpoint.holds(&domain_name, Some(&root), &self.domain_path, "the domain")?;
        let record = self.record.as_ref().map(entry::bytes_of);
        let file_name = name::file(&self.path);
        holds(&self.domain_root.root, &file_name, record.as_deref(), &self.record_path, "the path")?;
        let head = self.checkpoint.head();
        let nonce = self.mark.as_ref().map(|mark| mark.verify(&self.checkpoint)).transpose()?;
        let record = self.record.as_ref();
        let proved = ProvedFile {
            domain: self.domain.clone(),
            path: self.path.clone(),
            file: record.and_then(|record| record.file),
            revision: record.map(|record| record.since),
            conflict: record.and_then(|record| record.conflict),
            seq: head.seq,
            time: head.time,
            signers: self.checkpoint.signers(),
            nonce,
        };
        Ok((proved, epochs))
    }
}

impl MarkProof {
    fn verify(&self, checkpoint: &Checkpoint) -> Result<(Digest, SeqNum), ProofError> {
        self.slot.verify(checkpoint, &Listed::Mark(self.nonce.root()))?;
        Ok((self.nonce.nonce(), self.slot.seq()))
    }
}
