//! Accomplice: of a proposal that an equivocator makes twice it commits each content towards one member, the second
//! towards the one that was shown it, and is silent about it towards all others. Its vote follows a proposal everywhere:
//! only what was decided contradicts it, and only once the primary's lie is known.
//! Must survive: agreement, and the proof of its lie once the primary's is recorded (E2). May suffer: its lane.

use super::{Attacker, Mask, as_it_is};
use quorate_liar::{LIE_EVERY, LIE_REST};
use quorate_pbft::{Content, Digest, Message, ReplicaId, Signed, Statement, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) struct Accomplice {
    mask: Mask,
    equivocators: Vec<ReplicaId>,
    /// The second content of each that such a primary proposed here.
    seconds: BTreeMap<Digest, Digest>,
}

impl Accomplice {
    pub(super) fn new(mask: Mask, equivocators: Vec<ReplicaId>) -> Self {
        Self { mask, equivocators, seconds: BTreeMap::new() }
    }

    /// The member that is shown an equivocator's second content.
    fn victim(&self, primary: ReplicaId) -> ReplicaId {
        Mask::victim_of(primary, &self.mask.committee)
    }

    /// The primary and the second content of a vote of its own that it lies about.
    fn lie(&self, vote: &Signed) -> Option<(ReplicaId, Digest)> {
        let second = self.seconds.get(&vote.statement.digest).filter(|_| vote.signer == self.mask.me);
        second.map(|second| (self.mask.committee.primary(vote.statement.view), *second))
    }
}

impl Attacker for Accomplice {
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let (Message::Prepare { statement: vote, .. } | Message::Commit(vote)) = &**message else {
            return as_it_is(message);
        };
        let Some((primary, second)) = self.lie(vote) else { return as_it_is(message) };
        let victim = self.victim(primary);
        let is_commit = matches!(**message, Message::Commit(_));
        if is_commit && to == victim {
            let other = self.mask.sign(Statement { digest: second, ..vote.statement });
            vec![Arc::new(Message::Commit(other))]
        } else if is_commit && to == self.victim(victim) {
            as_it_is(message)
        } else {
            Vec::new()
        }
    }

    fn overhear(&mut self, message: &Arc<Message>) {
        let Message::PrePrepare { statement, content, .. } = &**message else { return };
        let is_lie =
            self.equivocators.contains(&statement.signer) && statement.statement.seq.get() % LIE_EVERY == LIE_REST;
        if is_lie && self.victim(statement.signer) != self.mask.me {
            let time = content.time.map(|time| Time::new(time.get() + 1));
            self.seconds.insert(content.digest(), Content { time, ..content.clone() }.digest());
        }
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.mask.me)
    }
}
