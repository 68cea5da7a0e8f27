//! Sorted runs: rows that are written once, at the place of a hash.
//!
//! In a tree each of these rows dirties a page of its own, which a fold reads, copies and writes: the larger the tree,
//! the dearer. A run has the rows of one fold in the order of their keys, in a file that never changes; runs are merged
//! as they become many (a log-structured merge tree: O'Neil, Cheng, Gawlick, O'Neil 1996; those of like size are merged).
//! redb says which runs there are ([`Manifest`]): they come into force with the commit of their fold.
//!
//! - [`Runs`] are read: by key, with filters, and by range.
//! - [`Growth`] writes the run of a fold and merges.

mod cursor;
mod filter;
mod folder;
mod growth;
mod heads;
mod list;
mod mark;
mod merge;
mod row;
mod run;
mod section;
mod sizes;
mod writer;

pub(crate) use cursor::{Bounds, Merged};
#[cfg(feature = "testing")]
pub(crate) use folder::Reserve;
pub(crate) use folder::{Dir, Folder};
pub(crate) use growth::Growth;
pub(crate) use list::{Runs, may_take, takes};
pub(crate) use mark::Manifest;
pub(crate) use row::{Kind, kind_of};
pub(crate) use run::Found;
pub(crate) use sizes::Sizes;
