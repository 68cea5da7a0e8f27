//! Meaning of ordered changes: a deterministic state machine over signed envelopes.
//!
//! [`Ledger::execute`] is the one door in for what a group has decided, [`Ledger::admit`] the gate for what somebody
//! would like to have decided, and a [`StateView`] answers questions about the state of one moment. Execution is a
//! function of its inputs: no clock, no randomness, no floating point, no walk over an unordered map. Two replicas that
//! execute the same slots have the same [`Ledger::state_root`], whatever machine they run on and whatever they have
//! pruned. `examples/prove.rs` goes from a signed envelope to a proof of its file.
//!
//! **Reading order.** The modules stand in reading order, and each names only those before it. `vocabulary`, `format`
//! and `policy` are what is signed; `answers` proves that a program has these rules; `state` is what stands under the root, and `proof` shows it to outsiders; `lock`
//! keeps the lines for paths; `copy` takes what execution can ask for to another store; `apply` lays operations over the files; `validate` has the gate and the stages that an
//! envelope passes at its position; `execute` runs a decided slot; `query` answers readers.
//!
//! # Rules
//!
//! - **Numbers** (A1 to A3). Each author counts in each domain. A refusal moves no number. A gap, a missing dependency and
//!   a copy are no verdicts: they come back as [`Deferred`], and nothing changes.
//! - **Stages** are in order and the first that fails names the refusal ([`Stage`], [`Code`]). An envelope is accepted or
//!   refused whole. A refusal leaves its receipt and the attempt, nothing else.
//! - **Bases.** Every change is merged against what its author saw: a revision, or the author's own chain. No file is
//!   ever overwritten unseen. A base is no older than its author and its domain, and a chain began at most 4,096 verdicts
//!   of its author before.
//! - **Conflicts are state.** The sides are kept, the path goes on serving what was agreed, and an author who has seen
//!   all sides may settle it, where the path's policy does not name somebody else.
//! - **Horizon.** A base may lie so far back in ledger time and in bytes of superseded contents. State beyond the
//!   horizon cannot be reached by execution, so each replica may prune it as it likes ([`Ledger::forget`]).
//! - **Root.** Executing the next slot reads entries of the trees, and rows (versions of a path, numbers of an author,
//!   sides of a conflict) that a running hash in an entry vouches for. Rows that only say the same in another order
//!   (listings, chains by path) can be derived again. Receipts are history, which no execution reads.
#![forbid(unsafe_code)]
// Much of the records and of their rows is for execution alone.
#![cfg_attr(not(feature = "execution"), allow(dead_code, unused_imports))]

#[cfg(test)]
extern crate self as quorate_ledger;

mod vocabulary;
pub mod policy;
mod format;
#[cfg(feature = "execution")]
pub mod answers;
mod state;
pub mod proof;
#[cfg(feature = "execution")]
pub mod lock;
#[cfg(feature = "execution")]
pub mod copy;
#[cfg(feature = "execution")]
mod apply;
#[cfg(feature = "execution")]
mod validate;
#[cfg(feature = "execution")]
mod execute;
#[cfg(feature = "execution")]
mod query;

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod testing;

pub use vocabulary::bounds::{CHANGES_MAX, OPERATIONS_MAX};
pub use vocabulary::conflict::{Class, Decider, Ending, Settled};
pub use vocabulary::event::Event;
pub use vocabulary::file::{File, Mode};
pub use vocabulary::ids::{ConflictId, EnvelopeId, ProposalId, TransactionId};
pub use vocabulary::lock::{LockEnd, LockMode, LockStep};
pub use vocabulary::name::{NotAPrincipal, Principal, is_name};
pub use vocabulary::revision::{NotARevision, Revision};
#[cfg(feature = "schema")]
pub use vocabulary::shape;
pub use vocabulary::verdict::{Code, Refusal, Stage};
pub use vocabulary::{hexed, keys, path, shelter};

pub use format::analysis::{ANALYSIS_BYTES_MAX, Analysis};
pub use format::body::Body;
pub use format::branch::{Branch, GlobalTransaction};
pub use format::change::{Base, Change, Dependency, Level, Op, OpKind, Wishes};
pub use format::check::{EnvelopeCheck, Unchecked};
pub use format::constants::{BadConstants, GROUP_DOMAIN, Limits, check_window};
#[cfg(feature = "testing")]
pub use format::envelope::work;
pub use format::envelope::{Envelope, FOLDERS_BYTES_MAX, folders_bytes};
pub use format::genesis::{
    DomainRules, Enrolment, FORMAT, GENESIS_BYTES_MAX, Genesis, GenesisError, GenesisFile, Restart,
};
pub use format::governance::{Act, Proposal, ProposalEnd, ProposalFate};
pub use format::groups::{GroupsAct, KnownGroup};
pub use format::membership::{BadStatement, JoinStatement, Joiner, Reconfiguration, Rekey, Unfit};
pub use format::observers::{OBSERVERS_SINCE, Observer, ObserverAct};
pub use format::receipt::{PathChange, PathOutcome, Receipt, Rung, State};
pub use format::rules::{BRANCHES_SINCE, RULES, RULES_FIRST, RulesRange};
pub use format::signature::{Predicate, Signed};
pub use format::spelled::SpelledAct;

#[cfg(feature = "execution")]
pub use copy::forget::Sweep;
pub use policy::attestation::{PendingChange, Progress, Requirement};
pub use policy::reputation;
#[cfg(feature = "execution")]
pub use state::rules::rules_name;
#[cfg(feature = "execution")]
pub use state::scope::Scope;

pub use state::abort::{DeferReason, Deferred};
pub use state::branch::{BranchRecord, BranchState, ForeignGroup};
pub use state::conflict_log::{Actor, ConflictEvent, ConflictEventKind};
pub use state::electorate::{Electorate, Threshold};
#[cfg(feature = "execution")]
pub use state::gaps::{GapScan, Gaps};
#[cfg(feature = "execution")]
pub use state::ledger::{Ledger, OpenError};
#[cfg(feature = "execution")]
pub use state::memory_store::MemoryStore;
pub use state::record::{AuthorRecord, ConflictRecord, Head, Side};
pub use state::rows::{is_scattered, may_be_scattered};
pub use state::store::{Read, Store, StoreError, Table};

#[cfg(feature = "execution")]
pub use execute::outcome::Outcome;
#[cfg(feature = "execution")]
pub use lock::{Held, LEASE_MS_MAX, LEASE_MS_MIN, LeftLine, LockNews, LockRequest, WAIT_MS_MAX, Wanted};
#[cfg(feature = "execution")]
pub use query::{
    AuthorEntry, Brought, Causality, ChangedPath, ChangesCursor, CommitMessage, ConflictEntry, DomainEntry, EndedWait,
    EpochEntry, EvidenceEntry, FileEntry, Found, LockEntry, LogEntry, LogPage, LoggedEvent, MemberEntry, ObserverEntry,
    Order, Page, PathDifference, Plan, ProposalEntry, QueryError, SideEntry, StateView, Waited, cut,
};
#[cfg(feature = "execution")]
pub use validate::admission::{Admission, Forgotten, NotAdmitted, Numbers, Sequencing};
#[cfg(feature = "execution")]
pub use validate::novelty::{Claim, Novelty};
#[cfg(feature = "execution")]
pub use validate::rates::TooFast;
