//! Pruning: rows that the disk lets go, a bounded part along with what a round writes anyway.

use super::error::EngineError;
use super::history::{History, Reached};
use quorate_ledger::{Ledger, Sweep};
use quorate_pbft::{Constants, ExecutedPoint, SeqNum};
use quorate_storage::Batch;

/// Windows of decided slots that stay, whatever the policy says: replicas that are a little behind catch up by them.
const WINDOWS_KEPT: u64 = 4;

/// Rows of the ledger's history that one round looks at: some tenths of a millisecond.
const SWEPT_ROWS: usize = 128;

/// Progress of pruning.
#[derive(Debug)]
pub(super) struct Pruning {
    history: History,
    /// The folded checkpoint up to which the disk is to be pruned, until it is.
    due: Option<SeqNum>,
    /// The oldest slot that is served, where the core does not know it yet.
    oldest: Option<SeqNum>,
    /// Walk through the ledger's tables.
    sweep: Sweep,
    /// The oldest slot that the sweep keeps; none where nothing is to be forgotten.
    keeps: Option<SeqNum>,
    /// The oldest slot that a whole sweep has kept.
    swept: SeqNum,
}

impl Pruning {
    /// At a start: the disk may not be pruned up to what was folded.
    pub(super) fn new(history: History, folded: SeqNum) -> Self {
        Self {
            history,
            due: Some(folded),
            oldest: None,
            sweep: Sweep::default(),
            keeps: None,
            swept: SeqNum::default(),
        }
    }

    /// The state was folded at a checkpoint.
    pub(super) fn folded(&mut self, seq: SeqNum) {
        self.due = Some(seq);
    }

    /// The oldest slot that is served, once after it went up.
    pub(super) fn take_oldest(&mut self) -> Option<SeqNum> {
        self.oldest.take()
    }

    /// Forgets a bounded number of rows that E1 lets go, and of slots and history that the policy does not keep. A start
    /// executes again from the folded checkpoint on, so nothing above it goes.
    pub(super) fn prune(
        &mut self,
        batch: &mut Batch,
        ledger: &mut Ledger,
        stable: SeqNum,
        constants: &Constants,
    ) -> Result<(), EngineError> {
        let Some(folded) = self.due else { return Ok(()) };
        let covered = stable.min(folded);
        let votes = batch.prune(covered, constants.checkpoint_period)?;
        let slots = self.prune_slots(batch, ledger.executed(), (covered, WINDOWS_KEPT * constants.window))?;
        if !votes && !slots && !self.forget(batch, ledger)? {
            self.due = None;
        }
        Ok(())
    }

    /// Whether some of the work is left.
    fn prune_slots(
        &mut self,
        batch: &mut Batch,
        executed: &ExecutedPoint,
        (covered, kept): (SeqNum, u64),
    ) -> Result<bool, EngineError> {
        let history = self.history;
        if history == History::All || covered.get() <= kept {
            return Ok(false);
        }
        let now = Reached::of(executed);
        let last = SeqNum::new(covered.get() - kept);
        let (oldest, is_left) = batch.prune_slots(last, |slot| history.is_over(slot, &now))?;
        self.oldest = Some(oldest);
        if self.keeps.is_none() && self.swept < oldest {
            self.keeps = Some(oldest);
        }
        Ok(is_left)
    }

    /// Forgets history of the ledger, and contents without a name. Whether some rows are left to look at.
    fn forget(&mut self, batch: &mut Batch, ledger: &mut Ledger) -> Result<bool, EngineError> {
        let Some(oldest) = self.keeps else { return Ok(false) };
        if ledger.forget(batch, &mut self.sweep, oldest, SWEPT_ROWS)? {
            self.swept = oldest;
            self.keeps = None;
        }
        Ok(self.keeps.is_some())
    }
}
