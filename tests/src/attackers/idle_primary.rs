//! Idle primary: takes part in everything and proposes nothing, nor starts a view of its own.
//! Must survive: progress, after a view change (pitfall 37).

use super::{Attacker, as_it_is};
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

pub(super) struct IdlePrimary;

impl Attacker for IdlePrimary {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let proposal = matches!(**message, Message::PrePrepare { .. } | Message::NewView { .. });
        if proposal { Vec::new() } else { as_it_is(message) }
    }
}
