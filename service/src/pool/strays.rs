//! Strays: frames on the stream of bulk that are of no use in this epoch. Their sender pays for them as for other bulk of no use.
//!
//! Votes have a stream of their own, and the honest send none here. Bulk of another epoch the honest do send: who is still
//! in the one before its own bundles, again for each status; who has entered the next one all that it tells its members. Once
//! f + 1 members speak of an epoch ahead, this replica is the one that is late, and nobody pays.

use quorate_net::Channel;
use quorate_pbft::{Committee, Constants, Epoch, PublicKey};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of another epoch that a member may send at once: as many as an owner has out without a certificate.
const FREE_BYTES: u64 = Constants::UNCERTIFIED_BYTES_MAX;
/// Bytes of them in each later second: for a status an owner sends 4 MiB and a bundle again, four times in a second at most.
const FREE_BYTES_PER_SECOND: u64 = 20 << 20;
/// Time for which a member that spoke of a later epoch counts as one that is there.
const AHEAD_FOR: Duration = Duration::from_secs(10);
/// Bytes that a frame counts beside its own, for its decoding and its signature.
const FRAME_BYTES: u64 = 16 << 10;

/// Bulk of another epoch, by who sent it: members with a link alone send frames.
#[derive(Debug, Default)]
pub(super) struct Strays(Mutex<BTreeMap<PublicKey, Stray>>);

#[derive(Debug)]
struct Stray {
    /// Bytes that are not forgotten yet, and since when.
    sent: (u64, Instant),
    /// The epoch ahead of which it last spoke, and when.
    ahead: Option<(Epoch, Instant)>,
}

/// A frame as it came.
pub(super) struct Came {
    pub(super) from: PublicKey,
    pub(super) channel: Channel,
    pub(super) bytes: usize,
    pub(super) at: Instant,
}

/// Reason for which a frame is a stray.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A message that belongs to the stream of votes, on that of bulk.
    Misplaced,
    /// Words of an epoch that is over, or of none that is known.
    Late,
    /// Words of an epoch ahead.
    Early(Epoch),
}

impl Strays {
    /// Bytes that the sender of a stray is charged for it.
    pub(super) fn cost(&self, came: &Came, kind: Kind, committee: &Committee) -> u64 {
        let (bytes, now) = (came.bytes as u64 + FRAME_BYTES, came.at);
        if kind == Kind::Misplaced {
            return bytes;
        }
        let mut strays = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stray = strays.entry(came.from).or_insert(Stray { sent: (0, now), ahead: None });
        if let Kind::Early(epoch) = kind {
            stray.ahead = Some((epoch, now));
        }
        let is_free = came.channel != Channel::Bulk || stray.takes(bytes, now);
        let spoken = committee.keys().filter_map(|key| strays.get(key)?.ahead);
        let is_ahead = |(epoch, at): &_| *epoch > committee.epoch() && now.saturating_duration_since(*at) < AHEAD_FOR;
        if is_free || spoken.filter(is_ahead).count() >= committee.weak() { 0 } else { bytes }
    }
}

impl Stray {
    /// Whether so many bytes are within what a member may send; then they are counted.
    fn takes(&mut self, bytes: u64, now: Instant) -> bool {
        let (sent, since) = self.sent;
        let passed_us = now.saturating_duration_since(since).as_micros() as u64;
        let sent = sent.saturating_sub(passed_us.saturating_mul(FREE_BYTES_PER_SECOND) / 1_000_000);
        let fits = sent < FREE_BYTES;
        self.sent = (if fits { sent.saturating_add(bytes) } else { sent }, now);
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::Digest;

    const MIB: usize = 1 << 20;
    const EARLY: Kind = Kind::Early(Epoch::new(4));

    fn key(number: u8) -> PublicKey {
        PublicKey([number; 32])
    }

    fn committee() -> Committee {
        committee_of(3)
    }

    fn committee_of(epoch: u64) -> Committee {
        Committee::new(Digest::ZERO, Epoch::new(epoch), (0..4).map(key).collect()).expect("four members")
    }

    /// Whole mebibytes that a member is charged for frames of a mebibyte, which come at these milliseconds.
    fn charged(strays: &Strays, begin: Instant, from: u8, kind: Kind, millis: impl Iterator<Item = u64>) -> u64 {
        let frame = |millis| Came {
            from: key(from),
            channel: Channel::Bulk,
            bytes: MIB,
            at: begin + Duration::from_millis(millis),
        };
        millis.map(|millis| strays.cost(&frame(millis), kind, &committee())).sum::<u64>() >> 20
    }

    #[test]
    fn bulk_of_another_epoch_is_charged_beyond_what_a_late_owner_sends() {
        for kind in [Kind::Late, EARLY] {
            let flood = charged(&Strays::default(), Instant::now(), 1, kind, (0..100).map(|number| number * 10));
            assert!((60..68).contains(&flood), "{flood} of 100 MiB in a second, {kind:?}");
        }
    }

    /// Its bundles without a certificate once, and then 4 MiB and one more for each status that comes, twice in a second.
    #[test]
    fn an_owner_that_is_late_is_charged_for_nothing() {
        let again = (1..200).flat_map(|status| (0..5).map(move |_| status * 500));
        assert_eq!(charged(&Strays::default(), Instant::now(), 1, Kind::Late, (0..8).map(|_| 0).chain(again)), 0);
    }

    /// All their lanes, as fast as they go: this replica follows them from afar.
    #[test]
    fn nobody_is_charged_for_a_later_epoch_of_which_one_more_than_the_faulty_speak() {
        let (strays, begin) = (Strays::default(), Instant::now());
        let flood = |from| charged(&strays, begin, from, EARLY, (0..100).map(|number| number * 10));
        assert!(flood(0) > 50, "one alone may be faulty");
        assert_eq!([flood(1), flood(2), flood(3)], [0, 0, 0]);
    }

    #[test]
    fn who_spoke_of_the_epoch_that_this_one_has_become_makes_nobody_late() {
        let (strays, begin) = (Strays::default(), Instant::now());
        (0..4).for_each(|from| assert_eq!(charged(&strays, begin, from, EARLY, 0..1), 0));

        let frame = |millis| Came {
            from: key(3),
            channel: Channel::Bulk,
            bytes: MIB,
            at: begin + Duration::from_millis(millis),
        };
        let costs = (0..100).map(|number| strays.cost(&frame(number * 10), Kind::Late, &committee_of(4)));

        assert!(costs.sum::<u64>() >> 20 > 50, "all are in the same epoch");
    }

    #[test]
    fn members_of_no_list_make_no_epoch_credible() {
        let (strays, begin) = (Strays::default(), Instant::now());
        let flood = |from| charged(&strays, begin, from, EARLY, (0..100).map(|number| number * 10));
        assert!((7..12).all(|stranger| flood(stranger) > 50));
    }

    #[test]
    fn votes_of_another_epoch_cost_nothing_on_their_own_stream() {
        let came = Came { from: key(1), channel: Channel::Votes, bytes: MIB, at: Instant::now() };
        let strays = Strays::default();
        let cost = || strays.cost(&came, Kind::Late, &committee());
        assert_eq!((0..100).map(|_| cost()).sum::<u64>(), 0);
    }
}
