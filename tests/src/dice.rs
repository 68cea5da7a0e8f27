//! The one source of chance: seeded, the same on every machine.

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a counter and a mixer, so that neighbouring seeds share nothing.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice of their own for one purpose, so that a new roll elsewhere does not change these.
    pub fn fork(&self, purpose: u64) -> Self {
        let mut fork = Self(self.0 ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93));
        fork.roll();
        fork
    }

    /// 64 random bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// Whether something happens that happens in `percent` of all cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Chooses among things, of which there is at least one.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len() as u64) as usize]
    }

    /// Chooses by weights that are not all 0.
    pub fn weighted<'a, T>(&mut self, things: &'a [(u64, T)]) -> &'a T {
        let mut at = self.below(things.iter().map(|(weight, _)| weight).sum());
        for (weight, thing) in things {
            if at < *weight {
                return thing;
            }
            at -= weight;
        }
        unreachable!("the roll is below the sum of all weights")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_rolls_one_sequence() {
        let rolls = |seed| -> Vec<u64> {
            let mut dice = Dice::new(seed);
            (0..4).map(|_| dice.roll()).collect()
        };
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
    }

    #[test]
    fn a_thing_without_weight_is_never_picked() {
        let mut dice = Dice::new(1);
        assert!((0..1_000).all(|_| *dice.weighted(&[(0, 'a'), (3, 'b'), (0, 'c')]) == 'b'));
    }
}
