//! A certified state, and the way from it to the head.

use super::ProofError;
#[cfg(feature = "execution")]
use super::ProveError;
use super::epochs::{self, EPOCHS_MAX, EpochStep, Epochs, check_checkpoint, following};
use crate::format::genesis::Genesis;
#[cfg(feature = "execution")]
use crate::state::ledger::Ledger;
use crate::state::record::Head;
#[cfg(feature = "execution")]
use crate::state::store::{Store, StoreError};
use crate::state::tree::proof::TreeProof;
use crate::state::tree::{key_of, state_root};
use crate::state::{entry, name};
use borsh::io::{self, Read};
use borsh::{BorshDeserialize, BorshSerialize};
#[cfg(feature = "execution")]
use quorate_pbft::Kind;
use quorate_pbft::{
    ClaimedCert, Committee, Constants, Digest, PublicKey, QuorumCert, ReplicaId, bounded, checkpoint_digest,
};

/// The state after a slot, signed by exactly q members, with the head that is part of it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Checkpoint {
    /// From the genesis to the epoch whose members signed.
    #[borsh(deserialize_with = "bounded::list::<EPOCHS_MAX, _, _>")]
    pub(crate) epochs: Vec<EpochStep>,
    /// The next epoch's members, where this is the last checkpoint of its own.
    #[borsh(deserialize_with = "next_members")]
    pub(crate) next_members: Option<Vec<PublicKey>>,
    pub(crate) certificate: ClaimedCert,
    /// Root of the group's tree.
    pub(crate) group_root: Digest,
    /// Number of its entries.
    pub(crate) group_count: u64,
    pub(crate) head: Head,
    pub(crate) head_path: TreeProof,
}

#[cfg(feature = "execution")]
impl Checkpoint {
    /// The state that a ledger stands at, if the certificate is of it.
    pub(crate) fn of(
        (ledger, read): (&Ledger, &dyn crate::state::store::Read),
        certificate: &QuorumCert,
        epochs: &Epochs,
    ) -> Result<Self, ProveError> {
        let committee = epochs.committee(certificate.epoch()).ok_or(ProveError::OtherState)?;
        let signed = |informed: &Committee| {
            certificate.digest()
                == checkpoint_digest(&ledger.head().lane_hash, &ledger.state_root(), &informed.digest())
        };
        let next = ledger.next_voters().or_else(|| epochs.committee(certificate.epoch().next()));
        let next = next.filter(|next| signed(next));
        let fits = certificate.kind() == Kind::Checkpoint && (next.is_some() || signed(committee));
        if !fits || certificate.seq() != ledger.head().seq {
            return Err(ProveError::OtherState);
        }
        let mut claimed = certificate.claim().clone();
        claimed.signatures.truncate(committee.quorum());
        Ok(Self {
            epochs: epochs.steps_to(certificate.epoch()),
            next_members: next.map(|next| next.keys().copied().collect()),
            certificate: claimed,
            group_root: ledger.group().root(),
            group_count: ledger.group().count(),
            head: ledger.head().clone(),
            head_path: ledger.group().prove(&key_of(name::HEAD), read)?,
        })
    }
}

#[cfg(feature = "execution")]
impl Ledger {
    /// Keeps the step to the next epoch, by the certificate of this state: the last one of its epoch. Proofs of the next epoch
    /// lead through it.
    pub fn keep_step(&self, store: &mut dyn Store, certificate: &ClaimedCert) -> Result<(), ProveError> {
        let point = self.executed();
        let said = (certificate.kind, certificate.epoch, certificate.seq, certificate.digest);
        let is_end = point.is_last() && said == (Kind::Checkpoint, point.epoch, point.seq, point.checkpoint_digest());
        let next = self.next_voters().filter(|_| is_end).ok_or(ProveError::OtherState)?;
        let mut claimed = certificate.clone();
        claimed.signatures.truncate(self.voters().quorum());
        let (lane_hash, state_root) = (point.lane_hash, point.state_root);
        let members = next.keys().copied().collect();
        Ok(epochs::keep(store, &EpochStep { certificate: claimed, lane_hash, state_root, members })?)
    }
}

#[cfg(feature = "execution")]
impl Checkpoint {
    /// A state that nobody has signed: it proves nothing to others.
    pub(crate) fn unsigned(ledger: &Ledger, read: &dyn crate::state::store::Read) -> Result<Self, ProveError> {
        let (head, group) = (ledger.head().clone(), ledger.group());
        let (kind, view, signatures) = (Kind::Checkpoint, Default::default(), Vec::new());
        let certificate =
            ClaimedCert { epoch: head.epoch, kind, view, seq: head.seq, digest: Digest::ZERO, signatures };
        let head_path = group.prove(&key_of(name::HEAD), read)?;
        let (group_root, group_count) = (group.root(), group.count());
        Ok(Self { epochs: Vec::new(), next_members: None, certificate, group_root, group_count, head, head_path })
    }
}

fn next_members<R: Read>(reader: &mut R) -> io::Result<Option<Vec<PublicKey>>> {
    let is_there = bool::deserialize_reader(reader)?;
    is_there.then(|| bounded::list::<{ Constants::REPLICAS_MAX }, _, _>(reader)).transpose()
}

impl Checkpoint {
    /// Checks the chain of epochs, the signatures and the head.
    pub fn verify(&self, genesis: &Genesis) -> Result<QuorumCert, ProofError> {
        self.verify_after(&Epochs::of(genesis)).map(|(certificate, _)| certificate)
    }

    /// The same for a reader who knows these epochs, with those that are known now.
    pub fn verify_after(&self, known: &Epochs) -> Result<(QuorumCert, Epochs), ProofError> {
        let (ends, epochs) = (self.head.epoch, known.joined(&self.epochs)?);
        if ends < known.newest().epoch() {
            return Err(ProofError::OlderEpoch { ends, known: known.newest().epoch() });
        }
        if epochs.newest().epoch() != ends {
            return Err(ProofError::Epoch);
        }
        self.holds_head()?;
        Ok((self.check_certificate(epochs.newest())?, epochs))
    }

    /// Whether another one shows the same state, by the same signatures, whatever epochs it leads through.
    #[cfg(feature = "execution")]
    pub(crate) fn is_of_the_state_of(&self, other: &Self) -> bool {
        let is_signed = self.certificate == other.certificate && self.next_members == other.next_members;
        let of = |one: &Self| (one.group_root, one.group_count);
        is_signed && of(self) == of(other) && self.head == other.head && self.head_path == other.head_path
    }

    /// The same state by way of other epochs.
    #[cfg(feature = "execution")]
    pub(crate) fn by_way_of(&self, epochs: Vec<EpochStep>) -> Self {
        let Self { epochs: _, next_members, certificate, group_root, group_count, head, head_path } = self;
        Self {
            epochs,
            next_members: next_members.clone(),
            certificate: certificate.clone(),
            group_root: *group_root,
            group_count: *group_count,
            head: head.clone(),
            head_path: head_path.clone(),
        }
    }

    /// Keeps all steps that it shows.
    #[cfg(feature = "execution")]
    pub(crate) fn keep_steps(&self, store: &mut dyn Store) -> Result<(), StoreError> {
        self.steps().iter().try_for_each(|step| epochs::keep(store, step))
    }

    /// Steps that it shows: those to its epoch, and the one that leads on where it is the last state of that.
    pub(super) fn steps(&self) -> Vec<EpochStep> {
        let (lane_hash, state_root) = (self.head.lane_hash, self.state_root());
        let on = self.next_members.as_ref().map(|members| EpochStep {
            certificate: self.certificate.clone(),
            lane_hash,
            state_root,
            members: members.clone(),
        });
        self.epochs.iter().cloned().chain(on).collect()
    }

    /// Checks that the head is part of the state.
    pub(crate) fn holds_head(&self) -> Result<(), ProofError> {
        self.holds(name::HEAD, Some(&entry::bytes_of(&self.head)), &self.head_path, "the head")
    }

    fn check_certificate(&self, committee: &Committee) -> Result<QuorumCert, ProofError> {
        let next = match &self.next_members {
            Some(members) => Some(following(committee, members).ok_or(ProofError::Epoch)?),
            None => None,
        };
        let digest =
            checkpoint_digest(&self.head.lane_hash, &self.state_root(), &next.as_ref().unwrap_or(committee).digest());
        if self.certificate.seq != self.head.seq {
            return Err(ProofError::Path("the state"));
        }
        check_checkpoint(committee, &self.certificate, digest)
    }

    /// Whether the group's tree has this value under a name, or nothing.
    pub(crate) fn holds(
        &self,
        name: &[u8],
        value: Option<&[u8]>,
        path: &TreeProof,
        what: &'static str,
    ) -> Result<(), ProofError> {
        holds(&self.group_root, name, value, path, what)
    }

    /// Head of the state.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Root of the state.
    pub fn state_root(&self) -> Digest {
        state_root(&self.group_root, self.group_count)
    }

    /// The certificate of the state.
    pub fn certificate(&self) -> &ClaimedCert {
        &self.certificate
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
