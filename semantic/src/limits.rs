//! Bounds on what one merge may cost. They count bytes, lines and depth, never time, so every replica hits them alike.

/// Largest file, in bytes, that is merged at all; a larger one that both sides changed is a conflict.
///
/// Above any source file seen, and small enough that three of them and their line tables fit in memory.
pub const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most lines in one file that text merging takes.
pub const LINES_MAX: usize = 1_000_000;
