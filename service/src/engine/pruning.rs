//! Pruning: rows that the disk lets go, a bounded part along with what a round writes anyway; while there is no room for
//! new changes, in every round.

use super::error::EngineError;
use super::history::{History, Reached, ended};
use quorate_ledger::{Ledger, StoreError, Sweep};
use quorate_pbft::{Constants, ExecutedPoint, SeqNum, Time};
use quorate_storage::Batch;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Windows of decided slots that stay, whatever the policy says: replicas that are a little behind catch up by them.
const WINDOWS_KEPT: u64 = 4;

/// Rows of the ledger's history that a sweep looks at in one round, if no more come: some tenths of a millisecond. Fewer
/// wait for the next rounds.
const SWEPT_ROWS: RangeInclusive<u64> = 64..=128;

/// Rows that come for each millisecond, and milliseconds that count in one round: the history of a million files leaves
/// within minutes, not in a burst that commits wait for.
const SWEPT_FOR_MS: u64 = 8;
const SWEPT_MS_MAX: u64 = 64;

/// Rows that come for each one that a round writes. A sweep looks at the rows that stay, at those written since the last one,
/// and at half of those written while it goes on: with two a row, none takes longer and longer, as long as a round's
/// looks are bounded by them.
const SWEPT_FOR_WRITTEN: u64 = 2;

/// Milliseconds between two looks for older history, while a group without room executes nothing.
const LOOK_EVERY_MS: u64 = 1_000;

/// Progress of pruning.
#[derive(Debug)]
pub(super) struct Pruning {
    history: History,
    /// The folded checkpoint up to which the disk may be pruned.
    folded: SeqNum,
    /// Whether the disk may not be pruned as far yet.
    is_due: bool,
    /// When nothing was left to forget.
    done_at: Time,
    /// Last executed slot, and when it was seen first.
    executed: (SeqNum, Time),
    /// Since when the quota is passed.
    short_since: Option<Time>,
    /// Whether rows were forgotten that are not set aside yet to be folded.
    has_forgotten: bool,
    /// The oldest slot that is served, where the core does not know it yet.
    oldest: Option<SeqNum>,
    /// Walk through the ledger's tables.
    sweep: Sweep,
    pace: Pace,
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
            folded,
            is_due: true,
            done_at: Time::default(),
            executed: Default::default(),
            short_since: None,
            has_forgotten: false,
            oldest: None,
            sweep: Sweep::default(),
            pace: Pace::default(),
            keeps: None,
            swept: SeqNum::default(),
        }
    }

    /// The state was folded at a checkpoint.
    pub(super) fn folded(&mut self, seq: SeqNum) {
        (self.folded, self.is_due) = (seq, true);
    }

    /// A group without room executes nothing, and so folds nothing: it is time to look again.
    pub(super) fn look_again(&mut self, now: Time) {
        self.is_due |= now.get() >= self.done_at.get() + LOOK_EVERY_MS;
    }

    /// Whether rows are left to forget.
    pub(super) fn is_due(&self) -> bool {
        self.is_due
    }

    /// Whether rows were forgotten that are not set aside yet to be folded.
    pub(super) fn has_forgotten(&self) -> bool {
        self.has_forgotten
    }

    /// All that was forgotten is set aside to be folded.
    pub(super) fn set_aside(&mut self) {
        self.has_forgotten = false;
    }

    /// Damage that keeps a sweep from dropping contents.
    pub(super) fn damage(&self) -> Option<&StoreError> {
        self.sweep.damage()
    }

    /// The oldest slot that is served, once after it went up.
    pub(super) fn take_oldest(&mut self) -> Option<SeqNum> {
        self.oldest.take()
    }

    /// Forgets a bounded number of rows that E1 lets go, and of slots and history that the policy does not keep. A start
    /// executes again from the folded checkpoint on, so nothing above it goes. `now` is by the own clock; `is_short` says
    /// whether no new change is taken because the quota is passed.
    pub(super) fn prune(
        &mut self,
        batch: &mut Batch,
        ledger: &mut Ledger,
        (stable, constants): (SeqNum, &Constants),
        (now, is_short): (Time, bool),
    ) -> Result<(), EngineError> {
        if is_short {
            self.look_again(now);
        }
        let reached = self.reached(ledger.executed(), now, is_short);
        if !self.is_due {
            return Ok(());
        }
        self.pace.go_on(now, batch.len(), is_short);
        let covered = stable.min(self.folded);
        let votes = batch.prune(covered, constants.checkpoint_period)?;
        let slots = self.prune_slots(batch, &reached, (covered, WINDOWS_KEPT * constants.window))?;
        let history = self.forget(batch, ledger)?;
        if !votes && !slots && !history {
            (self.is_due, self.done_at) = (false, now);
        }
        self.has_forgotten |= !batch.is_empty();
        Ok(())
    }

    /// Execution up to now. Without room no slot comes and ledger time stands still: time that passes here without room and
    /// without a slot counts then, or a group could never forget enough to take a change again.
    fn reached(&mut self, executed: &ExecutedPoint, now: Time, is_short: bool) -> Reached {
        if self.executed.0 != executed.seq {
            self.executed = (executed.seq, now);
        }
        let begun = if is_short { *self.short_since.get_or_insert(now) } else { now };
        if !is_short {
            self.short_since = None;
        }
        Reached::of(executed, now.get().saturating_sub(begun.max(self.executed.1).get()))
    }

    /// Whether some of the work is left.
    fn prune_slots(
        &mut self,
        batch: &mut Batch,
        now: &Reached,
        (covered, kept): (SeqNum, u64),
    ) -> Result<bool, EngineError> {
        let history = self.history;
        if history == History::All || covered.get() <= kept {
            return Ok(false);
        }
        let last = SeqNum::new(covered.get() - kept);
        let ended = if let History::Bytes(_) = history { ended(batch)? } else { BTreeMap::new() };
        let (oldest, is_left) = batch.prune_slots(last, |slot| history.is_over(slot, now, &ended))?;
        self.oldest = Some(oldest);
        if self.swept < oldest && (self.keeps.is_none() || !self.sweep.is_begun()) {
            self.keeps = Some(oldest);
        }
        Ok(is_left)
    }

    /// Forgets history of the ledger, and contents without a name. Whether some rows are left to look at.
    fn forget(&mut self, batch: &mut Batch, ledger: &mut Ledger) -> Result<bool, EngineError> {
        let Some(oldest) = self.keeps else { return Ok(false) };
        let most = self.pace.take();
        if most > 0 && ledger.forget(batch, &mut self.sweep, oldest, most)? {
            self.swept = if self.sweep.is_anew() { oldest } else { self.swept };
            self.keeps = None;
        }
        Ok(self.keeps.is_some())
    }
}

/// Pace of the sweep: rows that it may look at, which come with time and with what is written.
#[derive(Debug, Default)]
struct Pace {
    at: Time,
    left: u64,
}

impl Pace {
    /// A round writes so many rows itself. Without room, as many are looked at as ever.
    fn go_on(&mut self, now: Time, written: usize, is_short: bool) {
        let passed = now.get().saturating_sub(self.at.get()).min(SWEPT_MS_MAX);
        let come = passed * SWEPT_FOR_MS + written as u64 * SWEPT_FOR_WRITTEN;
        let most = come.max(*SWEPT_ROWS.end());
        self.at = now;
        self.left = if is_short { most } else { (self.left + come).min(most) };
    }

    /// Rows to look at; none while they are few.
    fn take(&mut self) -> usize {
        if self.left < *SWEPT_ROWS.start() { 0 } else { std::mem::take(&mut self.left) as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_goes_on_with_time_and_with_what_is_written() {
        let mut pace = Pace::default();
        let mut rows = |now, written, is_short| {
            pace.go_on(Time::new(now), written, is_short);
            pace.take()
        };
        let idle = [1_000, 1_001, 1_008, 1_009, 9_000].map(|now| rows(now, 0, false));
        let loaded = [9_000, 9_001, 9_001].map(|now| rows(now, 40, false));
        assert_eq!((idle, loaded), ([512, 0, 64, 0, 512], [80, 88, 80]));
        assert_eq!([rows(9_002, 1_000, false), rows(9_002, 0, false)], [2_008, 0], "twice what the round writes");
        assert_eq!([0, 500].map(|written| rows(9_002, written, true)), [128, 1_000]);
    }

    /// A change writes eight rows, and a sweep looks at each, those written behind it left to the next.
    #[test]
    fn under_any_load_sweeps_over_the_rows_that_stay_come_to_take_equally_long() {
        const STAY: usize = 1_000_000;
        for written in [0, 30, 800, 8_000, 100_000] {
            let (mut pace, mut now, mut table) = (Pace::default(), 0, STAY);
            let mut sweep = || {
                let (mut looked, mut come, mut rounds) = (0, 0, 0);
                while looked < table {
                    now += 50;
                    pace.go_on(Time::new(now), written, false);
                    (looked, come, rounds) = (looked + pace.take(), come + written, rounds + 1);
                    table += written / 2; // half of what comes lies before it
                }
                table = STAY + come;
                rounds
            };
            let ended: Vec<u64> = (0..30).map(|_| sweep()).collect();
            let (first, [.., before, last]) = (ended[0], &ended[..]) else { panic!("thirty sweeps") };
            assert!(*last <= 4 * first && last.abs_diff(*before) <= 1, "{written} rows a round: {ended:?}");
        }
    }

    #[test]
    fn only_time_over_the_quota_and_without_a_slot_counts_as_ledger_time() {
        let mut pruning = Pruning::new(History::Time(1), SeqNum::default());
        let mut point = ExecutedPoint::default();
        let mut counted = |point: &ExecutedPoint, now: u64, is_short: bool| {
            let reached = pruning.reached(point, Time::new(now), is_short);
            (0..=10_000).find(|since| reached == Reached::of(point, *since))
        };
        let idle = counted(&point, 1_000, false);
        let short = [5_000, 5_700].map(|now| counted(&point, now, true));
        let (enough, again) = (counted(&point, 6_000, false), counted(&point, 8_000, true));
        let longer = counted(&point, 8_500, true);
        point.seq = SeqNum::new(1);
        let ordered = [9_000, 9_200].map(|now| counted(&point, now, true));
        assert_eq!((idle, short), (Some(0), [Some(0), Some(700)]));
        assert_eq!((enough, again, longer), (Some(0), Some(0), Some(500)));
        assert_eq!(ordered, [Some(0), Some(200)]);
    }
}
