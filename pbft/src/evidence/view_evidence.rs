//! Proof that a ViewChange, or the start of one, is not what an honest replica says (E3).
//!
//! Each proof carries the leaves that it is about and their paths, never a whole message: the digest of a ViewChange or
//! a start is a Merkle root with a head and a leaf for each slot (V4).

use crate::limits::Constants;
use crate::views::view_change::{
    Claim, NewView, SlotClaims, ViewChange, new_view_head, new_view_slot, select, view_change_head,
};
use crate::wire::{
    ClaimedCert, Committee, Content, Digest, Kind, MERKLE_DEPTH_MAX, ReplicaId, SeqNum, Signed, Verify, VerifyContext,
    bounded, merkle_path, merkle_proves,
};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// A leaf's place in a tree, and its siblings up to the root. Its content binds its slot.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LeafPath {
    /// Place of the leaf; the head is at 0.
    pub index: u32,
    /// Leaves of the tree.
    pub count: u32,
    /// Siblings from the leaf up.
    #[borsh(deserialize_with = "bounded::list::<MERKLE_DEPTH_MAX, _, _>")]
    pub siblings: Vec<Digest>,
}

/// Claims of a ViewChange about one slot, under its own statement.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ViewChangeLeaf {
    /// Kind ViewChange.
    pub view_change: Signed,
    /// The checkpoint in its head.
    pub checkpoint: Option<ClaimedCert>,
    /// The head's path.
    pub head: LeafPath,
    /// The slot.
    pub seq: SeqNum,
    /// P and Q of the slot.
    pub claims: SlotClaims,
    /// The slot's path.
    pub slot: LeafPath,
}

/// Digest that a NewView carries in one slot, under its own statement.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NewViewLeaf {
    /// Kind NewView.
    pub new_view: Signed,
    /// Signers of its ViewChanges, with their digests.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub view_changes: Vec<(ReplicaId, Digest)>,
    /// The head's path.
    pub head: LeafPath,
    /// The slot.
    pub seq: SeqNum,
    /// The digest that it carries there.
    pub carried: Option<Digest>,
    /// The slot's path.
    pub slot: LeafPath,
}

/// A vote, and a ViewChange of the same signer for a later view that leaves it out.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Omission {
    /// PrePrepare, Prepare or Commit.
    pub vote: Signed,
    /// Claims of the ViewChange about the vote's slot.
    pub leaf: ViewChangeLeaf,
}

/// A ViewChange with a part that does not verify, or that disagrees with the start that it names.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct InvalidViewChange {
    /// The part.
    pub leaf: ViewChangeLeaf,
    /// Digest that the NewView named by an entry carries in the slot, with its path under the digest that the entry names.
    pub named: Option<(Option<Digest>, LeafPath)>,
}

/// A start that carries in one slot what does not follow from its ViewChanges.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct InvalidNewView {
    /// The NewView's leaf.
    pub leaf: NewViewLeaf,
    /// The leaf of each of its ViewChanges for the slot, in its order.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub view_changes: Vec<ViewChangeLeaf>,
}

impl LeafPath {
    pub(crate) fn of(leaves: &[Digest], index: usize) -> Option<Self> {
        let siblings = merkle_path(leaves, index)?;
        Some(Self { index: index as u32, count: leaves.len() as u32, siblings })
    }

    /// Path of a slot above the base of its tree.
    fn of_slot(leaves: &[Digest], base: SeqNum, seq: SeqNum) -> Option<Self> {
        let place = seq.get().checked_sub(base.get()).filter(|place| *place > 0)?;
        Self::of(leaves, usize::try_from(place).ok()?)
    }

    pub(crate) fn proves(&self, root: &Digest, leaf: &Digest) -> bool {
        merkle_proves(root, leaf, self.index as usize, self.count as usize, &self.siblings)
    }
}

impl ViewChangeLeaf {
    /// A ViewChange's leaf of a slot; none outside its window.
    pub fn of(view_change: &Signed, body: &ViewChange, seq: SeqNum, window: u64) -> Option<Self> {
        let leaves = body.leaves(window);
        let slot = LeafPath::of_slot(&leaves, body.base(), seq)?;
        let head = LeafPath::of(&leaves, 0)?;
        let (claims, checkpoint) = (body.claims(seq), body.checkpoint.clone());
        Some(Self { view_change: *view_change, checkpoint, head, seq, claims, slot })
    }

    fn base(&self) -> SeqNum {
        self.checkpoint.as_ref().map_or(SeqNum::new(0), |certificate| certificate.seq)
    }

    /// Both leaves are in the signed tree.
    fn is_signed(&self, committee: &Committee, verify: &dyn Verify) -> bool {
        let statement = &self.view_change.statement;
        let head = view_change_head(statement.view, &self.checkpoint);
        statement.kind == Kind::ViewChange
            && self.view_change.is_valid(committee, verify)
            && self.head.proves(&statement.digest, &head)
            && self.slot.proves(&statement.digest, &self.claims.digest(self.seq))
    }

    /// Whether the checkpoint and the entries of the slot are what an honest replica would sign.
    fn is_sound(&self, committee: &Committee, verify: &dyn Verify) -> bool {
        let proposed = |pre_prepare: &Signed, new_view: &Digest| {
            let statement = &pre_prepare.statement;
            statement.kind == Kind::PrePrepare
                && statement.seq == self.seq
                && statement.view < self.view_change.statement.view
                && pre_prepare.signer == committee.primary(statement.view)
                && (*new_view == Digest::ZERO) == (statement.view.get() == 0)
                && pre_prepare.is_valid(committee, verify)
        };
        let checkpoint = committee.is_rest(self.checkpoint.as_ref(), verify);
        let prepared = self.claims.prepared.as_ref().is_none_or(|entry| {
            let certificate = &entry.certificate;
            certificate.kind == Kind::Prepare
                && entry.agrees()
                && committee.check(certificate.clone(), verify).is_ok()
                && proposed(&entry.pre_prepare, &entry.new_view)
        });
        let voted = self.claims.voted.as_ref().is_none_or(|entry| proposed(&entry.pre_prepare, &entry.new_view));
        checkpoint && prepared && voted
    }
}

impl Omission {
    /// The vote and the ViewChange as evidence, if the ViewChange leaves the vote out.
    pub fn find(vote: &Signed, view_change: &Signed, body: &ViewChange, window: u64) -> Option<Self> {
        let (base, seq) = (body.base(), vote.statement.seq);
        let seq = if seq > base.plus(window) { base.next() } else { seq }; // above the window the head says enough
        let leaf = Some(seq).filter(|_| Self::leaves_out(vote, view_change, body));
        Some(Self { vote: *vote, leaf: ViewChangeLeaf::of(view_change, body, leaf?, window)? })
    }

    /// Whether a ViewChange leaves a vote of its signer out. Hashes nothing.
    pub(crate) fn leaves_out(vote: &Signed, view_change: &Signed, body: &ViewChange) -> bool {
        let said = &vote.statement;
        let is_about = vote.signer == view_change.signer && said.view < body.view && body.base() < said.seq;
        is_about && is_left_out(vote, &body.claims(said.seq))
    }

    /// A vote above the window is left out by the head: an honest one says that the checkpoint was near enough, and that
    /// never goes back.
    pub(crate) fn is_valid(&self, committee: &Committee, verify: &dyn Verify, window: u64) -> bool {
        let (vote, view_change) = (&self.vote.statement, &self.leaf.view_change.statement);
        let is_above = vote.seq > self.leaf.base().plus(window);
        let about = self.vote.signer == self.leaf.view_change.signer
            && vote.kind.is_vote()
            && vote.view < view_change.view
            && (is_above || vote.seq == self.leaf.seq)
            && self.leaf.base() < vote.seq;
        // An entry that does not verify covers nothing (E3: no *valid* P).
        let covered = !is_above && self.leaf.is_sound(committee, verify) && !is_left_out(&self.vote, &self.leaf.claims);
        about && !covered && self.vote.is_valid(committee, verify) && self.leaf.is_signed(committee, verify)
    }
}

/// E3: a Commit wants a P above its view, or at it with its digest; another vote wants such a Q.
fn is_left_out(vote: &Signed, claims: &SlotClaims) -> bool {
    let said = &vote.statement;
    let entry = match said.kind {
        Kind::Commit => claims.prepared.as_ref().map(|entry| entry.pre_prepare.statement),
        _ => claims.voted.as_ref().map(|entry| entry.pre_prepare.statement),
    };
    !entry.is_some_and(|at| at.view > said.view || (at.view == said.view && at.digest == said.digest))
}

impl InvalidViewChange {
    /// The first slot of a ViewChange that is not sound, as evidence.
    pub fn find(view_change: &Signed, body: &ViewChange, context: &VerifyContext<'_>) -> Option<Self> {
        let VerifyContext { committee, verify, constants, .. } = *context;
        let entries = body.entries().map(|(pre_prepare, _)| pre_prepare.statement.seq);
        let slots = entries.chain(core::iter::once(body.base().next()));
        let mut leaves = slots.filter_map(|seq| ViewChangeLeaf::of(view_change, body, seq, constants.window));
        let leaf = leaves.find(|leaf| !leaf.is_sound(committee, verify))?;
        Some(Self { leaf, named: None })
    }

    /// The first entry of a ViewChange that the start it names contradicts.
    pub fn against(
        view_change: &Signed,
        body: &ViewChange,
        start: &Signed,
        named: &NewView,
        window: u64,
    ) -> Option<Self> {
        let digest = start.statement.digest;
        let wrong = |(pre_prepare, of): &(&Signed, Digest)| {
            let statement = &pre_prepare.statement;
            let carried = named.carries(statement.seq);
            *of == digest && statement.view == named.view && carried.is_some_and(|of| of != statement.digest)
        };
        let (pre_prepare, _) = body.entries().find(wrong)?;
        let seq = pre_prepare.statement.seq;
        let path = LeafPath::of_slot(&named.leaves(window), named.base(), seq)?;
        let leaf = ViewChangeLeaf::of(view_change, body, seq, window)?;
        Some(Self { leaf, named: Some((named.carries(seq), path)) })
    }

    pub(crate) fn is_valid(&self, committee: &Committee, verify: &dyn Verify) -> bool {
        let wrong = match &self.named {
            None => !self.leaf.is_sound(committee, verify),
            Some((carried, path)) => self.disagrees(*carried, path),
        };
        wrong && self.leaf.is_signed(committee, verify)
    }

    fn disagrees(&self, carried: Option<Digest>, path: &LeafPath) -> bool {
        let Some(carried) = carried else { return false };
        let claims = &self.leaf.claims;
        let prepared = claims.prepared.as_ref().map(|entry| (entry.pre_prepare.statement.digest, entry.new_view));
        let voted = claims.voted.as_ref().map(|entry| (entry.pre_prepare.statement.digest, entry.new_view));
        let leaf = new_view_slot(self.leaf.seq, Some(carried));
        [prepared, voted].into_iter().flatten().any(|(digest, named)| digest != carried && path.proves(&named, &leaf))
    }
}

impl InvalidNewView {
    /// The first slot of a start that does not follow from its ViewChanges, as evidence.
    pub fn find(start: &Signed, body: &NewView, committee: &Committee, window: u64) -> Option<Self> {
        let null = Content::NULL.digest();
        let computed = body.recompute(committee, null);
        let found = computed.iter().copied().chain(body.pre_prepares.iter().map(|signed| {
            let seq = signed.statement.seq;
            (seq, computed.iter().find(|(of, _)| *of == seq).map_or(null, |(_, digest)| *digest))
        }));
        let mut wrong = found.filter(|(seq, digest)| body.carries(*seq).unwrap_or(null) != *digest);
        let (seq, _) = wrong.next()?;
        let view_changes: Option<Vec<ViewChangeLeaf>> = body
            .view_changes
            .iter()
            .map(|(signed, view_change)| ViewChangeLeaf::of(signed, view_change, seq, window))
            .collect();
        let leaves = body.leaves(window);
        let leaf = NewViewLeaf {
            new_view: *start,
            view_changes: body.signers(),
            head: LeafPath::of(&leaves, 0)?,
            seq,
            carried: body.carries(seq),
            slot: LeafPath::of_slot(&leaves, body.base(), seq)?,
        };
        Some(Self { leaf, view_changes: view_changes? })
    }

    pub(crate) fn is_valid(&self, committee: &Committee, verify: &dyn Verify) -> bool {
        let start = &self.leaf.new_view.statement;
        let named: Vec<(ReplicaId, Digest)> =
            self.view_changes.iter().map(|leaf| (leaf.view_change.signer, leaf.view_change.statement.digest)).collect();
        let signed = start.kind == Kind::NewView
            && self.leaf.new_view.is_valid(committee, verify)
            && named == self.leaf.view_changes
            && self.leaf.head.proves(&start.digest, &new_view_head(start.view, &named))
            && self.leaf.slot.proves(&start.digest, &new_view_slot(self.leaf.seq, self.leaf.carried));
        let about = self.view_changes.iter().all(|leaf| {
            let same = leaf.seq == self.leaf.seq && leaf.view_change.statement.view == start.view;
            same && leaf.base() < leaf.seq && leaf.is_signed(committee, verify)
        });
        signed && about && !self.follows(committee)
    }

    /// V5 for this one slot. Null at the end and nothing at all are the same here.
    fn follows(&self, committee: &Committee) -> bool {
        let claims: Vec<Claim> = self.view_changes.iter().map(|leaf| Claim::of(&leaf.claims)).collect();
        let null = Content::NULL.digest();
        let chosen = select(&claims, committee.quorum() - committee.faulty_max());
        chosen.unwrap_or(null) == self.leaf.carried.unwrap_or(null)
    }
}
