//! Silent: hears everything and says nothing.
//! Must survive: everything; it is one of f.

use super::Attacker;
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

pub(super) struct Silent;

impl Attacker for Silent {
    fn outgoing(&mut self, _to: ReplicaId, _message: &Arc<Message>) -> Vec<Arc<Message>> {
        Vec::new()
    }
}
