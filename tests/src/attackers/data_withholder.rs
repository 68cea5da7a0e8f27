//! Data withheld from some: hands its bundles to just enough others to have them certified, and answers nobody else.
//! Must survive: execution everywhere; the others fetch from those who acknowledged (L5).

use super::{Attacker, Mask, as_it_is};
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

pub(super) struct DataWithholder(pub(super) Mask);

impl DataWithholder {
    /// The q − 1 members after it.
    fn favours(&self, to: ReplicaId) -> bool {
        let n = self.0.committee.len();
        let after = (to.index() + n - self.0.me.index()) % n;
        after < self.0.committee.quorum()
    }
}

impl Attacker for DataWithholder {
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let withheld = matches!(**message, Message::Bundle(_)) && !self.favours(to);
        if withheld { Vec::new() } else { as_it_is(message) }
    }
}
