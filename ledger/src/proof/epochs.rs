//! The chain of epochs: who votes now, from the genesis alone.
//!
//! The checkpoint at the end of an epoch certifies who votes in the next one (C2, M1, M3), so q members of each epoch
//! vouch for the members that follow. A verifier needs nothing but these steps and the genesis. Members that left long
//! ago could sign a second history: whoever knows a newer epoch already should ask for proofs that pass through it (M3).

use super::ProofError;
use crate::format::genesis::Genesis;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{
    ClaimedCert, Committee, Constants, Digest, Ed25519, Epoch, Kind, PublicKey, QuorumCert, View, bounded,
    checkpoint_digest,
};

/// Epochs that one proof may lead through.
pub(super) const EPOCHS_MAX: usize = 65_536;

/// From one epoch to the next: what exactly q of its members signed at its last checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EpochStep {
    /// Of the checkpoint after the epoch's last slot.
    pub certificate: ClaimedCert,
    /// Over all bundles executed up to there.
    pub lane_hash: Digest,
    /// Root of the state there.
    pub state_root: Digest,
    /// Keys of the next epoch's members; replica i is the i-th.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub members: Vec<PublicKey>,
}

/// The committees from the genesis on, each vouched for by the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epochs {
    /// Never empty: the first is the genesis's own.
    committees: Vec<Committee>,
    steps: Vec<EpochStep>,
}

impl Epochs {
    /// Only the epoch that the genesis begins. A group has no other until it has reconfigured itself.
    pub fn of(genesis: &Genesis) -> Self {
        Self { committees: vec![genesis.founders().clone()], steps: Vec::new() }
    }

    /// As many epochs as these steps lead through.
    pub fn through(genesis: &Genesis, steps: &[EpochStep]) -> Result<Self, ProofError> {
        steps.iter().try_fold(Self::of(genesis), |epochs, step| epochs.followed_by(step.clone()))
    }

    /// Adds the next epoch.
    pub fn followed_by(mut self, step: EpochStep) -> Result<Self, ProofError> {
        let last = self.newest();
        let next = following(last, &step.members).ok_or(ProofError::Epoch)?;
        let digest = checkpoint_digest(&step.lane_hash, &step.state_root, &next.digest());
        check_checkpoint(last, &step.certificate, digest)?;
        self.committees.push(next);
        self.steps.push(step);
        Ok(self)
    }

    /// The committee of the last epoch.
    pub fn newest(&self) -> &Committee {
        self.committees.last().expect("the first is the genesis's own")
    }

    /// The committee of an epoch.
    pub fn committee(&self, epoch: Epoch) -> Option<&Committee> {
        self.committees.iter().find(|committee| committee.epoch() == epoch)
    }

    /// The steps that lead to an epoch.
    pub(crate) fn steps_to(&self, epoch: Epoch) -> Vec<EpochStep> {
        let known = self.committees.iter().skip(1).zip(&self.steps);
        known.take_while(|(committee, _)| committee.epoch() <= epoch).map(|(_, step)| step.clone()).collect()
    }
}

/// The committee that follows another one, if these can be its members.
pub(super) fn following(committee: &Committee, members: &[PublicKey]) -> Option<Committee> {
    let epoch = Epoch::new(committee.epoch().get().checked_add(1)?);
    Committee::new(committee.group(), epoch, members.to_vec())
}

/// Whether exactly q of a committee signed a checkpoint with this digest.
pub(super) fn check_checkpoint(
    committee: &Committee,
    certificate: &ClaimedCert,
    digest: Digest,
) -> Result<QuorumCert, ProofError> {
    if certificate.signatures.len() > committee.quorum() {
        return Err(ProofError::Surplus(certificate.signatures.len()));
    }
    if (certificate.kind, certificate.view, certificate.digest) != (Kind::Checkpoint, View::new(0), digest) {
        return Err(ProofError::NotCertified);
    }
    committee.check(certificate.clone(), &Ed25519).map_err(ProofError::Certificate)
}
