//! Turn of a member that a feeder asks: its bounds, and whether the state that it has brought is new enough.

use quorate_pbft::SeqNum;
use std::time::{Duration, Instant};

/// Passes of one turn: a member may prove each answer and yet never show one state whole.
const PASSES_MAX: u32 = 8;
/// Time after which a turn must have brought bytes at a rate.
const SLOW_AFTER: Duration = Duration::from_secs(60);
/// Bytes that it brings in a second from then on, at least.
const SLOW_BYTES: u64 = 16 << 10;

/// Turn of one member.
pub(super) struct Turn {
    begun: Instant,
    /// Passes before it.
    passes: u32,
    /// Slot whose state every member should have had when it began.
    overdue: SeqNum,
    /// Bytes of its answers.
    bytes: u64,
}

impl Turn {
    /// Turn that begins now.
    pub(super) fn new(begun: Instant, passes: u32, overdue: SeqNum) -> Self {
        Self { begun, passes, overdue, bytes: 0 }
    }

    /// Counts an answer.
    pub(super) fn took(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Why another member is asked before this one has brought a state whole.
    pub(super) fn is_over(&self, passes: u32, now: Instant) -> Option<String> {
        let (begun, time) = (passes - self.passes, now.duration_since(self.begun));
        if begun > PASSES_MAX {
            return Some(format!("{PASSES_MAX} passes over its answers have made no state whole"));
        }
        let is_slow = time > SLOW_AFTER && self.bytes < SLOW_BYTES * time.as_secs();
        is_slow.then(|| format!("it has brought {} bytes in {} s", self.bytes, time.as_secs()))
    }

    /// Why another member is asked after this one has brought the state of a slot.
    pub(super) fn falls_short(&self, seq: SeqNum) -> Option<String> {
        let overdue = self.overdue;
        (seq < overdue)
            .then(|| format!("its state is that of slot {seq}, and slot {overdue} was certified before it was asked"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVERDUE: SeqNum = SeqNum::new(128);

    #[test]
    fn a_state_that_is_older_than_every_member_should_have_falls_short() {
        let turn = Turn::new(Instant::now(), 0, OVERDUE);
        let short = [64, 127, 128, 192].map(|seq| turn.falls_short(SeqNum::new(seq)).is_some());
        assert_eq!(short, [true, true, false, false]);
    }

    #[test]
    fn a_member_that_never_shows_one_state_whole_is_asked_for_eight_passes() {
        let (turn, now) = (Turn::new(Instant::now(), 5, OVERDUE), Instant::now());
        assert_eq!([6, 13, 14].map(|passes| turn.is_over(passes, now).is_some()), [false, false, true]);
    }

    #[test]
    fn a_member_whose_answers_come_in_drops_is_asked_for_a_minute() {
        let begun = Instant::now();
        let mut turn = Turn::new(begun, 0, OVERDUE);
        let later = begun + SLOW_AFTER + Duration::from_secs(1);
        assert_eq!(turn.is_over(1, begun + SLOW_AFTER), None);
        assert!(turn.is_over(1, later).is_some());
        turn.took(61 * SLOW_BYTES as usize);
        assert_eq!(turn.is_over(1, later), None);
    }
}
