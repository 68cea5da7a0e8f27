//! Slow: holds back everything that it says for nine tenths of the base time-out (pitfall 34).
//! Must survive: progress. May suffer: throughput, until the slow primary is replaced (V7).

use super::{Attacker, Mask, as_it_is};
use crate::weather::Micros;
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

pub(super) struct Slow(pub(super) Mask);

impl Attacker for Slow {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        as_it_is(message)
    }

    fn delay(&self, _message: &Message) -> Micros {
        self.0.constants.base_timeout_ms * 900
    }
}
