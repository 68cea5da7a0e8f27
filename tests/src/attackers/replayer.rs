//! Replay: keeps what it hears and says, and sends it again, to anybody, in later views.
//! Must survive: everything; a copy is never an offence (late is not lying).

use super::Attacker;
use crate::dice::Dice;
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

/// Messages kept; new ones take the place of random old ones.
const KEPT_MAX: usize = 256;

pub(super) struct Replayer {
    dice: Dice,
    kept: Vec<Arc<Message>>,
}

impl Replayer {
    pub(super) fn new(dice: Dice) -> Self {
        Self { dice, kept: Vec::new() }
    }

    fn keep(&mut self, message: &Arc<Message>) {
        if self.kept.len() < KEPT_MAX {
            self.kept.push(message.clone());
        } else if self.dice.chance(20) {
            let at = self.dice.below(KEPT_MAX as u64) as usize;
            self.kept[at] = message.clone();
        }
    }
}

impl Attacker for Replayer {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        self.keep(message);
        vec![message.clone(), self.dice.pick(&self.kept).clone()]
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        self.keep(message);
        true
    }
}
