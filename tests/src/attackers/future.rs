//! Future views: asks for views far ahead, and votes in them, with each status.
//! Must survive: the view that the others are in; one member pulls nobody (V3 needs f + 1).

use super::{Attacker, Mask, another};
use quorate_pbft::{Digest, Kind, Message, ReplicaId, SeqNum, View, ViewChange};
use std::sync::Arc;

/// Distance in views at which it lies.
const VIEWS: u64 = 1_000;

pub(super) struct Future(pub(super) Mask);

impl Future {
    fn demand(&self, view: View) -> Message {
        let (checkpoint, prepared, voted) = Default::default();
        let body = ViewChange { view, checkpoint, prepared, voted };
        let digest = body.digest(self.0.constants.window);
        Message::ViewChange {
            statement: self.0.say(Kind::ViewChange, view, SeqNum::new(0), digest),
            body: Arc::new(body),
        }
    }
}

impl Attacker for Future {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let mut leaving = vec![message.clone()];
        if let Message::Status { body, .. } = &**message {
            let view = View::new(body.view.get() + VIEWS);
            let (seq, digest) = (body.executed.next(), another(&Digest::ZERO));
            leaving.push(Arc::new(self.demand(view)));
            leaving.push(Arc::new(Message::Commit(self.0.say(Kind::Commit, view, seq, digest))));
        }
        leaving
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.0.me)
    }
}
