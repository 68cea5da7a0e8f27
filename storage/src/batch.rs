//! Writes of one group of steps.

use crate::pruned::Pruned;
use crate::rows::{Each, Order, Rows};
use crate::shared::{Shared, Turn};
use crate::tables::{Name, Writes};
use crate::value::first_piece;
use crate::view::{View, Written};
use borsh::BorshSerialize;
use quorate_ledger::{Gaps, Read, Store, StoreError, Table};
use quorate_pbft::Digest;
use std::cell::RefCell;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Rows that are committed as a whole. Reads see what was written here; nobody else does before [`Batch::commit`], and
/// dropping it undoes everything.
///
/// The core's rows are in the journal after the commit; those of execution are in memory until the next
/// [`Fold`](crate::Fold), and made again after a crash.
pub struct Batch {
    writes: [Writes; Name::COUNT],
    gaps: [RefCell<Gaps>; Name::COUNT],
    view: Arc<View>,
    turn: Turn,
    /// Whether the commit syncs.
    pub(crate) durable: bool,
    /// Read once for each batch.
    pub(crate) group: Option<Digest>,
    /// Read once for each batch.
    pub(crate) pruned: Option<Pruned>,
    /// Damage that pruning has gone past.
    pub(crate) damage: Option<StoreError>,
}

impl Batch {
    /// Waits until no other batch is open.
    pub(crate) fn begin(shared: &Arc<Shared>) -> Result<Self, StoreError> {
        shared.poison.check()?;
        let turn = shared.turn();
        let (writes, gaps) = Default::default();
        Ok(Self { writes, gaps, view: shared.view(), turn, durable: false, group: None, pruned: None, damage: None })
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.writes.iter().all(Writes::is_empty)
    }

    /// Rows that it writes.
    pub fn len(&self) -> usize {
        self.writes.iter().map(Writes::len).sum()
    }

    /// Notes that answers rest on what was recorded up to now, as receipts do on the data of executed slots: the commit
    /// then syncs.
    pub fn vouch(&mut self) {
        self.durable = true;
    }

    /// Commits all of it at once. One append to the journal, and one sync if one of the records is a promise: after
    /// it, and not before, what rests on the promise may leave.
    ///
    /// After an error nobody knows whether the batch is on the disk (a later start finds all of it or none), and every
    /// later call to this database fails: the process must stop.
    pub fn commit(self) -> Result<(), StoreError> {
        let Self { writes, mut turn, durable, .. } = self;
        let poison = turn.shared.poison.clone();
        poison.check()?;
        let count = journaled(&writes).count() as u32;
        let pulse = turn.shared.pulse.clone();
        let synced = pulse.at_disk(|| {
            let appended = match count {
                0 => Ok(()),
                _ => turn.journal().append(|record| write_rows(journaled(&writes), count, record)),
            };
            appended.and_then(|()| if durable { turn.journal().sync() } else { Ok(()) })
        });
        synced.map_err(|error| poison.fail(error))?;
        if writes.iter().any(|writes| !writes.is_empty()) {
            turn.publish(writes);
        }
        Ok(())
    }

    pub(crate) fn set(&mut self, table: Name, key: &[u8], value: Vec<u8>) {
        self.insert(table, key.to_vec(), value);
    }

    fn insert(&mut self, table: Name, key: Vec<u8>, value: Vec<u8>) {
        self.gaps[table as usize].get_mut().fill(&key);
        self.writes[table as usize].insert(key, Some(Arc::new(value)));
    }

    fn written(&self, table: Name) -> Written<'_> {
        Written { rows: &self.writes[table as usize], gaps: &self.gaps[table as usize] }
    }

    pub(crate) fn remove(&mut self, table: Name, key: &[u8]) {
        self.writes[table as usize].insert(key.to_vec(), None);
    }
}

/// A row of the journal: table, key, new value.
pub(crate) type Journaled = (u8, Vec<u8>, Option<Vec<u8>>);

/// The rows that a start cannot make again.
fn journaled(writes: &[Writes; Name::COUNT]) -> impl Iterator<Item = (u8, &Vec<u8>, Option<&Vec<u8>>)> {
    let tables = Name::ALL.into_iter().zip(writes).filter(|(name, _)| !name.is_executed());
    tables.flat_map(|(name, writes)| writes.iter().map(move |(key, value)| (name as u8, key, value.as_deref())))
}

/// Writes rows as a list of [`Journaled`] in borsh.
fn write_rows<'w>(
    rows: impl Iterator<Item = (u8, &'w Vec<u8>, Option<&'w Vec<u8>>)>,
    count: u32,
    record: &mut Vec<u8>,
) {
    count.serialize(record).expect("writing into memory cannot fail");
    rows.for_each(|row| row.serialize(record).expect("writing into memory cannot fail"));
}

impl Rows for Batch {
    fn row(&self, table: Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.turn.shared.poison.check()?;
        match self.writes[table as usize].get(key) {
            Some(written) => Ok(written.as_ref().map(|value| value.to_vec())),
            None => self.view.get(table, key),
        }
    }

    fn beginning(&self, table: Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.turn.shared.poison.check()?;
        match self.writes[table as usize].get(key) {
            Some(written) => Ok(written.as_ref().map(|value| first_piece(value).to_vec())),
            None => self.view.beginning(table, key),
        }
    }

    fn rows(&self, table: Name, from: &[u8], to: &[u8], order: Order, each: Each<'_>) -> Result<(), StoreError> {
        self.turn.shared.poison.check()?;
        self.view.rows(Some(self.written(table)), (table, from, to), order, each)
    }

    fn keys(&self, table: Name, from: &[u8], to: &[u8], order: Order, each: Each<'_>) -> Result<(), StoreError> {
        self.turn.shared.poison.check()?;
        self.view.keys(Some(self.written(table)), (table, from, to), order, each)
    }
}

impl Read for Batch {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.row(table.into(), key)
    }

    fn first_keys(&self, table: Table, from: &[u8], to: &[u8], most: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut found = Vec::new();
        self.keys(table.into(), from, to, Order::Up, &mut |key, _| {
            found.push(key.to_vec());
            Ok(if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(found)
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
        self.give(table, key.to_vec(), value.to_vec())
    }

    fn give(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        self.turn.shared.poison.check()?;
        self.insert(table.into(), key, value);
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.turn.shared.poison.check()?;
        self.remove(table.into(), key);
        Ok(())
    }

    fn step(&mut self) {
        self.turn.shared.pulse.beat();
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: usize = self.writes.iter().map(Writes::len).sum();
        f.debug_struct("Batch").field("rows", &rows).finish_non_exhaustive()
    }
}
