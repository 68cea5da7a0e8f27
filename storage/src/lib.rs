//! The durable side of a replica: everything that it promised, holds and has executed, in one redb database.
//!
//! - [`Db`] is the database: made once by `init` ([`Db::create`]), only ever opened by `start` ([`Db::open`], E7).
//! - [`Batch`] gathers what a group of steps wants durable: the core's records and the ledger's rows. A
//!   [`Batch::commit`] is one durable commit; after it, and not before, messages may leave.
//! - [`Snapshot`] reads one moment: for the ledger's queries, for what peers ask ([`Snapshot::supply`]) and for a
//!   start ([`Snapshot::recover`]).
//! - `faulty` (feature `testing`) is a disk that forgets, tears and fills up, for simulators and crash tests.
//!
//! # What a commit costs
//!
//! A commit is one `fdatasync`. After a crash the next open walks the whole file to rebuild redb's map of free pages,
//! at the disk's speed.
//!
//! # Readers pin pages
//!
//! While a [`Snapshot`] lives, no page that it can see is used again: a reader that is held for minutes makes the file
//! grow by everything written meanwhile. Take one for an answer, then drop it.
#![forbid(unsafe_code)]

mod batch;
mod db;
mod error;

mod prune;
mod pruned;
mod record;

mod recover;
mod remains;
mod snapshot;
mod starts;
mod supply;

mod key;
mod own;
mod row;
mod rows;
mod tables;
mod value;

#[cfg(feature = "testing")]
pub mod faulty;

pub use batch::Batch;
pub use db::{Db, Stats};
pub use error::{DbError, RecordError};
pub use prune::{PRUNE_ROWS_MAX, PRUNE_SLOTS_MAX};
pub use pruned::Pruned;
pub use snapshot::{Snapshot, TableSize};
pub use supply::SupplyLimits;
