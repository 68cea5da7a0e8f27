//! Tolls of lanes: envelopes of authors who were never enrolled, which no gate lets in, are charged to the lane that brings them.
//!
//! An honest member's gate keeps such items out, so its lane owes next to nothing. The lane of a member without a gate
//! may fill the disks of the others at once by [`AT_ONCE_BYTES`], and then by [`BYTES_PER_MINUTE`]. A bundle that others
//! have certified is taken whatever its lane owes, and charged: execution will need it.

use quorate_pbft::{ReplicaId, Time};
use std::collections::BTreeMap;

/// Bytes of such items that a lane may bring at once.
const AT_ONCE_BYTES: u64 = 16 << 20;
/// Bytes of them that a lane may bring in each later minute.
const BYTES_PER_MINUTE: u64 = 1 << 20;

/// Debts of the lanes that owe something.
#[derive(Debug, Default)]
pub(super) struct Tolls(BTreeMap<ReplicaId, Debt>);

#[derive(Debug, Clone, Copy)]
struct Debt {
    bytes: u64,
    since: Time,
}

impl Tolls {
    /// Charges a lane, unless that would be more than it may owe. Whether it was charged.
    pub(super) fn charge(&mut self, lane: ReplicaId, bytes: u64, now: Time) -> bool {
        let before = self.owed(lane, now).bytes;
        let owed = before.saturating_add(bytes);
        // Whatever a lane brings once it owes nothing is taken, so that no bundle ends it.
        let fits = before == 0 || owed <= AT_ONCE_BYTES;
        if fits {
            self.0.insert(lane, Debt { bytes: owed, since: now });
        }
        fits
    }

    /// Charges a lane for what is taken in any case: it owes the most that a lane can owe at the most.
    pub(super) fn charge_anyway(&mut self, lane: ReplicaId, bytes: u64, now: Time) {
        let before = self.owed(lane, now).bytes;
        let owed = before.saturating_add(bytes).min(AT_ONCE_BYTES.max(before));
        self.0.insert(lane, Debt { bytes: owed, since: now });
    }

    fn owed(&self, lane: ReplicaId, now: Time) -> Debt {
        let debt = self.0.get(&lane).copied().unwrap_or(Debt { bytes: 0, since: now });
        let passed_ms = now.get().saturating_sub(debt.since.get());
        let paid = passed_ms.saturating_mul(BYTES_PER_MINUTE) / 60_000;
        Debt { bytes: debt.bytes.saturating_sub(paid), since: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANE: ReplicaId = ReplicaId::new(3);

    #[test]
    fn a_lane_pays_a_mebibyte_a_minute_and_owes_sixteen_at_most() {
        let (mut tolls, begin) = (Tolls::default(), Time::new(1_000));
        assert!(tolls.charge(LANE, AT_ONCE_BYTES, begin));
        assert!(!tolls.charge(LANE, 1, begin));

        let later = Time::new(begin.get() + 60_000);

        assert!(!tolls.charge(LANE, BYTES_PER_MINUTE + 1, later));
        assert!(tolls.charge(LANE, BYTES_PER_MINUTE, later));
        assert!(tolls.charge(ReplicaId::new(2), AT_ONCE_BYTES, begin), "each lane owes for itself");
    }

    #[test]
    fn a_charge_for_what_was_needed_is_paid_like_any_other() {
        let (mut tolls, begin) = (Tolls::default(), Time::new(0));

        tolls.charge_anyway(LANE, 10 * AT_ONCE_BYTES, begin);

        assert!(!tolls.charge(LANE, 1, begin));
        assert!(tolls.charge(LANE, AT_ONCE_BYTES, Time::new(16 * 60_000)));
    }
}
