//! Decided slots and their data, on the way to execution (N6, L5).

use crate::agreement::assembly::advances;
use crate::agreement::execution::Running;
use crate::effects::{Broken, Effect, Effects, Record, Rejected};
use crate::follower::Follower;
use crate::input::Executed;
use crate::lanes::lane::Fork;
use crate::wire::{Bundle, Content, Digest, Position, QuorumCert, ReplicaId, SeqNum, Ticks, Tip};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// Decided slots above the executed one, at most a window of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    decided: BTreeMap<SeqNum, (Digest, Arc<Content>)>,
    /// The slot up to which the lanes know the tips to come.
    wanted: SeqNum,
}

impl Slots {
    pub(super) fn get(&self, seq: SeqNum) -> Option<&Arc<Content>> {
        self.decided.get(&seq).map(|(_, content)| content)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SeqNum, &Content)> {
        self.decided.iter().map(|(seq, (_, content))| (*seq, &**content))
    }

    /// The last slot that is decided here.
    pub(super) fn last(&self) -> Option<SeqNum> {
        self.decided.keys().next_back().copied()
    }

    /// Keeps a decision. The digest known before, if it is another one.
    pub(super) fn decide(&mut self, seq: SeqNum, digest: Digest, content: Content) -> Result<bool, Digest> {
        match self.decided.get(&seq) {
            Some((known, _)) if *known != digest => Err(*known),
            Some(_) => Ok(false),
            None => {
                self.decided.insert(seq, (digest, Arc::new(content)));
                Ok(true)
            }
        }
    }

    /// The first slot from `seq` on that is not decided here.
    pub(super) fn first_gap(&self, mut seq: SeqNum) -> SeqNum {
        while self.decided.contains_key(&seq) {
            seq = seq.next();
        }
        seq
    }
}

impl Follower {
    pub(super) fn on_decided(
        &mut self,
        from: ReplicaId,
        certificate: QuorumCert,
        content: Content,
        out: &mut Effects,
    ) -> Result<(), Rejected> {
        let seq = certificate.seq();
        if seq <= self.point.seq {
            return Ok(());
        }
        if seq > self.reach() {
            return Err(Rejected::OutsideWindow { from, seq });
        }
        match self.slots.decide(seq, certificate.digest(), content.clone()) {
            Ok(true) => {
                out.persist(Record::Committed { certificate, content });
                if seq == self.point.seq.next() {
                    self.neighbours.on_part(from);
                }
            }
            Ok(false) => (),
            Err(first) => {
                let second = certificate.digest();
                out.persist(Record::Conflicting(certificate));
                self.stop(Broken::TwoCommits { seq, first, second }, out);
            }
        }
        Ok(())
    }

    /// The last slot of which a decision is kept: of this epoch, as far as it is known (M1).
    pub(super) fn reach(&self) -> SeqNum {
        let reach = self.point.seq.plus(self.constants.window);
        self.point.last().map_or(reach, |last| reach.min(last))
    }

    /// Bundles count only as links of a chain that hangs from a decided tip: no other is kept, so that no peer fills memory.
    /// Returns whether it was missing.
    pub(super) fn on_bundle(&mut self, bundle: Arc<Bundle>, out: &mut Effects) -> Result<bool, Rejected> {
        let (id, tip) = (bundle.header.lane, bundle.header.tip());
        let (last, next) = (self.furthest(id), self.next_tip(id));
        let lane = &mut self.lanes[id.index()];
        if tip.position <= lane.executed.position || lane.held(tip).is_some() {
            return Ok(false);
        }
        if lane.on_chain(tip.position) != Some(tip.digest) || (tip.position > last && Some(tip.position) > next) {
            return Err(Rejected::Bundle { lane: id, position: tip.position, why: "not asked for" });
        }
        let epoch = self.committee.epoch();
        let may_be =
            |item| self.payload.as_ref().is_none_or(|check| check.is_known(item, epoch) && check.is_valid(item));
        if let Some(item) = bundle.items.iter().position(|item| !may_be(item)) {
            // Not written down: a start executes what is there.
            let Tip { position, digest } = tip;
            self.stop(Broken::FalseItem { lane: id, position, digest, item: item as u32 }, out);
            return Ok(false);
        }
        out.persist(Record::Bundle(bundle.clone()));
        lane.hold(bundle, true, Ticks::default());
        let walked = lane.walk(tip);
        self.stop_at_fork(id, walked, out);
        Ok(true)
    }

    /// Tip of a lane after the next slot, if that is decided.
    pub(super) fn next_tip(&self, lane: ReplicaId) -> Option<Position> {
        let content = self.slots.get(self.point.seq.next())?;
        Some(content.tip_of(lane).unwrap_or(self.point.tips[lane.index()]).position)
    }

    /// Wants the data of all slots that are decided without a gap (L5).
    pub(super) fn want_decided(&mut self, out: &mut Effects) {
        let gap = self.slots.first_gap(self.point.seq.next());
        if self.slots.wanted.next() >= gap {
            return;
        }
        self.slots.wanted = gap.previous().unwrap_or_default();
        let reached = self.point.tips.iter().map(|tip| tip.position).collect();
        let decided = self.slots.iter().take_while(|(seq, _)| *seq < gap);
        for (lane, tip) in advances(reached, decided.map(|(_, content)| content)) {
            let wanted = self.lanes[lane.index()].want(tip);
            self.stop_at_fork(lane, wanted, out);
        }
    }

    fn stop_at_fork(&mut self, lane: ReplicaId, outcome: Result<(), Fork>, out: &mut Effects) {
        if let Err(Fork { position, first, second }) = outcome {
            self.stop(Broken::LaneFork { lane, position, first, second }, out);
        }
    }

    /// Hands out the next slot, if it is decided and its data is here.
    pub(super) fn execute(&mut self, out: &mut Effects) {
        if self.running.is_some() || self.broken.is_some() {
            return;
        }
        let Some(content) = self.slots.get(self.point.seq.next()).cloned() else { return };
        let assembled = self.point.advanced(&content, |lane, tip| self.lanes[lane.index()].path_to(tip));
        let Some((decided, next)) = assembled else { return };
        self.running = Some(Running { content, next });
        out.push(Effect::Execute(Arc::new(decided)));
    }

    pub(super) fn on_executed(&mut self, executed: Executed, out: &mut Effects) -> Result<(), Rejected> {
        let running = self.running.take().filter(|running| running.next.seq == executed.seq);
        // The shell answers what was handed out, in order: anything else is our own mistake.
        let Running { content, next } = running.expect("I6: a slot was executed that was not handed out");
        let seq = executed.seq;
        assert!(seq == self.point.seq.next(), "I6: slot {seq} executed out of order");
        self.point = next.settled(&self.committee, &executed);
        for (lane, (tip, bytes)) in self.lanes.iter_mut().zip(self.point.lanes()) {
            if tip.position > lane.executed.position {
                lane.executed_up_to(tip, bytes);
            }
        }
        self.slots.decided.remove(&seq);
        if content.is_checkpoint(seq, &self.constants) {
            self.checkpoints.note(seq, self.point.checkpoint_digest());
        }
        self.check_state(out);
        Ok(())
    }
}
