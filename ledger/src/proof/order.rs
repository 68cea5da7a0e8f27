//! Proof of the order up to a slot: which bundles were executed, and in which order, under one hash.

use super::checkpoint::Checkpoint;
use super::receipt::slot_stands;
use super::{Epochs, ProofError};
use crate::state::slot::SlotLeaf;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, MERKLE_DEPTH_MAX, SeqNum, bounded};

/// Bytes of the largest such proof: a checkpoint with its epochs, and a path.
pub const ORDER_BYTES_MAX: usize = 16 << 20;

/// Proof of the lane hash after a slot: all bundles that were executed up to there, in their order.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OrderProof {
    pub(crate) checkpoint: Checkpoint,
    /// The slot in the tree of executed slots; none before the first.
    pub(crate) slot: Option<SlotPath>,
}

/// Slot with its path in the tree of executed slots.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct SlotPath {
    pub(crate) leaf: SlotLeaf,
    #[borsh(deserialize_with = "bounded::list::<MERKLE_DEPTH_MAX, _, _>")]
    pub(crate) path: Vec<Digest>,
}

impl OrderProof {
    /// Bytes of the proof.
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing into memory cannot fail")
    }

    /// Reads a proof; none if these bytes are none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= ORDER_BYTES_MAX).then(|| borsh::from_slice(bytes).ok()).flatten()
    }

    /// The slot; 0 before the first.
    pub fn seq(&self) -> SeqNum {
        self.slot.as_ref().map_or(SeqNum::default(), |slot| slot.leaf.seq)
    }

    /// The lane hash after the slot.
    pub fn lane_hash(&self) -> Digest {
        self.slot.as_ref().map_or(Digest::ZERO, |slot| slot.leaf.lane_hash)
    }

    /// The certified state that the slot is part of.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Verifies the proof for a reader who knows these epochs, and says which are known with it.
    pub fn verify(&self, known: &Epochs) -> Result<Epochs, ProofError> {
        let (_, epochs) = self.checkpoint.verify_after(known)?;
        let Some(SlotPath { leaf, path }) = &self.slot else { return Ok(epochs) };
        slot_stands(&self.checkpoint, leaf, path)?;
        Ok(epochs)
    }
}
