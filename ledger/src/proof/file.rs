//! What stands at a path at a checkpoint.

use super::checkpoint::{Checkpoint, group_path, holds};
use super::epochs::Epochs;
use super::{NonceProof, ProofError, ProveError, SlotProof, TreeProof};
use crate::change::Mode;
use crate::conflict::ConflictId;
use crate::genesis::Genesis;
use crate::moment::Moment;
use crate::revision::Revision;
use crate::slot::Listed;
use crate::state::record::{DomainRoot, File, FileRecord};
use crate::state::{entry, name};
use crate::tree::key_of;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, QuorumCert, ReplicaId, SeqNum, Time};

/// Proof of what stands at a path, or that nothing does.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct FileProof {
    checkpoint: Checkpoint,
    domain: String,
    domain_root: DomainRoot,
    domain_path: TreeProof,
    path: String,
    record: Option<FileRecord>,
    record_path: TreeProof,
    mark: Option<MarkProof>,
}

/// Proof that a read mark with somebody's nonce was executed before the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct MarkProof {
    slot: SlotProof,
    nonce: NonceProof,
}

/// A strong read's place in the order (R): where its mark was executed, and its nonce's path in the mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// The slot in which the mark was executed.
    pub seq: SeqNum,
    /// The nonce and its path.
    pub nonce: NonceProof,
}

/// What a file proof shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedFile {
    /// The domain.
    pub domain: String,
    /// The path.
    pub path: String,
    /// What is served there; none where nothing is.
    pub file: Option<File>,
    /// The revision that made it so; none where nothing was ever known to stand there.
    pub revision: Option<Revision>,
    /// The open conflict.
    pub conflict: Option<ConflictId>,
    /// The checkpoint's slot.
    pub seq: SeqNum,
    /// Ledger time at the checkpoint.
    pub time: Time,
    /// Who signed the checkpoint.
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

impl<'a> Moment<'a> {
    /// The proof of what stands at a path in this state, which `certificate` must certify.
    pub fn prove_file(
        &self,
        certificate: &QuorumCert,
        domain: &str,
        path: &str,
        mark: Option<&Marked>,
    ) -> Result<FileProof, ProveError> {
        self.prove_file_through(&Epochs::of(self.ledger.genesis()), certificate, domain, path, mark)
    }

    /// As [`Moment::prove_file`], where the certificate is of an epoch that the genesis does not begin.
    pub fn prove_file_through(
        &self,
        epochs: &Epochs,
        certificate: &QuorumCert,
        domain: &str,
        path: &str,
        mark: Option<&Marked>,
    ) -> Result<FileProof, ProveError> {
        let checkpoint = Checkpoint::of(self, certificate, epochs)?;
        let known = self.ledger.domain(domain).ok_or(ProveError::Unknown("the domain"))?;
        let (tree, file_name) = (&known.tree, name::file(path));
        Ok(FileProof {
            checkpoint,
            domain: domain.to_owned(),
            domain_root: DomainRoot { root: tree.root(), count: tree.count() },
            domain_path: group_path(self, &name::domain_root(domain))?,
            path: path.to_owned(),
            record: entry::load(self.read, tree.number(), &file_name)?,
            record_path: tree.prove(&key_of(&file_name), self.read)?,
            mark: mark.map(|mark| self.prove_mark(mark)).transpose()?,
        })
    }

    fn prove_mark(&self, mark: &Marked) -> Result<MarkProof, ProveError> {
        let listed = Listed::Mark(mark.nonce.root());
        let slot = SlotProof::of(self, mark.seq, |at| *at == listed)?;
        Ok(MarkProof { slot, nonce: mark.nonce.clone() })
    }
}

impl FileProof {
    /// The checkpoint's slot and the hash of what is served, as the proof claims. Shows nothing until it is verified.
    pub fn claim(&self) -> (SeqNum, Option<Digest>) {
        let file = self.record.as_ref().and_then(|record| record.file);
        (self.checkpoint.head().seq, file.map(|file| file.content))
    }

    pub(super) fn verify(&self, genesis: &Genesis) -> Result<ProvedFile, ProofError> {
        self.checkpoint.verify(genesis)?;
        let root = entry::bytes_of(&self.domain_root);
        let domain_name = name::domain_root(&self.domain);
        self.checkpoint.holds(&domain_name, Some(&root), &self.domain_path, "the domain")?;
        let record = self.record.as_ref().map(entry::bytes_of);
        let file_name = name::file(&self.path);
        holds(&self.domain_root.root, &file_name, record.as_deref(), &self.record_path, "the path")?;
        let head = self.checkpoint.head();
        let nonce = self.mark.as_ref().map(|mark| mark.verify(&self.checkpoint)).transpose()?;
        let record = self.record.as_ref();
        Ok(ProvedFile {
            domain: self.domain.clone(),
            path: self.path.clone(),
            file: record.and_then(|record| record.file),
            revision: record.map(|record| record.since),
            conflict: record.and_then(|record| record.conflict),
            seq: head.seq,
            time: head.time,
            signers: self.checkpoint.signers(),
            nonce,
        })
    }
}

impl MarkProof {
    fn verify(&self, checkpoint: &Checkpoint) -> Result<(Digest, SeqNum), ProofError> {
        self.slot.verify(checkpoint, &Listed::Mark(self.nonce.root()))?;
        Ok((self.nonce.nonce(), self.slot.seq()))
    }
}
