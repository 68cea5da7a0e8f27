//! Gate before the handshake: bounds the cost of one address before it has shown a key.
//!
//! The limits on all handshakes together and on connections of one peer are `libp2p-connection-limits`; without these
//! one host could use them up. A replica whose door is crowded still dials out, so its members stay connected.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId};

use crate::limits::{ADDRESSES_COUNTED_MAX, ARRIVALS_PER_ADDRESS_MAX, HANDSHAKES_PER_ADDRESS_MAX};

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

/// Why an address was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Crowded {
    #[error("{HANDSHAKES_PER_ADDRESS_MAX} handshakes of this address have not ended")]
    Handshakes,
    #[error("{ARRIVALS_PER_ADDRESS_MAX} connections of this address came within a second")]
    Arrivals,
}

/// Counts handshakes under way and arrivals, for each host.
#[derive(Debug)]
pub(crate) struct Door {
    handshakes: HashMap<ConnectionId, Host>,
    arrivals: HashMap<Host, usize>,
    counting_since: Instant,
}

impl Door {
    pub(crate) fn new(now: Instant) -> Self {
        Self { handshakes: HashMap::new(), arrivals: HashMap::new(), counting_since: now }
    }

    fn admit(&mut self, connection: ConnectionId, host: Host, now: Instant) -> Result<(), Crowded> {
        self.forget_old_arrivals(now);
        let arrivals = self.arrivals.entry(host).or_default();
        if *arrivals >= ARRIVALS_PER_ADDRESS_MAX {
            return Err(Crowded::Arrivals);
        }
        *arrivals += 1;
        // At most HANDSHAKES_MAX entries, so counting is cheap beside the handshake.
        if self.handshakes.values().filter(|other| **other == host).count() >= HANDSHAKES_PER_ADDRESS_MAX {
            return Err(Crowded::Handshakes);
        }
        self.handshakes.insert(connection, host);
        Ok(())
    }

    fn forget_old_arrivals(&mut self, now: Instant) {
        let is_over = now.duration_since(self.counting_since) >= Duration::from_secs(1);
        if is_over || self.arrivals.len() >= ADDRESSES_COUNTED_MAX {
            self.arrivals.clear();
            self.counting_since = now;
        }
    }
}

impl NetworkBehaviour for Door {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        match Host::of(from) {
            Some(host) => self.admit(connection, host, Instant::now()).map_err(ConnectionDenied::new),
            None => Ok(()), // TCP always has one
        }
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.handshakes.remove(&connection);
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ListenFailure(failure) = event {
            self.handshakes.remove(&failure.connection_id);
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(last: u8) -> Host {
        Host(IpAddr::from([10, 0, 0, last]))
    }

    fn id(number: usize) -> ConnectionId {
        ConnectionId::new_unchecked(number)
    }

    fn crowded(now: Instant) -> Door {
        let mut door = Door::new(now);
        for number in 0..HANDSHAKES_PER_ADDRESS_MAX {
            door.admit(id(number), host(1), now).unwrap();
        }
        door
    }

    #[test]
    fn one_address_holds_so_many_handshakes_and_another_is_still_let_in() {
        let now = Instant::now();
        let mut door = crowded(now);

        assert_eq!(door.admit(id(1000), host(1), now), Err(Crowded::Handshakes));
        assert_eq!(door.admit(id(1001), host(2), now), Ok(()));
    }

    #[test]
    fn an_ended_handshake_makes_room() {
        let now = Instant::now();
        let mut door = crowded(now);
        let anywhere = Multiaddr::empty();

        let ended = door.handle_established_inbound_connection(id(0), PeerId::random(), &anywhere, &anywhere);

        assert!(ended.is_ok());
        assert_eq!(door.admit(id(1000), host(1), now), Ok(()));
    }

    #[test]
    fn one_address_arrives_so_often_in_a_second_and_again_in_the_next() {
        let now = Instant::now();
        let mut door = Door::new(now);
        for number in 0..ARRIVALS_PER_ADDRESS_MAX {
            door.admit(id(number), host(1), now).unwrap();
            door.handshakes.remove(&id(number));
        }

        assert_eq!(door.admit(id(1000), host(1), now), Err(Crowded::Arrivals));
        assert_eq!(door.admit(id(1001), host(1), now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn the_table_of_arrivals_stays_bounded() {
        let now = Instant::now();
        let mut door = Door::new(now);
        for number in 0..2 * ADDRESSES_COUNTED_MAX {
            let host = Host(IpAddr::from((number as u32).to_be_bytes()));
            door.admit(id(number), host, now).unwrap();
            door.handshakes.remove(&id(number));
        }

        assert!(door.arrivals.len() <= ADDRESSES_COUNTED_MAX);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_host() {
        let host = |address: &str| Host::of(&address.parse().unwrap());

        assert_eq!(host("/ip6/2001:db8::1/tcp/1"), host("/ip6/2001:db8::2/tcp/2"));
        assert_ne!(host("/ip6/2001:db8::1/tcp/1"), host("/ip6/2001:db8:0:1::1/tcp/1"));
        assert_eq!(host("/ip6/::ffff:10.0.0.1/tcp/1"), host("/ip4/10.0.0.1/tcp/1"));
    }
}
