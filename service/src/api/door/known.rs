//! Addresses from which an envelope was let in lately: their connections are served on threads that strangers have no part in.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Addresses that are known at a time.
const ADDRESSES_MAX: usize = 4_096;
/// Time for which an address is known after the last envelope.
const KNOWN_FOR: Duration = Duration::from_secs(600);

/// Each known address with the time of its last envelope.
#[derive(Default)]
pub(super) struct Known(Mutex<BTreeMap<IpAddr, Instant>>);

impl Known {
    /// An envelope of an address was let in. The address whose last envelope is the oldest leaves where there is no room.
    pub(super) fn note(&self, address: IpAddr, now: Instant) {
        let mut known = self.known();
        known.insert(address, now);
        if known.len() > ADDRESSES_MAX {
            let oldest = known.iter().min_by_key(|(_, last)| **last).map(|(oldest, _)| *oldest);
            oldest.and_then(|oldest| known.remove(&oldest));
        }
    }

    pub(super) fn holds(&self, address: IpAddr, now: Instant) -> bool {
        self.known().get(&address).is_some_and(|last| now.saturating_duration_since(*last) <= KNOWN_FOR)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<IpAddr, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(number))
    }

    #[test]
    fn an_address_is_known_for_a_while_after_its_last_envelope() {
        let (known, begin) = (Known::default(), Instant::now());
        assert!(!known.holds(address(1), begin));
        known.note(address(1), begin);
        let later = begin + KNOWN_FOR;
        assert!(known.holds(address(1), later) && !known.holds(address(2), later));
        known.note(address(1), later);

        assert!(known.holds(address(1), later + KNOWN_FOR));
        assert!(!known.holds(address(1), later + KNOWN_FOR + Duration::from_millis(1)));
    }

    #[test]
    fn the_address_whose_last_envelope_is_the_oldest_leaves_for_a_new_one() {
        let (known, begin) = (Known::default(), Instant::now());
        let at = |number: u32| begin + Duration::from_millis(number.into());
        for number in 0..=ADDRESSES_MAX as u32 {
            known.note(address(number), at(number));
        }
        let now = at(ADDRESSES_MAX as u32);
        assert_eq!([0, 1, ADDRESSES_MAX as u32].map(|number| known.holds(address(number), now)), [false, true, true]);
    }
}
