//! The pace of strong reads: each read mark is a slot on every disk, and a read needs no key.
//!
//! Reads that come faster than the pace wait for the next mark and share it, so that a flood of them costs latency of
//! strong reads and no disk.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Between two marks, on the long run.
const EVERY: Duration = Duration::from_millis(250);
/// Marks that may come at once after a pause.
const AT_ONCE: u32 = 40;
/// Reads within this time are likely to share a mark anyway.
const SHARED_WITHIN: Duration = Duration::from_millis(5);

/// When the next read may ask for its mark.
pub struct Pace(Mutex<State>);

struct State {
    /// The time at which all marks so far will have been paid for (a leaky bucket).
    paid_at: Instant,
    /// The newest moment at which reads were let through.
    newest: Instant,
}

impl Default for Pace {
    fn default() -> Self {
        let now = Instant::now();
        Self(Mutex::new(State { paid_at: now, newest: now }))
    }
}

impl Pace {
    /// Returns when a read may go on.
    pub async fn turn(&self) {
        let turn = self.next_turn(Instant::now());
        sleep_until(turn).await;
    }

    fn next_turn(&self, now: Instant) -> Instant {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.newest + SHARED_WITHIN > now {
            // Somebody waits for a mark already, or has just asked for one.
            return state.newest.max(now);
        }
        state.paid_at = state.paid_at.max(now) + EVERY;
        let ahead = state.paid_at.saturating_duration_since(now + EVERY * AT_ONCE);
        state.newest = now + ahead;
        state.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_reads_go_at_once_and_a_flood_shares_marks() {
        let (pace, begin) = (Pace::default(), Instant::now());
        let mut turns = std::collections::BTreeSet::new();
        for read in 0..10_000 {
            turns.insert(pace.next_turn(begin + Duration::from_millis(10 * read + 10)));
        }
        // 100 s of a read every 10 ms: the marks at once, and four a second.
        assert!((400..=500).contains(&turns.len()), "{} marks", turns.len());
        assert!(turns.iter().take(30).zip(1..).all(|(turn, at)| *turn == begin + Duration::from_millis(10 * at)));
    }

    #[test]
    fn nobody_waits_longer_than_between_two_marks() {
        let (pace, begin) = (Pace::default(), Instant::now());
        for read in 0..10_000 {
            let asked = begin + Duration::from_millis(3 * read + 10);
            assert!(pace.next_turn(asked) <= asked + 2 * EVERY, "{read}");
        }
    }
}
