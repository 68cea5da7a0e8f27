//! The order as far as it is known: slots in memory, what is executed, and what checkpoints cover.

use crate::agreement::checkpoint::Checkpoints;
use crate::agreement::execution::Execution;
use crate::agreement::proposing::Proposing;
use crate::agreement::slot::Log;
use crate::wire::{Committee, Content, Digest, SeqNum, Ticks};

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
    /// When the last slot of the epoch came to be known.
    pub(crate) last_since: Ticks,
    /// Digest of the null content.
    pub(crate) null: Digest,
}

impl Order {
    pub(crate) fn new(committee: &Committee, window: u64) -> Self {
        Self {
            log: Log::default(),
            proposing: Proposing::default(),
            execution: Execution::new(committee),
            checkpoints: Checkpoints::new(committee),
            oldest: committee.base().next(),
            fast_commits: 0,
            window,
            last_since: Ticks::default(),
            null: Content::NULL.digest(),
        }
    }

    /// The highest stable checkpoint that this replica has executed.
    pub(crate) fn low(&self) -> SeqNum {
        self.checkpoints.low()
    }

    /// The highest executed slot.
    pub(crate) fn executed(&self) -> SeqNum {
        self.execution.point.seq
    }

    /// Slot up to which all are decided, with their contents on the disk.
    pub(crate) fn known_up_to(&self) -> SeqNum {
        let mut known = self.executed();
        while self.log.recorded(known.next()).is_some() {
            known = known.next();
        }
        known
    }

    /// The last slot of the epoch, once it is known (M1).
    pub(crate) fn last(&self) -> Option<SeqNum> {
        self.execution.point.last()
    }

    /// Whether the last slot of the epoch is executed: from then on this replica only helps those who are behind (M1, N9).
    pub(crate) fn is_over(&self) -> bool {
        self.execution.point.is_last()
    }

    /// Slots up to the end of the epoch that are not decided yet.
    pub(crate) fn unfilled(&self) -> u64 {
        let Some(last) = self.last() else { return 0 };
        let decided = self.log.above(self.executed()).filter(|(_, slot)| slot.committed.is_some()).count() as u64;
        last.get().saturating_sub(self.executed().get()).saturating_sub(decided)
    }

    /// Whether the first slot of a later epoch is still to be decided.
    pub(crate) fn awaits_first(&self) -> bool {
        let first = self.checkpoints.base.next();
        let decided = || self.log.get(first).is_some_and(|slot| slot.committed.is_some());
        first > SeqNum::new(1) && self.executed() < first && !decided()
    }

    /// Whether votes for a slot are of use (N2, M1).
    pub(crate) fn in_window(&self, seq: SeqNum) -> bool {
        self.low() < seq && seq <= self.low().plus(self.window) && !self.is_beyond(seq)
    }

    /// Whether a slot lies above the last one of the epoch.
    pub(crate) fn is_beyond(&self, seq: SeqNum) -> bool {
        self.last().is_some_and(|last| seq > last)
    }

    /// Whether every slot of the window is decided: then the checkpoint is waited for, which no primary can hurry (V1).
    pub(crate) fn is_window_decided(&self) -> bool {
        let is_committed = |seq| self.log.get(seq).is_some_and(|slot| slot.committed.is_some());
        let is_decided = |seq| seq <= self.executed() || self.is_beyond(seq) || is_committed(seq);
        (1..=self.window).rev().all(|step| is_decided(self.low().plus(step)))
    }

    /// Whether a decision for a slot is kept: a replica that is behind keeps a window above what it has executed.
    pub(crate) fn in_reach(&self, seq: SeqNum) -> bool {
        self.low() < seq && seq <= self.executed().max(self.low()).plus(self.window) && !self.is_beyond(seq)
    }
}
