//! State that the handle, the driver and the links share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libp2p::Multiaddr;
use quorate_pbft::ReplicaId;

use crate::counters::RefusedCounts;
use crate::error::Error;
use crate::inbox::Inbox;
use crate::member::Member;
use crate::peer::Peer;

/// Peers, inbox and counters of one network.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) peers: Vec<Arc<Peer>>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) refused: RefusedCounts,
    addresses: Mutex<Vec<Multiaddr>>,
}

impl Shared {
    pub(crate) fn new(members: &[Member], me: ReplicaId) -> Result<Self, Error> {
        let others = members.iter().filter(|member| member.id != me);
        let peers = others.map(|member| Peer::new(member.clone()).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let inbox = Inbox::new(peers.iter().map(|peer| peer.member.id).collect());
        Ok(Self { peers, inbox: Arc::new(inbox), refused: RefusedCounts::default(), addresses: Mutex::default() })
    }

    pub(crate) fn listening(&self, address: Multiaddr) {
        self.addresses().push(address);
    }

    pub(crate) fn not_listening(&self, address: &Multiaddr) {
        self.addresses().retain(|other| other != address);
    }

    /// Marks the network as stopped: no frame comes or goes any more.
    pub(crate) fn stopped(&self) {
        self.addresses().clear();
        for peer in &self.peers {
            peer.set_up(false);
        }
        self.inbox.close();
    }

    pub(crate) fn addresses(&self) -> MutexGuard<'_, Vec<Multiaddr>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
