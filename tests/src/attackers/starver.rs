//! Starver: as a primary never cuts its victim's lane.
//! Must survive: the victim's progress, after a view change (V1 a, pitfall 35).

use super::rewriting::Rewriting;
use super::{Attacker, Mask};
use quorate_pbft::{Content, Message, ReplicaId};
use std::sync::Arc;

pub(super) struct Starver(Mask, Rewriting);

impl Starver {
    pub(super) fn new(mask: Mask) -> Self {
        Self(mask, Rewriting::default())
    }
}

impl Attacker for Starver {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let victim = self.0.victim;
        let without = |content: &Content| {
            let mut without = content.clone();
            without.cut.retain(|(lane, _)| *lane != victim);
            (without.cut.len() < content.cut.len()).then_some(without)
        };
        vec![self.1.rewrite(&self.0, message, without)]
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        self.1.may_hear(&self.0, message)
    }
}
