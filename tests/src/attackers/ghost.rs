//! Ghost: when an epoch is over it goes on voting in it, above its last slot and for another state at it, with each of its last
//! words there; a leaver has nothing to lose by that.
//! Must survive: the end of the epoch, and whoever is still in it (M1, N9).

use super::{Attacker, Mask, another};
use quorate_pbft::{Kind, Message, ReplicaId, SeqNum, Statement, View, ViewChange};
use std::sync::Arc;

pub(super) struct Ghost(pub(super) Mask);

impl Attacker for Ghost {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let mut leaving = vec![message.clone()];
        if let Message::StableCheckpoint(certificate) = &**message {
            let (epoch, last) = (certificate.epoch, certificate.seq);
            let (group, lie) = (self.0.committee.group(), another(&certificate.digest));
            let say = |kind: Kind, view: u64, seq: SeqNum, digest| {
                self.0.sign(Statement { group, epoch, kind, view: View::new(view), seq, digest })
            };
            leaving.push(Arc::new(Message::Commit(say(Kind::Commit, 0, last.next(), lie))));
            leaving.push(Arc::new(Message::Checkpoint(say(Kind::Checkpoint, 0, last.next(), lie))));
            let checkpoint = Some(certificate.clone());
            let body = ViewChange { view: View::new(9), checkpoint, prepared: Vec::new(), voted: Vec::new() };
            let statement = say(Kind::ViewChange, 9, SeqNum::new(0), body.digest(self.0.constants.window));
            leaving.push(Arc::new(Message::ViewChange { statement, body: Arc::new(body) }));
        }
        leaving
    }

    /// The replica inside must not find out what is signed in its name.
    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.0.me)
    }
}
