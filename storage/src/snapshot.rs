//! Reading one moment of the database.

use crate::error::Poison;
use crate::key::{self, Place};
use crate::own;
use crate::row::decode;
use crate::rows::{Each, Order, Rows};
use crate::tables::Name;
use crate::value;
use quorate_ledger::{Read, StoreError, Table};
use quorate_pbft::{Digest, Epoch, Signed};
use redb::{Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTableMetadata};
use std::borrow::Cow;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

/// Bytes to bytes, as all our tables are.
pub(crate) type ReadTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Consistent view of the rows that were committed before it began. Cheap to take; see the crate's docs for what
/// holding one costs.
pub struct Snapshot {
    tables: [OnceLock<ReadTable>; Name::COUNT],
    transaction: ReadTransaction,
    poison: Arc<Poison>,
}

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

impl Snapshot {
    pub(crate) fn begin(database: &Database, poison: &Arc<Poison>) -> Result<Self, StoreError> {
        poison.check()?;
        let transaction = database.begin_read().map_err(|error| poison.fail(error))?;
        Ok(Self { tables: [const { OnceLock::new() }; Name::COUNT], transaction, poison: poison.clone() })
    }

    /// Counts rows and bytes of every table by walking all pages: for a person who asks, not for a metric.
    pub fn sizes(&self) -> Result<Vec<TableSize>, StoreError> {
        Name::ALL.into_iter().map(|name| self.size(name)).collect()
    }

    /// The group that this disk belongs to; none before the first record.
    pub(crate) fn group(&self) -> Result<Option<Digest>, StoreError> {
        self.row(Name::About, key::GROUP)?.map(|value| decode(&value)).transpose()
    }

    /// The own statement stored at (epoch, kind, view, seq) of `like`, for E7: whether a statement of our own that a
    /// peer shows is on our disk.
    pub fn own_statement(&self, like: &Signed) -> Result<Option<Signed>, StoreError> {
        own::at(self, like.statement.group, Place::of(like))
    }

    /// The newest epoch of which anything is stored; 0 on a new disk.
    pub(crate) fn epoch(&self) -> Result<Epoch, StoreError> {
        let view = self.nearest(Name::Views, &[], &[u8::MAX; 8], Order::Down)?;
        let statement = self.nearest(Name::Statements, &[], &Place::LAST, Order::Down)?;
        let mut newest = [view, statement].into_iter().flatten().map(|(key, _)| key::parse_epoch(&key));
        newest.try_fold(Epoch::default(), |newest, epoch| Ok(newest.max(epoch?)))
    }

    pub(crate) fn rows_of(&self, name: Name) -> Result<u64, StoreError> {
        self.table(name)?.len().map_err(|error| self.poison.fail(error))
    }

    /// The rows of `from..=to` as redb gives them.
    pub(crate) fn range(
        &self,
        table: Name,
        from: &[u8],
        to: &[u8],
    ) -> Result<redb::Range<'static, &'static [u8], &'static [u8]>, StoreError> {
        self.table(table)?.range::<&[u8]>(from..=to).map_err(|error| self.poison.fail(error))
    }

    /// The first key of `from..=to`, without reading its value.
    pub(crate) fn first_key(&self, table: Name, from: &[u8], to: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let first = self.range(table, from, to)?.next().transpose().map_err(|error| self.poison.fail(error))?;
        Ok(first.map(|(key, _)| key.value().to_vec()))
    }

    /// The value of a row that stores `stored`.
    pub(crate) fn value<'a>(&self, table: Name, key: &[u8], stored: &'a [u8]) -> Result<Cow<'a, [u8]>, StoreError> {
        value::read(table, key, stored, |key, value| {
            let piece = self.table(Name::Pieces)?.get(key).map_err(|error| self.poison.fail(error))?;
            value.extend_from_slice(piece.as_ref().map_or(&[], |piece| piece.value()));
            Ok(())
        })
    }

    fn table(&self, name: Name) -> Result<&ReadTable, StoreError> {
        self.poison.check()?;
        let cell = &self.tables[name as usize];
        if let Some(table) = cell.get() {
            return Ok(table);
        }
        let opened = self.transaction.open_table(name.definition()).map_err(|error| self.poison.fail(error))?;
        Ok(cell.get_or_init(|| opened))
    }

    fn size(&self, name: Name) -> Result<TableSize, StoreError> {
        let stats = self.table(name)?.stats().map_err(|error| self.poison.fail(error))?;
        let overhead_bytes = stats.metadata_bytes() + stats.fragmented_bytes();
        let rows = self.rows_of(name)?;
        Ok(TableSize { name: name.as_str(), rows, stored_bytes: stats.stored_bytes(), overhead_bytes })
    }
}

impl Rows for Snapshot {
    fn row(&self, table: Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = self.table(table)?.get(key).map_err(|error| self.poison.fail(error))?;
        stored.map(|stored| Ok(self.value(table, key, stored.value())?.into_owned())).transpose()
    }

    fn rows(&self, table: Name, from: &[u8], to: &[u8], order: Order, each: Each<'_>) -> Result<(), StoreError> {
        if from > to {
            return Ok(());
        }
        let mut range = self.range(table, from, to)?;
        while let Some(row) = order.next(&mut range) {
            let (key, stored) = row.map_err(|error| self.poison.fail(error))?;
            if each(key.value(), &self.value(table, key.value(), stored.value())?)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Read for Snapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.row(table.into(), key)
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.rows(table.into(), from, to, Order::Up, &mut |key, value| Ok(each(key, value)))
    }

    fn scan_back(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.rows(table.into(), from, to, Order::Down, &mut |key, value| Ok(each(key, value)))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}
