//! Proposals: their content and their pace (N1, N7, T3, C1).

use crate::agreement::order::Order;
use crate::agreement::slot::Slot;
use crate::effects::{Effect, Record};
use crate::lanes::Lanes;
use crate::member::Member;
use crate::replica::Replica;
use crate::views::Views;
use crate::wire::{Content, Kind, Message, Position, ReplicaId, SeqNum, Ticks, Time, Tip, View};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Least time between slots that fill an epoch up to its last one (M1): a standard window and a period in two seconds.
const FILL_PACE_MS: u64 = 5;
/// Time that a primary has for each of them.
pub(crate) const FILL_PATIENCE_MS: u64 = 20;

/// The primary's pace, and everyone's pace of voting for empty slots.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Proposing {
    /// When this replica last proposed.
    cut_at: Option<Ticks>,
    /// When this replica last voted for an empty slot (N7).
    pub(crate) empty_vote_at: Option<Ticks>,
    /// The highest slot that the NewView of this view carries; new slots come after it (V5).
    pub(crate) carried: SeqNum,
}

/// Content that a primary would propose now.
struct Draft {
    cut: Vec<(ReplicaId, Tip)>,
    mark: bool,
}

impl Replica {
    /// Proposes whatever is due, as far as the window reaches.
    pub(crate) fn propose(&mut self) {
        while self.views.is_primary(&self.member) && self.member.may_sign() {
            let seq = self.order.next_seq(&self.member, self.views.number);
            if !self.order.in_window(seq) {
                return;
            }
            let Some(draft) = self.order.draft(&self.lanes, &mut self.member, seq) else { return };
            self.propose_content(seq, draft);
        }
    }

    fn propose_content(&mut self, seq: SeqNum, draft: Draft) {
        let content = Content { cut: draft.cut, time: Some(self.member.now.wall), mark: draft.mark };
        let digest = content.digest();
        assert!(content.is_well_formed(self.member.committee.len()), "I19: an own proposal that others refuse");
        let certificates = self.lanes.certificates_of(&content);
        let statement =
            self.member.promise(Kind::PrePrepare, self.views.number, seq, digest).expect("asked before: may sign");
        // The content first: a primary that restarts must be able to send what it promised (V6).
        self.member.out.persist(Record::Accepted { pre_prepare: statement, content: content.clone() });
        self.member.out.persist(Record::Statement(statement));
        self.order.proposing.cut_at = Some(self.member.now.ticks);
        for (lane, tip) in &content.cut {
            self.lanes[*lane].cite(*tip);
        }
        self.member.out.push(Effect::Broadcast(Arc::new(Message::PrePrepare {
            statement,
            content: content.clone(),
            certificates,
        })));
        self.receive_proposal(statement).expect("the next slot of the own view has no proposal");
        let slot = self.order.log.touch(seq);
        slot.offer(Arc::new(content), digest);
        (slot.voted, slot.voted_at) = (Some(statement), self.member.now.ticks);
        self.advance_slots();
    }
}

impl Views {
    /// Whether this replica may propose now.
    fn is_primary(&self, member: &Member) -> bool {
        self.active().is_some_and(|view| member.committee.primary(view) == member.me)
    }
}

impl Order {
    /// N1, V6: after everything that is proposed, decided or carried, and after the highest own PrePrepare.
    fn next_seq(&self, member: &Member, view: View) -> SeqNum {
        let known = self.log.iter().rev().find(|(_, slot)| slot.proposal.is_some() || slot.committed.is_some());
        let known = known.map_or(SeqNum::new(0), |(seq, _)| seq);
        let promised = member.promises.highest(Kind::PrePrepare, view);
        let promised = promised.map_or(SeqNum::new(0), |row| row.statement.seq);
        known.max(promised).max(self.proposing.carried).max(self.executed()).max(self.low()).next()
    }

    fn draft(&mut self, lanes: &Lanes, member: &mut Member, seq: SeqNum) -> Option<Draft> {
        let cut = self.advancing_tips(lanes, member, seq);
        if self.awaits_first() && seq == self.low().next() {
            return Some(Draft { cut, mark: true }); // M1: the first slot of an epoch comes at once
        }
        let fills = self.last().is_some();
        let delay = member.constants.cut_delay_ms;
        let pace = self.proposing.cut_at.map(|at| at.after(if fills { delay.min(FILL_PACE_MS) } else { delay }));
        if !cut.is_empty() {
            if pace.is_some_and(|due| self.is_busy() && !member.is_due(due)) {
                return None;
            }
            let mark = self.wants_mark(lanes, member, seq, &cut);
            return Some(Draft { cut, mark });
        }
        let mark = self.is_mark_overdue(member, seq);
        let fill = fills && pace.is_none_or(|due| member.is_due(due));
        (mark || fill || self.is_deadline_due(member)).then_some(Draft { cut, mark })
    }

    /// Slots are in flight that are not decided.
    fn is_busy(&self) -> bool {
        self.log.above(self.executed()).any(|(_, slot)| slot.proposal.is_some() && slot.committed.is_none())
    }

    /// The newest certified tip of each lane that advances beyond the slots below `seq` (L4: none is left out).
    fn advancing_tips(&self, lanes: &Lanes, member: &Member, seq: SeqNum) -> Vec<(ReplicaId, Tip)> {
        let reached = self.reached_below(lanes, seq);
        let tips = member.committee.replicas().map(|lane| (lane, lanes[lane].certified()));
        tips.filter(|(lane, tip)| tip.position > reached[lane.index()]).collect()
    }

    /// Positions up to which each lane is cut by the slots below `seq`, decided or proposed.
    fn reached_below(&self, lanes: &Lanes, seq: SeqNum) -> Vec<Position> {
        let mut reached = lanes.executed();
        let below = self.log.above(self.executed()).take_while(|(other, _)| *other < seq);
        for content in below.filter_map(|(_, slot)| slot.leading()) {
            for (lane, tip) in &content.cut {
                reached[lane.index()] = reached[lane.index()].max(tip.position);
            }
        }
        reached
    }

    /// N7: it advances no lane beyond the slots before it.
    pub(crate) fn is_empty_slot(&self, lanes: &Lanes, seq: SeqNum, content: &Content) -> bool {
        let reached = self.reached_below(lanes, seq);
        content.cut.iter().all(|(lane, tip)| tip.position <= reached[lane.index()])
    }

    /// The newest checkpoint slot below `seq` that is known, and when its content came to be known here.
    fn last_checkpoint_slot(&self, member: &Member, seq: SeqNum) -> (SeqNum, Ticks) {
        let at = |slot: &Slot| slot.proposal.map_or(slot.committed_at, |proposal| proposal.arrived);
        let slots = self.log.iter().rev().filter(|(other, _)| *other < seq);
        let marked = slots
            .filter_map(|(other, slot)| Some((other, slot, slot.leading()?)))
            .find(|(other, _, content)| content.is_checkpoint(*other, &member.constants));
        marked.map_or((self.low(), self.checkpoints.low_since), |(other, slot, _)| (other, at(slot)))
    }

    /// The oldest decided slot that no checkpoint slot covers, and since when.
    fn oldest_uncovered(&self, member: &Member, seq: SeqNum) -> Option<(SeqNum, Ticks)> {
        let (last, _) = self.last_checkpoint_slot(member, seq);
        if self.checkpoints.found_executed > last {
            // Executed before a restart: whether it was covered is not known any more.
            return Some((self.checkpoints.found_executed, member.recall.done_since.unwrap_or_default()));
        }
        let decided = self.log.above(last).filter(|(other, _)| *other < seq);
        decided.filter(|(_, slot)| slot.committed.is_some()).map(|(other, slot)| (other, slot.committed_at)).next()
    }

    fn wants_mark(&mut self, lanes: &Lanes, member: &mut Member, seq: SeqNum, cut: &[(ReplicaId, Tip)]) -> bool {
        let (_, at) = self.last_checkpoint_slot(member, seq);
        let rested = member.now.ticks.since(at) >= member.constants.mark_period_ms;
        let nothing_more = cut.iter().all(|(lane, tip)| lanes[*lane].acked.position <= tip.position);
        (rested && nothing_more && lanes.own.is_idle()) || self.is_mark_overdue(member, seq)
    }

    fn is_mark_overdue(&mut self, member: &mut Member, seq: SeqNum) -> bool {
        let Some((_, since)) = self.oldest_uncovered(member, seq) else { return false };
        member.is_due(since.after(member.constants.mark_age_ms))
    }

    /// T3: a deadline has passed by the own clock and no slot reaches it yet.
    fn is_deadline_due(&self, member: &mut Member) -> bool {
        let ahead = self.execution.deadline.filter(|deadline| *deadline > self.newest_time());
        ahead.is_some_and(|deadline| member.is_due_by_wall(deadline))
    }

    /// The highest time of any slot that is executed, decided or proposed.
    fn newest_time(&self) -> Time {
        let ahead = self.log.above(self.executed()).filter_map(|(_, slot)| slot.leading()?.time);
        ahead.fold(self.execution.point.time, Time::max)
    }
}
