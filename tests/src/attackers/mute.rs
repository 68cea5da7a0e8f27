//! Mute to one: an honest replica to all but one member, who never hears a word from it.
//! Must survive: everything, the one's progress too: links need not be transitive (N9).

use super::{Attacker, victim_of};
use crate::keys::Keys;
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

pub(super) struct Mute {
    victim: ReplicaId,
}

impl Mute {
    pub(super) fn new(me: ReplicaId, keys: &Keys) -> Self {
        Self { victim: victim_of(me, keys) }
    }
}

impl Attacker for Mute {
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        if to == self.victim { Vec::new() } else { vec![message.clone()] }
    }
}
