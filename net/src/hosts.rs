//! Hosts of the network, and those at which members proved their keys.

use std::collections::VecDeque;
use std::net::IpAddr;

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use crate::limits::{HOSTS_OF_MEMBERS_MAX, HOSTS_PER_MEMBER_MAX};

/// A host: an IPv4 address, or the network of an IPv6 address, whose last 64 bits its owner chooses freely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Host(pub(crate) IpAddr);

impl Host {
    pub(crate) fn of(address: &Multiaddr) -> Option<Self> {
        address.iter().find_map(|part| match part {
            Protocol::Ip4(ip) => Some(Self::at(ip.into())),
            Protocol::Ip6(ip) => Some(Self::at(ip.into())),
            _ => None,
        })
    }

    pub(crate) fn at(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self(ip),
            IpAddr::V6(ip) => Self::of_network(ip),
        }
    }

    fn of_network(ip: std::net::Ipv6Addr) -> Self {
        match ip.to_ipv4_mapped() {
            Some(ip) => Self(ip.into()),
            None => Self(std::net::Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into()),
        }
    }
}

/// Hosts at which members proved their keys, the newest last: the last few of each member.
#[derive(Debug, Default)]
pub(crate) struct Hosts(VecDeque<(PeerId, Host)>);

impl Hosts {
    pub(crate) fn has(&self, host: Host) -> bool {
        self.0.iter().any(|(_, known)| *known == host)
    }

    pub(crate) fn note(&mut self, member: PeerId, host: Host) {
        self.0.retain(|known| *known != (member, host));
        let theirs = |(of, _): &(PeerId, Host)| *of == member;
        if self.0.iter().filter(|known| theirs(known)).count() >= HOSTS_PER_MEMBER_MAX
            && let Some(oldest) = self.0.iter().position(theirs)
        {
            self.0.remove(oldest);
        } else if self.0.len() >= HOSTS_OF_MEMBERS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((member, host));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(last: u8) -> Host {
        Host(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_host() {
        let host = |address: &str| Host::of(&address.parse().unwrap());

        assert_eq!(host("/ip6/2001:db8::1/tcp/1"), host("/ip6/2001:db8::2/tcp/2"));
        assert_ne!(host("/ip6/2001:db8::1/tcp/1"), host("/ip6/2001:db8:0:1::1/tcp/1"));
        assert_eq!(host("/ip6/::ffff:10.0.0.1/tcp/1"), host("/ip4/10.0.0.1/tcp/1"));
    }

    #[test]
    fn one_member_of_many_hosts_takes_no_other_out_of_the_table() {
        let (mut hosts, moving, resting) = (Hosts::default(), PeerId::random(), PeerId::random());
        hosts.note(resting, host(200));
        (0..100).for_each(|last| hosts.note(moving, host(last)));

        assert!(hosts.has(host(200)) && hosts.has(host(99)) && !hosts.has(host(0)));
        assert_eq!(hosts.0.len(), 1 + HOSTS_PER_MEMBER_MAX);
    }

    #[test]
    fn the_table_of_hosts_stays_bounded() {
        let mut hosts = Hosts::default();
        (0..2 * HOSTS_OF_MEMBERS_MAX).for_each(|_| hosts.note(PeerId::random(), host(1)));

        assert_eq!(hosts.0.len(), HOSTS_OF_MEMBERS_MAX);
    }
}
