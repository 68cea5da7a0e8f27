//! Status, and answers to those who are behind (N9). Any other message may be dropped at any time.

use crate::agreement::slot::Slot;
use crate::effects::{Effect, Effects, Question, Rejected, Wanted};
use crate::lanes::Lanes;
use crate::member::Member;
use crate::recovery::answer::Answer;
use crate::recovery::help::Help;
use crate::recovery::peer::Peers;
use crate::replica::Replica;
use crate::views::ViewChangeMsg;
use crate::views::Views;
use crate::wire::{
    ClaimedCert, Content, LaneStatus, Message, ReplicaId, SeqNum, Signed, SlotStatus, StatusBody, Ticks, Tip,
};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Statuses from one that names all lanes to the next (N9).
const ALL_LANES_EVERY: u64 = 10;
/// Bytes charged for a question that the disk answers: 64 in a second are as much as a peer may have (B).
pub(crate) const SUPPLY_BYTES: u64 = 1 << 20;
/// The own statuses so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnStatus {
    counter: u64,
    at: Option<Ticks>,
    lanes: Vec<LaneStatus>,
    was_stuck: bool,
    heard: Vec<ReplicaId>,
}

impl OwnStatus {
    /// Whether a member that it says is heard is heard no more.
    fn names_a_silent_one(&self, peers: &Peers, member: &Member) -> bool {
        self.heard.iter().any(|peer| !peers[*peer].is_heard(member.now.ticks))
    }
}

impl Replica {
    /// Sends a status when one is due, when this replica has just got stuck, or when a member has just fallen silent.
    pub(crate) fn tell_status(&mut self) {
        let stuck = self.order.is_stuck(&self.lanes, &mut self.member);
        let due = self.own_status.at.map(|at| at.after(self.member.constants.status_period_ms));
        let has_news =
            stuck && !self.own_status.was_stuck || self.own_status.names_a_silent_one(&self.peers, &self.member);
        if let Some(silence) = self.peers.next_silence(&self.member) {
            self.member.wake_at(silence);
        }
        if let Some(due) = due.filter(|due| *due > self.member.now.ticks && !has_news) {
            self.member.wake_at(due);
            return;
        }
        let body = self.status_body(stuck);
        self.own_status.heard.clone_from(&body.heard);
        self.own_status.counter += 1;
        self.own_status.at = Some(self.member.now.ticks);
        self.own_status.was_stuck = stuck;
        self.own_status.lanes = self.lanes.lane_statuses(&self.member);
        let statement = self.member.sign_status(SeqNum::new(self.own_status.counter), body.digest());
        self.member.out.push(Effect::Broadcast(Arc::new(Message::Status { statement, body })));
        self.member.wake_at(self.member.now.ticks.after(self.member.constants.status_period_ms));
    }

    fn status_body(&self, stuck: bool) -> StatusBody {
        let all = self.own_status.counter.is_multiple_of(ALL_LANES_EVERY);
        let lanes = self.member.committee.replicas().zip(self.lanes.lane_statuses(&self.member));
        let changed = |lane: ReplicaId, status: &LaneStatus| self.own_status.lanes.get(lane.index()) != Some(status);
        let view_change = |(signed, body): &ViewChangeMsg| (signed.signer, body.view, signed.statement.digest);
        let above = self.order.log.above(self.order.executed());
        let slots = above.filter_map(|(seq, slot)| Some((seq, self.views.slot_status(slot)?)));
        let mut heard: Vec<ReplicaId> = self.peers.heard_ones(&self.member).collect();
        heard.sort_unstable();
        StatusBody {
            incarnation: self.member.incarnation,
            epoch: self.member.committee.epoch(),
            view: self.views.number,
            changing: self.views.changing,
            stable: self.order.low(),
            executed: self.order.executed(),
            oldest: self.order.oldest,
            slots: slots.collect(),
            lanes: lanes.filter(|(lane, status)| all || changed(*lane, status)).collect(),
            stuck,
            new_view: self.views.new_view_digest(),
            view_changes: self.views.latest.values().map(view_change).collect(),
            heard,
            program: self.member.program,
        }
    }

    pub(crate) fn on_status(&mut self, from: ReplicaId, statement: Signed, body: StatusBody) -> Result<(), Rejected> {
        if statement.signer != from || from == self.member.me {
            return Err(Rejected::Unknown { from, what: "a status of its own" });
        }
        let now = self.member.now.ticks;
        let peer = &mut self.peers[from];
        if !peer.accept(statement.statement.seq, body) {
            return Ok(());
        }
        self.pursuits.is_due = true;
        let pause = self.member.constants.status_period_ms / 2;
        if peer.helped_at.is_none_or(|at| now.since(at) >= pause) {
            peer.helped_at = Some(now);
            let mut out = core::mem::take(&mut self.member.out);
            Help { replica: self, to: from, out: &mut out }.give();
            self.member.out = out;
        }
        Ok(())
    }

    /// Answers a question, within the asker's limits.
    pub(crate) fn on_ask(&mut self, from: ReplicaId, question: Question) -> Result<(), Rejected> {
        let now = self.member.now.ticks;
        let Some(peer) = self.peers.get_mut(from).filter(|_| from != self.member.me) else {
            return Err(Rejected::Unknown { from, what: "itself" });
        };
        let recall = matches!(question.wanted, Wanted::Recall { .. });
        if !peer.may_ask(now) || (recall && !peer.may_recall(now, self.member.constants.status_period_ms / 2)) {
            return Err(Rejected::TooOften { from });
        }
        let words = if recall { self.witness.told_to(&self.member, from) } else { Vec::new() };
        let mut answer = Effects::new();
        Answer { replica: self, to: from, words, out: &mut answer }.give(question.wanted);
        let answer = answer.take();
        let bytes = answer.iter().map(weight).sum();
        answer.into_iter().for_each(|effect| self.member.out.push(effect));
        self.peers[from].answered(bytes);
        Ok(())
    }
}

impl Views {
    /// Prepared means in this view: who prepared a slot in an earlier one may lack every Prepare of this one.
    fn slot_status(&self, slot: &Slot) -> Option<SlotStatus> {
        let prepared = slot.prepared.as_ref().map(|prepared| prepared.certificate.view());
        if slot.committed.is_some() && slot.recorded {
            Some(SlotStatus::Committed)
        } else if prepared.is_some() && prepared == self.active() {
            Some(SlotStatus::Prepared)
        } else {
            slot.proposal.map(|_| SlotStatus::Accepted)
        }
    }
}

impl Lanes {
    fn lane_statuses(&self, member: &Member) -> Vec<LaneStatus> {
        let of = |lane: ReplicaId| {
            let known = &self[lane];
            let newer = |tip: Tip| if tip.position > known.executed.position { tip } else { known.executed };
            let own = if lane == member.me { self.own.tip } else { known.acked };
            LaneStatus { acknowledged: newer(own), certified: newer(known.certified()) }
        };
        member.committee.replicas().map(of).collect()
    }

    /// Certificates of the tips that a content names, as far as they are here.
    pub(crate) fn certificates_of(&self, content: &Content) -> Vec<ClaimedCert> {
        let certificates = content.cut.iter().filter_map(|(lane, tip)| self[*lane].certificate(*tip));
        certificates.map(|certificate| certificate.claim().clone()).collect()
    }

    pub(crate) fn content_message(&self, content: &Content) -> Message {
        Message::Content { content: content.clone(), certificates: self.certificates_of(content) }
    }
}

/// Bytes of an answer; what the disk will supply counts as a typical part of it.
fn weight(effect: &Effect) -> u64 {
    match effect {
        Effect::Send { message, .. } => borsh::object_length(&**message).map_or(u64::MAX, |bytes| bytes as u64),
        _ => SUPPLY_BYTES,
    }
}
