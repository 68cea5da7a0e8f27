//! The order as far as it is known: slots in memory, what is executed, and what checkpoints cover.

use crate::agreement::checkpoint::Checkpoints;
use crate::agreement::execution::Execution;
use crate::agreement::proposing::Proposing;
use crate::agreement::slot::Log;
use crate::wire::{Committee, Content, Digest, SeqNum};

/// Slots from a proposal to the checkpoint that covers them.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) log: Log,
    pub(crate) proposing: Proposing,
    pub(crate) execution: Execution,
    pub(crate) checkpoints: Checkpoints,
    /// The oldest decided slot that the disk can still hand out (S1).
    pub(crate) oldest: SeqNum,
    /// Slots decided by n Prepares (N5).
    pub(crate) fast_commits: u64,
    window: u64,
    /// Digest of the null content.
    pub(crate) null: Digest,
}

impl Order {
    pub(crate) fn new(committee: &Committee, window: u64) -> Self {
        Self {
            log: Log::default(),
            proposing: Proposing::default(),
            execution: Execution::new(committee),
            checkpoints: Checkpoints::default(),
            oldest: SeqNum::new(1),
            fast_commits: 0,
            window,
            null: Content::NULL.digest(),
        }
    }

    /// The highest stable checkpoint that this replica has executed.
    pub(crate) fn low(&self) -> SeqNum {
        self.checkpoints.low()
    }

    /// The highest executed slot.
    pub(crate) fn executed(&self) -> SeqNum {
        self.execution.point().seq
    }

    /// Whether votes for a slot are of use (N2).
    pub(crate) fn in_window(&self, seq: SeqNum) -> bool {
        self.low() < seq && seq <= self.low().plus(self.window)
    }

    /// Whether every slot of the window is decided: then the checkpoint is waited for, which no primary can hurry (V1).
    pub(crate) fn is_window_decided(&self) -> bool {
        let is_decided = |seq| seq <= self.executed() || self.log.get(seq).is_some_and(|slot| slot.committed.is_some());
        (1..=self.window).rev().all(|step| is_decided(self.low().plus(step)))
    }

    /// Whether a decision for a slot is kept: a replica that is behind keeps a window above what it has executed.
    pub(crate) fn in_reach(&self, seq: SeqNum) -> bool {
        self.low() < seq && seq <= self.executed().max(self.low()).plus(self.window)
    }
}
