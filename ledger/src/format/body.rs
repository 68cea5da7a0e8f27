//! The body of an envelope: everything that its author signs.

use crate::format::change::Change;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, PublicKey};

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Body {
    /// Who signs.
    pub author: PublicKey,
    /// The domain of all its changes.
    pub domain: String,
    /// The author's number of the first change, from 1.
    pub from_seq: u64,
    /// The author's number of the last change.
    pub to_seq: u64,
    /// Higher than that of every earlier envelope that the author signed for this number (A3).
    pub attempt: u64,
    /// One for each number.
    pub changes: Vec<Change>,
    /// SHA-256 of each content that travels along, ascending. A content that the path has within the base horizon need
    /// not travel again.
    pub carried: Vec<Digest>,
}
