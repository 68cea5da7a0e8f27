//! What an ordered change means.
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate self as quorate_ledger;

mod change;
mod check;
mod conflict;
mod constants;
mod envelope;
mod genesis;
pub mod hexed;
pub mod keys;
mod memory;
mod name;
pub mod path;
mod receipt;
mod revision;
mod store;
mod verdict;

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod testing;

pub use change::{Base, Change, Dependency, Level, Mode, Op, Wishes};
pub use check::EnvelopeCheck;
pub use conflict::ConflictId;
pub use constants::{BadConstants, Limits};
pub use envelope::{Body, Envelope, EnvelopeId};
pub use genesis::{DomainRules, Enrolment, FORMAT, Genesis, GenesisError, GenesisFile};
pub use memory::MemoryStore;
pub use name::{NotAPrincipal, Principal, is_name};
pub use receipt::{PathChange, PathOutcome, Receipt, Rung, State};
pub use revision::{NotARevision, Revision};
pub use store::{Read, Store, StoreError, Table};
pub use verdict::{Code, Refusal, Stage};
