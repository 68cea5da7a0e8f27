//! Times of folding the state into redb's trees: at checkpoints that a certified one covers, once a second at most
//! unless much waits.

use quorate_ledger::StoreError;
use quorate_pbft::{SeqNum, Time};
use quorate_storage::{Db, Fold};

/// Milliseconds between two folds: each page of the trees is written once for all changes in between.
const PAUSE_MS: u64 = 1_000;

/// Bytes in memory after which a fold does not wait.
const HEAVY_BYTES: u64 = 32 << 20;

/// Bytes in memory above which a replica takes no envelope: folding is slower than what comes. It votes on.
const UNFOLDED_BYTES_MAX: u64 = 96 << 20;

/// Folding of the state: at any time one fold waits or runs.
#[derive(Debug, Default)]
pub(super) struct Folding {
    stage: Stage,
    /// When rows were set aside last.
    aside_at: Option<Time>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    /// Rows up to a checkpoint are set aside until a certified one covers it.
    Aside(SeqNum, Fold),
    Running(SeqNum),
}

impl Folding {
    /// The state is the one after a checkpoint slot: sets it aside if it is time. Whether it did.
    pub(super) fn at_checkpoint(&mut self, db: &Db, seq: SeqNum, now: Time) -> Result<bool, StoreError> {
        let is_early = self.aside_at.is_some_and(|at| now.get() < at.get() + PAUSE_MS);
        if is_early && !Self::is_heavy(db) || !matches!(self.stage, Stage::Idle) {
            return Ok(false);
        }
        let Some(fold) = db.freeze()? else { return Ok(false) };
        (self.stage, self.aside_at) = (Stage::Aside(seq, fold), Some(now));
        Ok(true)
    }

    /// Hands out what is set aside, once its checkpoint is covered by a certified one.
    pub(super) fn due(&mut self, certified: SeqNum) -> Option<Fold> {
        match std::mem::take(&mut self.stage) {
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

    /// Whether a fold does not wait.
    pub(super) fn is_heavy(db: &Db) -> bool {
        db.unfolded_bytes() >= HEAVY_BYTES
    }

    /// Whether a replica takes no envelope on its lane; the queue has bounds of its own.
    pub(super) fn is_full(db: &Db) -> bool {
        db.unfolded_bytes() > UNFOLDED_BYTES_MAX
    }

    /// Whether execution waits: twice as much came, and a fold is at work.
    pub(super) fn is_behind(&self, db: &Db) -> bool {
        matches!(self.stage, Stage::Running(_)) && db.is_folding() && db.unfolded_bytes() > 2 * UNFOLDED_BYTES_MAX
    }

    /// The checkpoint of a fold that has ended since the last call.
    pub(super) fn ended(&mut self, db: &Db) -> Option<SeqNum> {
        let Stage::Running(seq) = self.stage else { return None };
        if db.is_folding() {
            return None;
        }
        self.stage = Stage::Idle;
        Some(seq)
    }
}
