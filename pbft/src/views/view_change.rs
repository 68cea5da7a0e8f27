//! ViewChange and NewView as they travel, and the choice that follows from q ViewChanges (V4, V5).

use crate::limits::Constants;
use crate::wire::{ClaimedCert, Committee, Digest, ReplicaId, SeqNum, Signed, View, bounded, hash, merkle_root};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// P of one slot: the prepared certificate of the highest view.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PreparedEntry {
    /// q Prepares.
    pub certificate: ClaimedCert,
    /// The primary's statement that they agree with.
    pub pre_prepare: Signed,
    /// Digest of the NewView that started the certificate's view; zero for view 0.
    pub new_view: Digest,
}

/// Q of one slot: what the sender last signed a PrePrepare or a Prepare for.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct VotedEntry {
    /// The primary's statement that it voted for.
    pub pre_prepare: Signed,
    /// Digest of the NewView that started its view; zero for view 0.
    pub new_view: Digest,
}

/// A ViewChange, with everything that its sender has promised (V4). The statement beside it says its digest.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ViewChange {
    /// The view that is asked for.
    pub view: View,
    /// The sender's stable checkpoint; none before the first.
    pub checkpoint: Option<ClaimedCert>,
    /// P, ascending by slot.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::WINDOW_MAX as usize }, _, _>")]
    pub prepared: Vec<PreparedEntry>,
    /// Q, ascending by slot.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::WINDOW_MAX as usize }, _, _>")]
    pub voted: Vec<VotedEntry>,
}

/// The NewView: q ViewChanges for it and what follows from them (V5). The statement beside it says its digest.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NewView {
    /// The view that starts.
    pub view: View,
    /// q ViewChanges for it, ascending by signer.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub view_changes: Vec<(Signed, Arc<ViewChange>)>,
    /// The primary's statement for every slot that the ViewChanges decide, ascending and without gaps.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::WINDOW_MAX as usize }, _, _>")]
    pub pre_prepares: Vec<Signed>,
}

/// Claims of a ViewChange about one slot: a leaf of its tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct SlotClaims {
    /// P.
    pub prepared: Option<PreparedEntry>,
    /// Q.
    pub voted: Option<VotedEntry>,
}

impl PreparedEntry {
    /// The slot it is about.
    pub fn seq(&self) -> SeqNum {
        self.pre_prepare.statement.seq
    }

    /// Whether its certificate says the same as the primary's statement.
    pub(crate) fn agrees(&self) -> bool {
        let (claimed, said) = (&self.certificate, &self.pre_prepare.statement);
        (claimed.view, claimed.seq, claimed.digest) == (said.view, said.seq, said.digest)
    }
}

impl VotedEntry {
    /// The slot it is about.
    pub fn seq(&self) -> SeqNum {
        self.pre_prepare.statement.seq
    }
}

impl ViewChange {
    /// The slot of its checkpoint.
    pub fn base(&self) -> SeqNum {
        self.checkpoint.as_ref().map_or(SeqNum::new(0), |certificate| certificate.seq)
    }

    /// Digest in the statement beside it: a Merkle root with a head and one leaf for each slot of the window (V4).
    pub fn digest(&self, window: u64) -> Digest {
        merkle_root(&self.leaves(window))
    }

    /// The leaves under its digest: the head, then the slots above its checkpoint.
    pub fn leaves(&self, window: u64) -> Vec<Digest> {
        let (head, empty) = (view_change_head(self.view, &self.checkpoint), SlotClaims::default());
        let slots = self.by_slot().into_iter().map(|(seq, claims)| (seq, claims.digest(seq)));
        leaves(head, self.base(), window, |seq| empty.digest(seq), slots)
    }

    /// P and Q of a slot.
    pub fn claims(&self, seq: SeqNum) -> SlotClaims {
        let prepared = self.prepared.iter().find(|entry| entry.seq() == seq).cloned();
        let voted = self.voted.iter().find(|entry| entry.seq() == seq).cloned();
        SlotClaims { prepared, voted }
    }

    fn by_slot(&self) -> BTreeMap<SeqNum, SlotClaims> {
        let mut slots: BTreeMap<SeqNum, SlotClaims> = BTreeMap::new();
        for entry in &self.prepared {
            slots.entry(entry.seq()).or_default().prepared = Some(entry.clone());
        }
        for entry in &self.voted {
            slots.entry(entry.seq()).or_default().voted = Some(entry.clone());
        }
        slots
    }

    /// Proposals of P, then of Q, each with the digest of the NewView that it was accepted under.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Signed, Digest)> {
        let prepared = self.prepared.iter().map(|entry| (&entry.pre_prepare, entry.new_view));
        prepared.chain(self.voted.iter().map(|entry| (&entry.pre_prepare, entry.new_view)))
    }

    /// The NewViews that its entries name, with their views.
    pub fn named(&self) -> impl Iterator<Item = (View, Digest)> + '_ {
        let named = self.entries().map(|(pre_prepare, new_view)| (pre_prepare.statement.view, new_view));
        named.filter(|(view, _)| view.get() > 0)
    }

    /// Entries ascend, lie in the window above its checkpoint, which is of the epoch, and are of views below the one asked for.
    pub fn is_well_formed(&self, committee: &Committee, window: u64) -> bool {
        let base = self.base();
        let fits = |(pre_prepare, new_view): (&Signed, Digest)| {
            let statement = &pre_prepare.statement;
            let in_window = base < statement.seq && statement.seq <= base.plus(window);
            let named = (new_view == Digest::ZERO) == (statement.view.get() == 0);
            let by_primary = pre_prepare.signer == committee.primary(statement.view);
            in_window && named && by_primary && statement.view < self.view
        };
        let sound = self.prepared.iter().all(PreparedEntry::agrees) && self.entries().all(fits);
        let ascending = self.prepared.windows(2).all(|pair| pair[0].seq() < pair[1].seq())
            && self.voted.windows(2).all(|pair| pair[0].seq() < pair[1].seq());
        let rests = base >= committee.base();
        self.view.get() > 0 && rests && ascending && sound && self.names_one_start_for_a_view()
    }

    /// V4: a replica accepts one NewView for a view, so an honest ViewChange names no two of one view.
    fn names_one_start_for_a_view(&self) -> bool {
        let mut named: BTreeMap<View, Digest> = BTreeMap::new();
        self.named().all(|(view, digest)| *named.entry(view).or_insert(digest) == digest)
    }
}

impl SlotClaims {
    /// The leaf of a slot; it says which slot it is about.
    pub fn digest(&self, seq: SeqNum) -> Digest {
        hash("quorate/v1/view-change-slot", &(seq, self))
    }
}

/// The first leaf of a ViewChange.
pub fn view_change_head(view: View, checkpoint: &Option<ClaimedCert>) -> Digest {
    hash("quorate/v1/view-change", &(view, checkpoint))
}

impl NewView {
    /// The highest checkpoint that its ViewChanges carry.
    pub fn base(&self) -> SeqNum {
        self.view_changes.iter().map(|(_, body)| body.base()).max().unwrap_or_default()
    }

    /// The certificate of that checkpoint; none at genesis.
    pub fn checkpoint(&self) -> Option<&ClaimedCert> {
        let bodies = self.view_changes.iter().map(|(_, body)| body);
        bodies.max_by_key(|body| body.base())?.checkpoint.as_ref()
    }

    /// The last slot that it carries, or its base.
    pub fn last(&self) -> SeqNum {
        self.pre_prepares.last().map_or(self.base(), |signed| signed.statement.seq)
    }

    /// The digest that it carries for a slot.
    pub fn carries(&self, seq: SeqNum) -> Option<Digest> {
        let at = self.pre_prepares.binary_search_by_key(&seq, |signed| signed.statement.seq).ok()?;
        Some(self.pre_prepares[at].statement.digest)
    }

    /// Digest in the statement beside it: a Merkle root with a head and one leaf for each slot of the window (V4).
    pub fn digest(&self, window: u64) -> Digest {
        merkle_root(&self.leaves(window))
    }

    /// The leaves under its digest: the head, then the slots above its base.
    pub fn leaves(&self, window: u64) -> Vec<Digest> {
        let head = new_view_head(self.view, &self.signers());
        let carried = self.pre_prepares.iter().map(|signed| (signed.statement.seq, signed.statement.digest));
        let slots = carried.map(|(seq, digest)| (seq, new_view_slot(seq, Some(digest))));
        leaves(head, self.base(), window, |seq| new_view_slot(seq, None), slots)
    }

    /// Signers of its ViewChanges, with their digests.
    pub(crate) fn signers(&self) -> Vec<(ReplicaId, Digest)> {
        self.view_changes.iter().map(|(signed, _)| (signed.signer, signed.statement.digest)).collect()
    }

    /// q ViewChanges for this view in order; statements of its view, from above its base, without gaps.
    pub fn is_well_formed(&self, committee: &Committee, window: u64) -> bool {
        let view_changes = self.view_changes.len() == committee.quorum()
            && self.view_changes.windows(2).all(|pair| pair[0].0.signer < pair[1].0.signer)
            && self.view_changes.iter().all(|(_, body)| body.view == self.view);
        let primary = committee.primary(self.view);
        let base = self.base();
        let carried = self.pre_prepares.iter().zip(1..).all(|(signed, step)| {
            let statement = &signed.statement;
            signed.signer == primary && statement.view == self.view && statement.seq == base.plus(step)
        });
        view_changes && carried && self.pre_prepares.len() as u64 <= window
    }

    /// V5: the digest of every slot that the ViewChanges decide; `null` where they found nothing.
    pub fn recompute(&self, committee: &Committee, null: Digest) -> Vec<(SeqNum, Digest)> {
        let bodies: Vec<&ViewChange> = self.view_changes.iter().map(|(_, body)| &**body).collect();
        recompute(&bodies, committee, null)
    }
}

/// The first leaf of a NewView.
pub fn new_view_head(view: View, signers: &[(ReplicaId, Digest)]) -> Digest {
    hash("quorate/v1/new-view", &(view, signers))
}

/// A slot's leaf of a NewView; it says which slot it is about.
pub fn new_view_slot(seq: SeqNum, digest: Option<Digest>) -> Digest {
    hash("quorate/v1/new-view-slot", &(seq, digest))
}

/// The head, then a leaf for each slot of the window above `base`: that in `slots`, or `empty`.
fn leaves(
    head: Digest,
    base: SeqNum,
    window: u64,
    empty: impl Fn(SeqNum) -> Digest,
    slots: impl Iterator<Item = (SeqNum, Digest)>,
) -> Vec<Digest> {
    let empty = (1..=window).map(|place| empty(base.plus(place)));
    let mut leaves: Vec<Digest> = core::iter::once(head).chain(empty).collect();
    for (seq, leaf) in slots {
        let place = seq.get().saturating_sub(base.get()) as usize;
        if let Some(of_slot) = leaves.get_mut(place).filter(|_| place > 0) {
            *of_slot = leaf;
        }
    }
    leaves
}

/// V5 for a set of ViewChanges: slots from above the highest checkpoint to the last one that found a value.
pub(crate) fn recompute(view_changes: &[&ViewChange], committee: &Committee, null: Digest) -> Vec<(SeqNum, Digest)> {
    let base = view_changes.iter().map(|body| body.base()).max().unwrap_or_default();
    let mut claims: BTreeMap<SeqNum, Vec<Claim>> = BTreeMap::new();
    for body in view_changes {
        // A forged one may name slots that no window reaches (E4).
        let is_in_reach = |seq| base < seq && seq <= base.plus(Constants::WINDOW_MAX);
        for (seq, of) in body.by_slot().into_iter().filter(|(seq, _)| is_in_reach(*seq)) {
            claims.entry(seq).or_default().push(Claim::of(&of));
        }
    }
    let support = committee.quorum() - committee.faulty_max();
    let mut slots = Vec::new();
    let mut filled = 0;
    let last = claims.keys().next_back().copied().unwrap_or(base);
    let mut seq = base;
    while seq < last {
        seq = seq.next();
        let found = claims.get(&seq).and_then(|claims| select(claims, support));
        slots.push((seq, found.unwrap_or(null)));
        if found.is_some() {
            filled = slots.len();
        }
    }
    slots.truncate(filled);
    slots
}

/// P and Q of one ViewChange for one slot, as far as the choice needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Claim {
    pub(crate) prepared: Option<(View, Digest)>,
    pub(crate) voted: Option<(View, Digest)>,
}

impl Claim {
    pub(crate) fn of(claims: &SlotClaims) -> Self {
        let at = |signed: &Signed| (signed.statement.view, signed.statement.digest);
        Self {
            prepared: claims.prepared.as_ref().map(|entry| at(&entry.pre_prepare)),
            voted: claims.voted.as_ref().map(|entry| at(&entry.pre_prepare)),
        }
    }
}

/// V5 for one slot: the digest of the highest P, if its view is at least that of the Q support; else what Q supports.
///
/// A digest has support at view u when `support` (q − f) ViewChanges report it at u or later; u is the largest such view. A Q entry
/// counted only at its exact view would lose a fast commit over two view changes; Q before P a slow one.
pub(crate) fn select(claims: &[Claim], support: usize) -> Option<Digest> {
    let mut views: BTreeMap<Digest, Vec<View>> = BTreeMap::new();
    for (view, digest) in claims.iter().filter_map(|claim| claim.voted) {
        views.entry(digest).or_default().push(view);
    }
    let supported = views.into_iter().filter_map(|(digest, mut views)| {
        views.sort_unstable_by(|a, b| b.cmp(a));
        views.get(support - 1).map(|view| (*view, digest))
    });
    let supported = supported.max();
    let prepared = claims.iter().filter_map(|claim| claim.prepared).max();
    match (prepared, supported) {
        (Some((at, digest)), Some((u, _))) if at >= u => Some(digest),
        (Some((_, digest)), None) => Some(digest),
        (_, supported) => supported.map(|(_, digest)| digest),
    }
}
