//! Folding: rows that were committed since the last fold go into redb's trees, all at once.
//!
//! A thousand changes that touch one page of a tree write it once. Fold where execution stands at a checkpoint: after
//! a crash the tables that execution writes are those of the last fold, and the slots since then are executed again.

use crate::journal::Mark;
use crate::memory::MemTable;
use crate::row::encode;
use crate::shared::Shared;
use crate::tables::{Name, begin_write};
use crate::value::Writer;
use crate::{about, key};
use quorate_ledger::StoreError;
use redb::WriteTransaction;
use std::fmt;
use std::sync::Arc;

/// Rows that were set aside, still to be folded. May run on any thread, beside batches and snapshots.
pub struct Fold {
    pub(crate) shared: Arc<Shared>,
    pub(crate) rows: Arc<MemTable>,
    /// Where the journal goes on from once they are folded.
    pub(crate) mark: Mark,
}

impl Fold {
    /// Writes the rows durably. Until then they are in memory and in the journal.
    pub fn run(self) -> Result<(), StoreError> {
        let Self { shared, rows, mark } = self;
        shared.poison.check()?;
        let written = begin_write(&shared.database).and_then(|transaction| {
            write(&transaction, &rows)?;
            about::set(&transaction, key::JOURNAL, encode(&mark))?;
            Ok(transaction.commit()?)
        });
        written.map_err(|error| shared.poison.fail(error))?;
        shared.rebase(mark)
    }

    /// Bytes of the rows.
    pub fn bytes(&self) -> u64 {
        self.rows.bytes()
    }
}

fn write(transaction: &WriteTransaction, rows: &MemTable) -> Result<(), redb::Error> {
    for name in Name::ALL.into_iter().filter(|name| !rows.is_empty(*name)) {
        let mut writer = Writer::open(transaction, name)?;
        rows.newest(name, |key, value| writer.put(key, value))?;
    }
    Ok(())
}

impl fmt::Debug for Fold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}
