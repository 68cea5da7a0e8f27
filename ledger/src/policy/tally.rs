//! Cost of making the schemas of a policy ready: what counts, and how much of it a policy may have.

/// Regular expressions of all schemas of one policy: each takes up to some milliseconds to compile.
pub(crate) const PATTERNS_MAX: u64 = 256;
/// Bytes of the places of all parts and keywords of a policy's schemas: one that is made ready names each by its place.
pub(crate) const PLACES_BYTES_MAX: u64 = 32 << 20;

/// Count of a policy's regular expressions and of the bytes of its places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tally {
    /// Equal expressions each, and places seven times where a schema has an `$id`: rules 14.
    AsWritten,
    /// Equal expressions of a schema once, as they are compiled, and places once: from rules 15 on.
    AsCompiled,
}
