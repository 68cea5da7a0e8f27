//! Sizes of runs and of work on them.

/// Sizes of runs and of work on them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Bytes of rows in a block, at least: what one look reads.
    pub(crate) block: usize,
    /// Bytes of rows in a section, at least: what one head knows.
    pub(crate) section: usize,
    /// Bytes of heads in memory, at most.
    pub(crate) heads: usize,
    /// Bytes of the runs of a merge that is done at once; larger ones are done in steps, beside these.
    pub(crate) minor: u64,
    /// Bytes that a larger merge goes on by after a fold, at least.
    pub(crate) step: u64,
}

impl Sizes {
    /// On a disk.
    pub(crate) const LARGE: Self =
        Self { block: 4 << 10, section: 1 << 20, heads: 24 << 20, minor: 32 << 20, step: 8 << 20 };

    /// In memory: tests have many blocks, sections and merges in steps.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) const SMALL: Self = Self { block: 128, section: 1 << 10, heads: 1 << 10, minor: 8 << 10, step: 2 << 10 };
}
