//! Content of a slot: a cut through the lanes, a time and a mark (L4). The digest does not contain the view.

use crate::limits::Constants;
use crate::wire::{Digest, ReplicaId, SeqNum, Time, Tip, bounded, hash};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// The primary's clock at its proposal; null slots have none.
pub type ProposalTime = Option<Time>;

/// The content of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Content {
    /// At most one certified tip for each lane, ascending by lane.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub cut: Vec<(ReplicaId, Tip)>,
    /// By the primary's clock (T1).
    pub time: ProposalTime,
    /// Asks for a checkpoint after this slot (C1).
    pub mark: bool,
}

impl Content {
    /// The empty content without a time, which a NewView puts where nothing was found.
    pub const NULL: Self = Self { cut: Vec::new(), time: None, mark: false };

    /// Digest in PrePrepare, Prepare and Commit.
    pub fn digest(&self) -> Digest {
        hash("quorate/v1/content", self)
    }

    /// Whether a checkpoint is taken after the slot that it is the content of (C1).
    pub fn is_checkpoint(&self, seq: SeqNum, constants: &Constants) -> bool {
        self.mark || seq.get().is_multiple_of(constants.checkpoint_period)
    }

    /// The tip that it names for a lane.
    pub(crate) fn tip_of(&self, lane: ReplicaId) -> Option<Tip> {
        self.cut.iter().find(|(of, _)| *of == lane).map(|(_, tip)| *tip)
    }

    /// Whether this is the null content.
    pub fn is_null(&self) -> bool {
        *self == Self::NULL
    }

    /// Lanes strictly ascending, members of a group of `n`, and a time unless null.
    pub fn is_well_formed(&self, n: usize) -> bool {
        let ascending = self.cut.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let members = self.cut.iter().all(|(lane, tip)| lane.index() < n && tip.position.get() > 0);
        ascending && members && (self.time.is_some() || self.is_null())
    }
}
