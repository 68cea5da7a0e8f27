//! Replicas that lie, one lie a file. Each wraps a real replica and bends what leaves it.

mod equivocator;
mod mute;
mod silent;

use crate::keys::Keys;
use quorate_pbft::{Message, ReplicaId};
use std::fmt;
use std::sync::Arc;

/// A lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attack {
    /// [`equivocator`]
    Equivocator,
    /// [`silent`]
    Silent,
    /// [`mute`]
    Mute,
}

impl Attack {
    /// All of them, with weights.
    pub const ALL: &[(u64, Self)] = &[(6, Self::Equivocator), (1, Self::Silent), (1, Self::Mute)];

    /// The attacker that plays it as `me`.
    pub fn attacker(self, me: ReplicaId, keys: &Keys) -> Box<dyn Attacker> {
        match self {
            Self::Equivocator => Box::new(equivocator::Equivocator::new(me, keys)),
            Self::Silent => Box::new(silent::Silent),
            Self::Mute => Box::new(mute::Mute::new(me, keys)),
        }
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equivocator => "equivocator",
            Self::Silent => "silent",
            Self::Mute => "mute",
        })
    }
}

/// A replica that is not honest: a real one whose messages are bent on their way.
pub trait Attacker {
    /// What leaves for `to` in place of `message`.
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>>;

    /// Whether the replica inside may hear this.
    fn may_hear(&self, _message: &Message) -> bool {
        true
    }
}

/// Another member than `me`, the same in every run: whom an attacker picks on.
fn victim_of(me: ReplicaId, keys: &Keys) -> ReplicaId {
    let n = keys.committee.len() as u16;
    ReplicaId::new((me.get() + 1) % n)
}
