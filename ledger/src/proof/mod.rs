//! Proofs that need no trust in who hands them over: the genesis is enough to check them.
//!
//! A proof file is a tag, one [`Proof`] and the SHA-256 of both, in one encoding: no comments, no names, nothing that
//! is not checked, and exactly q signatures. A change of any byte makes it fail. (Without the hash, the proof that
//! nothing stands at one path could be turned into the equally true one about another.)

mod checkpoint;
mod error;
mod epochs;
mod evidence;
mod file;
mod nonce;
mod receipt;

pub use crate::state::tree::proof::TreeProof;
pub use checkpoint::Checkpoint;
pub use epochs::{EpochStep, Epochs};
pub use error::{ProofError, ProveError};
pub use evidence::{EvidenceProof, ProvedEvidence};
pub(crate) use file::MarkProof;
pub use file::{FileProof, Marked, ProvedFile};
pub use nonce::{NonceProof, NonceStep};
pub use receipt::{ProvedReceipt, ReceiptProof, SlotProof};

use crate::format::genesis::Genesis;
use borsh::{BorshDeserialize, BorshSerialize};
use sha2::{Digest as _, Sha256};

/// First bytes of a proof file.
pub const TAG: &[u8] = b"quorate-proof-2\n";

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
