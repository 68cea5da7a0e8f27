//! The durable side of a replica: everything that it promised, holds and has executed, in a journal and in one redb
//! database (docs/storage.md).
//!
//! - [`Db`] is both: made once by `init` ([`Db::create`]), only ever opened by `start` ([`Db::open`], E7).
//! - [`Batch`] gathers what a group of steps wants recorded: the core's records and the ledger's rows. A
//!   [`Batch::commit`] is one append to the journal, and one sync where a promise is among it; after it, and not
//!   before, messages may leave.
//! - [`Fold`] puts the rows of many commits into redb's trees, on any thread.
//! - [`Snapshot`] reads one moment: for the ledger's queries, for what peers ask ([`Snapshot::supply`]) and for a
//!   start ([`Snapshot::recover`]).
//! - `faulty` (feature `testing`) is a disk that forgets, tears and fills up, for simulators and crash tests.
//!
//! # What a snapshot holds
//!
//! While a [`Snapshot`] lives, no page of redb that it can see is used again, and the rows since the fold before it stay
//! in memory: take one for an answer, then drop it.
#![forbid(unsafe_code)]

mod about;
mod batch;
mod room;
mod pulse;
mod db;
mod error;
pub mod shelter;
mod fold;
mod journal;
mod compact;

mod base;
mod memory;
mod shared;
mod view;

mod queue;
mod evidence;
mod promises;
mod adopt;
mod prune;
mod pruned;
mod gone;
mod record;
mod served;

mod recover;
mod remains;
mod replay;
mod snapshot;
mod starts;
mod supply;

mod key;
mod own;
mod row;
mod rows;
mod runs;
mod tables;
mod value;

#[cfg(feature = "testing")]
pub mod faulty;

pub use base::TableSize;
pub use batch::Batch;
#[cfg(feature = "testing")]
pub use compact::compact_on;
pub use compact::{Compacted, compact, file_bytes};
pub use db::{Db, Stats};
pub use error::{DbError, RecordError};
pub use fold::Fold;
pub use promises::{Promiser, Unkept};
pub use prune::{PRUNE_ROWS_MAX, PRUNE_SLOTS_MAX};
pub use pruned::Pruned;
pub use pulse::Pulse;
pub use queue::Queued;
pub use room::{BALLAST_BYTES, ROOM_FOR_BALLAST, Room, reserve_bytes};
pub use served::{OldSlot, SERVED_ROWS_MAX};
pub use snapshot::{LastFold, Snapshot};
pub use supply::SupplyLimits;
