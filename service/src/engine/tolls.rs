//! Tolls of lanes: items that no gate lets in are charged to the lane that brings them.
//!
//! An honest member's gate keeps such items out, so its lane owes next to nothing: its read marks, and a proof against each
//! liar. The lane of a member without a gate may fill the disks of the others at once by [`AT_ONCE_BYTES`], and then by
//! [`BYTES_PER_MINUTE`]. A bundle that others have certified is taken whatever its lane owes, and charged: execution will
//! need it. A bundle that comes again is charged once, as long as it is among the last 64 of its lane that were charged.

use quorate_pbft::{Constants, ReplicaId, Time, Tip};
use std::collections::{BTreeMap, VecDeque};

/// Bytes that a bundle of no use counts beside its items: its header, its rows and a certificate. An honest lane has four with
/// nothing but a mark in a second, a quarter of what it may bring.
pub(super) const BUNDLE_BYTES: u64 = 1 << 10;
/// Bytes of such items that a lane may bring at once: all that an owner has out may be of no use once it is not cut off any more.
const AT_ONCE_BYTES: u64 = Constants::UNCERTIFIED_BYTES_MAX + Constants::UNCERTIFIED_BUNDLES_MAX * BUNDLE_BYTES;
/// Bytes of them that a lane may bring in each later minute.
const BYTES_PER_MINUTE: u64 = 1 << 20;

/// Charged bundles of a lane that are remembered: an owner has few that are not certified.
const CHARGED_MAX: usize = 64;

/// Debts of the lanes that owe something.
#[derive(Debug, Default)]
pub(super) struct Tolls(BTreeMap<ReplicaId, Debt>);

#[derive(Debug, Default)]
struct Debt {
    bytes: u64,
    /// Those of them, at the most, that are given back as conflicts begin.
    early: u64,
    since: Time,
    charged: VecDeque<Tip>,
}

impl Tolls {
    /// Charges a lane for a bundle, unless that would be more than it may owe; bytes that it owes more now, none of a bundle that was
    /// charged before.
    pub(super) fn charge(&mut self, lane: ReplicaId, tip: Tip, bytes: u64, now: Time) -> Option<u64> {
        let debt = self.owed(lane, now);
        let owed = debt.bytes.saturating_add(bytes);
        let is_known = debt.charged.contains(&tip);
        // Whatever a lane brings once it owes nothing is taken, so that no bundle ends it.
        let fits = debt.bytes == 0 || owed <= AT_ONCE_BYTES;
        match is_known {
            true => Some(0),
            false => fits.then(|| debt.add(tip, owed)),
        }
    }

    /// Charges a lane for what is taken in any case: it owes the most that a lane can owe at the most. Bytes that it owes more.
    pub(super) fn charge_anyway(&mut self, lane: ReplicaId, tip: Tip, bytes: u64, now: Time) -> u64 {
        let debt = self.owed(lane, now);
        let owed = debt.bytes.saturating_add(bytes).min(AT_ONCE_BYTES.max(debt.bytes));
        debt.add(tip, owed)
    }

    /// Notes that so many of the bytes that a lane was charged last may turn out to be of use.
    pub(super) fn may_be_given_back(&mut self, lane: ReplicaId, bytes: u64) {
        self.0.entry(lane).or_default().early += bytes;
    }

    /// Gives a lane back what turned out to be of use, as far as it has not paid it since.
    pub(super) fn pay_back(&mut self, lane: ReplicaId, bytes: u64, now: Time) {
        let debt = self.owed(lane, now);
        let bytes = bytes.min(debt.early);
        (debt.bytes, debt.early) = (debt.bytes - bytes, debt.early - bytes);
    }

    fn owed(&mut self, lane: ReplicaId, now: Time) -> &mut Debt {
        let debt = self.0.entry(lane).or_default();
        let passed_ms = now.get().saturating_sub(debt.since.get());
        debt.bytes = debt.bytes.saturating_sub(passed_ms.saturating_mul(BYTES_PER_MINUTE) / 60_000);
        (debt.early, debt.since) = (debt.early.min(debt.bytes), now);
        debt
    }
}

impl Debt {
    fn add(&mut self, tip: Tip, owed: u64) -> u64 {
        let more = owed - self.bytes;
        self.bytes = owed;
        self.charged.push_back(tip);
        if self.charged.len() > CHARGED_MAX {
            self.charged.pop_front();
        }
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::{Digest, Position};

    const LANE: ReplicaId = ReplicaId::new(3);

    fn tip(position: u64) -> Tip {
        Tip { position: Position::new(position), digest: Digest([7; 32]) }
    }

    #[test]
    fn a_lane_pays_a_mebibyte_a_minute_and_owes_sixteen_at_most() {
        let (mut tolls, begin) = (Tolls::default(), Time::new(1_000));
        assert!(tolls.charge(LANE, tip(1), AT_ONCE_BYTES, begin).is_some());
        assert_eq!(tolls.charge(LANE, tip(2), 1, begin), None);

        let later = Time::new(begin.get() + 60_000);

        assert_eq!(tolls.charge(LANE, tip(2), BYTES_PER_MINUTE + 1, later), None);
        assert!(tolls.charge(LANE, tip(2), BYTES_PER_MINUTE, later).is_some());
        assert!(tolls.charge(ReplicaId::new(2), tip(1), AT_ONCE_BYTES, begin).is_some(), "each lane owes for itself");
    }

    #[test]
    fn an_owner_that_was_cut_off_with_all_that_it_may_have_out_is_taken_back() {
        let mut tolls = Tolls::default();
        let bytes = Constants::UNCERTIFIED_BYTES_MAX / Constants::UNCERTIFIED_BUNDLES_MAX + BUNDLE_BYTES;

        let bundles = 1..=Constants::UNCERTIFIED_BUNDLES_MAX;

        assert!(
            bundles.into_iter().all(|position| tolls.charge(LANE, tip(position), bytes, Time::new(0)) == Some(bytes))
        );
    }

    #[test]
    fn a_lane_pays_once_for_a_bundle_that_comes_again() {
        let (mut tolls, begin) = (Tolls::default(), Time::new(0));
        assert!(tolls.charge(LANE, tip(1), AT_ONCE_BYTES / 2, begin).is_some());

        assert!((0..10).all(|_| tolls.charge(LANE, tip(1), AT_ONCE_BYTES / 2, begin) == Some(0)));

        assert!(tolls.charge(LANE, tip(2), AT_ONCE_BYTES / 2, begin).is_some());
        assert_eq!(tolls.charge(LANE, tip(3), 1, begin), None);
    }

    #[test]
    fn a_charge_for_what_was_needed_is_paid_like_any_other() {
        let (mut tolls, begin) = (Tolls::default(), Time::new(0));

        tolls.charge_anyway(LANE, tip(1), 10 * AT_ONCE_BYTES, begin);

        assert_eq!(tolls.charge(LANE, tip(2), 1, begin), None);
        assert!(tolls.charge(LANE, tip(2), AT_ONCE_BYTES, Time::new(17 * 60_000)).is_some());
    }

    #[test]
    fn what_a_lane_has_paid_since_is_not_given_back_again() {
        let (mut tolls, begin, later) = (Tolls::default(), Time::new(0), Time::new(17 * 60_000));
        assert_eq!(tolls.charge(LANE, tip(1), AT_ONCE_BYTES, begin), Some(AT_ONCE_BYTES));
        tolls.may_be_given_back(LANE, AT_ONCE_BYTES);
        assert_eq!(tolls.charge(LANE, tip(2), AT_ONCE_BYTES, later), Some(AT_ONCE_BYTES), "all is paid");

        tolls.pay_back(LANE, AT_ONCE_BYTES, later);

        assert_eq!(tolls.charge(LANE, tip(3), 1, later), None);
    }

    #[test]
    fn a_lane_is_given_back_no_more_than_it_was_charged() {
        let (mut tolls, begin) = (Tolls::default(), Time::new(0));
        tolls.charge(LANE, tip(1), AT_ONCE_BYTES, begin);
        let more = tolls.charge_anyway(LANE, tip(2), AT_ONCE_BYTES, begin);
        tolls.may_be_given_back(LANE, more);

        tolls.pay_back(LANE, AT_ONCE_BYTES, begin);

        assert_eq!((more, tolls.charge(LANE, tip(3), 1, begin)), (0, None));
    }
}
