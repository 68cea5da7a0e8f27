//! redb's state at one moment.

use crate::error::Poison;
use crate::rows::Order;
use crate::shelter::sheltered;
use crate::tables::Name;
use crate::value;
use quorate_ledger::StoreError;
use redb::{AccessGuard, Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTableMetadata};
use std::fmt::{self, Display};
use std::sync::{Arc, OnceLock};

/// Bytes to bytes, as all our tables are.
type ReadTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Rows of a range of redb.
pub(crate) type Range = redb::Range<'static, &'static [u8], &'static [u8]>;

/// A key and what is stored under it.
pub(crate) type Stored = (AccessGuard<'static, &'static [u8]>, AccessGuard<'static, &'static [u8]>);

/// Size of one table, counted page by page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// The table's name on disk.
    pub name: &'static str,
    /// Rows.
    pub rows: u64,
    /// Bytes of keys and values.
    pub stored_bytes: u64,
    /// Bytes of pages that hold no row: what the tree itself needs, and what is free in its pages.
    pub overhead_bytes: u64,
}

/// The state that was folded last, as all snapshots since then share it.
pub(crate) struct Base {
    tables: Arc<[OnceLock<ReadTable>; Name::COUNT]>,
    pub(crate) transaction: Arc<ReadTransaction>,
    pub(crate) poison: Arc<Poison>,
}

impl Base {
    pub(crate) fn begin(database: &Database, poison: &Arc<Poison>) -> Result<Self, StoreError> {
        poison.check()?;
        let transaction = database.begin_read().map_err(|error| poison.fail(error))?;
        let tables = Arc::new([const { OnceLock::new() }; Name::COUNT]);
        Ok(Self { tables, transaction: Arc::new(transaction), poison: poison.clone() })
    }

    /// The same state, with errors of its own.
    pub(crate) fn apart(&self) -> Self {
        let (tables, transaction) = (self.tables.clone(), self.transaction.clone());
        Self { tables, transaction, poison: Arc::new(Poison::apart()) }
    }

    /// Asks the library. Some damage makes it panic: with errors of its own a reader is told.
    fn ask<T, E: Display>(&self, ask: impl FnOnce() -> Result<T, E>) -> Result<T, StoreError> {
        let answer = if self.poison.is_apart() { sheltered(ask) } else { Some(ask()) };
        let answer = answer.ok_or_else(|| self.poison.fail("the structure of the database cannot be read"))?;
        answer.map_err(|error| self.poison.fail(error))
    }

    pub(crate) fn get(&self, table: Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.table(table)?;
        let stored = self.ask(|| rows.get(key))?;
        stored.map(|stored| self.value(table, key, stored.value())).transpose()
    }

    /// The rows of `from..=to`; they store what [`Base::value`] reads.
    pub(crate) fn range(&self, table: Name, from: &[u8], to: &[u8]) -> Result<Range, StoreError> {
        let rows = self.table(table)?;
        self.ask(|| rows.range::<&[u8]>(from..=to))
    }

    /// The next row of a range.
    pub(crate) fn next(&self, range: &mut Range, order: Order) -> Result<Option<Stored>, StoreError> {
        self.ask(|| order.next(range).transpose())
    }

    /// The value of a row that stores `stored`.
    pub(crate) fn value(&self, table: Name, key: &[u8], stored: &[u8]) -> Result<Vec<u8>, StoreError> {
        let value = value::read(table, key, stored, |key, value| {
            let pieces = self.table(Name::Pieces)?;
            let piece = self.ask(|| pieces.get(key))?;
            value.extend_from_slice(piece.as_ref().map_or(&[], |piece| piece.value()));
            Ok(())
        });
        Ok(value?.into_owned())
    }

    pub(crate) fn rows_of(&self, name: Name) -> Result<u64, StoreError> {
        let rows = self.table(name)?;
        self.ask(|| rows.len())
    }

    pub(crate) fn size(&self, name: Name) -> Result<TableSize, StoreError> {
        let rows = self.table(name)?;
        let stats = self.ask(|| rows.stats())?;
        let overhead_bytes = stats.metadata_bytes() + stats.fragmented_bytes();
        let rows = self.rows_of(name)?;
        Ok(TableSize { name: name.as_str(), rows, stored_bytes: stats.stored_bytes(), overhead_bytes })
    }

    /// Bytes of the pages that hold rows of all tables.
    pub(crate) fn live_bytes(&self) -> Result<u64, StoreError> {
        let sizes = Name::ALL.into_iter().map(|name| self.size(name));
        sizes.map(|size| size.map(|size| size.stored_bytes + size.overhead_bytes)).sum()
    }

    fn table(&self, name: Name) -> Result<&ReadTable, StoreError> {
        self.poison.check()?;
        let cell = &self.tables[name as usize];
        if let Some(table) = cell.get() {
            return Ok(table);
        }
        let opened = self.ask(|| self.transaction.open_table(name.definition()))?;
        Ok(cell.get_or_init(|| opened))
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base").finish_non_exhaustive()
    }
}
