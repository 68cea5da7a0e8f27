//! Selective: each of its messages reaches about half of the others.
//! Must survive: everything; repair does not depend on it (N9).

use super::{Attacker, as_it_is};
use crate::dice::Dice;
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

pub(super) struct Selective(pub(super) Dice);

impl Attacker for Selective {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        if self.0.chance(50) { Vec::new() } else { as_it_is(message) }
    }
}
