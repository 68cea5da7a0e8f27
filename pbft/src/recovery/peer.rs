//! Other members, as known from their messages and statuses.

use crate::member::Member;
use crate::wire::{Digest, LaneStatus, ReplicaId, SeqNum, SlotStatus, StatusBody, Ticks, Tip};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// A member heard within this time counts as heard (R).
pub(crate) const HEARD_MS: u64 = 2_000;
/// Questions of one peer that are answered in a second (B): a lagging peer asks a few times in a round trip.
const ANSWERS_PER_SECOND_MAX: u32 = 256;
/// Bytes of answers to one peer in a second (B): half a gigabit.
const ANSWER_BYTES_PER_SECOND_MAX: u64 = 64 << 20;

/// A member, as seen from here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peer {
    /// When anything came from it.
    pub(crate) heard: Option<Ticks>,
    /// Its newest status; of lanes, all that it ever said under this incarnation.
    pub(crate) status: Option<StatusBody>,
    pub(crate) lanes: Vec<LaneStatus>,
    counter: SeqNum,
    /// When it was last sent what its status lacks.
    pub(crate) helped_at: Option<Ticks>,
    /// When it was last told what it said (E7).
    recalled_at: Option<Ticks>,
    second: u64,
    answers: u32,
    bytes: u64,
}

/// The members, by place in the member list; the own place stays empty.
#[derive(Debug, Clone)]
pub(crate) struct Peers(Vec<Peer>);

impl Peers {
    pub(crate) fn new(n: usize) -> Self {
        Self((0..n).map(|_| Peer::new(n)).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.0.iter()
    }

    pub(crate) fn get_mut(&mut self, peer: ReplicaId) -> Option<&mut Peer> {
        self.0.get_mut(peer.index())
    }

    /// Members heard lately, the own one included.
    pub(crate) fn heard(&self, member: &Member) -> usize {
        1 + self.heard_ones(member).count()
    }

    /// The other members heard lately, from the next one on.
    pub(crate) fn heard_ones(&self, member: &Member) -> impl Iterator<Item = ReplicaId> {
        member.others().filter(|peer| self[*peer].is_heard(member.now.ticks))
    }

    /// When the first of those that are heard now is heard no more, if nothing comes from it.
    pub(crate) fn next_silence(&self, member: &Member) -> Option<Ticks> {
        let heard = self.heard_ones(member).filter_map(|peer| self[peer].heard);
        heard.min().map(|at| at.after(HEARD_MS + 1))
    }

    /// The slot to execute next, if f + 1 members that are heard have executed it and none of all says that it can still
    /// hand it out: only a transfer of state helps (S1).
    pub(crate) fn unserved(&self, member: &Member, next: SeqNum) -> Option<SeqNum> {
        let heard = || member.others().map(|peer| &self[peer]).filter(|peer| peer.is_heard(member.now.ticks));
        let ahead = heard().filter(|peer| peer.status.as_ref().is_some_and(|status| status.executed >= next)).count();
        (ahead >= member.committee.weak() && !heard().any(|peer| peer.serves(next))).then_some(next)
    }

    /// The highest slot that f + 1 other members say they have executed.
    pub(crate) fn executed_by_weak(&self, member: &Member) -> Option<SeqNum> {
        let executed = member.others().filter_map(|peer| Some(self[peer].status.as_ref()?.executed));
        executed.filter(|seq| self.decided(member, *seq) >= member.committee.weak()).max()
    }

    /// Count of other members whose status says that they hold the decision of a slot.
    pub(crate) fn decided(&self, member: &Member, seq: SeqNum) -> usize {
        member.others().filter(|peer| self[*peer].has_decided(seq)).count()
    }
}

impl Index<ReplicaId> for Peers {
    type Output = Peer;

    fn index(&self, peer: ReplicaId) -> &Peer {
        &self.0[peer.index()]
    }
}

impl IndexMut<ReplicaId> for Peers {
    fn index_mut(&mut self, peer: ReplicaId) -> &mut Peer {
        &mut self.0[peer.index()]
    }
}

impl Peer {
    pub(crate) fn new(n: usize) -> Self {
        Self { lanes: vec![LaneStatus::default(); n], ..Self::default() }
    }

    /// Whether it says to be in the view that this NewView starts.
    pub(crate) fn has_entered(&self, start: Digest) -> bool {
        self.status.as_ref().is_some_and(|status| status.new_view == start)
    }

    pub(crate) fn is_heard(&self, now: Ticks) -> bool {
        self.heard.is_some_and(|at| now.since(at) <= HEARD_MS)
    }

    /// Takes a status if it is newer than the last one of its incarnation.
    pub(crate) fn accept(&mut self, counter: SeqNum, body: StatusBody) -> bool {
        let same = self.status.as_ref().is_some_and(|last| last.incarnation == body.incarnation);
        if same && counter <= self.counter {
            return false;
        }
        if !same {
            self.lanes.fill(LaneStatus::default());
        }
        self.counter = counter;
        for (lane, status) in &body.lanes {
            if let Some(known) = self.lanes.get_mut(lane.index()) {
                *known = *status;
            }
        }
        self.status = Some(body);
        true
    }

    /// Whether its status says that it holds the decision of a slot.
    pub(crate) fn has_decided(&self, seq: SeqNum) -> bool {
        let has_executed = self.status.as_ref().is_some_and(|status| seq <= status.executed);
        has_executed || self.slot(seq) == Some(SlotStatus::Committed)
    }

    /// Whether its status says that it can still hand a decision out: it holds it, and has dropped none above it (S1).
    pub(crate) fn serves(&self, seq: SeqNum) -> bool {
        self.has_decided(seq) && self.status.as_ref().is_some_and(|status| status.oldest <= seq)
    }

    /// State of a slot in its status, above its executed one.
    pub(crate) fn slot(&self, seq: SeqNum) -> Option<SlotStatus> {
        let slots = &self.status.as_ref()?.slots;
        let index = slots.binary_search_by_key(&seq, |(of, _)| *of).ok()?;
        Some(slots[index].1)
    }

    pub(crate) fn acknowledged(&self, lane: ReplicaId) -> Tip {
        self.lanes.get(lane.index()).map_or(Tip::default(), |lane| lane.acknowledged)
    }

    pub(crate) fn certified(&self, lane: ReplicaId) -> Tip {
        self.lanes.get(lane.index()).map_or(Tip::default(), |lane| lane.certified)
    }

    /// Whether one more question may be answered in this second.
    pub(crate) fn may_ask(&mut self, now: Ticks) -> bool {
        if self.second != now.get() / 1_000 {
            (self.second, self.answers, self.bytes) = (now.get() / 1_000, 0, 0);
        }
        self.answers += 1;
        self.answers <= ANSWERS_PER_SECOND_MAX && self.bytes <= ANSWER_BYTES_PER_SECOND_MAX
    }

    /// Whether one more recall may be answered: its words may have to be verified, by the core itself.
    pub(crate) fn may_recall(&mut self, now: Ticks, pause: u64) -> bool {
        let may = self.recalled_at.is_none_or(|at| now.since(at) >= pause);
        if may {
            self.recalled_at = Some(now);
        }
        may
    }

    pub(crate) fn answered(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }
}
