//! Locks on paths: who holds which, who waits in line, and until when.
//!
//! A lock is held on a file or a folder, the root included, in one of the five modes of Gray's hierarchical locking
//! (Gray et al., "Granularity of Locks", 1976). A lock on a path implies an intention on every folder above it, so two
//! requests meet where one's path is the other's or lies above it. The line is one for each domain and first come,
//! first served:
//!
//! - **Grant.** A request is granted when it fits everything that others hold, and everything that others asked for before
//!   it and still wait for. So a shared lock never passes an exclusive one that waits.
//! - **Conversion.** A holder who asks for more keeps its lock, and stands before all who hold nothing there: behind
//!   them it would wait for those who wait for it.
//! - **Lease.** A lock is held for a while of ledger time. The holder can renew it as long as nobody waits for it: the
//!   next in line gets it when the lease is over, whatever the holder does.
//! - **Revocation.** Locks and requests of a revoked key are over where it is revoked, or go on with another key; from rules 16 on
//!   also those of authors who may write nothing in the domain by a new policy, where that comes into force.
//! - **Token.** Every grant has a number larger than all before it in the domain. An envelope that names it is refused once
//!   the lock is gone (fencing).
//! - **Deadlock.** When a request closes a circle of authors who wait for each other, in whatever domains, the youngest
//!   request in the circle leaves the line.

mod author;
mod branch;
mod circle;
pub(crate) mod holder;
mod line;
mod manager;
mod record;
mod view;

pub(crate) use author::AuthorLocks;
pub use author::LeftLine;
pub(crate) use line::{named, transaction_of};
pub use manager::LockNews;
pub(crate) use manager::{Asked, LockChange, Manager, Placed};
pub(crate) use record::LockNode;
pub use record::{Held, LockRequest, Wanted};
pub(crate) use view::{Queue, node};

/// Milliseconds of the longest lease: no author keeps others waiting longer. What is promised to a transaction over several groups has none
/// but at its home.
pub const LEASE_MS_MAX: u64 = 60 * 60 * 1_000;
/// Milliseconds of the shortest lease: a shorter one would be over before its holder hears of it.
pub const LEASE_MS_MIN: u64 = 100;
/// Milliseconds that a request may stand in line.
pub const WAIT_MS_MAX: u64 = 60 * 60 * 1_000;
/// Requests, held or waiting, of one author in all domains.
pub const REQUESTS_PER_AUTHOR_MAX: usize = 64;
/// Requests of one organisation's authors in one domain: an organisation enrols as many authors as it likes.
pub const REQUESTS_PER_ORGANISATION_MAX: u32 = 512;
/// Requests in one domain: a look at the root goes through all of them.
pub const REQUESTS_PER_DOMAIN_MAX: u32 = 2_048;
/// Requests that stand in line in one domain: each is looked at when a lock is released.
pub const WAITING_PER_DOMAIN_MAX: u32 = 256;
/// Requests of one organisation's authors that stand in line in one domain (rules 16): others have room there.
pub const WAITING_PER_ORGANISATION_MAX: usize = 64;
/// Components of a path that can be locked: a write asks about each folder above it.
pub const DEPTH_MAX: usize = 64;

/// A path for people: the root is written `.`, as nothing else can be.
pub fn shown(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

/// Whether something can be locked: the root, or a path that is not too deep.
pub(crate) fn is_lockable(path: &str) -> bool {
    path.is_empty() || (crate::vocabulary::path::check(path).is_ok() && path.split('/').count() <= DEPTH_MAX)
}
