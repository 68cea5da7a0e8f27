//! Why an engine stops.

use quorate_ledger::{OpenError, StoreError};
use quorate_pbft::{Digest, SeqNum};
use quorate_storage::RecordError;

/// Why an engine cannot go on. The process must stop; what is on disk is a whole round.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The disk said no. The last round may or may not be on it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A promise would have been broken (E1): a fault of this program or of the disk.
    #[error("a promise would be broken: {0}")]
    Record(#[from] RecordError),
    /// The state on disk is not this group's, not this program's, or damaged.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Slots executed again did not give the state that was certified: damage, or a fault of this program.
    #[error("slot {seq} executed again gives {ours}, its checkpoint says {certified}")]
    Replayed {
        /// The checkpoint's slot.
        seq: SeqNum,
        /// The state that it gives.
        ours: Digest,
        /// The state that q replicas signed.
        certified: Digest,
    },
}

impl EngineError {
    /// Whether the disk failed, or what is on it is damaged.
    pub fn is_of_disk(&self) -> bool {
        let is_open = |error: &OpenError| {
            matches!(error, OpenError::Store(_) | OpenError::Damaged { .. } | OpenError::DamagedDomain(_))
        };
        matches!(self, Self::Store(_) | Self::Replayed { .. }) || matches!(self, Self::Open(error) if is_open(error))
    }
}
