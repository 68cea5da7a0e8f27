//! The own lane: pending items become bundles (L1).

use crate::effects::{Effect, Record, Rejected};
use crate::lanes::Lanes;
use crate::limits::Constants;
use crate::member::Member;
use crate::recovery::peer::Peers;
use crate::replica::Replica;
use crate::wire::{Bundle, BundleHeader, Item, ItemKind, Kind, Message, SeqNum, Ticks, Tip, View, items_root};
use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Bytes of items that wait for the own lane; beyond, [`crate::Input::Submit`] is refused. A lane's whole allowance: where an
/// epoch begins, what was on the void lane of the one before waits as well, at most as much again (L7).
const PENDING_BYTES_MAX: u64 = 64 << 20;

/// Slots that f + 1 members must be ahead for an owner to be behind: a second of a busy group.
const BEHIND_SLOTS: u64 = 32;
/// Longest that an owner that is behind holds its items back, in milliseconds: one that cannot keep up serves its authors too.
const HOLDS_BACK_MS: u64 = 60_000;

/// Items that wait for a bundle, and the newest bundle made.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnLane {
    pending: VecDeque<Item>,
    pub(crate) pending_bytes: u64,
    /// The newest bundle that was made.
    pub(crate) tip: Tip,
    /// Bytes of the lane up to it.
    pub(crate) lane_bytes: u64,
    /// Since when this owner has been behind.
    behind_since: Option<Ticks>,
}

impl OwnLane {
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    fn has_envelopes(&self) -> bool {
        self.pending.iter().any(|item| item.kind == ItemKind::Envelope)
    }

    pub(crate) fn take_pending(&mut self) -> impl Iterator<Item = Item> + use<> {
        self.pending_bytes = 0;
        core::mem::take(&mut self.pending).into_iter()
    }

    pub(crate) fn push(&mut self, item: Item) {
        self.pending_bytes += item.bytes.len() as u64;
        self.pending.push_back(item);
    }

    pub(crate) fn drop_pending(&mut self, items: &BTreeSet<Vec<u8>>) {
        self.pending.retain(|item| !items.contains(&item.bytes));
        self.pending_bytes = self.pending.iter().map(|item| item.bytes.len() as u64).sum();
    }

    /// Whether an owner that was away waits with its bundles: of its items it does not know which ones had their
    /// verdict on other lanes meanwhile.
    pub(crate) fn holds_back(&mut self, executed: SeqNum, peers: &Peers, member: &Member) -> bool {
        let seen = executed.plus(BEHIND_SLOTS);
        let is_ahead = |id: &_| peers[*id].status.as_ref().is_some_and(|status| status.executed > seen);
        let is_behind = peers.heard_ones(member).filter(is_ahead).count() >= member.committee.weak();
        if !is_behind {
            self.behind_since = None;
            return false;
        }
        let (now, since) = (member.now.ticks, self.behind_since.get_or_insert(member.now.ticks));
        now.since(*since) < HOLDS_BACK_MS && self.has_envelopes()
    }

    /// Items for one bundle: as many as fit, at least one.
    fn pack(&mut self, bytes_max: u64) -> Vec<Item> {
        let mut items = Vec::new();
        let mut bytes = 0;
        while let Some(item) = self.pending.front() {
            bytes += item.bytes.len() as u64;
            if !items.is_empty() && (bytes > bytes_max || items.len() == Constants::ITEMS_MAX) {
                break;
            }
            self.pending_bytes -= item.bytes.len() as u64;
            items.extend(self.pending.pop_front());
        }
        items
    }
}

impl Replica {
    /// Items that wait for the own lane, in no bundle yet.
    pub fn pending(&self) -> impl Iterator<Item = &Item> {
        self.lanes.own.pending.iter()
    }
}

impl Lanes {
    pub(crate) fn on_submit(&mut self, item: Item) -> Result<(), Rejected> {
        let room = PENDING_BYTES_MAX.saturating_sub(self.own.pending_bytes);
        if item.bytes.len() as u64 > room || item.bytes.len() > Constants::ITEM_BYTES_MAX {
            return Err(Rejected::LaneFull);
        }
        self.own.push(item);
        Ok(())
    }

    /// Makes bundles: the next one when the last is certified or a full one waits, a few at most uncertified.
    pub(crate) fn make_bundles(&mut self, member: &mut Member) {
        self.place_read_mark(member);
        while member.may_sign() && !self.own.is_idle() && self.may_make_bundle(member) {
            self.make_bundle(member);
            self.place_read_mark(member);
        }
    }

    fn may_make_bundle(&self, member: &Member) -> bool {
        let lane = &self[member.me];
        let (made, certified) = (self.own.tip.position.get(), lane.certified().position.get());
        let uncertified = made.saturating_sub(certified);
        let full = self.own.pending_bytes >= u64::from(member.constants.bundle_bytes_max);
        let next = self.own.pending.front().map_or(0, |item| item.bytes.len() as u64);
        let more = next.max(self.own.pending_bytes.min(member.constants.bundle_bytes_max.into()));
        let uncertified_bytes = self.own.lane_bytes.saturating_add(more).saturating_sub(lane.certified_bytes());
        let has_more = full
            && uncertified < Constants::UNCERTIFIED_BUNDLES_MAX
            && uncertified_bytes <= Constants::UNCERTIFIED_BYTES_MAX;
        let in_pace = uncertified == 0 || has_more;
        let ahead = made - lane.executed.position.get().min(made);
        let bytes_ahead = self.own.lane_bytes.saturating_add(next).saturating_sub(lane.executed_bytes);
        let fits = ahead == 0
            || (ahead < member.constants.lane_ahead_bundles_max
                && bytes_ahead <= member.constants.lane_ahead_bytes_max);
        in_pace && fits
    }

    fn make_bundle(&mut self, member: &mut Member) {
        let lane = &self[member.me];
        let ahead = self.own.lane_bytes.saturating_sub(lane.executed_bytes);
        let room = member.constants.lane_ahead_bytes_max.saturating_sub(ahead);
        let items = self.own.pack(room.min(u64::from(member.constants.bundle_bytes_max)));
        let bytes = items.iter().map(|item| item.bytes.len() as u64).sum();
        let header = BundleHeader {
            lane: member.me,
            position: self.own.tip.position.next(),
            parent: self.own.tip.digest,
            items: items.len() as u32,
            bytes,
            items_root: items_root(&items),
            lane_bytes: self.own.lane_bytes + bytes,
        };
        assert!(header.is_well_formed(&member.constants), "I19: an own bundle that others refuse");
        let tip = header.tip();
        let seq = SeqNum::new(tip.position.get());
        let statement = member.promise(Kind::Bundle, View::new(0), seq, tip.digest).expect("asked before: may sign");
        self.own.tip = tip;
        self.own.lane_bytes = header.lane_bytes;
        let has_mark = items.iter().any(|item| item.kind == ItemKind::ReadMark);
        let bundle = Arc::new(Bundle { header, statement, items });
        if has_mark {
            self.reads.bundled(tip.position);
        }
        // The bundle first: a statement without its bundle would leave a lane that cannot go on.
        member.out.persist(Record::Bundle(bundle.clone()));
        member.out.persist(Record::Statement(statement));
        self[member.me].hold(bundle.clone(), true, member.now.ticks);
        self.touched.insert(member.me);
        member.out.push(Effect::Broadcast(Arc::new(Message::Bundle(bundle))));
    }
}
