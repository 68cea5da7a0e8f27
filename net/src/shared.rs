//! State that the handle, the driver and the links share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use libp2p::{Multiaddr, PeerId};
use quorate_pbft::PublicKey;
use tokio::sync::Notify;
use tokio_util::bytes::Bytes;

use crate::counters::RefusedCounts;
use crate::discovery::{self, Directory, Entrance};
use crate::error::Error;
use crate::inbox::Inbox;
use crate::member::{Member, without_key};
use crate::own::OwnAddresses;
use crate::peer::Peer;

/// Peers, inbox and counters of one network.
#[derive(Debug)]
pub(crate) struct Shared {
    own: PeerId,
    peers: Mutex<Peers>,
    /// Told when the peers change.
    pub(crate) changed: Notify,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) refused: RefusedCounts,
    addresses: Mutex<OwnAddresses>,
    /// Addresses that others told.
    pub(crate) directory: Option<Arc<Directory>>,
}

/// Peers by their place. No place is given twice, so that nothing of a peer that left counts as another's.
#[derive(Debug, Default)]
struct Peers {
    next_place: usize,
    by_place: BTreeMap<usize, Arc<Peer>>,
}

impl Shared {
    pub(crate) fn new(members: &[Member], own: PeerId, directory: Option<Arc<Directory>>) -> Result<Self, Error> {
        let shared = Self {
            own,
            peers: Mutex::default(),
            changed: Notify::new(),
            inbox: Arc::default(),
            refused: RefusedCounts::default(),
            addresses: Mutex::default(),
            directory,
        };
        shared.set_members(members)?;
        Ok(shared)
    }

    /// Peers from now on: these but for this replica itself. Those that stay keep their queues and links.
    pub(crate) fn set_members(&self, members: &[Member]) -> Result<(), Error> {
        let named = members.iter().map(|member| Ok((member.peer_id()?, member))).collect::<Result<Vec<_>, Error>>()?;
        let mut peers = self.lock();
        let Peers { next_place, by_place } = &mut *peers;
        by_place.retain(|place, peer| {
            let stays = named.iter().any(|(peer_id, _)| *peer_id == peer.peer_id);
            if !stays {
                self.inbox.remove(*place);
            }
            stays
        });
        for (peer_id, member) in named.into_iter().filter(|(peer_id, _)| *peer_id != self.own) {
            if let Some(known) = by_place.values().find(|peer| peer.peer_id == peer_id) {
                known.renew(member);
                continue;
            }
            self.inbox.add(*next_place, PublicKey(member.key));
            by_place.insert(*next_place, Arc::new(Peer::new(*next_place, member, peer_id)));
            *next_place += 1;
        }
        drop(peers);
        self.changed.notify_one();
        Ok(())
    }

    /// The peers, by their numbers.
    pub(crate) fn peers(&self) -> Vec<Arc<Peer>> {
        let mut peers: Vec<Arc<Peer>> = self.lock().by_place.values().cloned().collect();
        peers.sort_by_key(|peer| peer.id());
        peers
    }

    /// The peer with a key.
    pub(crate) fn peer(&self, key: &PublicKey) -> Option<Arc<Peer>> {
        self.lock().by_place.values().find(|peer| peer.key == *key).cloned()
    }

    /// Whether there is an address of a peer to dial, now or later.
    pub(crate) fn has_address(&self, peer: &Peer) -> bool {
        let told = |directory: &Arc<Directory>| !directory.addresses(&peer.key, Entrance::Members).is_empty();
        !peer.addresses().is_empty() || self.directory.as_ref().is_some_and(told)
    }

    /// Addresses of a peer to dial now: the configured ones, and those that others told and that are due.
    pub(crate) fn due(&self, peer: &Peer) -> Vec<Multiaddr> {
        let told = self.directory.as_ref().map(|directory| directory.due(&peer.key, Entrance::Members));
        let mut addresses = peer.addresses();
        let others = told.into_iter().flatten().filter(|told| !addresses.contains(told)).collect::<Vec<_>>();
        addresses.extend(others);
        addresses
    }

    /// A peer answered at an address that was dialled.
    pub(crate) fn reached(&self, peer: &Peer, address: &Multiaddr) {
        let address = without_key(address);
        if let Some(directory) = &self.directory {
            directory.reached(&peer.key, &address);
        }
        peer.reached(address);
    }

    /// A peer came by itself, to one of the own addresses.
    pub(crate) fn came(&self, peer: &Peer, own: &Multiaddr) {
        self.addresses().prove(own);
        self.directory.iter().for_each(|directory| directory.came(&peer.key));
    }

    /// Frame with the records that came after a number, and the number to go on from; none without such records.
    pub(crate) fn records_since(&self, number: u64) -> Option<(Bytes, u64)> {
        let (records, next) = self.directory.as_ref()?.since(number);
        (!records.is_empty()).then(|| (discovery::pack(&records), next))
    }

    pub(crate) fn listening(&self, address: Multiaddr) {
        self.addresses().add(address, Instant::now());
    }

    pub(crate) fn not_listening(&self, address: &Multiaddr) {
        self.addresses().remove(address, Instant::now());
    }

    /// Marks the network as stopped: no frame comes or goes any more.
    pub(crate) fn stopped(&self) {
        self.addresses().clear();
        for peer in self.peers() {
            peer.set_up(false);
        }
        self.inbox.close();
    }

    pub(crate) fn addresses(&self) -> MutexGuard<'_, OwnAddresses> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
