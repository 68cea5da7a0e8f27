//! Checkpoint liar: says that its state is another one, to its victim yet another one.
//! Must survive: checkpoints, and nobody diverges (C3).

use super::{Attacker, Mask, as_it_is};
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

pub(super) struct CheckpointLiar(pub(super) Mask);

impl Attacker for CheckpointLiar {
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let Message::Checkpoint(signed) = &**message else { return as_it_is(message) };
        if signed.signer != self.0.me {
            return as_it_is(message);
        }
        let wrong = self.0.twist(signed);
        let wrong = if to == self.0.victim { self.0.twist(&wrong) } else { wrong };
        vec![Arc::new(Message::Checkpoint(wrong))]
    }
}
