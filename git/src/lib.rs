//! Reads a git history and turns it into a replay plan; writes a domain's history as a mirror. Needs no `git` program.
//!
//! The rules, for one branch:
//!
//! - The **first-parent line** is replayed oldest first, the newest N commits of it; one change, the *boundary*, brings
//!   in the tree below them. The boundary commit counts as replayed, its ancestors as lying below.
//! - At a **merge** on that line, each other parent's own first-parent line, down to the nearest replayed commit, is a
//!   *side*. Its commits go in between [`Step::Open`] and [`Step::Close`], parents before children, each with its own
//!   diff to its first parent: the first based on the revision that its first parent's commit reached, the later ones
//!   on the envelope of their own first parent. At most one merge is open at a time.
//! - A side that begins with a root commit (also the boundary of a shallow clone) is based on nothing, revision 0.
//! - A side whose line reaches the history below the boundary is not replayed; neither are commits reachable only
//!   through the other parents of a merge inside a side. Both are **folded**: their content arrives with the merge
//!   that contains them. A folded commit that a later side's line runs through is replayed there, and is folded no
//!   more, so every commit above the boundary is in the end either replayed or folded.
//! - Two sides of an octopus merge that fork from each other are one side with two tips, because a chain of
//!   envelopes has one author.
//!
//! Entries that the group's files cannot hold (see [`Reason`]) are left out of every tree before trees are compared, so
//! the replay is exact for what remains: after each first-parent commit the domain equals [`Repository::tree`].
//!
//! Reading order: [`History`] decides who is replayed when (a pure function of the commit graph), `diff` says what a
//! commit changes, [`Plan`] joins the two lazily, `envelope` packs operations under the limits. [`Mirror`] is the way back.

mod ancestry;
mod commit;
mod diff;
mod entry;
mod envelope;
mod error;
mod folder;
mod history;
mod listing;
mod mirror;
mod origin;
mod path;
mod plan;
mod range;
mod repository;
mod sample;
mod tree;
mod writer;

#[cfg(test)]
mod tests;

pub use commit::{Commit, MESSAGE_BYTES_MAX, Person};
pub use entry::{Entry, Mode, Operation, Reason, Skipped};
pub use envelope::{pack, sort_operations};
pub use error::GitError;
pub use history::{Base, Counts, History, Merge, Side, SideCommit};
pub use mirror::{Mirror, MirrorCommit};
pub use origin::{Origin, Part};
pub use path::{check_path, is_refused_by_git};
pub use plan::{Change, Closing, Entries, Plan, Step};
pub use range::Fork;
pub use repository::{Branch, Repository};
pub use sample::write_sample;

pub use tree::Tree;

/// The name of a git object: 20 bytes, SHA-1.
pub use gix::ObjectId;
/// Seconds since 1970, and an offset.
pub use gix::date::Time;
