//! Fate of packets in the switch: lost, or late by how much.

use crate::dice::Dice;
use std::collections::BTreeSet;
use std::time::Duration;

/// Quality of the links between replicas; those to the clients are always good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// Every packet takes at least this long, in microseconds.
    pub delay_us: u64,
    /// And up to this much longer, each by itself, so that packets overtake each other.
    pub jitter_us: u64,
    /// Packets of a thousand that are lost.
    pub loss_per_mille: u64,
}

impl Weather {
    /// A good network between near places.
    pub const FAIR: Self = Self { delay_us: 2_000, jitter_us: 1_000, loss_per_mille: 0 };
    /// Across a continent, and lossy.
    pub const FOUL: Self = Self { delay_us: 25_000, jitter_us: 15_000, loss_per_mille: 20 };
}

/// Fate of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Arrival after this time.
    Arrives(Duration),
    /// Lost by chance.
    Lost,
    /// Its link is cut.
    Cut,
}

/// Links of the group, each in one direction.
#[derive(Debug, Clone)]
pub struct Links {
    replicas: usize,
    /// Of all links between replicas.
    pub weather: Weather,
    cut: BTreeSet<(usize, usize)>,
}

impl Links {
    /// Good links between the places `0..replicas`; what is above them are clients.
    pub fn new(replicas: usize) -> Self {
        Self { replicas, weather: Weather::FAIR, cut: BTreeSet::new() }
    }

    /// Cuts the link from `from` to `to`; the other direction stays.
    pub fn cut(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
    }

    /// Cuts the links between this replica and the others, in either direction.
    pub fn isolate(&mut self, replica: usize) {
        self.split(&[replica]);
    }

    /// Cuts the links between these replicas and the others, in either direction.
    pub fn split(&mut self, side: &[usize]) {
        let others = (0..self.replicas).filter(|replica| !side.contains(replica));
        for other in others {
            side.iter().for_each(|one| self.cut.extend([(*one, other), (other, *one)]));
        }
    }

    /// Makes every link good again.
    pub fn heal(&mut self) {
        *self = Self::new(self.replicas);
    }

    /// Decides about a packet.
    pub fn fate(&self, from: usize, to: usize, dice: &mut Dice) -> Fate {
        if from >= self.replicas || to >= self.replicas {
            return Fate::Arrives(Duration::ZERO);
        }
        if self.cut.contains(&(from, to)) {
            return Fate::Cut;
        }
        if dice.below(1_000) < self.weather.loss_per_mille {
            return Fate::Lost;
        }
        let jitter = dice.between(0, self.weather.jitter_us);
        Fate::Arrives(Duration::from_micros(self.weather.delay_us + jitter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(links: &Links, from: usize, to: usize) -> bool {
        matches!(links.fate(from, to, &mut Dice::new(1)), Fate::Arrives(_))
    }

    #[test]
    fn a_cut_is_one_way() {
        let mut links = Links::new(4);
        links.cut(0, 1);
        assert_eq!((passes(&links, 0, 1), passes(&links, 1, 0), passes(&links, 0, 2)), (false, true, true));
    }

    #[test]
    fn an_isolated_replica_still_has_its_clients() {
        let mut links = Links::new(4);
        links.isolate(2);
        let between: Vec<bool> = [(2, 0), (0, 2), (3, 2), (0, 1)].map(|(from, to)| passes(&links, from, to)).into();
        assert_eq!(between, [false, false, false, true]);
        assert!(passes(&links, 4, 2) && passes(&links, 2, 4));
    }

    #[test]
    fn a_split_leaves_each_side_whole_and_heals() {
        let mut links = Links::new(4);
        links.split(&[0, 1]);
        assert!(passes(&links, 0, 1) && passes(&links, 2, 3) && !passes(&links, 1, 2) && !passes(&links, 3, 0));
        links.heal();
        assert!(passes(&links, 1, 2));
    }

    #[test]
    fn foul_weather_is_late_and_loses_what_it_says() {
        let mut links = Links::new(2);
        links.weather = Weather::FOUL;
        let (mut dice, mut lost) = (Dice::new(3), 0);
        for _ in 0..10_000 {
            match links.fate(0, 1, &mut dice) {
                Fate::Lost => lost += 1,
                Fate::Arrives(after) => assert!((25_000..=40_000).contains(&after.as_micros())),
                Fate::Cut => panic!("nothing was cut"),
            }
        }
        assert!((150..=250).contains(&lost), "{lost} of 10,000");
    }
}
