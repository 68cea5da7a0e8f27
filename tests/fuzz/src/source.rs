//! The fuzzer's bytes, read one choice after the other. At the end of the bytes every choice is the first.

/// Bytes that are used up from the front.
pub struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    /// Choices out of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Next byte, zero at the end.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `sides`, which is at most 256.
    pub fn below(&mut self, sides: u64) -> u64 {
        u64::from(self.byte()) % sides
    }

    /// True in one of two cases.
    pub fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    /// A small number, now and then one at the end of its range.
    pub fn number(&mut self, sides: u64) -> u64 {
        match self.byte() {
            255 => u64::MAX,
            254 => u64::MAX - 1,
            byte => u64::from(byte) % sides,
        }
    }

    /// Choice out of `choices`.
    pub fn pick<'c, T: ?Sized>(&mut self, choices: &[&'c T]) -> &'c T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Bytes that are left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Up to `count` bytes.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
