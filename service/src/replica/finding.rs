//! Discovery put to work: the parts that a node's configuration asks for, until it stops.

use super::{LaunchError, Running, multiaddr, parsed};
use crate::config::Config;
use crate::discovery::{Announcer, Meeting, Seeker};
use crate::membership::Membership;
use crate::observing::{Contact, OpenDoor};
use crate::relaying::Called;
use crate::tasks::spawn_until;
use quorate_net::{Announcements, Directory, Multiaddr, Ranges, announce, is_of_door};
use quorate_pbft::{Ed25519Signer, PublicKey, Signer as _};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// Ways of finding others that a configuration names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ways {
    /// Doors for observers that are known from the start.
    pub(crate) doors: Vec<Multiaddr>,
    pub(crate) bootstrap: Vec<Multiaddr>,
    pub(crate) relay: Vec<Multiaddr>,
    pub(crate) mdns: bool,
    /// Own addresses, for the ranges that they name.
    pub(crate) own: Vec<Multiaddr>,
}

impl Ways {
    /// The ways of a replica.
    pub(crate) fn of(config: &Config) -> Result<Self, LaunchError> {
        let own = [("listen", Some(&config.listen)), ("observers", config.observers.as_ref())];
        let own = own.into_iter().filter_map(|(what, address)| Some(multiaddr(what, address?)));
        Ok(Self {
            doors: doors("follow", &config.follow)?,
            bootstrap: all("bootstrap", &config.bootstrap)?,
            relay: relays(&config.relay)?,
            mdns: config.mdns,
            own: own.collect::<Result<_, _>>()?,
        })
    }

    /// An empty directory in which addresses of the ranges that this configuration names count.
    pub(crate) fn directory(
        &self,
        group: quorate_pbft::Digest,
        key: PublicKey,
        peers: &BTreeMap<PublicKey, Multiaddr>,
    ) -> Arc<Directory> {
        let named = [&self.doors, &self.bootstrap, &self.relay, &self.own].into_iter().flatten().chain(peers.values());
        Arc::new(Directory::new(group, key, Ranges::named_by(named)))
    }
}

/// Relays: each is an IP address and a port, perhaps with the relay's name behind.
fn relays(addresses: &[String]) -> Result<Vec<Multiaddr>, LaunchError> {
    match addresses.iter().find(|address| address.starts_with("/dns")) {
        Some(name) => Err(LaunchError::RelayName(name.clone())),
        None => all("relay", addresses),
    }
}

/// Doors of a setting that are followed, at relays or not.
pub(crate) fn doors(what: &str, addresses: &[String]) -> Result<Vec<Multiaddr>, LaunchError> {
    addresses.iter().map(|address| parsed(what, address, is_of_door)).collect()
}

/// Multiaddrs of a setting.
pub(crate) fn all(what: &str, addresses: &[String]) -> Result<Vec<Multiaddr>, LaunchError> {
    addresses.iter().map(|address| multiaddr(what, address)).collect()
}

impl Running {
    /// Tells where this node is, and finds where others are. `door`: its own one for observers, and the address at which it
    /// listens for members, if it has these.
    pub(crate) fn find(
        &self,
        ways: Ways,
        secret: [u8; 32],
        listen: Option<Multiaddr>,
        door: watch::Receiver<Option<OpenDoor>>,
    ) {
        let Membership { directory, network, relay, checker, .. } = &*self.service.membership;
        let signer = Ed25519Signer::from_seed(&secret);
        let (lan, announced) = watch::channel(Announcements::new());
        let (at, called_at) = watch::channel(Vec::new());
        if let (Some(network), Some(listen)) = (network.clone(), listen) {
            let (directory, signer, door) = (directory.clone(), signer.clone(), door.clone());
            self.goes_on(Announcer { directory, signer, network, listen, door, called_at, lan }.keep());
        }
        let called = Called { directory: directory.clone(), secret, door: door.clone(), at };
        for relay in ways.relay {
            self.goes_on(called.clone().keep(relay));
        }
        if ways.mdns {
            let directory = directory.clone();
            self.goes_on(async move {
                if let Err(error) = announce(directory, announced).await {
                    tracing::warn!(event = "mdns-ended", %error, "this node is not announced on its networks");
                }
            });
        }
        let (key, group, doors) = (signer.public_key(), directory.group(), ways.bootstrap);
        self.goes_on(Meeting { directory: directory.clone(), secret, key, doors }.keep());
        let (relay, checker, inbox) = (relay.clone(), checker.clone(), self.service.inbox.clone());
        let (address, member, directory) = (Multiaddr::empty(), None, directory.clone());
        let (conduct, domains) = (self.service.conduct.clone(), self.service.domains());
        let (hints, published) = (Arc::default(), self.service.published.clone());
        let contact = Contact {
            address,
            member,
            key,
            directory,
            secret,
            group,
            relay,
            checker,
            inbox,
            conduct,
            domains,
            hints,
            door,
            published,
        };
        for address in ways.doors {
            self.goes_on(Contact { address, ..contact.clone() }.keep());
        }
        self.goes_on(Seeker { contact }.keep());
    }

    /// Runs until the node stops.
    fn goes_on(&self, task: impl Future<Output = ()> + Send + 'static) {
        spawn_until(self.service.stop.clone(), task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: &str = "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X";
    const NAME: &str = "12D3KooWH3uVF6wv47WnArKHk5p6cvgCJEb74UTmxztmQDc298L3";

    #[test]
    fn an_address_without_a_host_and_a_tcp_port_is_refused_at_the_start() {
        for good in ["/ip4/203.0.113.7/tcp/1", "/dns4/door.example/tcp/1", "/ip6/::1/tcp/0"] {
            let read = [all("relay", &[good.to_owned()]), doors("follow", &[good.to_owned()])];
            assert!(read.iter().all(Result::is_ok), "{good}");
        }
        for bad in ["", "/ip4/203.0.113.7/udp/1", "/ip4/203.0.113.7/udp/1/quic-v1", "/ip4/203.0.113.7", "/tcp/1"] {
            for refused in [all("relay", &[bad.to_owned()]), doors("follow", &[bad.to_owned()])] {
                assert!(matches!(refused, Err(LaunchError::Address { .. })), "{bad}: {refused:?}");
            }
        }
    }

    #[test]
    fn a_door_that_is_followed_may_be_called_at_a_relay() {
        let at_a_relay = |ending: &str| vec![format!("/ip4/203.0.113.7/tcp/1/p2p/{RELAY}/p2p-circuit{ending}")];
        let named = at_a_relay(&format!("/p2p/{NAME}"));

        assert!(doors("follow", &named).is_ok());
        assert!(doors("follow", &at_a_relay("")).is_err(), "nobody is named there");
        assert!(all("bootstrap", &named).is_err(), "a relay leads to what is followed alone");
    }

    #[test]
    fn a_relay_by_name_is_refused_at_the_start() {
        let refused = relays(&["/ip4/203.0.113.7/tcp/1".to_owned(), "/dns4/relay.example/tcp/1".to_owned()]);

        assert!(matches!(refused, Err(LaunchError::RelayName(name)) if name.contains("relay.example")));
        assert_eq!(relays(&["/ip4/203.0.113.7/tcp/1".to_owned()]).expect("an address").len(), 1);
    }
}
