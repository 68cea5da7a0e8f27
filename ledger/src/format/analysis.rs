//! Analyses: what a replica's analyser would make of a conflict, as an item of the replica's own lane.
//!
//! The bundle that holds the item is signed by the lane's owner, acknowledged by a quorum and ordered like everything
//! else, so the item needs no signature of its own: its Merkle path in the bundle, the header and the owner's statement
//! show whose word it is.

use crate::vocabulary::file::Mode;
use crate::vocabulary::ids::ConflictId;
use crate::vocabulary::name::NAME_BYTES_MAX;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Item, ItemKind};

/// Bytes of a proposed content. A conflict in a larger file is left to people: every replica puts its copy on its lane.
pub const ANALYSIS_BYTES_MAX: usize = 256 << 10;

/// Bytes of the reason.
pub const ANALYSIS_REASON_BYTES_MAX: usize = 1_024;

/// Bytes of the encoding beside content and reason, with room to spare.
const FRAME_BYTES_MAX: usize = 64 + NAME_BYTES_MAX;

/// Resolution that an analyser proposes for a conflict, and why.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Analysis {
    /// The conflict.
    pub conflict: ConflictId,
    /// File that should be at the path; none for a deletion.
    pub file: Option<(Mode, Vec<u8>)>,
    /// Which rung gave up, which check refused, how far the merge came: the same words from every honest replica.
    pub reason: String,
}

impl Analysis {
    /// The item for the own lane; none where it is larger than it may be.
    pub fn item(&self) -> Option<Item> {
        let bytes = borsh::to_vec(self).expect("writing into memory cannot fail");
        Self::decode(&bytes)?;
        Some(Item { kind: ItemKind::Analysis, bytes })
    }

    /// Reads an item's bytes: one encoding, nothing after it, within the limits.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > ANALYSIS_BYTES_MAX + ANALYSIS_REASON_BYTES_MAX + FRAME_BYTES_MAX {
            return None;
        }
        let analysis: Self = borsh::from_slice(bytes).ok()?;
        let content = analysis.file.as_ref().map_or(0, |(_, content)| content.len());
        (content <= ANALYSIS_BYTES_MAX && analysis.reason.len() <= ANALYSIS_REASON_BYTES_MAX).then_some(analysis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::Digest;

    fn analysis(content: usize, reason: usize) -> Analysis {
        let conflict = ConflictId(Digest([7; 32]));
        Analysis { conflict, file: Some((Mode::File, vec![b'x'; content])), reason: "x".repeat(reason) }
    }

    #[test]
    fn an_analysis_has_one_encoding() {
        let item = analysis(9, 9).item().expect("small");
        assert_eq!(Analysis::decode(&item.bytes), Some(analysis(9, 9)));
        let longer = [item.bytes.as_slice(), &[0]].concat();
        assert_eq!(Analysis::decode(&longer), None);
        assert_eq!(Analysis::decode(&item.bytes[1..]), None);
    }

    #[test]
    fn an_analysis_above_a_limit_is_none() {
        assert!(analysis(ANALYSIS_BYTES_MAX, ANALYSIS_REASON_BYTES_MAX).item().is_some());
        assert!(analysis(ANALYSIS_BYTES_MAX + 1, 0).item().is_none());
        assert!(analysis(0, ANALYSIS_REASON_BYTES_MAX + 1).item().is_none());
    }
}
