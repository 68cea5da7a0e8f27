//! Proof of a group's branch of a transaction over several groups, for the other groups.

use super::checkpoint::Checkpoint;
use super::{Epochs, ProofError};
use crate::format::change::PROOF_BYTES_MAX;
use crate::state::branch::BranchRecord;
use crate::state::tree::proof::TreeProof;
use crate::state::{entry, name};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Committee, Epoch, SeqNum};

/// Proof of the state of a branch at a checkpoint of its group.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BranchProof {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) record: BranchRecord,
    pub(crate) path: TreeProof,
}

impl BranchProof {
    /// Bytes of the proof.
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing into memory cannot fail")
    }

    /// Reads a proof; none if these bytes are none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= PROOF_BYTES_MAX).then(|| borsh::from_slice(bytes).ok()).flatten()
    }

    /// The same for a reader who knows this epoch: without the steps that lead to it.
    pub fn after(mut self, known: Epoch) -> Self {
        self.checkpoint.epochs.retain(|step| step.certificate.epoch >= known);
        self
    }

    /// The branch, as the proof claims. Shows nothing until it is verified.
    pub fn record(&self) -> &BranchRecord {
        &self.record
    }

    /// The state that shows the branch.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Slot of the checkpoint.
    pub fn seq(&self) -> SeqNum {
        self.checkpoint.head().seq
    }

    /// Signatures that are checked for a reader who knows this epoch.
    pub(crate) fn signatures(&self, known: Epoch) -> usize {
        let steps = self.checkpoint.epochs.iter().map(|step| &step.certificate);
        let ahead = steps.filter(|certificate| certificate.epoch >= known).chain([self.checkpoint.certificate()]);
        ahead.map(|certificate| certificate.signatures.len()).sum()
    }

    /// Verifies the proof for a reader who knows these epochs of the group, and says which are known with it. Steps to the first of
    /// them, or to epochs before it, show such a reader nothing.
    pub fn verify(&self, known: &Epochs) -> Result<Epochs, ProofError> {
        let first = known.committees().first().map(Committee::epoch).unwrap_or_default();
        let (_, epochs) = self.clone().after(first).checkpoint.verify_after(known)?;
        let (name, value) = (name::transaction(&self.record.transaction.id()), entry::bytes_of(&self.record));
        self.checkpoint.holds(&name, Some(&value), &self.path, "the transaction")?;
        Ok(epochs)
    }
}
