//! The state that was folded last: redb's at one moment, and the runs in force with it.

use crate::error::Poison;
use crate::rows::Order;
use crate::runs::{self, Bounds, Found, Kind, Merged, Runs};
use crate::shelter::sheltered;
use crate::tables::Name;
use crate::value;
use quorate_ledger::StoreError;
use redb::{AccessGuard, Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTableMetadata};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::{self, Display};
use std::io::{self, ErrorKind};
use std::sync::{Arc, OnceLock};

/// Bytes to bytes, as all our tables are.
type ReadTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

type TreeRange = redb::Range<'static, &'static [u8], &'static [u8]>;

/// A key and what is stored under it.
type InTree = (AccessGuard<'static, &'static [u8]>, AccessGuard<'static, &'static [u8]>);

/// Rows of a range.
pub(crate) struct Range {
    tree: TreeRange,
    order: Order,
    /// The next row of the tree, and the rows of runs; none where there are no runs in the range.
    merged: Option<(Option<InTree>, Merged)>,
}

/// A row of a range.
pub(crate) enum Stored {
    /// Its value is what [`Base::value`] reads.
    Tree(InTree),
    Run(Vec<u8>, Vec<u8>),
}

impl Stored {
    pub(crate) fn key(&self) -> &[u8] {
        match self {
            Self::Tree((key, _)) => key.value(),
            Self::Run(key, _) => key,
        }
    }
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

/// The state that was folded last, as all snapshots since then share it.
pub(crate) struct Base {
    tables: Arc<[OnceLock<ReadTable>; Name::COUNT]>,
    runs: Runs,
    pub(crate) transaction: Arc<ReadTransaction>,
    pub(crate) poison: Arc<Poison>,
}

impl Base {
    pub(crate) fn begin(database: &Database, runs: Runs, poison: &Arc<Poison>) -> Result<Self, StoreError> {
        poison.check()?;
        let transaction = database.begin_read().map_err(|error| poison.fail(error))?;
        let tables = Arc::new([const { OnceLock::new() }; Name::COUNT]);
        Ok(Self { tables, runs, transaction: Arc::new(transaction), poison: poison.clone() })
    }

    /// The same state, with errors of its own.
    pub(crate) fn apart(&self) -> Self {
        let (tables, runs, transaction) = (self.tables.clone(), self.runs.clone(), self.transaction.clone());
        Self { tables, runs, transaction, poison: Arc::new(Poison::apart()) }
    }

    /// Asks the library. Some damage makes it panic: with errors of its own a reader is told.
    fn ask<T, E: Display>(&self, ask: impl FnOnce() -> Result<T, E>) -> Result<T, StoreError> {
        let answer = if self.poison.is_apart() { sheltered(ask) } else { Some(ask()) };
        let answer = answer.ok_or_else(|| self.poison.fail("the structure of the database cannot be read"))?;
        answer.map_err(|error| self.poison.fail(error))
    }

    /// Error of a run. Damage is its reader's alone: runs never change, and no memory rests on what was read.
    fn of_run(&self, error: io::Error) -> StoreError {
        if error.kind() == ErrorKind::InvalidData { StoreError(error.to_string()) } else { self.poison.fail(error) }
    }

    pub(crate) fn get(&self, table: Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if runs::takes(table, key) {
            match self.runs.get(table, key).map_err(|error| self.of_run(error))? {
                Some(Found::Value(value)) => return Ok(Some(value)),
                Some(Found::Removed) => return Ok(None),
                Some(Found::InTree) | None => {}
            }
        }
        let rows = self.table(table)?;
        let stored = self.ask(|| rows.get(key))?;
        stored.map(|stored| Ok(self.tree_value(table, key, stored.value())?.into_owned())).transpose()
    }

    /// The beginning of a value of the core's: no run has any.
    pub(crate) fn beginning(&self, table: Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.table(table)?;
        let stored = self.ask(|| rows.get(key))?;
        let piece = |key: &[u8], value: &mut Vec<u8>| self.piece(key, value);
        stored.map(|stored| Ok(value::beginning(table, key, stored.value(), piece)?.into_owned())).transpose()
    }

    /// The rows of `from..=to`.
    pub(crate) fn range(&self, table: Name, from: &[u8], to: &[u8], order: Order) -> Result<Range, StoreError> {
        let rows = self.table(table)?;
        let mut tree = self.ask(|| rows.range::<&[u8]>(from..=to))?;
        let walk = match runs::may_take(table, from, to) {
            true => self.runs.walk(table, Bounds { from, to, order }).map_err(|error| self.of_run(error))?,
            false => None,
        };
        let merged = match walk {
            None => None,
            Some(walk) => Some((self.ask(|| order.next(&mut tree).transpose())?, walk)),
        };
        Ok(Range { tree, order, merged })
    }

    /// The next row of a range.
    pub(crate) fn next(&self, range: &mut Range) -> Result<Option<Stored>, StoreError> {
        let Range { tree, order, merged } = range;
        let mut of_tree = || self.ask(|| order.next(tree).transpose());
        let Some((in_tree, walk)) = merged else { return Ok(of_tree()?.map(Stored::Tree)) };
        while let Some(row) = walk.row() {
            let first = in_tree.as_ref().map_or(Ordering::Greater, |(key, _)| order.compare(key.value(), row.key));
            if first == Ordering::Less {
                break;
            }
            let found = match row.kind() {
                Kind::Value => Some(Stored::Run(row.key.to_vec(), row.value().to_vec())),
                Kind::Removed | Kind::InTree => None,
            };
            let is_of_tree = row.kind() == Kind::InTree && first == Ordering::Equal;
            walk.advance().map_err(|failed| self.of_run(failed.error))?;
            if is_of_tree {
                break;
            }
            if first == Ordering::Equal {
                *in_tree = of_tree()?;
            }
            if found.is_some() {
                return Ok(found);
            }
        }
        let next = if in_tree.is_some() { of_tree()? } else { None };
        Ok(std::mem::replace(in_tree, next).map(Stored::Tree))
    }

    /// The value of a row.
    pub(crate) fn value<'a>(&self, table: Name, row: &'a Stored) -> Result<Cow<'a, [u8]>, StoreError> {
        match row {
            Stored::Tree((key, stored)) => self.tree_value(table, key.value(), stored.value()),
            Stored::Run(_, value) => Ok(Cow::Borrowed(value)),
        }
    }

    fn tree_value<'a>(&self, table: Name, key: &[u8], stored: &'a [u8]) -> Result<Cow<'a, [u8]>, StoreError> {
        value::read(table, key, stored, |key, value| self.piece(key, value))
    }

    fn piece(&self, key: &[u8], value: &mut Vec<u8>) -> Result<(), StoreError> {
        let pieces = self.table(Name::Pieces)?;
        let piece = self.ask(|| pieces.get(key))?;
        value.extend_from_slice(piece.as_ref().map_or(&[], |piece| piece.value()));
        Ok(())
    }

    /// Rows of a table, with those of runs that are not removed; of a key in several runs each is counted.
    pub(crate) fn rows_of(&self, name: Name) -> Result<u64, StoreError> {
        let rows = self.table(name)?;
        Ok(self.ask(|| rows.len())? + self.runs.size(name).0)
    }

    pub(crate) fn size(&self, name: Name) -> Result<TableSize, StoreError> {
        let rows = self.table(name)?;
        let stats = self.ask(|| rows.stats())?;
        let overhead_bytes = stats.metadata_bytes() + stats.fragmented_bytes();
        let (rows, stored_bytes) = (self.rows_of(name)?, stats.stored_bytes() + self.runs.size(name).1);
        Ok(TableSize { name: name.as_str(), rows, stored_bytes, overhead_bytes })
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
