//! Bounds on what one merge may cost. They count bytes, lines and depth, never time, so every replica hits them alike.

/// Largest file, in bytes, that is merged at all; a larger one that both sides changed is a conflict.
///
/// Above any source file seen, and small enough that three of them and their line tables fit in memory.
pub const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most lines in one file that text merging takes.
pub const LINES_MAX: usize = 2_000_000;

/// Largest side of a disputed stretch, in bytes, that any rule beyond diff3 looks at.
pub const HUNK_BYTES_MAX: usize = 64 * 1024;

/// Largest file, in bytes, that is read as data or cut into declarations; a larger one is text.
pub const STRUCTURE_BYTES_MAX: usize = 256 * 1024;
