//! Executed slots: their lists, and their leaves in the tree of slots.

use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, SeqNum, hash};

/// Entry in a slot's list: an event of which there can be a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Listed {
    /// A verdict: [`crate::Receipt::digest`].
    Receipt(Digest) = 1,
    /// An executed read mark (R): the Merkle root of its readers' nonces.
    Mark(Digest) = 2,
}

impl Listed {
    /// The leaf in the slot's list.
    pub fn digest(&self) -> Digest {
        hash("quorate/v1/listed", self)
    }
}

/// Leaf of a slot in the tree of executed slots.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SlotLeaf {
    /// The slot.
    pub seq: SeqNum,
    /// Over all bundles executed so far (L5).
    pub lane_hash: Digest,
    /// Merkle root over the digests of its list.
    pub list_root: Digest,
    /// Number of things in its list.
    pub list_len: u32,
}

impl SlotLeaf {
    /// The leaf.
    pub fn digest(&self) -> Digest {
        hash("quorate/v1/slot", self)
    }
}
