//! Questions of who copies, and answers of who is copied: their one encoding.
//!
//! Discriminants say the version: those of an older program are none, so that neither side takes the other for a liar.

use crate::format::constants::GROUP_DOMAIN;
use crate::proof::{Checkpoint, TreeProof};
use crate::state::record::{DomainRoot, Usage};
use crate::state::rows::PLACE_BYTES;
use crate::state::tree::Key;
use crate::state::tree::part::{Part, Subtree};
use borsh::io::{self, Read};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, bounded};
use std::collections::BTreeSet;

/// Bytes of a question: a domain's name and the longest list.
pub const ASK_BYTES_MAX: usize = 256 << 10;

/// Bytes of an answer that is decoded: one row may be as large as the largest envelope.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Levels below a part whose subtrees are told at once.
pub(super) const LEVELS: u16 = 8;

/// Parts, or entries, that one question names.
pub(super) const PARTS_MAX: usize = 256;

/// Contents that one question names.
pub(super) const CONTENTS_MAX: usize = 4_096;

/// Contents that one question names by their entries: for each the rows of its entry may be read.
pub(super) const NAMED_MAX: usize = 256;

/// Entries of a part that are told at once; a part with more is told by its subtrees.
pub(super) const ENTRIES_MAX: usize = 1_024;

/// Rows in one answer.
pub(super) const ROWS_MAX: usize = 65_536;

/// Depth of a key.
const DEPTH_MAX: usize = 256;

/// Subtrees of a part that is told by them.
const SUBTREES_MAX: usize = 1 << LEVELS;

/// Question about the state of a group.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Ask {
    /// Domain whose tree it is about; the group's own has the group's.
    pub(super) domain: String,
    pub(super) wanted: Wanted,
}

/// Things asked for.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub(super) enum Wanted {
    /// Parts of the tree.
    Parts(#[borsh(deserialize_with = "bounded::list::<PARTS_MAX, _, _>")] Vec<WantedPart>) = 5,
    /// Rows that entries vouch for.
    Rows(#[borsh(deserialize_with = "bounded::list::<PARTS_MAX, _, _>")] Vec<WantedRows>) = 6,
    /// Contents by their hashes.
    Contents(#[borsh(deserialize_with = "bounded::list::<CONTENTS_MAX, _, _>")] Vec<Digest>) = 3,
    /// Contents by an entry of the tree that names them, itself or in a row: who asks so is given none of another tree.
    Named(#[borsh(deserialize_with = "bounded::list::<NAMED_MAX, _, _>")] Vec<WantedContent>) = 7,
}

/// Part of a tree that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct WantedPart {
    pub(super) part: Part,
    /// Whether its entries are wanted, or only its subtrees.
    pub(super) entries: bool,
}

/// Rows of an entry that are asked for.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct WantedRows {
    /// Place of the entry in its tree.
    pub(super) entry: [u8; 32],
    /// Running hash from which the first wanted row follows.
    pub(super) from: Digest,
    /// Running hash of a row that is held, as are all before it; zero for none.
    pub(super) held: Digest,
    /// Place below the entry of the last row that has come: the first wanted one stands behind it. Empty if none has.
    #[borsh(deserialize_with = "bounded::list::<PLACE_BYTES, _, _>")]
    pub(super) after: Vec<u8>,
}

/// Content that is asked for by what names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(super) struct WantedContent {
    pub(super) entry: Key,
    /// Place below the entry of the row that names it; an empty one if the entry does itself.
    #[borsh(deserialize_with = "bounded::list::<PLACE_BYTES, _, _>")]
    pub(super) place: Vec<u8>,
    pub(super) hash: Digest,
}

/// Answer: under which certified state it was given, and the things asked for, as many as fit.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Answer {
    pub(super) checkpoint: Checkpoint,
    /// The way from the group's root to that of the domain; none for the group's own tree.
    pub(super) domain: Option<DomainPath>,
    pub(super) given: Given,
}

/// Root of a domain's tree, and its usage: the horizon's floor is in it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct DomainPath {
    pub(super) root: DomainRoot,
    pub(super) root_path: TreeProof,
    pub(super) usage: Usage,
    pub(super) usage_path: TreeProof,
}

/// Things given, in the order in which they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub(super) enum Given {
    /// Parts of the tree.
    Parts(#[borsh(deserialize_with = "bounded::list::<PARTS_MAX, _, _>")] Vec<GivenPart>) = 4,
    /// Rows of entries; none for an entry that has left, or has other rows by now.
    Rows(#[borsh(deserialize_with = "all_rows")] Vec<Option<GivenRows>>) = 2,
    /// Contents; none for one that has left.
    Contents(#[borsh(deserialize_with = "bounded::list::<CONTENTS_MAX, _, _>")] Vec<Option<Vec<u8>>>) = 3,
}

/// Part of a tree.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct GivenPart {
    /// Subtrees beside the way to it, from the root down.
    #[borsh(deserialize_with = "bounded::list::<DEPTH_MAX, _, _>")]
    pub(super) siblings: Vec<Subtree>,
    pub(super) held: Held,
}

/// Content of a part.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub(super) enum Held {
    /// Subtrees [`LEVELS`] below it.
    Subtrees(#[borsh(deserialize_with = "bounded::list::<SUBTREES_MAX, _, _>")] Vec<Subtree>) = 1,
    /// Names and values, ascending by key.
    Entries(#[borsh(deserialize_with = "bounded::list::<ENTRIES_MAX, _, _>")] Vec<(Vec<u8>, Vec<u8>)>) = 2,
}

/// Rows that an entry vouches for.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub(super) struct GivenRows {
    /// Places below the entry and values, in the order of the running hash.
    pub(super) rows: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether more follow.
    pub(super) more: bool,
}

/// Reads rows of entries, [`ROWS_MAX`] of all together: an empty one weighs ten times its bytes.
fn all_rows<R: Read>(reader: &mut R) -> io::Result<Vec<Option<GivenRows>>> {
    let mut left = ROWS_MAX;
    bounded::list_of(PARTS_MAX, reader, |reader| {
        if !bool::deserialize_reader(reader)? {
            return Ok(None);
        }
        let rows: Vec<_> = bounded::list_of(left, reader, BorshDeserialize::deserialize_reader)?;
        left -= rows.len();
        Ok(Some(GivenRows { rows, more: bool::deserialize_reader(reader)? }))
    })
}

impl Ask {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing into memory cannot fail")
    }

    /// Reads a question; none if these bytes are none, or name one thing twice.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let ask: Self = (bytes.len() <= ASK_BYTES_MAX).then(|| borsh::from_slice(bytes).ok()).flatten()?;
        let is_sound = match &ask.wanted {
            Wanted::Parts(parts) => {
                parts.iter().all(|wanted| wanted.part.is_canonical()) && are_apart(parts, |wanted| wanted.part)
            }
            Wanted::Rows(rows) => are_apart(rows, |wanted| wanted.entry),
            Wanted::Contents(hashes) => are_apart(hashes, |hash| *hash),
            Wanted::Named(named) => are_apart(named, |named| named),
        };
        is_sound.then_some(ask)
    }

    /// Whether its answer holds nothing but parts of the group's own tree and of those of some domains.
    pub fn is_within(&self, domains: &[String]) -> bool {
        let is_of_one = self.domain == GROUP_DOMAIN || domains.contains(&self.domain);
        is_of_one && !matches!(self.wanted, Wanted::Contents(_))
    }
}

fn are_apart<'a, T, K: Ord>(list: &'a [T], key: impl Fn(&'a T) -> K) -> bool {
    list.iter().map(key).collect::<BTreeSet<_>>().len() == list.len()
}
