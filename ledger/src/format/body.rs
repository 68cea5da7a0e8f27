//! The body of an envelope: everything that its author signs.

use crate::format::change::{Change, Room};
use crate::vocabulary::bounds::{CHANGES_MAX, OPERATIONS_MAX};
use borsh::io::{self, Read};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, PublicKey, bounded};

/// Part of an envelope that is signed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Body {
    /// Author that signs.
    pub author: PublicKey,
    /// The domain of all its changes.
    pub domain: String,
    /// The author's number of the first change, from 1.
    pub from_seq: u64,
    /// The author's number of the last change.
    pub to_seq: u64,
    /// Higher than that of every earlier envelope that the author signed for this number (A3).
    pub attempt: u64,
    /// Changes, one for each number.
    #[borsh(deserialize_with = "changes")]
    pub changes: Vec<Change>,
    /// SHA-256 of each content that travels along, ascending. A content that the path has within the base horizon need
    /// not travel again.
    #[borsh(deserialize_with = "bounded::list::<OPERATIONS_MAX, _, _>")]
    pub carried: Vec<Digest>,
}

/// The operations of all changes together stay within their bound.
fn changes<R: Read>(reader: &mut R) -> io::Result<Vec<Change>> {
    let mut room = Room::new();
    bounded::list_of(CHANGES_MAX, reader, |reader| {
        let change = Change::deserialize_reader(reader)?;
        room.take(change.entries())?;
        Ok(change)
    })
}
