//! When the state is folded into redb's trees: at checkpoints that are stable, once a second at most.

use quorate_ledger::StoreError;
use quorate_pbft::{SeqNum, Time};
use quorate_storage::{Db, Fold};

/// Milliseconds between two folds: each page of the trees is written once for all changes in between.
const PAUSE_MS: u64 = 1_000;

/// Bytes in memory after which a fold does not wait.
const HEAVY_BYTES: u64 = 16 << 20;

/// Bytes in memory above which a replica takes no envelope: folding is slower than what comes. It votes on.
pub(super) const UNFOLDED_BYTES_MAX: u64 = 96 << 20;

/// Folding of the state: at any time one fold waits or runs.
#[derive(Debug)]
pub(super) struct Folding {
    stage: Stage,
    /// The checkpoint whose state redb holds.
    folded: SeqNum,
    /// When rows were set aside last.
    aside_at: Option<Time>,
}

#[derive(Debug)]
enum Stage {
    Idle,
    /// Rows up to a checkpoint are set aside until it is stable.
    Aside(SeqNum, Fold),
    Running(SeqNum),
}

impl Folding {
    /// Redb holds the state after this slot.
    pub(super) fn at(folded: SeqNum) -> Self {
        Self { stage: Stage::Idle, folded, aside_at: None }
    }

    /// The state is the one after a checkpoint slot: sets it aside if it is time.
    pub(super) fn at_checkpoint(&mut self, db: &Db, seq: SeqNum, now: Time) -> Result<(), StoreError> {
        let is_early = self.aside_at.is_some_and(|at| now.get() < at.get() + PAUSE_MS);
        if is_early && db.unfolded_bytes() < HEAVY_BYTES || !matches!(self.stage, Stage::Idle) {
            return Ok(());
        }
        if let Some(fold) = db.freeze()? {
            (self.stage, self.aside_at) = (Stage::Aside(seq, fold), Some(now));
        }
        Ok(())
    }

    /// Hands out what is set aside, once its checkpoint is covered by a certified one.
    pub(super) fn due(&mut self, certified: SeqNum) -> Option<Fold> {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Aside(seq, fold) if seq <= certified => {
                self.stage = Stage::Running(seq);
                Some(fold)
            }
            stage => {
                self.stage = stage;
                None
            }
        }
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running(_))
    }

    /// The checkpoint of a fold that has ended since the last call.
    pub(super) fn ended(&mut self, db: &Db) -> Option<SeqNum> {
        let Stage::Running(seq) = self.stage else { return None };
        if db.is_folding() {
            return None;
        }
        (self.stage, self.folded) = (Stage::Idle, seq);
        Some(seq)
    }
}
