//! Own addresses: where this replica listens, best first.

use std::time::{Duration, Instant};

use libp2p::Multiaddr;

/// Time after the start in which the operating system names the addresses that the machine has.
const START: Duration = Duration::from_secs(10);

/// Addresses that this replica listens at: those that a peer came to, then those that the machine got later, which is where it
/// has moved to, and then those that it had at the start, in the order of the operating system.
#[derive(Debug)]
pub(crate) struct OwnAddresses {
    all: Vec<Multiaddr>,
    /// Number of the first ones that a peer came to.
    proved: usize,
    began: Instant,
}

impl Default for OwnAddresses {
    fn default() -> Self {
        Self { all: Vec::new(), proved: 0, began: Instant::now() }
    }
}

impl OwnAddresses {
    pub(crate) fn all(&self) -> &[Multiaddr] {
        &self.all
    }

    /// The machine has another address.
    pub(crate) fn add(&mut self, address: Multiaddr, now: Instant) {
        let is_later = now.saturating_duration_since(self.began) > START;
        let place = if is_later { self.proved } else { self.all.len() };
        self.all.insert(place, address);
    }

    /// The machine has an address no more.
    pub(crate) fn remove(&mut self, address: &Multiaddr) {
        let Some(place) = self.all.iter().position(|own| own == address) else { return };
        self.all.remove(place);
        self.proved -= usize::from(place < self.proved);
    }

    /// A peer came to an address, which therefore leads here.
    pub(crate) fn prove(&mut self, address: &Multiaddr) {
        let Some(place) = self.all.iter().position(|own| own == address).filter(|place| *place >= self.proved) else {
            return;
        };
        self.all[self.proved..=place].rotate_right(1);
        self.proved += 1;
    }

    pub(crate) fn clear(&mut self) {
        (self.all, self.proved) = (Vec::new(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Multiaddr {
        format!("/ip4/10.0.0.{last}/tcp/7700").parse().unwrap()
    }

    /// Addresses 1, 2 and 3 from the start, in this order.
    fn three() -> OwnAddresses {
        let mut own = OwnAddresses::default();
        (1..=3).for_each(|last| own.add(address(last), own.began));
        own
    }

    #[test]
    fn an_address_that_the_machine_gets_later_is_the_first() {
        let mut own = three();
        own.remove(&address(1));

        own.add(address(4), own.began + Duration::from_secs(60));

        assert_eq!(own.all(), [address(4), address(2), address(3)]);
    }

    #[test]
    fn an_address_that_a_peer_came_to_stays_before_newer_ones() {
        let mut own = three();
        own.prove(&address(2));
        own.prove(&address(2));

        own.add(address(4), own.began + Duration::from_secs(60));

        assert_eq!(own.all(), [address(2), address(4), address(1), address(3)]);
    }

    #[test]
    fn an_address_that_is_gone_is_proved_no_more() {
        let mut own = three();
        own.prove(&address(2));
        own.remove(&address(2));

        own.prove(&address(3));

        assert_eq!(own.all(), [address(3), address(1)]);
    }
}
