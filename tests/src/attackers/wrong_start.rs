//! NewView with a wrong slot: as the primary of a new view puts null where a value was found, or leaves the last slot
//! out; towards its victim the right one.
//! Must survive: agreement; everybody recomputes (V5), and nobody is blamed but the liar (pitfall 24).

use super::{Attacker, Mask, as_it_is};
use quorate_pbft::{Content, Message, NewView, ReplicaId, Statement};
use std::sync::Arc;

pub(super) struct WrongStart(pub(super) Mask);

impl Attacker for WrongStart {
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let Message::NewView { statement, body } = &**message else { return as_it_is(message) };
        if statement.signer != self.0.me || to == self.0.victim {
            return as_it_is(message);
        }
        let mut wrong = NewView::clone(body);
        match wrong.pre_prepares.pop() {
            Some(last) if to.get().is_multiple_of(2) => {
                let null = Statement { digest: Content::NULL.digest(), ..last.statement };
                wrong.pre_prepares.push(self.0.sign(null));
            }
            _ => (),
        }
        let digest = wrong.digest(self.0.constants.window);
        let statement = self.0.sign(Statement { digest, ..statement.statement });
        vec![Arc::new(Message::NewView { statement, body: Arc::new(wrong) })]
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.0.me)
    }
}
