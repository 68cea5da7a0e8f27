//! After a start: what did I say before? Nothing is signed until q − 1 others have answered (E7).

use crate::agreement::order::Order;
use crate::effects::{Effect, Rejected, Wanted};
use crate::lanes::Lanes;
use crate::member::Member;
use crate::recovery::recovered::Floors;
use crate::replica::Replica;
use crate::wire::{Kind, Message, ReplicaId, SeqNum, Signed, Ticks, View};
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Progress of the recall: who has answered.
#[derive(Debug, Clone)]
pub(crate) struct Recall {
    needed: usize,
    answered: BTreeSet<ReplicaId>,
    asked_at: Option<Ticks>,
    pub(crate) done_since: Option<Ticks>,
    /// Where the state stands, if promises may be missing only from further back: nothing is signed below once this is done.
    pub(crate) reached: Option<Floors>,
}

impl Recall {
    pub(crate) fn new(quorum: usize) -> Self {
        Self { needed: quorum - 1, answered: BTreeSet::new(), asked_at: None, done_since: None, reached: None }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done_since.is_some()
    }

    fn is_answered(&self) -> bool {
        self.answered.len() >= self.needed
    }

    pub(crate) fn answered(&self) -> usize {
        self.answered.len()
    }
}

impl Replica {
    /// Asks everyone who has not answered, at intervals, until enough have.
    pub(crate) fn ask_for_recall(&mut self) {
        if self.member.recall.is_done() {
            return;
        }
        if self.member.recall.is_answered() {
            self.finish_recall();
            return;
        }
        if self.member.recall.asked_at.is_some_and(|at| !self.member.is_old(at)) {
            return;
        }
        self.member.recall.asked_at = Some(self.member.now.ticks);
        let wanted = Wanted::Recall { incarnation: self.member.incarnation };
        for peer in self.member.committee.replicas() {
            if peer != self.member.me && !self.member.recall.answered.contains(&peer) {
                self.member.ask(peer, wanted.clone());
            }
        }
    }

    pub(crate) fn on_recalled(
        &mut self,
        from: ReplicaId,
        incarnation: u64,
        statements: Vec<Signed>,
    ) -> Result<(), Rejected> {
        if incarnation != self.member.incarnation || from == self.member.me {
            return Err(Rejected::Unknown { from, what: "question" });
        }
        for signed in &statements {
            self.hear(signed);
        }
        self.member.recall.answered.insert(from);
        if !self.member.recall.is_done() && self.member.recall.is_answered() {
            self.finish_recall();
        }
        Ok(())
    }

    /// End of the recall: this replica signs, and slots and lanes that waited for that are looked at again.
    fn finish_recall(&mut self) {
        let known = self.member.recall.answered.len() + 1;
        assert!(3 * known > 2 * self.member.committee.len(), "I8: the recall ends with {known} members, this one too");
        self.member.recall.done_since = Some(self.member.now.ticks);
        if let Some((votes, lanes)) = self.member.recall.reached.take() {
            self.member.promises.raise_floors(votes, lanes);
        }
        self.views.since = self.member.now.ticks;
        if !self.member.may_sign() {
            return;
        }
        self.order.sign_missing_checkpoints(&mut self.member);
        // In a group of one the own acknowledgement is a quorum, and nobody else brings it again (L3).
        let own = &self.lanes[self.member.me];
        if let Some(certificate) = self.member.committee.assemble(own.acks(own.acked)) {
            self.learn_lane_cert(certificate, false);
        }
        self.lanes.touched.extend(self.member.committee.replicas());
        self.order.log.touch_all();
        self.repeat_votes();
    }

    /// V6, pitfall 11: what was in flight goes out again, as it was signed.
    fn repeat_votes(&mut self) {
        let Some(view) = self.views.active() else { return };
        let in_flight: Vec<SeqNum> =
            self.order.log.iter().filter(|(_, slot)| slot.committed.is_none()).map(|(seq, _)| seq).collect();
        for seq in in_flight {
            for message in self.order.own_votes(&self.lanes, &self.member, view, seq) {
                self.member.out.push(Effect::Broadcast(Arc::new(message)));
            }
        }
    }
}

impl Order {
    /// The own stored statements about a slot in a view, with the content if this replica is its primary.
    pub(crate) fn own_votes(&self, lanes: &Lanes, member: &Member, view: View, seq: SeqNum) -> Vec<Message> {
        let mut votes = Vec::new();
        let Some(slot) = self.log.get(seq) else { return votes };
        if let Some(statement) = member.promises.get(Kind::Prepare, view, seq)
            && let Some(pre_prepare) = slot.voted.filter(|voted| voted.statement.view == view)
        {
            votes.push(Message::Prepare { statement: *statement, pre_prepare });
        }
        if let Some(content) = slot.proposed().and_then(|digest| slot.content(&digest))
            && member.committee.primary(view) == member.me
        {
            votes.push(lanes.content_message(content));
        }
        if let Some(signed) = member.promises.get(Kind::Commit, view, seq) {
            votes.push(Message::Commit(*signed));
        }
        votes
    }
}
