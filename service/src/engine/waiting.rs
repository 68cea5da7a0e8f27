//! Own analyses that wait until the member owes less work.

use quorate_ledger::ConflictId;
use quorate_pbft::{SeqNum, Time};
use std::collections::VecDeque;

/// Conflicts whose analyses wait; beyond, the oldest is forgotten.
pub(super) const WAITING_MAX: usize = 1_024;
/// Slots after which the next analysis goes out although the last was not executed: the own lane had no room for it, or an
/// epoch ended.
const OUT_SLOTS_MAX: u64 = 64;

/// Conflicts whose analyses wait. Analyses go out one by one, each once the work of the one before is known: of dear ones that come
/// together only the first has an effect.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) conflicts: VecDeque<ConflictId>,
    /// Slot after which the last of them went out, until an analysis of the own lane is executed.
    pub(super) out: Option<SeqNum>,
    /// Own clock as the newest slot was executed.
    pub(super) executed_at: Time,
}

impl Waiting {
    pub(super) fn push(&mut self, conflict: ConflictId) {
        if self.conflicts.len() == WAITING_MAX {
            self.conflicts.pop_front();
        }
        self.conflicts.push_back(conflict);
    }

    pub(super) fn is_out(&self, now: SeqNum) -> bool {
        self.out.is_some_and(|since| now < since.plus(OUT_SLOTS_MAX))
    }
}
