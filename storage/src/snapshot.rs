//! Reading one moment of the database.

use crate::base::{Base, TableSize};
use crate::error::Poison;
use crate::key::{self, Place};
use crate::pruned::Pruned;
use crate::rows::{Each, Order, Rows};
use crate::tables::Name;
use crate::view::View;
use quorate_ledger::{Read, StoreError, Table};
use quorate_pbft::{Broken, Digest, Epoch};
use redb::ReadTransaction;
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Weak};

/// Consistent view of the rows that were committed before it began. Cheap to take; see the crate's docs for what
/// holding one costs.
pub struct Snapshot {
    view: Arc<View>,
    pub(crate) poison: Arc<Poison>,
}

/// Name of a fold, which pins nothing.
#[derive(Debug)]
pub struct LastFold(Weak<ReadTransaction>);

impl PartialEq for LastFold {
    fn eq(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.0, &other.0)
    }
}

impl Snapshot {
    pub(crate) fn new(view: Arc<View>, poison: Arc<Poison>) -> Self {
        Self { view, poison }
    }

    /// The same moment for readers: each error is that of one read, and a place that the disk does not give, or another
    /// damage of the file's structure, stops nobody else.
    pub fn apart(&self) -> Self {
        let base = Arc::new(self.view.base.apart());
        Self { poison: base.poison.clone(), view: Arc::new(View { base, ..View::clone(&self.view) }) }
    }

    pub(crate) fn base(&self) -> &Base {
        &self.view.base
    }

    /// Counts rows and bytes of every table as it was last folded, by walking all pages: for a person who asks, not
    /// for a metric.
    pub fn sizes(&self) -> Result<Vec<TableSize>, StoreError> {
        Name::ALL.into_iter().map(|name| self.view.base.size(name)).collect()
    }

    /// Bytes of the pages that hold rows, by the same walk, and of the rows that are not folded yet.
    pub fn live_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.view.base.live_bytes()? + self.view.unfolded_bytes())
    }

    /// Numbers of the tables.
    pub fn tables(&self) -> Range<usize> {
        0..Name::ALL.len()
    }

    /// Bytes of the pages that hold rows of one table, by a walk through them.
    pub fn live_bytes_of(&self, table: usize) -> Result<u64, StoreError> {
        let size = self.view.base.size(Name::ALL[table])?;
        Ok(size.stored_bytes + size.overhead_bytes)
    }

    /// The fold up to which the tables hold rows.
    pub fn fold(&self) -> LastFold {
        LastFold(Arc::downgrade(&self.view.base.transaction))
    }

    /// Bytes of the rows that are not folded yet.
    pub fn unfolded_bytes(&self) -> u64 {
        self.view.unfolded_bytes()
    }

    /// Bounds at or below which own statements are gone.
    pub fn pruned(&self) -> Result<Pruned, StoreError> {
        Pruned::load(self)
    }

    /// Reason why this replica takes no part any more.
    pub fn broken(&self) -> Result<Option<Broken>, StoreError> {
        self.about(key::BROKEN)
    }

    /// The group that this disk belongs to; none before the first record.
    pub(crate) fn group(&self) -> Result<Option<Digest>, StoreError> {
        self.about(key::GROUP)
    }

    /// The newest epoch of which anything is stored; 0 on a new disk.
    pub fn epoch(&self) -> Result<Epoch, StoreError> {
        let view = self.nearest(Name::Views, &[], &[u8::MAX; 8], Order::Down)?;
        let statement = self.nearest(Name::Statements, &[], &Place::LAST, Order::Down)?;
        let mut newest = [view, statement].into_iter().flatten().map(|(key, _)| key::parse_epoch(&key));
        newest.try_fold(Epoch::default(), |newest, epoch| Ok(newest.max(epoch?)))
    }
}

impl Rows for Snapshot {
    fn row(&self, table: Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.poison.check()?;
        self.view.get(table, key)
    }

    fn beginning(&self, table: Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.poison.check()?;
        self.view.beginning(table, key)
    }

    fn rows(&self, table: Name, from: &[u8], to: &[u8], order: Order, each: Each<'_>) -> Result<(), StoreError> {
        self.poison.check()?;
        self.view.rows(None, (table, from, to), order, each)
    }

    fn keys(&self, table: Name, from: &[u8], to: &[u8], order: Order, each: Each<'_>) -> Result<(), StoreError> {
        self.poison.check()?;
        self.view.keys(None, (table, from, to), order, each)
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
