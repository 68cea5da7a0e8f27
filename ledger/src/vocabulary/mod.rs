//! Vocabulary: the small types that signed formats, policies and state share.

pub mod hexed;
pub mod shelter;
pub(crate) mod bounds;
pub(crate) mod ids;
pub(crate) mod revision;
pub(crate) mod name;
pub mod path;
pub mod keys;
pub(crate) mod file;
pub(crate) mod lock;
pub(crate) mod conflict;
pub(crate) mod verdict;
pub(crate) mod event;
#[cfg(feature = "schema")]
pub mod shape;
