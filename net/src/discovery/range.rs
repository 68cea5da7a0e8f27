//! Ranges of addresses that mean another host in every network: an address in one of them that others told is dialled
//! only where the own configuration names the range. So nobody can make a node scan the network that it stands in.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

/// Kind of an IP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Range {
    Public,
    Loopback,
    LinkLocal,
    /// 10/8, 172.16/12, 192.168/16, 100.64/10: by their first byte.
    Private(u8),
    UniqueLocal,
    /// No host's address: unspecified, multicast, broadcast, reserved.
    Never,
}

impl Range {
    fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Self {
        match ip.octets() {
            [0 | 224..=255, ..] => Self::Never,
            [127, ..] => Self::Loopback,
            [169, 254, ..] => Self::LinkLocal,
            [first @ 10, ..] | [first @ 172, 16..=31, ..] | [first @ 192, 168, ..] | [first @ 100, 64..=127, ..] => {
                Self::Private(first)
            }
            _ => Self::Public,
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Self {
        let [first, second, .., seventh, eighth] = ip.segments();
        match first {
            _ if ip.is_loopback() => Self::Loopback,
            _ if ip.is_unspecified() => Self::Never,
            0xff00.. => Self::Never,
            0xfe80..=0xfebf => Self::LinkLocal,
            0xfc00..=0xfdff => Self::UniqueLocal,
            // Translators and tunnels lead on to the IPv4 address inside.
            0x64 if second == 0xff9b => Self::of_v4(v4(seventh, eighth)),
            0x2002 => Self::of_v4(v4(second, ip.segments()[2])),
            0 => Self::Never,
            _ => Self::Public,
        }
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

/// Ranges that a configuration names by the addresses in it.
#[derive(Debug, Clone, Default)]
pub struct Ranges(BTreeSet<Range>);

impl Ranges {
    /// Ranges of these addresses; names count for none.
    pub fn named_by<'a>(addresses: impl IntoIterator<Item = &'a Multiaddr>) -> Self {
        Self(addresses.into_iter().filter_map(ip).map(Range::of).collect())
    }

    /// Whether an address that others told may be dialled.
    pub(crate) fn allow(&self, address: &Multiaddr) -> bool {
        match ip(address).map(Range::of) {
            None | Some(Range::Never) => false,
            Some(Range::Public) => true,
            Some(range) => self.0.contains(&range),
        }
    }
}

/// Whether an address is one of the hosts that share a network: private or link-local.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    matches!(Range::of(ip), Range::LinkLocal | Range::Private(_) | Range::UniqueLocal)
}

/// Whether a host elsewhere may reach an address of this machine.
pub(crate) fn leads_here(ip: IpAddr) -> bool {
    !matches!(Range::of(ip), Range::Loopback | Range::LinkLocal | Range::Never)
}

/// The IP address that a multiaddr begins with.
pub(crate) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str) -> Multiaddr {
        let kind = if host.contains(':') { "ip6" } else { "ip4" };
        format!("/{kind}/{host}/tcp/7700").parse().unwrap()
    }

    #[test]
    fn a_public_address_is_dialled_whoever_told_it() {
        for host in ["203.0.113.7", "172.32.0.1", "100.128.0.1", "2001:db8::1"] {
            assert!(Ranges::default().allow(&at(host)), "{host}");
        }
    }

    #[test]
    fn an_address_of_the_own_surroundings_is_not_dialled() {
        let inside = ["127.0.0.1", "169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1"];
        for host in inside.into_iter().chain(["::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1"]) {
            assert!(!Ranges::default().allow(&at(host)), "{host}");
        }
    }

    #[test]
    fn a_range_that_the_configuration_names_is_dialled_and_no_other() {
        let ranges = Ranges::named_by([&at("10.1.2.3"), &at("::1")]);

        assert!(ranges.allow(&at("10.200.0.1")) && ranges.allow(&at("127.0.0.1")) == ranges.allow(&at("127.0.0.2")));
        assert!(ranges.allow(&at("::1")) && !ranges.allow(&at("192.168.0.1")) && !ranges.allow(&at("169.254.0.1")));
    }

    #[test]
    fn an_address_of_no_host_is_never_dialled() {
        let never = ["0.0.0.0", "224.0.0.251", "255.255.255.255", "::", "ff02::fb"].map(at);
        let ranges = Ranges::named_by(&never);

        for address in &never {
            assert!(!ranges.allow(address), "{address}");
        }
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_one_counts_as_itself() {
        assert!(!Ranges::default().allow(&at("64:ff9b::a00:1")));
        assert!(!Ranges::default().allow(&at("2002:7f00:1::1")));
        assert!(Ranges::default().allow(&at("64:ff9b::cb00:7107")));
    }

    #[test]
    fn a_name_that_others_told_is_not_dialled() {
        assert!(!Ranges::default().allow(&"/dns4/replica.example/tcp/1".parse().unwrap()));
    }
}
