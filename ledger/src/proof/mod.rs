//! Proofs that need no trust in who hands them over: the genesis is enough to check them.
//!
//! A proof file is a tag, one [`Proof`] and the SHA-256 of both, in one encoding: no comments, no names, nothing that
//! is not checked, and exactly q signatures. A change of any byte makes it fail. (Without the hash, the proof that
//! nothing stands at one path could be turned into the equally true one about another.)

mod checkpoint;
mod epochs;
mod evidence;
mod file;
mod nonce;
mod receipt;

pub use crate::state::tree::proof::TreeProof;
pub use checkpoint::Checkpoint;
pub use epochs::{EpochStep, Epochs};
pub use evidence::EvidenceProof;
pub(crate) use file::MarkProof;
pub use file::{FileProof, Marked, ProvedFile};
pub use nonce::{NonceProof, NonceStep};
pub use receipt::{ProvedReceipt, ReceiptProof, SlotProof};

use crate::format::genesis::Genesis;
use crate::state::store::StoreError;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{CertError, EvidenceKey, PublicKey, SeqNum, View};
use sha2::{Digest as _, Sha256};

/// First bytes of a proof file.
const TAG: &[u8] = b"quorate-proof-1\n";

/// Bytes of a proof file: what a reader takes before it decodes. The largest part is a receipt of many paths.
pub const PROOF_BYTES_MAX: usize = 128 << 20;

/// Content of a proof file.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Proof {
    /// Presence of a file at a path at a checkpoint, or its absence.
    File(Box<FileProof>) = 1,
    /// The verdict on an envelope.
    Receipt(Box<ReceiptProof>) = 2,
    /// A replica's fault.
    Evidence(Box<EvidenceProof>) = 3,
}

/// Statement of a verified proof, for a holder of the genesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proved {
    /// File at a path.
    File(ProvedFile),
    /// The verdict on an envelope.
    Receipt(ProvedReceipt),
    /// A replica's fault.
    Evidence(ProvedEvidence),
}

/// A replica's fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedEvidence {
    /// The offender's number, the epoch, and what it did.
    pub what: EvidenceKey,
    /// The offender's key.
    pub key: PublicKey,
    /// View of the offence.
    pub view: View,
    /// Slot, or position in a lane, of the offence.
    pub seq: SeqNum,
}

/// Why a file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not a proof file, or one that is spelled in another way than the one encoding.
    #[error("not a proof file")]
    Malformed,
    /// The chain of epochs does not lead from the genesis to the proof's epoch, or through an impossible one.
    #[error("the proof's epochs do not lead from this genesis to its own")]
    Epoch,
    /// The checkpoint is not certified by exactly q members.
    #[error("the checkpoint's certificate: {0}")]
    Certificate(CertError),
    /// More signatures than q: one proof, one encoding.
    #[error("{0} signatures are not exactly a quorum")]
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

impl Proof {
    /// The proof file.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = TAG.to_vec();
        borsh::to_writer(&mut bytes, self).expect("writing into memory cannot fail");
        let hash = Sha256::digest(&bytes);
        bytes.extend_from_slice(&hash);
        bytes
    }

    /// Reads a proof file.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProofError> {
        let (hashed, hash) = bytes.split_last_chunk::<32>().ok_or(ProofError::Malformed)?;
        let body = hashed.strip_prefix(TAG).ok_or(ProofError::Malformed)?;
        if bytes.len() > PROOF_BYTES_MAX || Sha256::digest(hashed)[..] != *hash {
            return Err(ProofError::Malformed);
        }
        borsh::from_slice(body).map_err(|_| ProofError::Malformed)
    }

    /// Verifies the proof for a reader who trusts the genesis and nothing else.
    pub fn verify(&self, genesis: &Genesis) -> Result<Proved, ProofError> {
        match self {
            Self::File(proof) => proof.verify(genesis).map(Proved::File),
            Self::Receipt(proof) => proof.verify(genesis).map(Proved::Receipt),
            Self::Evidence(proof) => proof.verify(genesis).map(Proved::Evidence),
        }
    }
}
