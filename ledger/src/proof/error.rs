//! Reasons why a proof does not hold, or cannot be made.

use crate::state::store::StoreError;
use quorate_pbft::{CertError, Digest, Epoch};

/// Why a file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not a proof file, or one that is spelled in another way than the one encoding.
    #[error("not a proof file")]
    Malformed,
    /// The chain of epochs does not lead from the genesis to the proof's epoch, or through an impossible one.
    #[error("the proof's epochs do not lead from this genesis to its own")]
    Epoch,
    /// An older epoch than the newest one known: its members may have left since (M3).
    #[error("it ends in epoch {ends}, and epoch {known} is known: members that have left could have signed it")]
    OlderEpoch {
        /// Epoch in which the proof ends.
        ends: Epoch,
        /// The newest one known.
        known: Epoch,
    },
    /// Other members than those known for this epoch: a second history of the group (M3).
    #[error("its members of epoch {0} are not the known ones: it is of a second history")]
    OtherHistory(Epoch),
    /// State above the end of its epoch, or beside another one of its slot: a second history of the group (M3).
    #[error("its state of slot {0} is not of the known history: it is of a second one")]
    OtherState(u64),
    /// Evidence or epochs that name another group.
    #[error("it is of group {theirs}, this genesis is of {ours}")]
    OtherGroup {
        /// Group that they name.
        theirs: Digest,
        /// Group of the genesis.
        ours: Digest,
    },
    /// The members signed another state than the one that the proof leads to, or the genesis has other members.
    #[error("the members of this genesis did not certify its state: it is of another group, or forged")]
    NotCertified,
    /// The checkpoint is not certified by exactly q members.
    #[error("the checkpoint's certificate: {0}")]
    Certificate(CertError),
    /// More signatures than q: one proof, one encoding.
    #[error(
        "{0} signatures are not exactly a quorum of this genesis's members: it is of another group, or has too many"
    )]
    Surplus(usize),
    /// A path does not lead to the root that was signed.
    #[error("{0} is not under the certified root")]
    Path(&'static str),
    /// The statements do not contradict each other, or a signature does not fit.
    #[error("the evidence does not hold")]
    Evidence,
}

/// Why a proof cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// The disk said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The certificate is not of this state.
    #[error("the certificate is of another state")]
    OtherState,
    /// There is no such domain, receipt, slot or mark in this state.
    #[error("{0} is not in this state")]
    Unknown(&'static str),
}
