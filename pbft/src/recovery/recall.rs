//! After a start: what did I say before? Nothing is signed until q − 1 others have answered (E7).

use crate::effects::{Effects, Rejected, Wanted};
use crate::replica::Replica;
use crate::wire::ids::{ReplicaId, SeqNum, Ticks};
use crate::wire::message::Message;
use crate::wire::statement::{Kind, Signed};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// Statements from memory in one answer; the disk adds what is in certificates.
const STATEMENTS_MAX: usize = 2_048;
/// Of these, of one kind, and of Acks of one lane: a window of votes.
const STATEMENTS_PER_SERIES_MAX: usize = 256;

/// Who has answered.
#[derive(Debug, Clone)]
pub(crate) struct Recall {
    needed: usize,
    answered: BTreeSet<ReplicaId>,
    asked_at: Option<Ticks>,
    done_since: Option<Ticks>,
}

impl Recall {
    pub(crate) fn new(quorum: usize) -> Self {
        Self { needed: quorum - 1, answered: BTreeSet::new(), asked_at: None, done_since: None }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done_since.is_some()
    }

    pub(crate) fn done_since(&self) -> Option<Ticks> {
        self.done_since
    }

    pub(crate) fn answered(&self) -> usize {
        self.answered.len()
    }
}

impl Replica {
    /// Asks everyone who has not answered, at intervals, until enough have.
    pub(crate) fn ask_for_recall(&mut self, out: &mut Effects) {
        if self.recall.is_done() {
            return;
        }
        if self.recall.answered.len() >= self.recall.needed {
            self.finish_recall(out);
            return;
        }
        let due = self.recall.asked_at.is_none_or(|at| self.now.ticks.since(at) >= self.constants.status_period_ms);
        if !due {
            return;
        }
        self.recall.asked_at = Some(self.now.ticks);
        let tips = self.committee.replicas().map(|lane| (lane, self.lanes[lane.index()].executed.position));
        let wanted = Wanted::Recall {
            incarnation: self.incarnation,
            stable: self.low(),
            tips: tips.collect(),
            known: Vec::new(),
        };
        for peer in self.committee.replicas() {
            if peer != self.me && !self.recall.answered.contains(&peer) {
                out.send(peer, Message::Ask(wanted.clone()));
            }
        }
    }

    pub(crate) fn on_recalled(
        &mut self,
        from: ReplicaId,
        incarnation: u64,
        statements: Vec<Signed>,
        out: &mut Effects,
    ) -> Result<(), Rejected> {
        if incarnation != self.incarnation || from == self.me {
            return Err(Rejected::Unknown { from, what: "question" });
        }
        for signed in &statements {
            self.hear(signed, out);
        }
        self.recall.answered.insert(from);
        if !self.recall.is_done() && self.recall.answered.len() >= self.recall.needed {
            self.finish_recall(out);
        }
        Ok(())
    }

    /// From here on this replica signs. Everything that waited for that is looked at again.
    fn finish_recall(&mut self, out: &mut Effects) {
        self.recall.done_since = Some(self.now.ticks);
        self.views.since = self.now.ticks;
        if !self.may_sign() {
            return;
        }
        self.sign_missing_checkpoints(out);
        self.touched_lanes.extend(self.committee.replicas());
        self.log.touch_all();
        self.repeat_votes(out);
    }

    /// V6, pitfall 11: what was in flight goes out again, as it was signed.
    fn repeat_votes(&mut self, out: &mut Effects) {
        let Some(view) = self.active_view() else { return };
        let in_flight: Vec<SeqNum> =
            self.log.iter().filter(|(_, slot)| slot.committed.is_none()).map(|(seq, _)| seq).collect();
        for seq in in_flight {
            for message in self.own_votes(view, seq) {
                out.push(crate::effects::Effect::Broadcast(alloc::sync::Arc::new(message)));
            }
        }
    }

    /// The own stored statements about a slot in a view, with the content if this replica is its primary.
    pub(crate) fn own_votes(&self, view: crate::wire::ids::View, seq: SeqNum) -> Vec<Message> {
        let mut votes = Vec::new();
        let Some(slot) = self.log.get(seq) else { return votes };
        if let Some(statement) = self.promises.get(Kind::Prepare, view, seq)
            && let Some(pre_prepare) = slot.voted.filter(|voted| voted.statement.view == view)
        {
            votes.push(Message::Prepare { statement: *statement, pre_prepare });
        }
        if let Some(content) = slot.proposed().and_then(|digest| slot.content(&digest))
            && self.committee.primary(view) == self.me
        {
            votes.push(self.content_message(content));
        }
        if let Some(signed) = self.promises.get(Kind::Commit, view, seq) {
            votes.push(Message::Commit(*signed));
        }
        votes
    }

    /// E7: every statement of the asker that is known and above what it has.
    pub(crate) fn answer_recall(
        &self,
        to: ReplicaId,
        incarnation: u64,
        stable: SeqNum,
        tips: &[(ReplicaId, crate::wire::ids::Position)],
        out: &mut Effects,
    ) {
        let tip_of = |lane: ReplicaId| {
            let tip = tips.iter().find(|(of, _)| *of == lane).map(|(_, position)| position.get());
            SeqNum::new(tip.unwrap_or(0))
        };
        let above = |signed: &&Signed| {
            let statement = &signed.statement;
            match statement.kind {
                Kind::Bundle => statement.seq > tip_of(to),
                Kind::Ack => statement.seq > tip_of(ReplicaId::new(statement.view.get() as u16)),
                Kind::ViewChange | Kind::NewView => true,
                _ => statement.seq > stable,
            }
        };
        // The newest of each kind are what a disk that is too old lacks first.
        let mut known: Vec<Signed> = Vec::new();
        for series in self.witness.series_of(to) {
            known.extend(series.rev().filter(above).take(STATEMENTS_PER_SERIES_MAX).copied());
        }
        known.truncate(STATEMENTS_MAX);
        let wanted = Wanted::Recall { incarnation, stable, tips: tips.to_vec(), known };
        out.push(crate::effects::Effect::Supply { to, wanted });
    }
}
