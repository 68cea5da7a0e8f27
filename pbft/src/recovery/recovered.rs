//! Records that a replica finds on its disk when it starts (E1, E7).

use crate::effects::Broken;
use crate::evidence::proof::Evidence;
use crate::input::Executed;
use crate::views::view_change::{NewView, ViewChange};
use crate::wire::{Bundle, ClaimedCert, Committee, Content, Digest, Epoch, ReplicaId, SeqNum, Signed, Time, Tip, View};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// The executed point; all of it is under the state root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecutedPoint {
    /// The epoch whose lanes `tips` and `lane_bytes` are of (M3).
    pub epoch: Epoch,
    /// The highest executed slot.
    pub seq: SeqNum,
    /// Over all executed bundles.
    pub lane_hash: Digest,
    /// The executed tip of each lane, by place in the member list.
    pub tips: Vec<Tip>,
    /// Bytes of each lane up to its executed tip.
    pub lane_bytes: Vec<u64>,
    /// Ledger time.
    pub time: Time,
    /// Root of the state.
    pub state_root: Digest,
    /// Digest of the member list that holds after it (C2): see [`crate::Executed`].
    pub members_after: Digest,
    /// The members of the next epoch, once they are known in this one (M1).
    pub next: Option<Arc<Committee>>,
}

impl ExecutedPoint {
    /// The executed tip of each lane, with the bytes of the lane up to it, by place in the member list.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = (Tip, u64)> {
        self.tips.iter().copied().zip(self.lane_bytes.iter().copied())
    }

    /// The last slot of the epoch, once it is known (M1).
    pub fn last(&self) -> Option<SeqNum> {
        self.next.as_ref().map(|next| next.base())
    }

    /// Whether the last slot of the epoch is executed.
    pub fn is_last(&self) -> bool {
        self.last() == Some(self.seq)
    }

    /// The point at which the next epoch begins, seen from the last slot of this one: lanes begin anew (M3).
    pub fn entered(&self) -> Option<Self> {
        let next = self.next.as_ref().filter(|_| self.is_last())?;
        let (epoch, n) = (next.epoch(), next.len());
        Some(Self { epoch, tips: vec![Tip::default(); n], lane_bytes: vec![0; n], next: None, ..self.clone() })
    }

    /// The point after execution said what the slot led to. The executor names the next members in one place and the end of
    /// the epoch in another: both must say the same.
    pub(crate) fn settled(self, committee: &Committee, executed: &Executed) -> Self {
        let Executed { state_root, members_after, next, .. } = executed;
        let point = Self { state_root: *state_root, members_after: *members_after, next: next.clone(), ..self };
        let fits = |next: &Committee| {
            next.epoch() == committee.epoch().next() && next.group() == committee.group() && next.base() >= point.seq
        };
        assert!(point.next.as_deref().is_none_or(fits), "I33: slot {} names members of no next epoch", point.seq);
        let after = point.next.as_deref().filter(|_| point.is_last()).unwrap_or(committee);
        assert!(point.members_after == after.digest(), "I33: the state after slot {} names other members", point.seq);
        point
    }
}

/// A slot above the stable checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredSlot {
    /// Its place.
    pub seq: SeqNum,
    /// Accepted PrePrepares with their contents, by view.
    pub accepted: Vec<(Signed, Content)>,
    /// The prepared certificate of the highest view.
    pub prepared: Option<ClaimedCert>,
    /// The commit certificate and what was decided.
    pub committed: Option<(ClaimedCert, Content)>,
}

/// Decisions whose votes a restart remembers: the window of a standard genesis.
pub const REMEMBERED_SLOTS: usize = 256;

/// Slot and positions of lanes.
pub type Floors = (SeqNum, Vec<(ReplicaId, SeqNum)>);

/// State that [`crate::Record`]s left behind and that still matters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// The epoch that the replica was in.
    pub epoch: Epoch,
    /// The highest view ever asked for or entered.
    pub view: View,
    /// Whether that view had not started yet.
    pub changing: bool,
    /// The executed point.
    pub executed: ExecutedPoint,
    /// Words of a Checkpoint ([`ExecutedPoint::checkpoint_digest`]) after each slot that this start executed again, ascending.
    pub states: Vec<(SeqNum, Digest)>,
    /// The oldest decided slot that can still be handed out; the one after the executed slot if there is none (S1).
    pub oldest: SeqNum,
    /// The newest stable checkpoint.
    pub stable: Option<ClaimedCert>,
    /// Own statements: all votes and checkpoints above the stable checkpoint, all Bundle and Ack statements above the
    /// executed tips, and the newest of each kind (Ack: of each lane).
    pub statements: Vec<Signed>,
    /// For votes, and for Bundle and Ack statements of each lane: at or below what own ones may be missing, if that is less
    /// than where the state stands, because it was put under older promises (E7). The statements begin there, too.
    pub floors: Option<Floors>,
    /// Bundles above the executed tips.
    pub bundles: Vec<Arc<Bundle>>,
    /// Lane certificates above the executed tips.
    pub lane_certs: Vec<ClaimedCert>,
    /// The newest header of each lane, executed or not: its owner may ask what it has signed (E7).
    pub headers: Vec<Signed>,
    /// The newest certificate of each lane, and the commit certificates of the [`REMEMBERED_SLOTS`] newest decisions, for the same.
    pub certificates: Vec<ClaimedCert>,
    /// Slots above the stable checkpoint, executed or not, ascending: a view change reports them all (V4).
    pub slots: Vec<RecoveredSlot>,
    /// Evidence not yet recorded on the ledger.
    pub evidence: Vec<Evidence>,
    /// The own newest ViewChange for a view (V3).
    pub view_change: Option<(Signed, Arc<ViewChange>)>,
    /// NewViews of this epoch, ascending by view, as far back as a slot above the stable checkpoint was prepared
    /// or voted for (V4); of older ones the newest.
    pub new_views: Vec<(Signed, Arc<NewView>)>,
    /// Starts that were not entered (V4, E4).
    pub named_new_views: Vec<(Signed, Arc<NewView>)>,
    /// Why the replica takes no part any more.
    pub broken: Option<Broken>,
}
