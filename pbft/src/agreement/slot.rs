//! Slots with their proposals, votes and decisions, and the log of slots above the stable checkpoint.

use crate::wire::{Content, Digest, QuorumCert, ReplicaId, SeqNum, Signed, Ticks, View};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::ops::Bound;

/// Contents kept for one slot: proposed, voted for, prepared and committed can all differ.
const CONTENTS_PER_SLOT_MAX: usize = 4;

/// The PrePrepare of the current view that this replica goes by: the first that it received (N2).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proposal {
    pub(crate) statement: Signed,
    /// When it came.
    pub(crate) arrived: Ticks,
    /// Whether a NewView carries it: its certificates and its time were checked by an honest replica before (L4, T2).
    pub(crate) carried: bool,
}

/// The prepared certificate of the highest view (P), with the primary's statement.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) certificate: QuorumCert,
    pub(crate) pre_prepare: Signed,
}

/// Proposals, votes and decision of a slot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slot {
    pub(crate) proposal: Option<Proposal>,
    contents: BTreeMap<Digest, Arc<Content>>,
    /// Each signer's Prepare of its highest view.
    pub(crate) prepares: BTreeMap<ReplicaId, Signed>,
    /// Each signer's Commit of its highest view.
    pub(crate) commits: BTreeMap<ReplicaId, Signed>,
    /// The PrePrepare for which this replica last signed a PrePrepare or a Prepare (Q).
    pub(crate) voted: Option<Signed>,
    pub(crate) prepared: Option<Prepared>,
    pub(crate) committed: Option<Arc<QuorumCert>>,
    /// Whether the decision is on disk, which needs its content.
    pub(crate) recorded: bool,
    /// When the own newest vote was made.
    pub(crate) voted_at: Ticks,
    pub(crate) committed_at: Ticks,
}

impl Slot {
    /// The content that is going to be executed, if it is decided and here.
    pub(crate) fn decided(&self) -> Option<&Arc<Content>> {
        self.contents.get(&self.committed.as_ref()?.digest())
    }

    /// The digest that the current view's primary chose.
    pub(crate) fn proposed(&self) -> Option<Digest> {
        self.proposal.map(|proposal| proposal.statement.statement.digest)
    }

    pub(crate) fn content(&self, digest: &Digest) -> Option<&Arc<Content>> {
        self.contents.get(digest)
    }

    /// Whether a content with this digest is of use here.
    pub(crate) fn wants(&self, digest: &Digest) -> bool {
        !self.contents.contains_key(digest) && self.names(digest)
    }

    /// Whether a content with this digest is on offer here.
    pub(crate) fn names(&self, digest: &Digest) -> bool {
        let of = |signed: &Signed| signed.statement.digest == *digest;
        self.proposed() == Some(*digest)
            || self.committed.as_ref().is_some_and(|certificate| certificate.digest() == *digest)
            || self.prepared.as_ref().is_some_and(|prepared| prepared.certificate.digest() == *digest)
            || self.voted.as_ref().is_some_and(of)
    }

    /// Keeps a content that the slot names.
    pub(crate) fn offer(&mut self, content: Arc<Content>, digest: Digest) {
        assert!(self.names(&digest), "I9: a content that the slot does not name");
        self.contents.insert(digest, content);
        if self.contents.len() > CONTENTS_PER_SLOT_MAX {
            let unnamed = self.contents.keys().find(|digest| !self.names(digest)).copied();
            unnamed.and_then(|digest| self.contents.remove(&digest));
        }
    }

    /// The content whose tips later slots build on: decided, or proposed.
    pub(crate) fn leading(&self) -> Option<&Arc<Content>> {
        self.decided().or_else(|| self.contents.get(&self.proposed()?))
    }
}

#[cfg(feature = "testing")]
impl Slot {
    /// Contents kept.
    pub(crate) fn contents_count(&self) -> usize {
        self.contents.len()
    }
}

/// Those of a slot's votes that are of a view and for a digest.
pub(crate) fn votes_for(
    votes: &BTreeMap<ReplicaId, Signed>,
    view: View,
    digest: Digest,
) -> impl Iterator<Item = &Signed> {
    votes.values().filter(move |vote| vote.statement.view == view && vote.statement.digest == digest)
}

/// The slots above the stable checkpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    slots: BTreeMap<SeqNum, Slot>,
    /// Slots to look at again: something about them changed, or they wait for time to pass.
    touched: BTreeSet<SeqNum>,
}

impl Log {
    pub(crate) fn get(&self, seq: SeqNum) -> Option<&Slot> {
        self.slots.get(&seq)
    }

    /// The content of a slot whose decision is on disk.
    pub(crate) fn recorded(&self, seq: SeqNum) -> Option<&Arc<Content>> {
        self.get(seq).filter(|slot| slot.recorded)?.decided()
    }

    /// The slot, made if it was not there, to be looked at again. The caller has checked that it is in the window.
    pub(crate) fn touch(&mut self, seq: SeqNum) -> &mut Slot {
        self.touched.insert(seq);
        self.slots.entry(seq).or_default()
    }

    /// The slot, to be changed in passing.
    pub(crate) fn get_mut(&mut self, seq: SeqNum) -> Option<&mut Slot> {
        self.slots.get_mut(&seq)
    }

    /// The view is left: its proposals bind nobody here any more; what was voted for and prepared stays.
    pub(crate) fn forget_proposals(&mut self) {
        self.slots.values_mut().for_each(|slot| slot.proposal = None);
        self.touch_all();
    }

    pub(crate) fn touch_all(&mut self) {
        self.touched.extend(self.slots.keys().copied());
    }

    pub(crate) fn take_touched(&mut self) -> BTreeSet<SeqNum> {
        core::mem::take(&mut self.touched)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (SeqNum, &Slot)> {
        self.slots.iter().map(|(seq, slot)| (*seq, slot))
    }

    /// Slots strictly above `seq`.
    pub(crate) fn above(&self, seq: SeqNum) -> impl DoubleEndedIterator<Item = (SeqNum, &Slot)> {
        self.slots.range((Bound::Excluded(seq), Bound::Unbounded)).map(|(seq, slot)| (*seq, slot))
    }

    /// Slots at or below `seq` without an own vote leave memory.
    pub(crate) fn drop_unvoted_up_to(&mut self, seq: SeqNum) {
        let old = self.slots.range(..=seq).filter(|(_, slot)| slot.voted.is_none() && slot.prepared.is_none());
        let old: alloc::vec::Vec<SeqNum> = old.map(|(seq, _)| *seq).collect();
        for seq in old {
            self.slots.remove(&seq);
        }
    }

    /// Slots at or below `seq` leave memory; the disk keeps them.
    pub(crate) fn drop_up_to(&mut self, seq: SeqNum) {
        self.slots = self.slots.split_off(&seq.next());
        self.touched = self.touched.split_off(&seq.next());
    }
}
