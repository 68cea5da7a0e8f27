//! Gate before the handshake: bounds the cost of one address before it has shown a key.
//!
//! The limits on all handshakes together and on connections of one peer are `libp2p-connection-limits`; without these
//! one host could use them up, and a few could shut the members out: a third of all handshakes are for hosts at which members
//! proved their keys.

use std::collections::HashMap;
use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId};

use crate::hosts::{Host, Hosts};
use crate::limits::{
    ADDRESSES_COUNTED_MAX, ARRIVALS_PER_ADDRESS_MAX, HANDSHAKES_OF_STRANGERS_MAX, HANDSHAKES_PER_ADDRESS_MAX,
};

/// Why an address was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Crowded {
    #[error("{HANDSHAKES_PER_ADDRESS_MAX} handshakes of this address have not ended")]
    Handshakes,
    #[error("{ARRIVALS_PER_ADDRESS_MAX} connections of this address came within a second")]
    Arrivals,
    #[error("{HANDSHAKES_OF_STRANGERS_MAX} handshakes of hosts without a member have not ended")]
    Strangers,
}

/// Handshake that has not ended.
#[derive(Debug, Clone, Copy)]
struct Handshake {
    host: Host,
    is_of_stranger: bool,
}

/// Counts handshakes under way and arrivals, for each host.
#[derive(Debug)]
pub(crate) struct Door {
    handshakes: HashMap<ConnectionId, Handshake>,
    arrivals: HashMap<Host, usize>,
    counting_since: Instant,
    members: Hosts,
}

impl Door {
    pub(crate) fn new(now: Instant) -> Self {
        let (handshakes, arrivals, members) = Default::default();
        Self { handshakes, arrivals, counting_since: now, members }
    }

    fn admit(&mut self, connection: ConnectionId, host: Host, now: Instant) -> Result<(), Crowded> {
        self.forget_old_arrivals(now);
        let arrivals = self.arrivals.entry(host).or_default();
        if *arrivals >= ARRIVALS_PER_ADDRESS_MAX {
            return Err(Crowded::Arrivals);
        }
        *arrivals += 1;
        // At most HANDSHAKES_MAX entries, so counting is cheap beside the handshake.
        if self.count(|other| other.host == host) >= HANDSHAKES_PER_ADDRESS_MAX {
            return Err(Crowded::Handshakes);
        }
        let is_of_stranger = !self.members.has(host);
        if is_of_stranger && self.count(|other| other.is_of_stranger) >= HANDSHAKES_OF_STRANGERS_MAX {
            return Err(Crowded::Strangers);
        }
        self.handshakes.insert(connection, Handshake { host, is_of_stranger });
        Ok(())
    }

    fn count(&self, counts: impl Fn(&Handshake) -> bool) -> usize {
        self.handshakes.values().filter(|handshake| counts(handshake)).count()
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
        match event {
            FromSwarm::ListenFailure(failure) => drop(self.handshakes.remove(&failure.connection_id)),
            FromSwarm::ConnectionEstablished(up) => {
                let host = Host::of(up.endpoint.get_remote_address());
                host.into_iter().for_each(|host| self.members.note(up.peer_id, host));
            }
            _ => {}
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
    use std::net::IpAddr;

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
    fn strangers_of_many_hosts_leave_a_third_of_all_handshakes_to_hosts_of_members() {
        let now = Instant::now();
        let mut door = Door::new(now);
        door.members.note(PeerId::random(), host(200));
        let hosts = (0..).map(|number| host((number / HANDSHAKES_PER_ADDRESS_MAX) as u8));
        for (number, from) in hosts.take(HANDSHAKES_OF_STRANGERS_MAX).enumerate() {
            door.admit(id(number), from, now).unwrap();
        }

        assert_eq!(door.admit(id(1000), host(100), now), Err(Crowded::Strangers));
        assert_eq!(door.admit(id(1001), host(200), now), Ok(()));
        door.handshakes.remove(&id(0));
        assert_eq!(door.admit(id(1002), host(100), now), Ok(()));
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
}
