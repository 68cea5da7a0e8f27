//! Partitions: which nodes hear each other, and for how long they do not.

use crate::dice::Dice;
use crate::weather::{Micros, REGIONS};
use serde::Serialize;
use std::fmt;

/// Shape of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Shape {
    /// Two random halves of the followers, a quorum with one and the other voters with the other.
    Halves,
    /// Each region alone, no quorum in any.
    Regions,
    /// Twenty random islands, a quorum on one.
    Islands,
    /// All followers apart from all voters.
    Audience,
    /// One follower in ten, each alone.
    Hermits,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Halves, Self::Regions, Self::Islands, Self::Audience, Self::Hermits];

    fn side(self, node: usize, voters: usize, dice: &mut Dice) -> usize {
        match self {
            Self::Halves | Self::Islands if node < voters - (voters - 1) / 3 => 0,
            Self::Halves if node < voters => 1,
            Self::Halves => dice.below(2) as usize,
            Self::Regions => node % REGIONS.len(),
            Self::Islands => dice.below(20) as usize,
            Self::Audience => usize::from(node >= voters),
            Self::Hermits if node >= voters && dice.chance(10) => node,
            Self::Hermits => 0,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Halves => "halves",
            Self::Regions => "regions",
            Self::Islands => "islands",
            Self::Audience => "audience",
            Self::Hermits => "hermits",
        })
    }
}

/// Sides of all nodes from one moment to another.
pub(super) struct Partition {
    pub(super) begins: Micros,
    pub(super) heals: Micros,
    sides: Vec<usize>,
}

impl Partition {
    pub(super) fn new(shape: Shape, (voters, nodes): (usize, usize), between: (Micros, Micros), seed: u64) -> Self {
        let mut dice = Dice::new(seed).fork(2);
        let sides = (0..nodes).map(|node| shape.side(node, voters, &mut dice)).collect();
        Self { begins: between.0, heals: between.1, sides }
    }

    /// Whether two nodes are on different sides.
    pub(super) fn divides(&self, a: usize, b: usize) -> bool {
        self.sides[a] != self.sides[b]
    }

    /// Whether nothing comes from one to the other now.
    pub(super) fn parts(&self, now: Micros, a: usize, b: usize) -> bool {
        (self.begins..self.heals).contains(&now) && self.divides(a, b)
    }
}
