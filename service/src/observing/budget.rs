//! Bytes that observers may have of a member in a second, all together, and bulk for members that goes before them.

use quorate_net::{Channel, PeerInfo};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Bytes in a second: 67 Mbit/s, a fraction of what members have of each other.
pub const BYTES_PER_SECOND: u64 = 8 << 20;
/// Bytes that may leave at once after a pause.
const AT_ONCE: Duration = Duration::from_millis(500);
/// Bytes of bulk that wait for members above which observers wait.
const BULK_WAITING_MAX: u64 = 1 << 20;

/// Whether bulk waits for members. Queues of members that are away do not count, nor do the fullest third of the others: so
/// many may be faulty and read nothing.
pub fn is_bulk_waiting(links: &[PeerInfo]) -> bool {
    let waiting = |link: &PeerInfo| link.is_up.then_some(link.traffic[Channel::Bulk].waiting_bytes);
    let mut waiting: Vec<u64> = links.iter().filter_map(waiting).collect();
    waiting.sort_unstable();
    waiting.truncate(waiting.len().saturating_sub(links.len() / 3));
    waiting.iter().sum::<u64>() > BULK_WAITING_MAX
}

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
    use quorate_net::{PerChannel, Traffic, peer_of_key};
    use quorate_pbft::{Ed25519Signer, ReplicaId, Signer as _};

    /// Links to members, each with whether it is up and the MiB of bulk that wait there.
    fn links(of: &[(bool, u64)]) -> Vec<PeerInfo> {
        let link = |(number, (is_up, mib)): (u16, &(bool, u64))| {
            let key = Ed25519Signer::from_seed(&[number as u8; 32]).public_key();
            let bulk = Traffic { waiting_bytes: mib << 20, ..Traffic::default() };
            PeerInfo {
                id: Some(ReplicaId::new(number)),
                key,
                peer_id: peer_of_key(&key).expect("a key"),
                address: None,
                told: None,
                is_up: *is_up,
                reconnects: 0,
                oversized: 0,
                wrong_key: 0,
                traffic: PerChannel { votes: Traffic::default(), bulk },
            }
        };
        (0..).zip(of).map(link).collect()
    }

    #[test]
    fn observers_wait_while_bulk_waits_for_members() {
        assert!(is_bulk_waiting(&links(&[(true, 2)])));
        assert!(is_bulk_waiting(&links(&[(true, 2), (true, 2), (true, 0)])));
        assert!(!is_bulk_waiting(&links(&[(true, 1)])));
    }

    #[test]
    fn bulk_for_a_member_that_is_away_keeps_no_observer_waiting() {
        assert!(!is_bulk_waiting(&links(&[(false, 64)])));
        assert!(!is_bulk_waiting(&links(&[(false, 64), (true, 0), (true, 1)])));
    }

    #[test]
    fn as_many_members_as_may_be_faulty_keep_no_observer_waiting_by_reading_nothing() {
        assert!(!is_bulk_waiting(&links(&[(true, 0), (true, 64), (true, 0)])));
        assert!(is_bulk_waiting(&links(&[(true, 64), (true, 64), (true, 0)])));
        assert!(!is_bulk_waiting(&links(&[(true, 64), (true, 0), (true, 64), (true, 0), (true, 0), (true, 0)])));
    }

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
