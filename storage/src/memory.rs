//! Rows in memory: what was committed since redb's state was folded, with the versions that readers may still want.

use crate::rows::Order;
use crate::tables::{Name, Value, Writes};
use std::collections::btree_map::{BTreeMap, Entry};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// A table of rows by number of their commit. One thread writes; readers name the commit that they see.
#[derive(Debug)]
pub(crate) struct MemTable {
    tables: [RwLock<BTreeMap<Vec<u8>, Versions>>; Name::COUNT],
    bytes: AtomicU64,
}

/// Values of one key, the newest last.
#[derive(Debug)]
struct Versions {
    newest: (u64, Value),
    older: Vec<(u64, Value)>,
}

impl Versions {
    fn put(&mut self, at: u64, value: Value) {
        let before = std::mem::replace(&mut self.newest, (at, value));
        self.older.push(before);
    }

    /// The value after a commit; none if the key was not written up to it.
    fn at(&self, at: u64) -> Option<&Value> {
        let older = self.older.iter().rev();
        std::iter::once(&self.newest).chain(older).find(|(written, _)| *written <= at).map(|(_, value)| value)
    }
}

impl Default for MemTable {
    fn default() -> Self {
        Self { tables: std::array::from_fn(|_| RwLock::default()), bytes: AtomicU64::new(0) }
    }
}

impl MemTable {
    /// Adds the rows of a commit. Readers see them once they name it.
    pub(crate) fn put(&self, writes: [Writes; Name::COUNT], at: u64) {
        let mut bytes = 0;
        for (table, writes) in self.tables.iter().zip(writes).filter(|(_, writes)| !writes.is_empty()) {
            let mut table = table.write().unwrap_or_else(PoisonError::into_inner);
            for (key, value) in writes {
                bytes += key.len() + value.as_ref().map_or(0, |value| value.len());
                match table.entry(key) {
                    Entry::Occupied(entry) => entry.into_mut().put(at, value),
                    Entry::Vacant(entry) => drop(entry.insert(Versions { newest: (at, value), older: Vec::new() })),
                }
            }
        }
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The value of a key after a commit; none if it was not written here.
    pub(crate) fn get(&self, name: Name, key: &[u8], at: u64) -> Option<Value> {
        self.table(name).get(key)?.at(at).cloned()
    }

    /// Some of the rows written within bounds, in order.
    pub(crate) fn some(
        &self,
        name: Name,
        bounds: Bounds<'_>,
        order: Order,
        at: u64,
        max: usize,
    ) -> Vec<(Vec<u8>, Value)> {
        let table = self.table(name);
        let mut rows = table.range::<[u8], _>(bounds);
        let mut found = Vec::new();
        while found.len() < max
            && let Some((key, versions)) = order.next(&mut rows)
        {
            found.extend(versions.at(at).map(|value| (key.clone(), value.clone())));
        }
        found
    }

    /// Calls `each` with the newest rows of a table behind a key, in key order, until it wants no more; the key of the last
    /// one if there are more.
    pub(crate) fn newest<E>(
        &self,
        name: Name,
        after: Option<&[u8]>,
        mut each: impl FnMut(&[u8], Option<&[u8]>) -> Result<bool, E>,
    ) -> Result<Option<Vec<u8>>, E> {
        let table = self.table(name);
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rows = table.range::<[u8], _>((begin, Bound::Unbounded)).peekable();
        while let Some((key, versions)) = rows.next() {
            let goes_on = each(key, versions.newest.1.as_ref().map(|value| value.as_slice()))?;
            if !goes_on && rows.peek().is_some() {
                return Ok(Some(key.clone()));
            }
        }
        Ok(None)
    }

    pub(crate) fn is_empty(&self, name: Name) -> bool {
        self.table(name).is_empty()
    }

    /// Bytes of all keys and values that were ever put here.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn table(&self, name: Name) -> RwLockReadGuard<'_, BTreeMap<Vec<u8>, Versions>> {
        self.tables[name as usize].read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Both ends of a range of keys.
pub(crate) type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);
