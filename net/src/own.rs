//! Own addresses: where this replica listens, best first.

use std::mem;
use std::time::{Duration, Instant};

use crate::discovery::{ip, leads_here};
use libp2p::Multiaddr;

/// Time after the start in which the operating system names the addresses that the machine has.
const START: Duration = Duration::from_secs(10);

/// Time between two addresses of which one comes in the place of the other, whichever of them the operating system names first.
const RENEWED_WITHIN: Duration = Duration::from_secs(10);

/// Addresses that this replica listens at: those that a peer came to, then those that the machine got later, which is where it
/// has moved to, and then those that it had at the start, in the order of the operating system.
///
/// The first one that leads here from elsewhere, or which came in the place of that, is among the first two, also after it was
/// away: a peer may come over a network that ends in this machine, as of its containers, and the machine may get more of these.
#[derive(Debug)]
pub(crate) struct OwnAddresses {
    all: Vec<Multiaddr>,
    first: Option<Multiaddr>,
    /// Those that were the first one and are gone, each before what came in its place.
    gone: Vec<Multiaddr>,
    /// The newest one that leads here of those that came after the start, and when it came.
    newest: Option<(Multiaddr, Instant)>,
    /// Number of the first ones that a peer came to.
    proved: usize,
    began: Instant,
}

impl Default for OwnAddresses {
    fn default() -> Self {
        Self { all: Vec::new(), first: None, gone: Vec::new(), newest: None, proved: 0, began: Instant::now() }
    }
}

impl OwnAddresses {
    pub(crate) fn all(&self) -> Vec<Multiaddr> {
        let mut all = self.all.clone();
        let first = all.iter().position(|own| Some(own) == self.first.as_ref());
        if let Some(place) = first.filter(|place| *place > 1) {
            all[1..=place].rotate_right(1);
        }
        all
    }

    /// The machine has another address.
    pub(crate) fn add(&mut self, address: Multiaddr, now: Instant) {
        let is_later = now.saturating_duration_since(self.began) > START;
        if ip(&address).is_some_and(leads_here) {
            let returns = self.gone.iter().position(|gone| *gone == address);
            self.gone.truncate(returns.unwrap_or(self.gone.len()));
            if returns.is_some() || self.first.is_none() {
                self.first = Some(address.clone());
            }
            self.newest = is_later.then(|| (address.clone(), now));
        }
        let place = if is_later { self.proved } else { self.all.len() };
        self.all.insert(place, address);
    }

    /// The machine has an address no more.
    pub(crate) fn remove(&mut self, address: &Multiaddr, now: Instant) {
        let Some(place) = self.all.iter().position(|own| own == address) else { return };
        self.all.remove(place);
        self.proved -= usize::from(place < self.proved);
        if self.first.as_ref() == Some(address) {
            let is_recent = |at| now.saturating_duration_since(at) <= RENEWED_WITHIN;
            let newest = self.newest.take().filter(|(newest, at)| is_recent(*at) && self.all.contains(newest));
            self.gone.extend(mem::replace(&mut self.first, newest.map(|(newest, _)| newest)));
        }
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
        *self = Self { began: self.began, ..Self::default() };
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
        own.remove(&address(1), own.began);

        own.add(address(4), own.began + Duration::from_secs(60));

        assert_eq!(own.all(), [address(4), address(2), address(3)]);
    }

    #[test]
    fn an_address_that_a_peer_came_to_stays_before_newer_ones() {
        let mut own = three();
        own.prove(&address(2));
        own.prove(&address(2));

        own.add(address(4), own.began + Duration::from_secs(60));

        assert_eq!(own.all(), [address(2), address(1), address(4), address(3)]);
    }

    #[test]
    fn an_address_that_is_gone_is_proved_no_more() {
        let mut own = three();
        own.prove(&address(2));
        own.remove(&address(2), own.began);

        own.prove(&address(3));

        assert_eq!(own.all(), [address(3), address(1)]);
    }

    #[test]
    fn the_first_address_of_the_start_that_leads_here_is_told_whatever_networks_come_and_whoever_came_over_them() {
        let loopback: Multiaddr = "/ip4/127.0.0.1/tcp/7700".parse().unwrap();
        let mut own = OwnAddresses::default();
        [loopback.clone(), address(1)].into_iter().for_each(|address| own.add(address, own.began));

        (2..=4).for_each(|last| own.add(address(last), own.began + Duration::from_secs(60)));
        assert_eq!(own.all()[..2], [address(4), address(1)]);

        own.prove(&loopback);
        (2..=3).for_each(|last| own.prove(&address(last)));
        let from_elsewhere: Vec<_> = own.all().into_iter().filter(|own| *own != loopback).collect();
        assert_eq!(from_elsewhere[..2], [address(1), address(2)]);
    }

    /// The first two addresses, once the machine has got the networks 11 and 12 an hour after its start.
    fn beside_networks(mut own: OwnAddresses) -> Vec<Multiaddr> {
        (11..=12).for_each(|last| own.add(address(last), own.began + Duration::from_secs(3_600)));
        own.all()[..2].to_vec()
    }

    #[test]
    fn the_first_address_that_leads_here_is_told_also_where_it_came_long_after_the_start() {
        let mut own = OwnAddresses::default();
        own.add("/ip4/127.0.0.1/tcp/7700".parse().unwrap(), own.began);
        own.add(address(1), own.began + Duration::from_secs(60));

        assert_eq!(beside_networks(own), [address(12), address(1)]);
    }

    #[test]
    fn the_address_that_comes_for_the_first_one_is_told_in_its_place_whichever_of_the_two_the_machine_names_first() {
        for (comes, goes) in [(60, 61), (61, 60)] {
            let mut own = three();
            let at = |second| own.began + Duration::from_secs(second);
            let (comes, goes) = (at(comes), at(goes));
            own.add(address(4), at(30));
            if comes < goes {
                own.add(address(5), comes);
            }
            own.remove(&address(1), goes);
            if comes > goes {
                own.add(address(5), comes);
            }

            assert_eq!(beside_networks(own), [address(12), address(5)]);
        }
    }

    #[test]
    fn the_first_address_is_the_first_again_once_it_comes_back_whatever_networks_came_and_went_meanwhile() {
        let mut own = three();
        let at = |second| own.began + Duration::from_secs(second);
        let [moves, goes, comes, ends, returns] = [60, 100, 110, 120, 130].map(at);
        own.remove(&address(1), moves);
        own.add(address(5), moves);

        own.remove(&address(5), goes);
        own.add(address(10), comes);
        own.remove(&address(10), ends);
        own.add(address(10), ends);
        own.add(address(5), returns);

        assert_eq!(beside_networks(own), [address(12), address(5)]);
    }
}
