//! Bounds of lists in signed formats: lengths above them are refused before anything is read.

/// Changes of one envelope that are decoded; no group allows more.
pub const CHANGES_MAX: usize = 1_024;
/// Operations of one envelope that are decoded; no group allows more. Each entry of the lists in a proposed policy counts
/// as one, for it fills as much memory.
pub const OPERATIONS_MAX: usize = 16_384;
