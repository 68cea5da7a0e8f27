//! Verified proofs, as `quorate verify` tells them, and the state that they are of.

use super::clock;
use quorate_pbft::ReplicaId;
use serde_json::Value;

/// Verified proof as JSON, and in lines for people.
pub type Told = (Value, Vec<String>);

/// Numbers of replicas.
pub fn numbers(signers: &[ReplicaId]) -> Vec<u16> {
    signers.iter().map(|signer| signer.get()).collect()
}

/// Lines about the state that a proof is of.
pub fn certified(seq: u64, time: u64, signers: &[ReplicaId]) -> [String; 2] {
    let signers: Vec<String> = signers.iter().map(ToString::to_string).collect();
    [
        format!("time      {} (ledger time at slot {seq})", clock::date(time)),
        format!("signers   replicas {}", signers.join(", ")),
    ]
}
