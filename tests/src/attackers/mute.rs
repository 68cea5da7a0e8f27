//! Mute to one: an honest replica to all but one member, who never hears a word from it.
//! Must survive: everything, the one's progress too: links need not be transitive (N9).

use super::{Attacker, Mask, as_it_is};
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

pub(super) struct Mute(pub(super) Mask);

impl Attacker for Mute {
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        if to == self.0.victim { Vec::new() } else { as_it_is(message) }
    }
}
