//! Cost of a merge, counted in steps: a byte read, a cell compared, a token walked over. Never time, so every
//! replica stops at the same place.

use crate::Rules;
use std::cell::Cell;

/// Steps of one merge, all rungs and checks together.
///
/// Some seconds of one core at the very worst. Files of 60 KiB take some hundred thousand, 10 MB with a few edits some
/// hundred million.
pub const STEPS_MAX: u64 = 1 << 31;

/// The steps of one merge.
#[derive(Debug)]
pub struct Work {
    may: u64,
    left: Cell<u64>,
    is_spent: Cell<bool>,
    counts_looks: Cell<bool>,
}

impl Default for Work {
    fn default() -> Self {
        Self::of(STEPS_MAX)
    }
}

impl Work {
    /// A merge that may take so many steps.
    pub fn of(steps: u64) -> Self {
        Self { may: steps, left: Cell::new(steps), is_spent: Cell::new(false), counts_looks: Cell::new(true) }
    }

    /// Counts by these rules from now on: older ones leave out what the diff engine looks back over.
    pub(crate) fn count_by(&self, rules: Rules) {
        self.counts_looks.set(rules >= Rules::V24);
    }

    pub(crate) fn counts_looks(&self) -> bool {
        self.counts_looks.get()
    }

    /// Steps taken so far.
    pub fn taken(&self) -> u64 {
        self.may - self.left.get()
    }

    /// Takes steps before they are done; none where fewer are left, and from then on always.
    pub(crate) fn take(&self, steps: u64) -> Option<()> {
        match self.left.get().checked_sub(steps) {
            Some(left) if !self.is_spent.get() => self.left.set(left),
            _ => self.is_spent.set(true),
        }
        (!self.is_spent.get()).then_some(())
    }

    /// The same for so many bytes, words or lines, each looked at once.
    pub(crate) fn take_len(&self, len: usize) -> Option<()> {
        self.take(len as u64)
    }

    /// Whether steps were asked for that were not left: what came out since is no answer.
    pub fn is_spent(&self) -> bool {
        self.is_spent.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_more_than_is_left_gets_nothing_more() {
        let work = Work::of(10);
        assert_eq!((work.take(4), work.taken(), work.is_spent()), (Some(()), 4, false));
        assert_eq!((work.take(7), work.take(1), work.taken(), work.is_spent()), (None, None, 4, true));
    }
}
