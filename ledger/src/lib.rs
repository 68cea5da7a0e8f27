//! What an ordered change means: a deterministic state machine over signed envelopes.
//!
//! [`Ledger::execute`] is the one door in for what a group has decided, [`Ledger::admit`] the gate for what somebody
//! would like to have decided, and a [`Moment`] answers questions about the state of one moment. All of it is a function
//! of its inputs: no clock, no randomness, no floating point, no walk over an unordered map. Two replicas that execute
//! the same slots have the same [`Ledger::state_root`], whatever machine they run on and whatever they have pruned.
//!
//! **Where to start reading.** `envelope` and `change` are what authors sign; `judge` has the stages that an envelope
//! passes at its position; `turn` lays its operations over the files; `slot` executes a decided slot; `ledger` keeps what
//! is in memory; `tree` and `state` are what stands under the root; `proof` shows any of it to outsiders.
//!
//! # Rules
//!
//! - **Numbers** (A1 to A3). Each author counts in each domain. A refusal moves no number. A gap, a missing dependency and
//!   a copy are no verdicts: they come back as [`Unsettled`], and nothing changes.
//! - **Stages** are in order and the first that fails names the refusal ([`Stage`], [`Code`]). An envelope is accepted or
//!   refused whole. A refusal leaves its receipt and the attempt, nothing else.
//! - **Bases.** Every change is merged against what its author saw: a revision, or the author's own chain. Nothing is ever
//!   overwritten unseen.
//! - **Conflicts are state.** All sides are kept, the path goes on serving what was agreed, and whoever has seen all sides
//!   may settle it, where the path's policy does not name somebody else.
//! - **Horizon.** A base may lie so far back in ledger time and in bytes of superseded contents. What lies beyond cannot be
//!   reached by execution, so each replica may prune it as it likes.
//! - **One root.** Executing the next slot reads entries of the trees, and rows (versions of a path, verdicts of an author,
//!   sides of a conflict) that a running hash in an entry vouches for. Rows that only say the same in another order
//!   (listings, chains by path) can be derived again.
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate self as quorate_ledger;

mod admission;
mod analysis;
mod attestation;
mod author_view;
mod chain;
mod change;
mod check;
mod composition;
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
pub mod lock;
mod memory;
mod moment;
mod name;
mod outcome;
pub mod path;
pub mod policy;
pub mod proof;
mod range;
mod rates;
mod receipt;
mod revision;
mod slot;
pub mod standing;
mod state;
mod stop;
mod store;
mod transaction;
mod tree;
mod turn;
mod verdict;
mod versions;

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod testing;

pub use admission::{Admission, Standing};
pub use analysis::{ANALYSIS_BYTES_MAX, Analysis};
pub use attestation::{Pending, Progress, Requirement};
pub use change::{Base, Change, Dependency, Level, Mode, Op, Wishes};
pub use check::EnvelopeCheck;
pub use conflict::ConflictId;
pub use constants::{BadConstants, Limits};
pub use envelope::{Body, Envelope, EnvelopeId};
pub use genesis::{DomainRules, Enrolment, FORMAT, Genesis, GenesisError, GenesisFile};
pub use governance::{Act, GROUP_DOMAIN, Proposal, ProposalEnd, ProposalId};
pub use ledger::{Ledger, OpenError, RULES};
pub use lock::{Held, LeftLine, LockEnd, LockMode, LockNews, LockRequest, LockStep, Wanted};
pub use memory::MemoryStore;
pub use moment::{
    AuthorStanding, Causality, ConflictEntry, DomainEntry, EvidenceEntry, FileEntry, Found, LockEntry, LogEntry,
    MemberEntry, Moment, Order, Page, PathDifference, ProposalEntry, QueryError, SideEntry, Spoken, Told,
};
pub use name::{NotAPrincipal, Principal, is_name};
pub use outcome::{Event, Outcome};
pub use rates::TooFast;
pub use receipt::{PathChange, PathOutcome, Receipt, Rung, State};
pub use revision::{NotARevision, Revision};
pub use state::record::{AuthorRecord, Class, Decider, File, Head, Settled};
pub use state::story::{Deed, Ending, Happening, Voice};
pub use stop::{Unsettled, Why};
pub use store::{Read, Store, StoreError, Table};
pub use verdict::{Code, Refusal, Stage};
