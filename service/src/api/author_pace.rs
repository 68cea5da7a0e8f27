//! Default pace of authors at this replica. Where a domain's policy sets a rate for them, which counts changes and bytes, it
//! holds for the operations that a change has beyond its first.
//!
//! An author's envelopes cost time: a second for 1,000 operations, or for 8 MiB. They come as fast as they like until they
//! have cost a second more than has passed; the envelope that goes beyond is let in whole, and paid for before the next.
//!
//! Work of envelopes, by what they used of their budgets, is known once they were executed, wherever they came in, and is paid for
//! then, also where a policy sets a rate.

use quorate_ledger::Envelope;
use quorate_pbft::PublicKey;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Operations in a second. A change without operations counts as one.
const OPERATIONS: u64 = 1_000;
/// Bytes in a second.
const BYTES: u64 = 8 << 20;
/// Time that an author pays for as much of execution: members execute one change after the other, so one author at the full
/// pace leaves three quarters of their time to all others, also where the work is the worst.
const OF_EXECUTION: u32 = 4;
/// Time that an author may be ahead of the pace.
const AHEAD: Duration = Duration::from_secs(1);
/// Authors after which those who have paid for everything are forgotten.
const AUTHORS_MAX: usize = 4_096;

/// Moment at which each author's envelopes will have been paid for.
#[derive(Default)]
pub struct AuthorPace(Mutex<BTreeMap<PublicKey, Instant>>);

impl AuthorPace {
    /// Charges an envelope to its author; the time to wait before it may come, where it was not let in.
    pub fn charge(&self, author: &PublicKey, cost: Duration, now: Instant) -> Result<(), Duration> {
        let mut authors = self.authors(now);
        let paid = authors.get(author).copied().unwrap_or(now).max(now);
        if paid > now + AHEAD {
            return Err(paid - (now + AHEAD));
        }
        authors.insert(*author, paid + cost);
        Ok(())
    }

    /// Charges an author for work that took so long at the worst: the next envelopes wait for it. Work of a slot that a replica
    /// executes later than others is paid for from its own moment on, as it is there.
    pub fn worked(&self, author: &PublicKey, time: Duration, at: Instant) {
        let mut authors = self.authors(Instant::now());
        let paid = authors.entry(*author).or_insert(at);
        *paid = (*paid).max(at) + OF_EXECUTION * time;
    }

    /// Gives back what an envelope has cost that was not let in after all.
    pub fn refund(&self, author: &PublicKey, cost: Duration) {
        let mut authors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(paid) = authors.get_mut(author) {
            *paid = paid.checked_sub(cost).unwrap_or(*paid);
        }
    }

    /// Authors, those who have paid for everything forgotten where they are many.
    fn authors(&self, now: Instant) -> MutexGuard<'_, BTreeMap<PublicKey, Instant>> {
        let mut authors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if authors.len() >= AUTHORS_MAX {
            authors.retain(|_, paid| *paid > now);
        }
        authors
    }
}

/// Cost of an envelope of so many bytes: by its operations, or by its bytes if that is more.
pub fn cost(envelope: &Envelope, bytes: usize) -> Duration {
    let changes = envelope.body.changes.len() as u64;
    let micros = (bytes as u64).saturating_mul(1_000_000) / BYTES;
    (cost_beside_rate(envelope) + of_operations(changes)).max(Duration::from_micros(micros))
}

/// Cost of an envelope whose changes and bytes a policy's rate counts: by the operations that its changes have beyond
/// their first.
pub fn cost_beside_rate(envelope: &Envelope) -> Duration {
    let beyond = envelope.body.changes.iter().map(|change| change.ops.len().saturating_sub(1) as u64);
    of_operations(beyond.sum())
}

fn of_operations(count: u64) -> Duration {
    Duration::from_micros(count * 1_000_000 / OPERATIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: PublicKey = PublicKey([1; 32]);
    const BOB: PublicKey = PublicKey([2; 32]);

    #[test]
    fn a_thousand_small_changes_a_second_go_on_for_ever_and_no_more() {
        let (pace, begin) = (AuthorPace::default(), Instant::now());
        let let_in = |every_us: u64, from: Instant| {
            let at = |number: u64| from + Duration::from_micros(every_us * number);
            (0..20_000).filter(|number| pace.charge(&ADA, Duration::from_millis(1), at(*number)).is_ok()).count()
        };
        assert_eq!(let_in(1_000, begin), 20_000);
        // 20,000 in 5 s: those of 5 s, and of the second that an author may be ahead.
        let many = let_in(250, begin + Duration::from_secs(60));
        assert!((5_990..=6_010).contains(&many), "{many}");
    }

    #[test]
    fn a_wide_envelope_is_let_in_whole_and_paid_for_before_the_next() {
        let (pace, now) = (AuthorPace::default(), Instant::now());
        let wide = Duration::from_secs(16);
        assert_eq!(pace.charge(&ADA, wide, now), Ok(()));
        assert_eq!(pace.charge(&ADA, wide, now), Err(Duration::from_secs(15)));
        assert_eq!(pace.charge(&BOB, wide, now), Ok(()), "others do not pay for it");
        assert_eq!(pace.charge(&ADA, wide, now + Duration::from_secs(15)), Ok(()));
    }

    #[test]
    fn an_envelope_that_was_not_let_in_after_all_costs_nothing() {
        let (pace, now) = (AuthorPace::default(), Instant::now());
        let wide = Duration::from_secs(16);
        for _ in 0..3 {
            assert_eq!(pace.charge(&ADA, wide, now), Ok(()));
            pace.refund(&ADA, wide);
        }
        pace.refund(&BOB, wide);
        assert_eq!(pace.charge(&BOB, wide, now), Ok(()));
        assert_eq!(pace.charge(&BOB, wide, now), Err(Duration::from_secs(15)), "nobody pays ahead");
    }

    #[test]
    fn work_that_is_executed_late_leaves_no_debt_that_others_do_not_know() {
        let (pace, begin) = (AuthorPace::default(), Instant::now());
        for second in 0..600 {
            pace.worked(&ADA, Duration::from_millis(100), begin + Duration::from_secs(second));
        }
        let now = begin + Duration::from_secs(600);
        assert_eq!(pace.charge(&ADA, Duration::from_millis(1), now), Ok(()));
    }

    #[test]
    fn work_is_paid_for_once_it_was_done_four_times() {
        let (pace, now) = (AuthorPace::default(), Instant::now());
        assert_eq!(pace.charge(&ADA, Duration::from_millis(1), now), Ok(()));
        pace.worked(&ADA, Duration::from_secs(5), now);
        assert_eq!(pace.charge(&ADA, Duration::from_millis(1), now), Err(Duration::from_millis(19_001)));
        assert_eq!(pace.charge(&BOB, Duration::from_millis(1), now), Ok(()));
        pace.worked(&BOB, Duration::from_millis(100), now + Duration::from_secs(60));
        assert_eq!(
            pace.charge(&BOB, Duration::from_millis(1), now + Duration::from_secs(60)),
            Ok(()),
            "within a second"
        );
    }

    #[test]
    fn many_authors_who_have_paid_are_forgotten() {
        let (pace, now) = (AuthorPace::default(), Instant::now());
        for number in 0..3 * AUTHORS_MAX as u64 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            let at = now + Duration::from_millis(10 * number);
            pace.charge(&PublicKey(key), Duration::from_millis(1), at).expect("a first change");
        }
        assert!(pace.0.lock().expect("no panic").len() <= AUTHORS_MAX);
    }
}
