//! Chance, from a seed.

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    /// Takes so many things out, each set of them as likely as any other.
    pub(crate) fn take<T>(&mut self, mut of: Vec<T>, count: usize) -> Vec<T> {
        let count = count.min(of.len());
        for at in 0..count {
            let other = at + self.below((of.len() - at) as u64) as usize;
            of.swap(at, other);
        }
        of.truncate(count);
        of
    }
}
