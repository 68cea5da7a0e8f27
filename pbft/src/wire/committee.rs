//! The voters of one epoch and the only arithmetic on how many of them may lie.

use crate::limits::Constants;
use crate::wire::{ClaimedCert, Digest, Epoch, Kind, PublicKey, QuorumCert, ReplicaId, SeqNum, Verify, View, hash};
use alloc::vec::Vec;

/// The member list of an epoch: `members[i]` is the key of replica `i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committee {
    group: Digest,
    epoch: Epoch,
    members: Vec<PublicKey>,
    digest: Digest,
    base: SeqNum,
}

impl Committee {
    /// A committee of 1 to [`Constants::REPLICAS_MAX`] distinct keys; none for any other list.
    pub fn new(group: Digest, epoch: Epoch, members: Vec<PublicKey>) -> Option<Self> {
        let mut sorted = members.clone();
        sorted.sort_unstable();
        let distinct = sorted.windows(2).all(|pair| pair[0] != pair[1]);
        let fits = !members.is_empty() && members.len() <= Constants::REPLICAS_MAX;
        let digest = hash("quorate/v1/committee", &(epoch, &members));
        let committee = (distinct && fits).then_some(Self { group, epoch, members, digest, base: SeqNum::new(0) })?;
        assert!(2 * committee.quorum() >= committee.len() + committee.weak(), "I13: quorums share an honest replica");
        Some(committee)
    }

    /// The committee of an epoch that begins after this slot, the last one of the epoch before (M1).
    pub fn after(self, base: SeqNum) -> Self {
        Self { base, ..self }
    }

    /// The last slot before the epoch.
    pub fn base(&self) -> SeqNum {
        self.base
    }

    /// Checkpoint that ViewChanges rest on before the epoch has a certified one: the slot that the epoch begins after. It has
    /// no signatures, for members of the epoch before signed that one; none in the first epoch, which begins at genesis.
    pub(crate) fn origin(&self) -> Option<ClaimedCert> {
        let (epoch, seq, digest) = (self.epoch, self.base, Digest::ZERO);
        let claimed =
            ClaimedCert { epoch, kind: Kind::Checkpoint, view: View::new(0), seq, digest, signatures: Vec::new() };
        (seq > SeqNum::new(0)).then_some(claimed)
    }

    /// The certificate that a verified ViewChange rests on; none where the epoch begins.
    pub(crate) fn certified(&self, checkpoint: &ClaimedCert) -> Option<QuorumCert> {
        (Some(checkpoint) != self.origin().as_ref()).then(|| checkpoint.clone().into_checked(self))
    }

    /// Whether a ViewChange may rest on this checkpoint: a certified one, or where the epoch begins (V4).
    pub(crate) fn is_rest(&self, checkpoint: Option<&ClaimedCert>, verify: &dyn Verify) -> bool {
        let certified =
            |claimed: &ClaimedCert| claimed.kind == Kind::Checkpoint && self.check(claimed.clone(), verify).is_ok();
        checkpoint == self.origin().as_ref() || checkpoint.is_some_and(certified)
    }

    /// The group that this committee votes in: the hash of its genesis.
    pub fn group(&self) -> Digest {
        self.group
    }

    /// The epoch that this committee votes in.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Names the member list and its epoch: the epoch information that checkpoints certify (C2, M3).
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// n.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Never: a committee has a member.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// f = ⌊(n − 1)/3⌋: how many may lie.
    pub fn faulty_max(&self) -> usize {
        (self.len() - 1) / 3
    }

    /// q = n − f: two quorums share an honest replica.
    pub fn quorum(&self) -> usize {
        self.len() - self.faulty_max()
    }

    /// w = f + 1: one of them is honest.
    pub fn weak(&self) -> usize {
        self.faulty_max() + 1
    }

    /// The primary of a view: view mod n.
    pub fn primary(&self, view: View) -> ReplicaId {
        let n = self.len() as u64;
        ReplicaId::new((view.get() % n) as u16)
    }

    /// A member's key.
    pub fn key(&self, replica: ReplicaId) -> Option<&PublicKey> {
        self.members.get(replica.index())
    }

    /// The members' keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.members.iter()
    }

    /// The member that has this key.
    pub fn replica_of(&self, key: &PublicKey) -> Option<ReplicaId> {
        let index = self.members.iter().position(|member| member == key)?;
        Some(ReplicaId::new(index as u16))
    }

    /// The members in order.
    pub fn replicas(&self) -> impl DoubleEndedIterator<Item = ReplicaId> + use<> {
        (0..self.members.len() as u16).map(ReplicaId::new)
    }
}
