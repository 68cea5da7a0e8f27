//! Statements: the one thing that a replica signs (rules E).

use crate::wire::{Committee, Digest, Epoch, Position, ReplicaId, SeqNum, Signature, Signer, Tip, Verify, View};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;

/// Before each statement's encoding, so that no other signature can be read as one.
const DOMAIN: &[u8] = b"quorate/v1/statement\0";

/// Kinds of statements. The numbers are part of the encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Kind {
    /// A bundle of the signer's lane: view 0, seq = position, digest of the header (L1).
    Bundle = 1,
    /// "Valid and stored": view = the lane's replica, seq = position, digest of the header (L2).
    Ack = 2,
    /// The primary's choice for a slot: digest of the content (N1).
    PrePrepare = 3,
    /// Agreement with the primary's choice (N2).
    Prepare = 4,
    /// "q replicas prepared it" (N3).
    Commit = 5,
    /// State after a slot: view 0 (C2).
    Checkpoint = 6,
    /// Demand for a view: seq 0 (V4).
    ViewChange = 7,
    /// Start of a view: seq 0 (V5).
    NewView = 8,
    /// Progress of a replica: exempt from E1 and E2 (N9).
    Status = 9,
}

impl Kind {
    /// PrePrepare, Prepare and Commit: one digest for each (epoch, view, seq) between them (E2).
    pub fn is_vote(self) -> bool {
        matches!(self, Self::PrePrepare | Self::Prepare | Self::Commit)
    }
}

/// The signed statement: 89 bytes, one encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Statement {
    /// Hash of the genesis.
    pub group: Digest,
    /// Epoch whose member list names the signer.
    pub epoch: Epoch,
    /// Its kind.
    pub kind: Kind,
    /// View, or what [`Kind`] says stands in its place.
    pub view: View,
    /// Slot, or what [`Kind`] says stands in its place.
    pub seq: SeqNum,
    /// Digest of its body.
    pub digest: Digest,
}

impl Statement {
    /// The bytes that are signed.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(DOMAIN.len() + 89);
        bytes.extend_from_slice(DOMAIN);
        borsh::to_writer(&mut bytes, self).expect("writing into memory cannot fail");
        bytes
    }

    /// Signs as `signer`.
    pub fn sign(self, signer: ReplicaId, key: &dyn Signer) -> Signed {
        let signature = key.sign(&self.signed_bytes());
        Signed { statement: self, signer, signature }
    }

    /// The bundle that a header or an Ack is about.
    pub(crate) fn tip(&self) -> Tip {
        Tip { position: Position::new(self.seq.get()), digest: self.digest }
    }

    /// Whether both speak of one position, so that different digests are equivocation (E2).
    pub fn same_position(&self, other: &Self) -> bool {
        let same_kind = self.kind == other.kind || (self.kind.is_vote() && other.kind.is_vote());
        let comparable = same_kind && self.kind != Kind::Status;
        comparable && (self.group, self.epoch, self.view, self.seq) == (other.group, other.epoch, other.view, other.seq)
    }
}

/// A statement with the name and the signature of who made it. Not yet checked: see [`crate::Verified`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Signed {
    /// The statement.
    pub statement: Statement,
    /// Signer, as a place in the epoch's member list.
    pub signer: ReplicaId,
    /// Over [`Statement::signed_bytes`].
    pub signature: Signature,
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Statement { kind, view, seq, .. } = self.statement;
        write!(f, "{kind:?} of replica {} at {seq} in view {view}", self.signer)
    }
}

impl Signed {
    /// Whether the signature is its signer's, and group and epoch are the committee's.
    pub fn is_valid(&self, committee: &Committee, verify: &dyn Verify) -> bool {
        let here = self.statement.group == committee.group() && self.statement.epoch == committee.epoch();
        let Some(key) = committee.key(self.signer).filter(|_| here) else {
            return false;
        };
        verify.verify(key, &self.statement.signed_bytes(), &self.signature)
    }
}
