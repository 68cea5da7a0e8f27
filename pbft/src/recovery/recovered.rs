//! Records that a replica finds on its disk when it starts (E1, E7).

use crate::effects::Broken;
use crate::evidence::proof::Evidence;
use crate::views::view_change::{NewView, ViewChange};
use crate::wire::{Bundle, ClaimedCert, Content, Digest, Epoch, SeqNum, Signed, Time, Tip, View};
use alloc::sync::Arc;
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
    /// The oldest decided slot that can still be handed out; the one after the executed slot if there is none (S1).
    pub oldest: SeqNum,
    /// The newest stable checkpoint.
    pub stable: Option<ClaimedCert>,
    /// Own statements: all votes and checkpoints above the stable checkpoint, all Bundle and Ack statements above the
    /// executed tips, and the newest of each kind (Ack: of each lane).
    pub statements: Vec<Signed>,
    /// Bundles above the executed tips.
    pub bundles: Vec<Arc<Bundle>>,
    /// Lane certificates above the executed tips.
    pub lane_certs: Vec<ClaimedCert>,
    /// The newest header of each lane, executed or not: its owner may ask what it has signed (E7).
    pub headers: Vec<Signed>,
    /// The newest certificate of each lane, and the commit certificates of the [`REMEMBERED_SLOTS`] newest decisions,
    /// for the same.
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
