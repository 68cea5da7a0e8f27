//! Place of a node in its group: a member's seat, or none.

use crate::observing::Relay;
use quorate_net::{Network, PeerInfo};
use quorate_pbft::ReplicaId;
use std::sync::Arc;

/// Place of a node, with its way to the members.
pub enum Membership {
    /// A voter, with its links to the others.
    Member {
        /// Its number.
        me: ReplicaId,
        /// Its links.
        network: Network,
    },
    /// A follower without a seat.
    Observer(Arc<Relay>),
}

impl Membership {
    /// The own number; none of an observer.
    pub fn replica(&self) -> Option<ReplicaId> {
        match self {
            Self::Member { me, .. } => Some(*me),
            Self::Observer(_) => None,
        }
    }

    /// The way of an observer to the members; none of a member.
    pub fn relay(&self) -> Option<&Arc<Relay>> {
        match self {
            Self::Member { .. } => None,
            Self::Observer(relay) => Some(relay),
        }
    }

    /// The links to the other members.
    pub fn links(&self) -> Vec<PeerInfo> {
        match self {
            Self::Member { network, .. } => network.peers(),
            Self::Observer(relay) => relay.links(),
        }
    }

    /// The own key, as libp2p writes it.
    pub fn peer_id(&self) -> String {
        match self {
            Self::Member { network, .. } => network.local_peer_id().to_string(),
            Self::Observer(relay) => relay.peer_id().to_string(),
        }
    }

    /// Closes the links between members.
    pub async fn close(&self) {
        if let Self::Member { network, .. } = self {
            network.clone().stop().await;
        }
    }
}
