//! Allowance of a peer: how fast its frames are read, and how many of them may wait.
//!
//! A restrained peer is read less, never left unread: what it sends beyond its pace fills its own stream, and waits there.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::channel::{Channel, PerChannel};

/// Share of its usual room that a peer has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Allowance {
    /// As fast as its frames are worked off; of votes no more than ten times what a busy group says, for all members' wait
    /// in one queue.
    #[default]
    Full,
    /// A pace that an honest member stays below, and an eighth of the buffers.
    Less,
    /// A pace at which votes still come, and of the rest a trickle: a view change is part of it.
    Least,
}

/// Frames and bytes in a second.
#[derive(Debug, Clone, Copy)]
struct Pace {
    frames: u64,
    bytes: u64,
}

const MIB: u64 = 1024 * 1024;

/// Time that a peer may be ahead of its pace after a pause.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Bytes a second at which a peer pays for frames that were of no use.
const USELESS_BYTES: u64 = 16 * MIB;

/// Time that a peer may be ahead of that: a restart, a lost answer or a certificate that comes late makes an honest one
/// send in vain what others sent before.
const USELESS_AT_ONCE: Duration = Duration::from_secs(8);

/// Longest wait of a frame for such ones: what a peer owes beyond is forgiven.
const USELESS_WAIT_MAX: Duration = Duration::from_secs(8);

/// Places in the inbox that a frame of a restrained peer takes.
const RESTRAINED_PLACES: u32 = 8;

impl Allowance {
    fn pace(self, channel: Channel) -> Option<Pace> {
        match (self, channel) {
            (Self::Full, Channel::Votes) => Some(Pace { frames: 10_000, bytes: 64 * MIB }),
            (Self::Full, Channel::Bulk) => None,
            (Self::Less, Channel::Votes) => Some(Pace { frames: 4_000, bytes: 8 * MIB }),
            (Self::Less, Channel::Bulk) => Some(Pace { frames: 256, bytes: 8 * MIB }),
            (Self::Least, Channel::Votes) => Some(Pace { frames: 2_000, bytes: 4 * MIB }),
            (Self::Least, Channel::Bulk) => Some(Pace { frames: 64, bytes: MIB }),
        }
    }
}

/// Allowance of one peer, and what its frames have used up.
#[derive(Debug, Default)]
pub(crate) struct Restraint {
    allowance: AtomicU8,
    /// When all that was read is paid for.
    paid_at: PerChannel<Mutex<Option<Instant>>>,
    /// When all that was of no use is paid for, whatever the allowance.
    useless_until: Mutex<Option<Instant>>,
}

impl Restraint {
    pub(crate) fn set(&self, allowance: Allowance) {
        self.allowance.store(allowance as u8, Relaxed);
    }

    fn allowance(&self) -> Allowance {
        match self.allowance.load(Relaxed) {
            0 => Allowance::Full,
            1 => Allowance::Less,
            _ => Allowance::Least,
        }
    }

    /// Charges the peer for frames that were of no use: its bulk waits once that is too much.
    pub(crate) fn charge(&self, bytes: u64, now: Instant) {
        let mut until = self.useless_until.lock().unwrap_or_else(PoisonError::into_inner);
        let owed = until.unwrap_or(now).max(now) + costs(bytes, USELESS_BYTES);
        *until = Some(owed.min(now + USELESS_AT_ONCE + USELESS_WAIT_MAX));
    }

    /// Places in the inbox that its next frame takes.
    pub(crate) fn places(&self) -> u32 {
        if self.allowance() == Allowance::Full { 1 } else { RESTRAINED_PLACES }
    }

    /// Time to wait before a frame of `bytes` may be read. It counts from now on.
    pub(crate) fn wait(&self, channel: Channel, bytes: usize, now: Instant) -> Duration {
        let useless = if channel == Channel::Bulk { self.useless_wait(now) } else { Duration::ZERO };
        let mut paid_at = self.paid_at[channel].lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pace) = self.allowance().pace(channel) else {
            *paid_at = None;
            return useless;
        };
        let paid = paid_at.unwrap_or(now).max(now);
        *paid_at = Some(paid + costs(1, pace.frames).max(costs(bytes as u64, pace.bytes)));
        paid.saturating_duration_since(now).saturating_sub(AT_ONCE).max(useless)
    }

    fn useless_wait(&self, now: Instant) -> Duration {
        let until = self.useless_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now).saturating_sub(USELESS_AT_ONCE))
    }
}

/// Time that so many of something take at so many a second.
fn costs(count: u64, in_a_second: u64) -> Duration {
    Duration::from_micros(count.saturating_mul(1_000_000) / in_a_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of `bytes` that are read within a second.
    fn read_within_a_second(allowance: Allowance, channel: Channel, bytes: usize) -> usize {
        let (restraint, begin) = (Restraint::default(), Instant::now());
        restraint.set(allowance);
        (0..100_000).take_while(|_| restraint.wait(channel, bytes, begin) < Duration::from_secs(1)).count()
    }

    #[test]
    fn an_unrestrained_peer_waits_with_a_flood_of_votes_only() {
        let votes = read_within_a_second(Allowance::Full, Channel::Votes, 200);

        assert_eq!(read_within_a_second(Allowance::Full, Channel::Bulk, 1 << 20), 100_000);
        assert!((20_000..=20_100).contains(&votes), "{votes}: two seconds' worth, one of them at once");
    }

    #[test]
    fn a_restrained_peer_is_read_at_its_pace_in_frames_and_in_bytes() {
        let small = read_within_a_second(Allowance::Least, Channel::Votes, 1);
        let large = read_within_a_second(Allowance::Least, Channel::Bulk, 1 << 20);

        assert!((4_000..=4_100).contains(&small), "{small}: two seconds' worth, one of them at once");
        assert!((2..=3).contains(&large), "{large}");
    }

    #[test]
    fn the_largest_frame_is_read_in_time_whatever_the_allowance() {
        let (restraint, now) = (Restraint::default(), Instant::now());
        restraint.set(Allowance::Least);

        restraint.wait(Channel::Bulk, Channel::Bulk.frame_bytes_max(), now);

        assert!(restraint.wait(Channel::Bulk, 1, now) <= Duration::from_secs(34));
    }

    #[test]
    fn bulk_waits_for_what_was_of_no_use_beyond_eight_seconds_worth_and_votes_never_do() {
        let (restraint, now) = (Restraint::default(), Instant::now());
        restraint.charge(8 * USELESS_BYTES, now);
        assert_eq!(restraint.wait(Channel::Bulk, 1, now), Duration::ZERO);

        restraint.charge(3 * USELESS_BYTES, now);

        assert_eq!(restraint.wait(Channel::Bulk, 1, now), Duration::from_secs(3));
        assert_eq!(restraint.wait(Channel::Bulk, 1, now + Duration::from_secs(3)), Duration::ZERO);
        assert_eq!(restraint.wait(Channel::Votes, 1, now), Duration::ZERO);
    }

    #[test]
    fn no_peer_waits_for_long_whatever_it_sent_in_vain() {
        let (restraint, now) = (Restraint::default(), Instant::now());

        (0..100).for_each(|_| restraint.charge(u64::MAX, now));

        assert_eq!(restraint.wait(Channel::Bulk, 1, now), USELESS_WAIT_MAX);
    }

    #[test]
    fn a_lifted_restraint_leaves_no_debt() {
        let (restraint, now) = (Restraint::default(), Instant::now());
        restraint.set(Allowance::Least);
        restraint.wait(Channel::Bulk, 30 << 20, now);

        restraint.set(Allowance::Full);
        assert_eq!(restraint.wait(Channel::Bulk, 1, now), Duration::ZERO);
        restraint.set(Allowance::Least);

        assert_eq!(restraint.wait(Channel::Bulk, 1, now), Duration::ZERO);
    }
}
