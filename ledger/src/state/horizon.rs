//! Horizon of bases, in coarse steps that fit into one entry.

use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{SeqNum, bounded};

/// Steps that a horizon is divided into. A base is good for the whole horizon and at most one step more.
const STEPS: u64 = 64;
/// Marks of one horizon that are decoded: those within it, one below, and room.
const MARKS_MAX: usize = 4 * STEPS as usize;

/// Slots at which a measure (ledger time, superseded bytes) had grown by another step; oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Marks {
    /// (measure, slot): when the slot was over, this much had been measured.
    #[borsh(deserialize_with = "bounded::list::<MARKS_MAX, _, _>")]
    marks: Vec<(u64, SeqNum)>,
    /// Lowest slot within the horizon.
    floor: SeqNum,
}

impl Marks {
    /// The oldest slot within the horizon.
    pub fn floor(&self) -> SeqNum {
        self.floor
    }

    /// The oldest slot within the horizon when so much is measured, more than was noted.
    #[cfg(feature = "execution")]
    pub(crate) fn floor_at(&self, measure: u64, horizon: u64) -> SeqNum {
        let mut later = self.clone();
        later.advance(measure, SeqNum::new(u64::MAX), horizon);
        later.floor
    }

    /// Notes what is measured after `slot`, and moves the floor.
    pub(crate) fn advance(&mut self, measure: u64, slot: SeqNum, horizon: u64) {
        let step = (horizon / STEPS).max(1);
        let newest = self.marks.last().map(|(newest, _)| *newest);
        if newest.is_none_or(|newest| measure.saturating_sub(newest) >= step) {
            self.marks.push((measure, slot));
        }
        let beyond = measure.saturating_sub(horizon);
        let passed = self.marks.partition_point(|(mark, _)| *mark <= beyond && measure > horizon);
        if passed > 0 {
            self.floor = self.marks[passed - 1].1;
            self.marks.drain(..passed - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(seq: u64) -> SeqNum {
        SeqNum::new(seq)
    }

    #[test]
    fn nothing_lies_beyond_a_horizon_that_has_not_passed() {
        let mut marks = Marks::default();
        for seq in 1..=100 {
            marks.advance(1_000 + seq * 10, slot(seq), 6_400);
        }
        assert_eq!(marks.floor(), slot(0));
    }

    #[test]
    fn the_floor_follows_the_horizon_by_at_most_a_step() {
        let mut marks = Marks::default();
        for seq in 1..=10_000_u64 {
            marks.advance(seq * 10, slot(seq), 6_400);
            let exact = seq.saturating_sub(640);
            assert!(marks.floor() <= slot(exact), "{seq}");
            assert!(marks.floor() >= slot(exact.saturating_sub(2 * 10)), "{seq}");
        }
    }

    #[test]
    fn marks_stay_few() {
        let mut marks = Marks::default();
        for seq in 1..=10_000_u64 {
            marks.advance(seq * 10, slot(seq), 6_400);
            assert!(marks.marks.len() as u64 <= STEPS + 2);
        }
    }

    #[test]
    fn a_leap_puts_all_before_it_beyond_the_horizon() {
        let mut marks = Marks::default();
        marks.advance(10, slot(1), 100);
        marks.advance(1_000, slot(2), 100);
        assert_eq!(marks.floor(), slot(1));
        marks.advance(2_000, slot(3), 100);
        assert_eq!(marks.floor(), slot(2));
    }
}
