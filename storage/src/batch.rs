//! Durable writes of one group of steps.

use crate::error::Poison;
use crate::pruned::Pruned;
use crate::rows::{Each, Order, Rows};
use crate::snapshot::Snapshot;
use crate::tables::{Name, Writes};
use crate::value;
use quorate_ledger::{Read, Store, StoreError, Table};
use quorate_pbft::Digest;
use redb::{Database, WriteTransaction};
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

/// Write transaction that becomes durable as a whole. Reads see what it wrote; nobody else does before
/// [`Batch::commit`], and dropping it undoes everything. Writes wait in memory and go to their tables in key order: one
/// walk down each tree, and no read of the batch can meet a table that is being written.
pub struct Batch {
    writes: [Writes; Name::COUNT],
    snapshot: Snapshot,
    transaction: WriteTransaction,
    poison: Arc<Poison>,
    /// Read once for each batch.
    pub(crate) group: Option<Digest>,
    /// Read once for each batch.
    pub(crate) pruned: Option<Pruned>,
}

impl Batch {
    /// Waits until no other batch is open.
    pub(crate) fn begin(database: &Database, poison: &Arc<Poison>) -> Result<Self, StoreError> {
        poison.check()?;
        let transaction = database.begin_write().map_err(|error| poison.fail(error))?;
        let snapshot = Snapshot::begin(database, poison)?;
        let writes = [const { Writes::new() }; Name::COUNT];
        Ok(Self { writes, snapshot, transaction, poison: poison.clone(), group: None, pruned: None })
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.writes.iter().all(Writes::is_empty)
    }

    /// Makes everything durable at once: one sync, none if nothing was written.
    ///
    /// After an error nobody knows whether the batch is on the disk (a later start finds all of it or none), and every
    /// later call to this database fails: the process must stop.
    pub fn commit(self) -> Result<(), StoreError> {
        self.poison.check()?;
        let empty = self.is_empty();
        let Self { writes, snapshot, transaction, poison, .. } = self;
        drop(snapshot); // a reader would keep the pages that this commit sets free
        let done = if empty { transaction.abort().map_err(redb::Error::from) } else { apply(transaction, writes) };
        done.map_err(|error| poison.fail(error))
    }

    pub(crate) fn set(&mut self, table: Name, key: &[u8], value: Vec<u8>) {
        self.writes[table as usize].insert(key.to_vec(), Some(value));
    }

    pub(crate) fn remove(&mut self, table: Name, key: &[u8]) {
        self.writes[table as usize].insert(key.to_vec(), None);
    }
}

fn apply(transaction: WriteTransaction, writes: [Writes; Name::COUNT]) -> Result<(), redb::Error> {
    for (name, writes) in Name::ALL.into_iter().zip(writes).filter(|(_, writes)| !writes.is_empty()) {
        value::write(&transaction, name, writes)?;
    }
    Ok(transaction.commit()?)
}

impl Rows for Batch {
    fn row(&self, table: Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.writes[table as usize].get(key) {
            Some(written) => self.poison.check().map(|()| written.clone()),
            None => self.snapshot.row(table, key),
        }
    }

    fn rows(&self, table: Name, from: &[u8], to: &[u8], order: Order, each: Each<'_>) -> Result<(), StoreError> {
        let writes = &self.writes[table as usize];
        if writes.is_empty() {
            return self.snapshot.rows(table, from, to, order, each);
        }
        if from > to {
            return Ok(());
        }
        let mut written = writes.range::<[u8], _>((Bound::Included(from), Bound::Included(to)));
        let mut stored = self.snapshot.range(table, from, to)?;
        let mut new = order.next(&mut written);
        let mut old = self.checked(order.next(&mut stored))?;
        loop {
            let first = match (&old, new) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((old, _)), Some((new, _))) => order.compare(old.value(), new),
            };
            let flow = match (first, &old, new) {
                (Ordering::Less, Some((key, stored)), _) => {
                    let value = self.snapshot.value(table, key.value(), stored.value())?;
                    each(key.value(), &value)?
                }
                (_, _, Some((key, Some(value)))) => each(key, value)?,
                _ => ControlFlow::Continue(()),
            };
            if flow.is_break() {
                return Ok(());
            }
            if first != Ordering::Greater {
                old = self.checked(order.next(&mut stored))?;
            }
            if first != Ordering::Less {
                new = order.next(&mut written);
            }
        }
    }
}

impl Batch {
    fn checked<T>(&self, row: Option<Result<T, redb::StorageError>>) -> Result<Option<T>, StoreError> {
        row.transpose().map_err(|error| self.poison.fail(error))
    }
}

impl Read for Batch {
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

impl Store for Batch {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let mut row = Vec::with_capacity(value.len() + 1); // one more byte comes when it is written
        row.extend_from_slice(value);
        self.give(table, key.to_vec(), row)
    }

    fn give(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        self.poison.check()?;
        self.writes[Name::from(table) as usize].insert(key, Some(value));
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.poison.check()?;
        self.remove(table.into(), key);
        Ok(())
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: usize = self.writes.iter().map(Writes::len).sum();
        f.debug_struct("Batch").field("rows", &rows).finish_non_exhaustive()
    }
}
