//! Data before order: bundles, acknowledgements, certified tips (L1 to L6), and the marks of strong reads (R).

pub(crate) mod lane;
pub(crate) mod intake;
pub(crate) mod own_lane;
pub(crate) mod reading;

use crate::lanes::lane::Lane;
use crate::lanes::own_lane::OwnLane;
use crate::lanes::reading::Reads;
use crate::wire::{Position, ReplicaId};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// The lanes of all members, and what this replica puts on its own.
#[derive(Debug, Clone)]
pub(crate) struct Lanes {
    all: Vec<Lane>,
    /// Lanes to look at again: something about them changed.
    pub(crate) touched: BTreeSet<ReplicaId>,
    pub(crate) own: OwnLane,
    pub(crate) reads: Reads,
}

impl Lanes {
    pub(crate) fn new(n: usize) -> Self {
        let all = (0..n).map(|_| Lane::default()).collect();
        Self { all, touched: BTreeSet::new(), own: OwnLane::default(), reads: Reads::default() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Lane> {
        self.all.iter()
    }

    /// Another primary has to propose anew what is not decided (V7).
    pub(crate) fn enter_view(&mut self) {
        self.all.iter_mut().for_each(|lane| lane.proposed = Position::default());
    }

    /// Positions of the executed tips.
    pub(crate) fn executed(&self) -> Vec<Position> {
        self.iter().map(|lane| lane.executed.position).collect()
    }

    /// The lane of a number that a peer named, if the group has it.
    pub(crate) fn get(&self, lane: ReplicaId) -> Option<&Lane> {
        self.all.get(lane.index())
    }
}

impl Index<ReplicaId> for Lanes {
    type Output = Lane;

    fn index(&self, lane: ReplicaId) -> &Lane {
        &self.all[lane.index()]
    }
}

impl IndexMut<ReplicaId> for Lanes {
    fn index_mut(&mut self, lane: ReplicaId) -> &mut Lane {
        &mut self.all[lane.index()]
    }
}
