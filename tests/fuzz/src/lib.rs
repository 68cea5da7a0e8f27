//! Common parts of the fuzzing targets: bytes read as choices, keys that sign anything, and a replica on a disk in
//! memory.

pub mod conversation;
mod group;
pub mod shell;
mod source;

pub use group::{Anybody, committee, config, signed};
pub use source::Source;
