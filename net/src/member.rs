//! Members that may connect: voters of an epoch.
//!
//! A member is its ed25519 key; libp2p's peer id is that key in another encoding. Observers are not members: they
//! come to a door of their own (`observers`), and never these two channels.

use libp2p::identity::{self, Keypair, PublicKey};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use quorate_pbft::ReplicaId;

use crate::error::Error;

/// Voter, as the network knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its place in the member list: for people.
    pub id: ReplicaId,
    /// Its ed25519 public key, as in the genesis.
    pub key: [u8; 32],
    /// Addresses at which it may listen, all of which a dial tries; without one we wait for it to dial.
    pub addresses: Vec<Multiaddr>,
}

impl Member {
    /// The peer id that belongs to the key; an error if the key is no point of the curve.
    pub fn peer_id(&self) -> Result<PeerId, Error> {
        peer_of_key(&quorate_pbft::PublicKey(self.key)).ok_or(Error::BadKey { member: self.id })
    }

    /// Errs if its key is none, or an address cannot be dialled or names another key.
    pub fn check(&self) -> Result<(), Error> {
        let peer = self.peer_id()?;
        self.addresses.iter().try_for_each(|address| check_address(self.id, address, peer))
    }
}

/// The libp2p name of a key; none of one that is no point of the curve.
pub fn peer_of_key(key: &quorate_pbft::PublicKey) -> Option<PeerId> {
    let key = identity::ed25519::PublicKey::try_from_bytes(&key.0).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// An address without the key that it may name: the swarm appends the one that it expects.
pub(crate) fn without_key(address: &Multiaddr) -> Multiaddr {
    address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect()
}

/// The key pair of a 32-byte ed25519 secret. Every 32 bytes are one.
pub(crate) fn key_pair(secret: [u8; 32]) -> Keypair {
    Keypair::ed25519_from_bytes(secret).expect("any 32 bytes are an ed25519 secret")
}

/// The ed25519 key that a peer id spells.
pub(crate) fn key_of(peer: &PeerId) -> Option<[u8; 32]> {
    let key = PublicKey::try_decode_protobuf(peer.as_ref().digest()).ok()?;
    Some(key.try_into_ed25519().ok()?.to_bytes())
}

/// Refuses a list in which two members could be mistaken for each other, or an address that cannot be dialled.
pub(crate) fn check(members: &[Member]) -> Result<(), Error> {
    for (place, member) in members.iter().enumerate() {
        member.check()?;
        for earlier in &members[..place] {
            if earlier.key == member.key {
                return Err(Error::SameKey { one: earlier.id, other: member.id });
            }
        }
    }
    Ok(())
}

fn check_address(member: ReplicaId, address: &Multiaddr, peer: PeerId) -> Result<(), Error> {
    let names_other = address.iter().any(|part| matches!(part, Protocol::P2p(named) if named != peer));
    if is_of_tcp(address) && !names_other {
        Ok(())
    } else {
        Err(Error::BadAddress { member, address: address.clone(), peer })
    }
}

/// Whether an address is a host and a TCP port, and perhaps the key there: nothing else is listened at, or dialled.
pub fn is_of_tcp(address: &Multiaddr) -> bool {
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    matches!(parts.as_slice(), [host, Protocol::Tcp(_)] | [host, Protocol::Tcp(_), Protocol::P2p(_)] if is_host(host))
}

/// Whether an address is of a door that can be followed: of TCP, or of a key that is called at a relay there.
pub fn is_of_door(address: &Multiaddr) -> bool {
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    match parts.as_slice() {
        [host, Protocol::Tcp(_), Protocol::P2p(_), Protocol::P2pCircuit, Protocol::P2p(_)] => is_host(host),
        _ => is_of_tcp(address),
    }
}

fn is_host(part: &Protocol<'_>) -> bool {
    matches!(part, Protocol::Ip4(_) | Protocol::Ip6(_)) || is_name(part)
}

fn is_name(part: &Protocol<'_>) -> bool {
    matches!(part, Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(number: u16, secret: u8) -> Member {
        let key = key_pair([secret; 32]).public().try_into_ed25519().unwrap().to_bytes();
        Member { id: ReplicaId::new(number), key, addresses: vec![] }
    }

    fn checked(members: &[Member]) -> Result<(), Error> {
        check(members)
    }

    #[test]
    fn a_list_with_distinct_members_is_accepted() {
        assert!(checked(&[member(0, 1), member(1, 2)]).is_ok());
    }

    #[test]
    fn one_key_twice_is_refused() {
        let refused = checked(&[member(0, 1), member(1, 1)]);

        assert!(matches!(refused, Err(Error::SameKey { .. })));
    }

    #[test]
    fn an_address_must_be_a_host_and_a_tcp_port() {
        let at = |address: &str| Member { addresses: vec![address.parse().unwrap()], ..member(0, 1) };

        for good in ["/ip4/10.0.0.1/tcp/4001", "/ip6/::1/tcp/1", "/dns4/replica.example/tcp/4001"] {
            assert!(checked(&[at(good)]).is_ok(), "{good}");
        }
        for bad in ["/ip4/10.0.0.1/udp/4001", "/tcp/4001", "/ip4/10.0.0.1", "/ip4/10.0.0.1/tcp/4001/ws"] {
            assert!(!is_of_tcp(&bad.parse().unwrap()), "{bad}");
            assert!(matches!(checked(&[at(bad)]), Err(Error::BadAddress { .. })), "{bad}");
        }
    }

    #[test]
    fn a_door_is_at_an_address_of_tcp_or_has_a_name_at_a_relay() {
        let name = member(0, 1).peer_id().unwrap();
        let is_door = |address: &str| is_of_door(&address.parse().unwrap());
        let at_relay = format!("/ip4/10.0.0.1/tcp/1/p2p/{name}/p2p-circuit");

        assert!(is_door("/dns4/door.example/tcp/1") && is_door(&format!("{at_relay}/p2p/{name}")));
        assert!(!is_of_tcp(&format!("{at_relay}/p2p/{name}").parse().unwrap()), "a member is not called at a relay");
        for bad in [&at_relay, &format!("{at_relay}/p2p/{name}/ws"), "/ip4/10.0.0.1/tcp/1/ws", "/ip4/10.0.0.1/udp/1"] {
            assert!(!is_door(bad), "{bad}");
        }
    }

    #[test]
    fn an_address_that_names_another_peer_is_refused() {
        let other = member(1, 2).peer_id().unwrap();
        let address = format!("/ip4/10.0.0.1/tcp/1/p2p/{other}").parse().unwrap();

        let refused = checked(&[Member { addresses: vec![address], ..member(0, 1) }]);

        assert!(matches!(refused, Err(Error::BadAddress { .. })));
    }
}
