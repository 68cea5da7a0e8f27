//! Compaction: pages that no row needs go back to the file system.
//!
//! redb uses free pages again and keeps those between others: a file that was large once stays so. Compaction moves
//! pages forward and cuts the file off behind them, one commit after the other, so that a crash leaves a good database.

use crate::base::Base;
use crate::db::{FILE, io_error, opened};
use crate::error::DbError;
use crate::runs::Runs;
use redb::Database;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Bytes of a database's file around a compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Before it.
    pub before: u64,
    /// Bytes of pages in which rows were.
    pub live: u64,
    /// After it.
    pub after: u64,
}

/// Bytes of the database's file in a folder.
pub fn file_bytes(dir: &Path) -> Result<u64, DbError> {
    let path = dir.join(FILE);
    fs::metadata(&path).map(|file| file.len()).map_err(io_error(&path))
}

/// Compacts the database in a folder if at least `dead_percent` of its file holds no row. Nobody may have it open.
pub fn compact(dir: &Path, dead_percent: u64) -> Result<Compacted, DbError> {
    let mut database = opened(dir)?;
    let before = file_bytes(dir)?;
    let live = live_bytes(&database)?;
    if before.saturating_sub(live) >= before / 100 * dead_percent {
        database.compact()?;
    }
    drop(database); // it gives the last pages back
    Ok(Compacted { before, live, after: file_bytes(dir)? })
}

/// Compacts the database of a simulated disk.
#[cfg(feature = "testing")]
pub fn compact_on(disk: &crate::faulty::Disk) -> Result<(), DbError> {
    let mut database = Database::builder().create_with_backend(disk.file(FILE))?;
    database.compact()?;
    Ok(())
}

/// Bytes of the pages that hold rows, by a walk through all of them.
fn live_bytes(database: &Database) -> Result<u64, DbError> {
    let base = Base::begin(database, Runs::default(), &Arc::default()).map_err(|error| DbError::Foreign(error.0))?;
    base.live_bytes().map_err(|error| DbError::Foreign(error.0))
}
