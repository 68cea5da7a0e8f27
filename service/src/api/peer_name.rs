//! A key as libp2p writes it.

use quorate_net::Member;
use quorate_pbft::{PublicKey, ReplicaId};

/// The key as libp2p writes it; empty for one that is no point of the curve.
pub fn peer_id(key: &PublicKey) -> String {
    let member = Member { id: ReplicaId::new(0), key: key.0, address: None };
    member.peer_id().map(|peer_id| peer_id.to_string()).unwrap_or_default()
}
