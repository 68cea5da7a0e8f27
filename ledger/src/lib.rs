//! What an ordered change means.
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate self as quorate_ledger;

mod admission;
mod attestation;
mod author_view;
mod chain;
mod change;
mod check;
mod conflict;
mod constants;
mod envelope;
mod forget;
mod genesis;
mod governance;
pub mod hexed;
mod horizon;
mod judge;
pub mod keys;
mod ledger;
mod memory;
mod moment;
mod name;
mod outcome;
pub mod path;
pub mod policy;
pub mod proof;
mod range;
mod receipt;
mod revision;
mod slot;
mod state;
mod stop;
mod store;
mod tree;
mod turn;
mod verdict;

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod testing;

pub use admission::{Admission, Standing};
pub use attestation::{Pending, Progress, Requirement};
pub use change::{Base, Change, Dependency, Level, Mode, Op, Wishes};
pub use check::EnvelopeCheck;
pub use conflict::ConflictId;
pub use constants::{BadConstants, Limits};
pub use envelope::{Body, Envelope, EnvelopeId};
pub use genesis::{DomainRules, Enrolment, FORMAT, Genesis, GenesisError, GenesisFile};
pub use governance::{Act, GROUP_DOMAIN, Proposal, ProposalEnd, ProposalId};
pub use ledger::{Ledger, OpenError, RULES};
pub use memory::MemoryStore;
pub use moment::{
    AuthorStanding, Causality, ConflictEntry, DomainEntry, EvidenceEntry, FileEntry, Found, LogEntry, MemberEntry,
    Moment, Order, Page, PathDifference, ProposalEntry, QueryError, SideEntry,
};
pub use name::{NotAPrincipal, Principal, is_name};
pub use outcome::{Event, Outcome};
pub use receipt::{PathChange, PathOutcome, Receipt, Rung, State};
pub use revision::{NotARevision, Revision};
pub use state::record::{AuthorRecord, Class, Decider, File, Head, Settled};
pub use stop::{Unsettled, Why};
pub use store::{Read, Store, StoreError, Table};
pub use verdict::{Code, Refusal, Stage};
