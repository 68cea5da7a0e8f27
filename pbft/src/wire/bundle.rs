//! Bundles: what a replica's lane is made of (L1).

use crate::limits::Constants;
use crate::wire::{Digest, Position, ReplicaId, Signed, bounded, hash, hash_parts, merkle_root};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Kinds of items. The core reads evidence and read marks; envelopes are the ledger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ItemKind {
    /// An author's signed envelope.
    Envelope = 1,
    /// Canonical bytes of [`crate::Evidence`] (E5).
    Evidence = 2,
    /// 32 bytes: the Merkle root of the nonces of its readers (R).
    ReadMark = 3,
    /// A member's ordered statement (M2). Its place only: nothing makes or takes one yet.
    Member = 4,
    /// A statement of the lane's owner about a conflict: the ledger's. The bundle's signature is the owner's word for it.
    Analysis = 5,
}

/// An item of a bundle: bytes with a kind.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Item {
    /// Kind of the bytes.
    pub kind: ItemKind,
    /// The thing itself, in its one encoding.
    pub bytes: Vec<u8>,
}

impl Item {
    /// H(kind, bytes): the item's leaf in the bundle's Merkle tree.
    pub fn digest(&self) -> Digest {
        hash_parts("quorate/v1/item", &[&[self.kind as u8], &self.bytes])
    }
}

/// The signed part of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BundleHeader {
    /// The owner.
    pub lane: ReplicaId,
    /// Place in the lane, from 1.
    pub position: Position,
    /// Digest of the bundle before; [`Digest::ZERO`] at position 1.
    pub parent: Digest,
    /// Number of items.
    pub items: u32,
    /// Bytes of all items' encodings together.
    pub bytes: u64,
    /// [`items_root`] of the items.
    pub items_root: Digest,
    /// Bytes of the lane so far, this bundle's included.
    pub lane_bytes: u64,
}

impl BundleHeader {
    /// The place and digest of this bundle.
    pub fn tip(&self) -> Tip {
        Tip { position: self.position, digest: self.digest() }
    }

    /// The place and digest of the bundle before.
    pub(crate) fn below(&self) -> Tip {
        Tip { position: self.position.previous().unwrap_or_default(), digest: self.parent }
    }

    /// Digest in Bundle and Ack statements.
    pub fn digest(&self) -> Digest {
        hash("quorate/v1/bundle", self)
    }
}

/// A header, its owner's statement and all items.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Bundle {
    /// The signed part.
    pub header: BundleHeader,
    /// Kind Bundle, view 0, seq = position, digest of the header.
    pub statement: Signed,
    /// The items in order.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::ITEMS_MAX }, _, _>")]
    pub items: Vec<Item>,
}

/// A bundle named by its place and digest; the lane is named by where the tip stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, BorshSerialize, BorshDeserialize)]
pub struct Tip {
    /// Place in the lane; 0: nothing yet.
    pub position: Position,
    /// Digest of the header; [`Digest::ZERO`] at 0.
    pub digest: Digest,
}

/// Merkle root over the items' digests ([`merkle_root`]).
pub fn items_root(items: &[Item]) -> Digest {
    let digests: Vec<Digest> = items.iter().map(Item::digest).collect();
    merkle_root(&digests)
}
