//! Proofs that need no trust in who hands them over: the genesis is enough to check them.
//!
//! A proof file is a tag, one [`Proof`] and the SHA-256 of both, in one encoding: no comments, no names, nothing that
//! is not checked, and exactly q signatures. A change of any byte makes it fail. (Without the hash, the proof that
//! nothing stands at one path could be turned into the equally true one about another.)

mod branch;
mod checkpoint;
mod error;
pub(crate) mod epochs;
mod evidence;
mod file;
mod nonce;
mod order;
mod receipt;
mod restart;
mod seal;

pub use crate::state::tree::proof::TreeProof;
pub use branch::BranchProof;
pub use checkpoint::Checkpoint;
pub use epochs::{EPOCHS_TAG, EpochStep, Epochs};
pub use error::{ProofError, ProveError};
pub use evidence::{EvidenceProof, ProvedEvidence};
pub(crate) use file::MarkProof;
pub use file::{FileProof, Marked, ProvedFile};
pub use nonce::{NonceProof, NonceStep};
pub(crate) use order::SlotPath;
pub use order::{ORDER_BYTES_MAX, OrderProof};
pub use receipt::{ProvedReceipt, ReceiptProof, SlotProof};
pub use restart::{is_of_history, of_one_history, read_genesis, restart_from, restarted_from};
pub use seal::PROOF_BYTES_MAX;

use crate::format::genesis::Genesis;
use borsh::{BorshDeserialize, BorshSerialize};
use seal::{sealed, unsealed};

/// First bytes of a proof file.
pub const TAG: &[u8] = b"quorate-proof-2\n";

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
        sealed(TAG, self)
    }

    /// Reads a proof file.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProofError> {
        unsealed(TAG, bytes)
    }

    /// Verifies the proof for a reader who trusts the genesis and nothing else.
    pub fn verify(&self, genesis: &Genesis) -> Result<Proved, ProofError> {
        self.verify_after(genesis, &Epochs::of(genesis)).map(|(proved, _)| proved)
    }

    /// Verifies the proof for a reader who knows these epochs, and says which are known with it.
    ///
    /// A state that members of an older epoch than the newest known one signed is refused: some may have left, and keys
    /// of those who left could sign a second history (M3). Evidence holds whatever its epoch.
    pub fn verify_after(&self, genesis: &Genesis, known: &Epochs) -> Result<(Proved, Epochs), ProofError> {
        match self {
            Self::File(proof) => proof.verify(known).map(|(proved, epochs)| (Proved::File(proved), epochs)),
            Self::Receipt(proof) => proof.verify(known).map(|(proved, epochs)| (Proved::Receipt(proved), epochs)),
            Self::Evidence(proof) => {
                proof.verify(genesis, known).map(|(proved, epochs)| (Proved::Evidence(proved), epochs))
            }
        }
    }
}
