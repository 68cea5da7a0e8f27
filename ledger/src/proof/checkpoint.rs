//! A certified state, and the way from it to the head.

use super::epochs::{EpochStep, Epochs, check_checkpoint, following};
use super::{ProofError, ProveError, TreeProof};
use crate::genesis::Genesis;
use crate::ledger::state_root;
use crate::moment::Moment;
use crate::state::record::Head;
use crate::state::{entry, name};
use crate::tree::key_of;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{ClaimedCert, Committee, Digest, Epoch, Kind, PublicKey, QuorumCert, ReplicaId, checkpoint_digest};

/// The state after a slot, signed by exactly q members, with the head that is part of it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Checkpoint {
    /// From the genesis to the epoch whose members signed.
    epochs: Vec<EpochStep>,
    /// The next epoch's members, where this is the last checkpoint of its own.
    next_members: Option<Vec<PublicKey>>,
    certificate: ClaimedCert,
    /// Root of the group's tree.
    group_root: Digest,
    /// Number of its entries.
    group_count: u64,
    head: Head,
    head_path: TreeProof,
}

impl Checkpoint {
    pub(super) fn of(moment: &Moment, certificate: &QuorumCert, epochs: &Epochs) -> Result<Self, ProveError> {
        let ledger = moment.ledger;
        let committee = epochs.committee(certificate.epoch()).ok_or(ProveError::OtherState)?;
        let signed = |informed: &Committee| {
            certificate.digest() == checkpoint_digest(&ledger.head().lane_hash, &ledger.state_root(), informed)
        };
        let next = epochs.committee(Epoch::new(certificate.epoch().get().saturating_add(1)));
        let next = next.filter(|next| signed(next));
        let fits = certificate.kind() == Kind::Checkpoint && (next.is_some() || signed(committee));
        if !fits || certificate.seq() != ledger.head().seq {
            return Err(ProveError::OtherState);
        }
        let mut claimed = certificate.claim().clone();
        claimed.signatures.truncate(committee.quorum());
        Ok(Self {
            epochs: epochs.steps_to(certificate.epoch()),
            next_members: next.map(|next| next.replicas().filter_map(|replica| next.key(replica)).copied().collect()),
            certificate: claimed,
            group_root: ledger.group().root(),
            group_count: ledger.group().count(),
            head: ledger.head().clone(),
            head_path: ledger.group().prove(&key_of(name::HEAD), moment.read)?,
        })
    }

    /// Checks the chain of epochs, the signatures and the head.
    pub(super) fn verify(&self, genesis: &Genesis) -> Result<(), ProofError> {
        let epochs = Epochs::through(genesis, &self.epochs)?;
        let committee = epochs.newest();
        if committee.epoch() != self.head.epoch {
            return Err(ProofError::Epoch);
        }
        self.check_certificate(committee)?;
        self.holds(name::HEAD, Some(&entry::bytes_of(&self.head)), &self.head_path, "the head")
    }

    fn check_certificate(&self, committee: &Committee) -> Result<(), ProofError> {
        let next = match &self.next_members {
            Some(members) => Some(following(committee, members).ok_or(ProofError::Epoch)?),
            None => None,
        };
        let root = state_root(&self.group_root, self.group_count);
        let digest = checkpoint_digest(&self.head.lane_hash, &root, next.as_ref().unwrap_or(committee));
        if self.certificate.seq != self.head.seq {
            return Err(ProofError::Path("the state"));
        }
        check_checkpoint(committee, &self.certificate, digest)
    }

    /// Whether the group's tree has this value under a name, or nothing.
    pub(super) fn holds(
        &self,
        name: &[u8],
        value: Option<&[u8]>,
        path: &TreeProof,
        what: &'static str,
    ) -> Result<(), ProofError> {
        holds(&self.group_root, name, value, path, what)
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    pub(super) fn signers(&self) -> Vec<ReplicaId> {
        self.certificate.signatures.iter().map(|(signer, _)| *signer).collect()
    }
}

/// Whether a tree has this value under a name, or nothing.
pub(super) fn holds(
    root: &Digest,
    name: &[u8],
    value: Option<&[u8]>,
    path: &TreeProof,
    what: &'static str,
) -> Result<(), ProofError> {
    let value_hash = value.map(entry::value_hash);
    let found = path.root(&key_of(name), value_hash.as_ref());
    if found == Some(*root) { Ok(()) } else { Err(ProofError::Path(what)) }
}

/// The path of an entry of the group's tree.
pub(super) fn group_path(moment: &Moment, name: &[u8]) -> Result<TreeProof, ProveError> {
    Ok(moment.ledger.group().prove(&key_of(name), moment.read)?)
}
