//! Equivocator: votes for one digest towards its victim and for another towards the rest, proposes two contents as a
//! primary, and forks its lane once; never both to the same replica. The same liar as in the demo.
//! Must survive: agreement, and the proof of each lie whose halves two honest replicas hold. May suffer: its lane.

use super::{Attacker, Mask};
use quorate_liar::{Liar, Lie};
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

pub(super) struct Equivocator(Liar);

impl Equivocator {
    pub(super) fn new(mask: &Mask) -> Self {
        Self(Liar::new(Lie::Equivocate, mask.me, mask.victim, mask.signer.clone()))
    }
}

impl Attacker for Equivocator {
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        self.0.outgoing(to, message).into_iter().collect()
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        self.0.hearing()(message)
    }
}
