//! Folding: rows that were committed since the last fold go into redb's trees, all at once.
//!
//! A thousand changes that touch one page of a tree write it once. Fold where execution stands at a checkpoint: after
//! a crash the tables that execution writes are those of the last fold, and the slots since then are executed again.

use crate::journal::Mark;
use crate::memory::MemTable;
use crate::row::encode;
use crate::runs::{self, Kind, Manifest};
use crate::shared::Shared;
use crate::tables::{Name, begin_write};
use crate::value::Writer;
use crate::{about, key};
use quorate_ledger::StoreError;
use redb::{Durability, WriteTransaction};
use std::fmt;
use std::sync::Arc;

/// Bytes of pages that a row dirties beside its own: its leaf, and a share of the branches above.
const PAGES_BYTES: usize = 6 << 10;

/// Rows that were set aside, still to be folded. May run on any thread, beside batches and snapshots.
pub struct Fold {
    pub(crate) shared: Arc<Shared>,
    pub(crate) rows: Arc<MemTable>,
    /// Where the journal goes on from once they are folded.
    pub(crate) mark: Mark,
}

impl Fold {
    /// Writes the rows durably. Until then they are in memory and in the journal. Then runs are merged: readers find the
    /// rows meanwhile, and another fold waits.
    pub fn run(self) -> Result<(), StoreError> {
        let Self { shared, rows, mark } = self;
        shared.poison.check()?;
        let mut growth = shared.growth();
        let manifest = growth.fold(&rows).map_err(|error| shared.poison.fail(error))?;
        let parts = Parts { shared: &shared, is_torn: false };
        parts.write(&rows, &mark, manifest).map_err(|error| shared.poison.fail(error))?;
        shared.rebase(mark, growth.committed())?;
        let bytes = rows.bytes();
        drop(rows);
        growth.merge(bytes, shared.room.is_short());
        Ok(())
    }

    /// Bytes of the rows.
    pub fn bytes(&self) -> u64 {
        self.rows.bytes()
    }
}

/// Parts of a fold. The last one alone waits for the disk, and all become durable with it.
struct Parts<'a> {
    shared: &'a Arc<Shared>,
    /// Whether some parts are committed and others are not.
    is_torn: bool,
}

/// Row to go on behind.
#[derive(Default)]
struct Cursor {
    table: usize,
    after: Option<Vec<u8>>,
}

impl Parts<'_> {
    fn write(mut self, rows: &MemTable, mark: &Mark, runs: Option<Manifest>) -> Result<(), redb::Error> {
        let mut cursor = Cursor::default();
        loop {
            let mut transaction = begin_write(&self.shared.database)?;
            if !cursor.write_part(&transaction, rows, self.shared.part_bytes)? {
                about::set(&transaction, key::JOURNAL, encode(mark))?;
                if let Some(runs) = runs {
                    about::set(&transaction, key::RUNS, encode(&runs))?;
                    about::set(&transaction, key::FORMAT, encode(&about::FORMAT))?; // programs before would miss rows
                }
                transaction.commit()?;
                self.is_torn = false;
                return Ok(());
            }
            transaction.set_quick_repair(false); // a start never finds it
            transaction.set_durability(Durability::None)?;
            self.is_torn = true;
            transaction.commit()?;
        }
    }
}

impl Drop for Parts<'_> {
    /// A database that is closed keeps what was committed: not a part of a fold.
    fn drop(&mut self) {
        if self.is_torn {
            self.shared.room.shut();
        }
    }
}

impl Cursor {
    /// Writes the next rows; whether there are more.
    fn write_part(
        &mut self,
        transaction: &WriteTransaction,
        rows: &MemTable,
        mut room: usize,
    ) -> Result<bool, redb::Error> {
        while let Some(name) = Name::ALL.get(self.table) {
            if !rows.is_empty(*name) {
                let mut writer = Writer::open(transaction, *name)?;
                let has_rows = !writer.is_empty()?;
                let last = rows.newest(*name, self.after.as_deref(), |key, value| {
                    let is_of_tree = match runs::takes(*name, key).then(|| runs::kind_of(value)) {
                        None | Some(Kind::InTree) => true,
                        Some(Kind::Value) => false, // one that stands in the tree is not seen any more
                        Some(Kind::Removed) => has_rows,
                    };
                    if !is_of_tree {
                        return Ok(true);
                    }
                    writer.put(key, value)?;
                    room = room.saturating_sub(PAGES_BYTES + value.map_or(0, <[u8]>::len));
                    Ok::<_, redb::Error>(room > 0)
                })?;
                if last.is_some() {
                    self.after = last;
                    return Ok(true);
                }
            }
            *self = Self { table: self.table + 1, after: None };
        }
        Ok(false)
    }
}

impl fmt::Debug for Fold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}
