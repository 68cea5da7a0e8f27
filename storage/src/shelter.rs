//! Panics of the library beneath the database: some damage makes it panic where another says no.

pub use quorate_ledger::shelter::{is_sheltered, sheltered};
use std::panic::PanicHookInfo;

/// Part of the path of the library's sources.
const LIBRARY: &str = "/redb-";

/// Whether the database's library panicked, which it does on damage alone.
pub fn is_damage(panic: &PanicHookInfo<'_>) -> bool {
    panic.location().is_some_and(|place| place.file().contains(LIBRARY))
}
