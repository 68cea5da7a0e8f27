//! Bytes that observers may have of a member in a second, all together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Bytes in a second: 67 Mbit/s, a fraction of what members have of each other.
pub const BYTES_PER_SECOND: u64 = 8 << 20;
/// Bytes that may leave at once after a pause.
const AT_ONCE: Duration = Duration::from_millis(500);

/// A leaky bucket in time: when all that has left so far is paid for.
pub struct Budget(Mutex<Instant>);

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Budget {
    /// Returns when so many bytes may leave. No timer is set for what may leave now: the shortest takes a millisecond.
    pub async fn turn(&self, bytes: usize) {
        let now = Instant::now();
        let turn = self.next_turn(bytes, now);
        if turn > now {
            sleep_until(turn).await;
        }
    }

    fn next_turn(&self, bytes: usize, now: Instant) -> Instant {
        let mut paid_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = paid_at.checked_sub(AT_ONCE).unwrap_or(now).max(now);
        *paid_at = (*paid_at).max(now) + Duration::from_micros(bytes as u64 * 1_000_000 / BYTES_PER_SECOND);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn what_may_leave_now_waits_for_no_timer() {
        assert!(Budget::default().turn(1 << 10).now_or_never().is_some());
    }

    #[test]
    fn observers_have_their_bytes_in_a_second_and_no_more() {
        let (budget, begin) = (Budget::default(), Instant::now());
        let turns: Vec<Instant> = (0..80).map(|_| budget.next_turn(1 << 20, begin)).collect();
        let within = |seconds: u64| turns.iter().filter(|turn| **turn < begin + Duration::from_secs(seconds)).count();
        assert!((8..=14).contains(&within(1)), "{}", within(1));
        assert!((40..=46).contains(&within(5)), "{}", within(5));
    }
}
