//! Loose bundles: what an owner may hand over for nothing although it is not stored as it comes.

use quorate_pbft::{BundleHeader, Constants, Position};

/// Bytes that any frame counts beside its items or words: a frame, a signature and a look at its lane.
pub(super) const FRAME_BYTES: u64 = 16 << 10;

/// Bundles of a lane that are free to its owner although they were not stored as they came: the first at each position, and as
/// many bytes as an owner may have out without a certificate. What is executed of the lane counts no more, so that an owner
/// each of whose bundles comes too early once is never charged.
#[derive(Debug, Default)]
pub(super) struct Loose {
    last: Position,
    bytes: u64,
}

impl Loose {
    /// Whether a bundle that was not stored is free; then it is counted.
    pub(super) fn takes(&mut self, header: &BundleHeader) -> bool {
        let is_free = header.position > self.last && self.bytes < Constants::UNCERTIFIED_BYTES_MAX;
        if is_free {
            (self.last, self.bytes) = (header.position, self.bytes.saturating_add(costs(header)));
        }
        is_free
    }

    /// Notes that a bundle of the lane was executed.
    pub(super) fn executed(&mut self, header: &BundleHeader) {
        self.bytes = self.bytes.saturating_sub(costs(header));
    }
}

/// Bytes that a bundle of no use costs.
pub(super) fn costs(header: &BundleHeader) -> u64 {
    header.bytes.saturating_add(FRAME_BYTES)
}
