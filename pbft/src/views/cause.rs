//! Causes of a view change, for people and metrics (V1, V3, V7, T3).

use crate::wire::{ReplicaId, SeqNum};

/// Cause for which this replica asked for another primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A certified bundle of this lane came into no committed cut in time (V1 a).
    Lane(ReplicaId),
    /// This slot was proposed, or one above it, and not decided in time (V1 b).
    Slot(SeqNum),
    /// Decided slots were followed by no checkpoint slot in time (V1 c).
    Checkpoint,
    /// The epoch was not filled up to its end in time (V1 c, M1).
    EpochEnd,
    /// The first slot of the epoch was not proposed in time (M1).
    FirstSlot,
    /// An overdue deadline was followed by no slot in time (T3).
    Deadline,
    /// Slot after slot left ledger time far behind the own clock (T3).
    Time,
    /// The view that q members asked for was not started in time (V3).
    NewView,
    /// The primary is proved to have said two things in its view (V3).
    Equivocation,
    /// The primary asked for a later view itself (V3).
    Resigned,
    /// The primary proposes much slower than lanes are certified (V7).
    Slow,
    /// f + 1 members asked for a later view (V3).
    Others,
}

impl Cause {
    /// Name for metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lane(_) => "lane",
            Self::Slot(_) => "slot",
            Self::Checkpoint => "checkpoint",
            Self::EpochEnd => "epoch-end",
            Self::FirstSlot => "first-slot",
            Self::Deadline => "deadline",
            Self::Time => "time",
            Self::NewView => "new-view",
            Self::Equivocation => "equivocation",
            Self::Resigned => "resigned",
            Self::Slow => "slow",
            Self::Others => "others",
        }
    }
}

impl core::fmt::Display for Cause {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Lane(lane) => write!(f, "the primary left a certified bundle of replica {lane} out for a time-out"),
            Self::Slot(seq) => write!(f, "slot {seq} was not decided within a time-out"),
            Self::Checkpoint => f.write_str("the primary proposed no checkpoint slot within a time-out"),
            Self::EpochEnd => f.write_str("the primary did not fill the epoch up to its end within a time-out"),
            Self::FirstSlot => f.write_str("the primary did not propose the epoch's first slot within a time-out"),
            Self::Deadline => f.write_str("the primary proposed nothing after a deadline within a time-out"),
            Self::Time => f.write_str("the primary let ledger time fall far behind the clock here"),
            Self::NewView => f.write_str("the primary did not start the view within a time-out"),
            Self::Equivocation => f.write_str("the primary is proved to have said two things"),
            Self::Resigned => f.write_str("the primary asked for a later view"),
            Self::Slow => f.write_str("the primary proposes much slower than bundles are certified"),
            Self::Others => f.write_str("f + 1 members asked for a later view"),
        }
    }
}
