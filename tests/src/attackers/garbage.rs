//! Garbage that decodes: beside each message sends a copy with one byte changed, where that is still a message.
//! Must survive: everything; no byte of it is believed (pitfalls 26, 29).

use super::Attacker;
use crate::dice::Dice;
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

/// Larger messages are left alone: the changed byte would be in the data, and cost more than it finds.
const BYTES_MAX: usize = 4_096;

pub(super) struct Garbage(pub(super) Dice);

impl Attacker for Garbage {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let mut bytes = borsh::to_vec(&**message).expect("writing into memory cannot fail");
        let mut leaving = vec![message.clone()];
        if bytes.len() <= BYTES_MAX {
            let at = self.0.below(bytes.len() as u64) as usize;
            bytes[at] ^= self.0.between(1, 255) as u8;
            leaving.extend(borsh::from_slice::<Message>(&bytes).ok().map(Arc::new));
        }
        leaving
    }
}
