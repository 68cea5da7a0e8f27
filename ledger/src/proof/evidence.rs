//! A replica's fault, with the way to the committee that it belonged to.

use super::ProofError;
use super::epochs::{EPOCHS_MAX, EpochStep, Epochs, of_group};
use crate::format::check;
use crate::format::genesis::Genesis;
use crate::format::rules::RULES;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Evidence, EvidenceKey, PublicKey, SeqNum, View, bounded};

/// Proof of a replica's fault (E5): it verifies from the genesis and the chain of epochs.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EvidenceProof {
    /// From the genesis to the epoch in which it happened.
    #[borsh(deserialize_with = "bounded::list::<EPOCHS_MAX, _, _>")]
    epochs: Vec<EpochStep>,
    evidence: Evidence,
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

impl EvidenceProof {
    /// Of a fault in the epoch that the genesis begins.
    pub fn new(evidence: Evidence) -> Self {
        Self { epochs: Vec::new(), evidence }
    }

    /// Of a fault in a later epoch.
    pub fn through(epochs: &Epochs, evidence: Evidence) -> Self {
        Self { epochs: epochs.steps_to(evidence.key().epoch), evidence }
    }

    pub(super) fn verify(&self, genesis: &Genesis, known: &Epochs) -> Result<(ProvedEvidence, Epochs), ProofError> {
        self.evidence.statements().iter().try_for_each(|named| of_group(named.statement.group, genesis))?;
        let (epochs, what) = (known.joined(&self.epochs)?, self.evidence.key());
        let committee = epochs.committee(what.epoch).ok_or(ProofError::Epoch)?;
        if self.epochs.iter().any(|step| step.certificate.epoch >= what.epoch) {
            return Err(ProofError::Epoch);
        }
        let key = committee.key(what.signer).copied().ok_or(ProofError::Evidence)?;
        // Rules that its epoch had are not part of the proof. What is an envelope by the newest accuses nobody.
        if !check::proves((&self.evidence, Evidence::is_valid_in_remains), committee, genesis, RULES.newest) {
            return Err(ProofError::Evidence);
        }
        let (view, seq) = self.evidence.place();
        Ok((ProvedEvidence { what, key, view, seq }, epochs))
    }
}
