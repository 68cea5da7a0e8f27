//! Omission: its demands for a view leave out what it prepared and voted for; towards its victim only half of it.
//! Must survive: agreement over any number of view changes (V5), and no honest replica's blame (E3).

use super::{Attacker, Mask, as_it_is};
use quorate_pbft::{Message, ReplicaId, SeqNum, ViewChange};
use std::sync::Arc;

pub(super) struct Omitter(pub(super) Mask);

impl Attacker for Omitter {
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let Message::ViewChange { statement, body } = &**message else { return as_it_is(message) };
        if statement.signer != self.0.me {
            return as_it_is(message);
        }
        let half = to == self.0.victim;
        let keep = |seq: SeqNum| half && seq.get().is_multiple_of(2);
        let mut less = ViewChange::clone(body);
        less.prepared.retain(|entry| keep(entry.seq()));
        less.voted.retain(|entry| keep(entry.seq()));
        let digest = less.digest(self.0.constants.window);
        let statement = self.0.say(statement.statement.kind, less.view, statement.statement.seq, digest);
        vec![Arc::new(Message::ViewChange { statement, body: Arc::new(less) })]
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.0.me)
    }
}
