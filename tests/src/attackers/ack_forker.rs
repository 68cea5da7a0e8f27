//! Acknowledgements forked: says to its victim that it stored another bundle than it says to the rest.
//! Must survive: one chain of certified bundles in each lane (L3), and the proof where the halves meet.

use super::{Attacker, Mask, as_it_is};
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

pub(super) struct AckForker(pub(super) Mask);

impl Attacker for AckForker {
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        match &**message {
            Message::Ack(signed) if signed.signer == self.0.me && to == self.0.victim => {
                vec![Arc::new(Message::Ack(self.0.twist(signed)))]
            }
            _ => as_it_is(message),
        }
    }
}
