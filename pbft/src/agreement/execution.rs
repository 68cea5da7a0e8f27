//! Decided slots become executed ones, in order, once their data is here (N6, L5).

use crate::agreement::assembly::advances;
use crate::agreement::order::Order;
use crate::effects::{Effect, Record, Rejected};
use crate::evidence::witness::Subject;
use crate::input::Executed;
use crate::lanes::Lanes;
use crate::member::Member;
use crate::recovery::pursuits::Pursuits;
use crate::recovery::recovered::ExecutedPoint;
use crate::replica::Replica;
use crate::wire::{Committee, Content, Position, ReplicaId, SeqNum, Time};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A slot that the shell executes now.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) content: Arc<Content>,
    /// The point after it, but for the state.
    pub(crate) next: ExecutedPoint,
}

/// Executed state, the slot at work and the next deadline.
#[derive(Debug, Clone)]
pub(crate) struct Execution {
    pub(crate) point: ExecutedPoint,
    running: Option<Running>,
    /// The earliest deadline in ledger time that something waits for, as the shell says it (T3).
    pub(crate) deadline: Option<Time>,
}

impl Execution {
    pub(crate) fn new(committee: &Committee) -> Self {
        Self { point: ExecutedPoint::first(committee), running: None, deadline: None }
    }

    /// # Panics
    ///
    /// If the point is of another epoch: its lanes are not this committee's (M3).
    pub(crate) fn resume(&mut self, point: ExecutedPoint) {
        let lanes = |point: &ExecutedPoint| (point.epoch, point.tips.len(), point.lane_bytes.len());
        assert_eq!(lanes(&point), lanes(&self.point), "I23: an executed point of another member list");
        self.point = point;
    }
}

impl Replica {
    pub(crate) fn on_executed(&mut self, executed: Executed) -> Result<(), Rejected> {
        let Some(running) = self.order.execution.running.take_if(|running| running.next.seq == executed.seq) else {
            return Err(Rejected::Unknown { from: self.member.me, what: "executed slot" });
        };
        let (Running { content, next }, seq) = (running, executed.seq);
        assert!(next.time >= self.order.execution.point.time, "I30: slot {seq} sets the ledger's time back");
        assert!(next.epoch == self.member.committee.epoch(), "I23: slot {seq} in another epoch");
        assert!(next.seq == self.order.executed().next(), "I6: slot {seq} executed out of order");
        let known = self.order.last();
        self.order.execution.point = next.settled(&self.member.committee, &executed);
        self.order.note_last(&mut self.member, known);
        self.order.execution.deadline = executed.deadline;
        let lanes: Vec<_> = self.member.committee.replicas().zip(self.order.execution.point.lanes()).collect();
        for (lane, (tip, bytes)) in lanes {
            if tip.position > self.lanes[lane].executed.position {
                let executed = self.lanes[lane].executed_up_to(tip, bytes);
                self.lanes.touched.insert(lane);
                for (position, digest) in executed {
                    self.refer(Subject::Lane(lane), SeqNum::new(position.get()), digest);
                }
            }
        }
        self.lanes.answer_reads(&mut self.member, seq);
        for key in &executed.recorded {
            self.record(*key);
        }
        if content.is_checkpoint(seq, &self.member.constants) {
            self.order.take_checkpoint(&mut self.member);
        }
        self.check_stable();
        self.order.drop_long_executed(&self.member);
        self.order.touch_unvoted();
        Ok(())
    }
}

impl Order {
    /// The end of the epoch, when it comes to be known: nobody has voted above it (M1).
    pub(crate) fn note_last(&mut self, member: &mut Member, known: Option<SeqNum>) {
        let last = self.last();
        assert!(known.is_none_or(|known| last == Some(known)), "I33: the epoch's end moves from {known:?} to {last:?}");
        if known != last {
            self.last_since = member.now.ticks;
            member.last = last;
            let highest = member.promises.highest_vote();
            assert!(highest <= last, "I33: a vote for {highest:?} before the epoch was known to end at {last:?}");
        }
    }

    /// Tip of a lane after the next slot, if that is decided.
    pub(crate) fn next_tip(&self, lane: ReplicaId) -> Option<Position> {
        let content = self.log.get(self.executed().next())?.decided()?;
        Some(content.tip_of(lane).unwrap_or(self.execution.point.tips[lane.index()]).position)
    }

    /// B: of what was executed in a long catch-up a window stays in memory.
    pub(crate) fn drop_long_executed(&mut self, member: &Member) {
        let old = SeqNum::new(self.executed().get().saturating_sub(member.constants.window));
        self.log.drop_unvoted_up_to(old);
    }

    /// Slots that execution made votable: certificates at or below the executed tips are not needed any more.
    fn touch_unvoted(&mut self) {
        let waiting: Vec<SeqNum> =
            self.log.above(self.executed()).filter(|(_, slot)| slot.committed.is_none()).map(|(seq, _)| seq).collect();
        for seq in waiting {
            self.log.touch(seq);
        }
    }

    /// Hands out the next slot, if it is decided and all its data is here.
    pub(crate) fn execute(&mut self, lanes: &mut Lanes, pursuits: &mut Pursuits, member: &mut Member) {
        if self.execution.running.is_some() || member.is_stopped() {
            return;
        }
        let Some(content) = self.log.recorded(self.executed().next()).cloned() else { return };
        self.want_decided(lanes, pursuits, member);
        if member.is_stopped() {
            return; // a lane has forked: the tip that was decided is not the one that the chain leads to
        }
        let assembled = self.execution.point.advanced(&content, |lane, tip| lanes[lane].path_to(tip));
        let Some((decided, next)) = assembled else { return };
        for bundle in &decided.bundles {
            // On the certified chain, so stored already unless its lane was not looked at since.
            if let Some(bundle) = lanes[bundle.header.lane].store(bundle.header.tip()) {
                member.out.persist(Record::Bundle(bundle));
            }
        }
        self.execution.running = Some(Running { content, next });
        member.out.push(Effect::Execute(Arc::new(decided)));
    }

    /// Wants the data of all slots that are decided without a gap (L5), so that who is behind fetches many at once.
    fn want_decided(&self, lanes: &mut Lanes, pursuits: &mut Pursuits, member: &mut Member) {
        let slots = core::iter::successors(Some(self.executed().next()), |seq| Some(seq.next()));
        let decided = slots.map_while(|seq| self.log.recorded(seq));
        for (lane, tip) in advances(lanes.executed(), decided.map(|content| &**content)) {
            lanes.want_tip(pursuits, member, lane, tip);
        }
    }
}
