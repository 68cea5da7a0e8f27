//! Links of the network: delay, loss, copies, cuts.

use crate::dice::Dice;
use quorate_pbft::ReplicaId;
use std::collections::BTreeMap;

/// Microseconds of virtual time since the run began.
pub type Micros = u64;

/// Behaviour of links and disks. Delays are microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// Least delay of a message.
    pub delay_min: Micros,
    /// Largest delay of most messages.
    pub delay_max: Micros,
    /// Messages in a hundred that take ten times as long.
    pub late_percent: u64,
    /// Messages in a hundred that are lost.
    pub lost_percent: u64,
    /// Messages in a hundred that come twice.
    pub twice_percent: u64,
    /// Largest time of a durable commit.
    pub commit_max: Micros,
    /// Whether the replicas stand in [`REGIONS`], so that these delays come on top.
    pub regions: bool,
}

impl Weather {
    /// A good day in one data centre. Every run ends in it.
    pub const CALM: Self = Self {
        delay_min: 200,
        delay_max: 5_000,
        late_percent: 0,
        lost_percent: 0,
        twice_percent: 0,
        commit_max: 2_000,
        regions: false,
    };
}

/// Delays in milliseconds, one way, between Frankfurt, Virginia, Oregon, Singapore and São Paulo: half of the round
/// trips that public cloud latency tables give, rounded.
pub const REGIONS: [[u64; 5]; 5] =
    [[1, 45, 75, 80, 100], [45, 1, 35, 110, 58], [75, 35, 1, 85, 88], [80, 110, 85, 1, 160], [100, 58, 88, 160, 1]];

/// Which links are cut, and by how many faults.
#[derive(Debug, Clone, Default)]
pub struct Cuts(BTreeMap<(ReplicaId, ReplicaId), u32>);

impl Cuts {
    /// Cuts one direction, once more.
    pub fn cut(&mut self, from: ReplicaId, to: ReplicaId) {
        *self.0.entry((from, to)).or_default() += 1;
    }

    /// Takes one cut of this direction back.
    pub fn mend(&mut self, from: ReplicaId, to: ReplicaId) {
        if let Some(count) = self.0.get_mut(&(from, to)) {
            *count = count.saturating_sub(1);
        }
    }

    /// Takes all cuts back.
    pub fn heal(&mut self) {
        self.0.clear();
    }

    /// Whether nothing comes through.
    pub fn is_cut(&self, from: ReplicaId, to: ReplicaId) -> bool {
        self.0.get(&(from, to)).is_some_and(|count| *count > 0)
    }
}

impl Weather {
    /// When copies of a message arrive, counted from now; none when it is lost.
    pub fn arrivals(&self, from: ReplicaId, to: ReplicaId, dice: &mut Dice) -> impl Iterator<Item = Micros> + use<> {
        let copies = if dice.chance(self.lost_percent) { 0 } else { 1 + u64::from(dice.chance(self.twice_percent)) };
        let delays: Vec<Micros> = (0..copies).map(|_| self.delay(from, to, dice)).collect();
        delays.into_iter()
    }

    fn delay(&self, from: ReplicaId, to: ReplicaId, dice: &mut Dice) -> Micros {
        let here = dice.between(self.delay_min, self.delay_max);
        let slow = if dice.chance(self.late_percent) { 10 } else { 1 };
        let between = REGIONS[from.index() % REGIONS.len()][to.index() % REGIONS.len()] * 1_000;
        here * slow + if self.regions { between } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_cut_twice_is_mended_twice() {
        let (a, b) = (ReplicaId::new(0), ReplicaId::new(1));
        let mut cuts = Cuts::default();
        cuts.cut(a, b);
        cuts.cut(a, b);
        cuts.mend(a, b);
        assert!(cuts.is_cut(a, b) && !cuts.is_cut(b, a));
        cuts.mend(a, b);
        assert!(!cuts.is_cut(a, b));
    }
}
