//! Proof of an event in a slot: a verdict, or an executed read mark.

use super::checkpoint::Checkpoint;
use super::{Epochs, ProofError};
use crate::format::receipt::Receipt;
use crate::state::slot::{Listed, SlotLeaf};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, MERKLE_DEPTH_MAX, ReplicaId, SeqNum, Time, bounded, merkle_proves};

/// Proof that something stands in the list of an executed slot.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SlotProof {
    pub(crate) slot: SlotLeaf,
    /// The slot's path in the tree of executed slots.
    #[borsh(deserialize_with = "bounded::list::<MERKLE_DEPTH_MAX, _, _>")]
    pub(crate) slot_path: Vec<Digest>,
    /// Place in the slot's list.
    pub(crate) place: u32,
    /// Its path in the list.
    #[borsh(deserialize_with = "bounded::list::<MERKLE_DEPTH_MAX, _, _>")]
    pub(crate) list_path: Vec<Digest>,
}

/// Proof of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ReceiptProof {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) slot: SlotProof,
    pub(crate) receipt: Receipt,
}

/// Statement of a verified receipt proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedReceipt {
    /// The verdict.
    pub receipt: Receipt,
    /// The checkpoint's slot.
    pub seq: SeqNum,
    /// Ledger time at the checkpoint.
    pub time: Time,
    /// Replicas that signed the checkpoint.
    pub signers: Vec<ReplicaId>,
}

impl SlotProof {
    pub(super) fn seq(&self) -> SeqNum {
        self.slot.seq
    }

    pub(super) fn verify(&self, checkpoint: &Checkpoint, listed: &Listed) -> Result<(), ProofError> {
        slot_stands(checkpoint, &self.slot, &self.slot_path)?;
        let (place, count) = (self.place as usize, self.slot.list_len as usize);
        if merkle_proves(&self.slot.list_root, &listed.digest(), place, count, &self.list_path) {
            Ok(())
        } else {
            Err(ProofError::Path("the receipt or mark"))
        }
    }
}

/// Checks that a slot is in the tree of executed slots of a state.
pub(super) fn slot_stands(checkpoint: &Checkpoint, leaf: &SlotLeaf, path: &[Digest]) -> Result<(), ProofError> {
    let slots = &checkpoint.head().slots;
    let root = slots.root().ok_or(ProofError::Path("the slot"))?;
    let index = leaf.seq.previous().ok_or(ProofError::Path("the slot"))?;
    let is_there = merkle_proves(&root, &leaf.digest(), index.get() as usize, slots.size() as usize, path);
    if is_there { Ok(()) } else { Err(ProofError::Path("the slot")) }
}

impl ReceiptProof {
    /// The receipt, as the proof claims. Shows nothing until it is verified.
    pub fn claim(&self) -> &Receipt {
        &self.receipt
    }

    pub(super) fn verify(&self, known: &Epochs) -> Result<(ProvedReceipt, Epochs), ProofError> {
        let (_, epochs) = self.checkpoint.verify_after(known)?;
        self.slot.verify(&self.checkpoint, &Listed::Receipt(self.receipt.digest()))?;
        let head = self.checkpoint.head();
        let (receipt, signers) = (self.receipt.clone(), self.checkpoint.signers());
        Ok((ProvedReceipt { receipt, seq: head.seq, time: head.time, signers }, epochs))
    }
}
