//! Equivocator: votes for one digest towards its victim and for another towards the rest, proposes two contents as a
//! primary, and forks its lane once; never both to the same replica. The same liar as in the demo.
//! Must survive: agreement, and the proof of each lie whose halves two honest replicas hold. May suffer: its lane.

use super::{Attacker, victim_of};
use crate::keys::Keys;
use quorate_node::demo::liar::{Liar, Lie};
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

pub(super) struct Equivocator(Liar);

impl Equivocator {
    pub(super) fn new(me: ReplicaId, keys: &Keys) -> Self {
        let signer = keys.signers[me.index()].clone();
        Self(Liar::new(Lie::Equivocate, me, victim_of(me, keys), signer))
    }
}

impl Attacker for Equivocator {
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        self.0.outgoing(to, message).into_iter().collect()
    }

    fn may_hear(&self, message: &Message) -> bool {
        self.0.may_hear(message)
    }
}
