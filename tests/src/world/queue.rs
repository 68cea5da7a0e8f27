//! Queue of future events, in the order of virtual time; of two at one time the one scheduled first.

use super::audience::Onlooking;
use super::network::Parcel;
use crate::weather::Micros;
use quorate_pbft::{Question, ReplicaId};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::rc::Rc;

/// Future event.
pub(super) enum Event {
    Deliver {
        to: ReplicaId,
        parcel: Rc<Parcel>,
    },
    Wake(ReplicaId),
    /// A question of a replica that follows reaches a member.
    Asked {
        of: ReplicaId,
        by: ReplicaId,
        question: Question,
    },
    Commit {
        of: ReplicaId,
        generation: u64,
    },
    Break(usize),
    Mend(usize),
    Ask(usize),
    Calm,
    AskAgain,
    Look,
    Onlook(usize, Onlooking),
}

/// Heap of the scheduled events.
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Scheduled>>,
    count: u64,
}

struct Scheduled(Micros, u64, Event);

impl Queue {
    pub(super) fn push(&mut self, at: Micros, event: Event) {
        self.count += 1;
        self.heap.push(Reverse(Scheduled(at, self.count, event)));
    }

    pub(super) fn pop(&mut self) -> Option<(Micros, Event)> {
        self.heap.pop().map(|Reverse(Scheduled(at, _, event))| (at, event))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.1 == other.1
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}
