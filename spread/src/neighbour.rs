//! A linked neighbour.

use crate::word::{Interest, Inventory};
use quorate_pbft::{SeqNum, Ticks};

/// Origin of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Arrival at the own door.
    Came,
    /// Dialled, for its short way.
    Near,
    /// Dialled, by chance.
    Random,
    /// Dialled beside the others, until the next round.
    Probe,
}

/// A neighbour and what it was told.
#[derive(Debug, Clone)]
pub(crate) struct Neighbour {
    /// Lowest free number at its arrival, for the follower.
    pub(crate) place: u16,
    /// Count of links before it: the youngest has the highest.
    pub(crate) age: u64,
    pub(crate) link: Link,
    /// Number of its organisation; none of a stranger.
    pub(crate) organisation: Option<u32>,
    pub(crate) rtt_ms: u64,
    /// Its newest inventory.
    pub(crate) has: Inventory,
    /// Newest decision, data and checkpoint that it was told of.
    pub(crate) told: Told,
    /// When the news went out that it has not answered.
    pub(crate) in_flight: Option<Ticks>,
    /// Newer news waits for that answer, with its hops.
    pub(crate) owed: bool,
}

/// Newest of each that a neighbour was told of.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    pub(crate) decided: SeqNum,
    pub(crate) executed: SeqNum,
    pub(crate) stable: SeqNum,
}

impl Neighbour {
    /// Whether it is one of those that this node chose to keep.
    pub(crate) fn is_chosen(&self) -> bool {
        matches!(self.link, Link::Near | Link::Random)
    }

    pub(crate) fn follows_slots(&self) -> bool {
        self.has.interest == Interest::Everything
    }

    /// Whether it lacks a decision, as far as it said.
    pub(crate) fn lacks(&self, decided: SeqNum) -> bool {
        self.follows_slots() && self.has.decided < decided
    }

    pub(crate) fn tell(&mut self, own: &Inventory) {
        self.told = Told { decided: own.decided, executed: own.executed, stable: own.stable };
    }

    /// Whether an inventory would tell it anything.
    pub(crate) fn is_behind(&self, own: &Inventory) -> bool {
        let (has, told) = (&self.has, self.told);
        let slots = has.decided.max(told.decided) < own.decided || has.executed.max(told.executed) < own.executed;
        let stable = has.stable.max(told.stable) < own.stable;
        (self.follows_slots() && slots) || (has.interest != Interest::Nothing && stable)
    }
}
