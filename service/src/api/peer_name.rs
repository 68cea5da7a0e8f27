//! A key as libp2p writes it.

use quorate_net::peer_of_key;
use quorate_pbft::PublicKey;

/// The key as libp2p writes it; empty for one that is no point of the curve.
pub fn peer_id(key: &PublicKey) -> String {
    peer_of_key(key).map(|peer_id| peer_id.to_string()).unwrap_or_default()
}
