//! The chain of epochs: who votes now, from the genesis alone.
//!
//! The checkpoint at the end of an epoch certifies who votes in the next one (C2, M1, M3), so q members of each epoch
//! vouch for the members that follow. A verifier needs nothing but these steps and the genesis. Members that left long
//! ago could sign a second history: whoever knows a newer epoch already should ask for proofs that pass through it (M3).

use super::ProofError;
use super::seal::{sealed, unsealed};
use crate::format::genesis::Genesis;
#[cfg(feature = "execution")]
use crate::state::entry;
#[cfg(feature = "execution")]
use crate::state::store::{Read, Store, StoreError, Table};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{
    ClaimedCert, Committee, Constants, Digest, Ed25519, Epoch, Kind, PublicKey, QuorumCert, View, bounded,
    checkpoint_digest,
};

/// Before the number of an epoch in the key of the step that ends it, in [`crate::Table::Meta`].
#[cfg(feature = "execution")]
const STEP: &[u8] = b"epoch-step";

/// First bytes of a file of epochs.
pub const EPOCHS_TAG: &[u8] = b"quorate-epochs-1\n";

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

/// Content of a file of epochs.
#[derive(BorshSerialize, BorshDeserialize)]
struct EpochsFile {
    group: Digest,
    #[borsh(deserialize_with = "bounded::list::<EPOCHS_MAX, _, _>")]
    steps: Vec<EpochStep>,
}

/// The committees from the genesis on, each vouched for by the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epochs {
    /// Never empty: the first is the genesis's own, or the one that a reader was told.
    committees: Vec<Committee>,
    steps: Vec<EpochStep>,
}

impl Epochs {
    /// Only the epoch that the genesis begins. A group has no other until it has reconfigured itself.
    pub fn of(genesis: &Genesis) -> Self {
        Self { committees: vec![genesis.founders().clone()], steps: Vec::new() }
    }

    /// Only the epoch of a committee, which a reader of another group's proofs was told.
    pub fn known(committee: Committee) -> Self {
        Self { committees: vec![committee], steps: Vec::new() }
    }

    /// The epochs that these steps lead through, which were checked when they were kept.
    #[cfg(feature = "execution")]
    pub(crate) fn kept(genesis: &Genesis, steps: Vec<EpochStep>) -> Option<Self> {
        let mut epochs = Self::of(genesis);
        for step in steps {
            let next = following(epochs.newest(), &step.members)?;
            epochs.committees.push(next.after(step.certificate.seq));
            epochs.steps.push(step);
        }
        Some(epochs)
    }

    /// These epochs, and those that the steps lead on to. The first step may begin at any of these.
    pub fn joined(&self, steps: &[EpochStep]) -> Result<Self, ProofError> {
        steps.iter().try_fold(self.clone(), |epochs, step| {
            let next = step.certificate.epoch.get().checked_add(1).map(Epoch::new).ok_or(ProofError::Epoch)?;
            match self.committee(next) {
                Some(known) if known.keys().eq(&step.members) => Ok(epochs),
                Some(_) => Err(ProofError::OtherHistory(next)),
                None => epochs.followed_by(step.clone()),
            }
        })
    }

    /// The file of epochs: the group and the steps from its genesis on.
    pub fn encode(&self) -> Vec<u8> {
        sealed(EPOCHS_TAG, &EpochsFile { group: self.newest().group(), steps: self.steps.clone() })
    }

    /// Reads a file of epochs and checks all of it.
    pub fn decode(bytes: &[u8], genesis: &Genesis) -> Result<Self, ProofError> {
        let EpochsFile { group, steps } = unsealed(EPOCHS_TAG, bytes)?;
        of_group(group, genesis)?;
        steps.into_iter().try_fold(Self::of(genesis), Self::followed_by)
    }

    /// Whether a file of epochs begins with all that an older one holds, so that nobody loses an epoch by taking it instead.
    /// Neither is checked.
    pub fn goes_on(old: &[u8], new: &[u8]) -> bool {
        let read = |bytes| unsealed::<EpochsFile>(EPOCHS_TAG, bytes);
        match (read(old), read(new)) {
            (Ok(old), Ok(new)) => old.group == new.group && new.steps.starts_with(&old.steps),
            _ => false,
        }
    }

    /// The committees, the first epoch's first.
    pub fn committees(&self) -> &[Committee] {
        &self.committees
    }

    /// The steps from each of them to the next.
    pub fn steps(&self) -> &[EpochStep] {
        &self.steps
    }

    /// Adds the next epoch.
    pub fn followed_by(mut self, step: EpochStep) -> Result<Self, ProofError> {
        let last = self.newest();
        let next = following(last, &step.members).ok_or(ProofError::Epoch)?;
        let digest = checkpoint_digest(&step.lane_hash, &step.state_root, &next.digest());
        check_checkpoint(last, &step.certificate, digest)?;
        self.committees.push(next.after(step.certificate.seq));
        self.steps.push(step);
        Ok(self)
    }

    /// The certificate of an epoch's last checkpoint, if the epoch is over.
    pub fn end_of(&self, epoch: Epoch) -> Option<&ClaimedCert> {
        self.steps.iter().map(|step| &step.certificate).find(|certificate| certificate.epoch == epoch)
    }

    /// The committee of the last epoch.
    pub fn newest(&self) -> &Committee {
        self.committees.last().expect("there is a first")
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

/// Keeps a step. No root covers it, for each member has other signatures of it.
#[cfg(feature = "execution")]
pub(crate) fn keep(store: &mut dyn Store, step: &EpochStep) -> Result<(), StoreError> {
    store.put(Table::Meta, &step_row(step.certificate.epoch), &entry::bytes_of(step))
}

/// The steps that are kept, from the genesis on, up to the first that cannot be read.
#[cfg(feature = "execution")]
pub(crate) fn readable(read: &dyn Read, genesis: &Genesis) -> Vec<EpochStep> {
    stored(read, genesis.founders().epoch()).map_while(|step| step.ok()?).collect()
}

/// The steps that are kept, from the genesis on.
#[cfg(feature = "execution")]
pub(crate) fn kept(read: &dyn Read, genesis: &Genesis) -> Result<Vec<EpochStep>, StoreError> {
    stored(read, genesis.founders().epoch()).map_while(Result::transpose).collect()
}

/// Step after each epoch from the first on; the last of all has none.
#[cfg(feature = "execution")]
fn stored(read: &dyn Read, first: Epoch) -> impl Iterator<Item = Result<Option<EpochStep>, StoreError>> {
    let epochs = first.get()..=u64::MAX;
    epochs.map(move |epoch| entry::load_row(read, Table::Meta, &step_row(Epoch::new(epoch))))
}

#[cfg(feature = "execution")]
fn step_row(epoch: Epoch) -> Vec<u8> {
    [STEP, &epoch.get().to_be_bytes()].concat()
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

/// Refuses what belongs to another group than the genesis.
pub(super) fn of_group(theirs: Digest, genesis: &Genesis) -> Result<(), ProofError> {
    let ours = genesis.group();
    if theirs == ours { Ok(()) } else { Err(ProofError::OtherGroup { theirs, ours }) }
}

#[cfg(all(test, feature = "execution"))]
mod tests {
    use super::*;
    use crate::MemoryStore;

    /// A genesis may go on from any epoch that a file names.
    #[test]
    fn no_step_follows_the_last_of_all_epochs() {
        let steps: Vec<_> =
            stored(&MemoryStore::default(), Epoch::new(u64::MAX)).map_while(Result::transpose).collect();
        assert_eq!(steps.len(), 0);
    }
}
