//! Contrary: acknowledges others' bundles and signs checkpoints under digests that nothing has, the same to everybody: it
//! never says two things, so nothing is proved, and everything that it says is kept apart (E2).
//! Must survive: bounded memory and disk (B, E2), certificates, checkpoints, and nobody diverges (C3).

use super::{Attacker, Mask, as_it_is};
use quorate_pbft::{Message, ReplicaId, Signed};
use std::sync::Arc;

pub(super) struct Contrary(pub(super) Mask);

impl Contrary {
    /// Not of the own lane: its true acknowledgement is in the certificates that the replica inside makes.
    fn is_of_others(&self, ack: &Signed) -> bool {
        ack.signer == self.0.me && ack.statement.view.get() != u64::from(self.0.me.get())
    }
}

impl Attacker for Contrary {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        match &**message {
            Message::Ack(signed) if self.is_of_others(signed) => vec![Arc::new(Message::Ack(self.0.twist(signed)))],
            Message::Checkpoint(signed) if signed.signer == self.0.me => {
                vec![Arc::new(Message::Checkpoint(self.0.twist(signed)))]
            }
            _ => as_it_is(message),
        }
    }

    /// The replica inside must not find out what is signed in its name.
    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.0.me)
    }
}
