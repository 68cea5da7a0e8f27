//! Tables in memory: for tests, the simulator and whoever embeds the ledger without a disk.

use crate::state::store::{Read, Store, StoreError, Table};
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::ops::{Bound, ControlFlow};
use std::collections::BTreeMap;

/// A store that keeps everything in memory. A clone is a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryStore {
    tables: [BTreeMap<Key, Vec<u8>>; 9],
}

/// A key whose first bytes lie in the tree's own nodes: among a million rows a look then meets few lines of memory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// The first sixteen bytes, zeros where there are fewer.
    front: u128,
    /// Whole key: keys of which one is the other and zeros have one front.
    whole: Box<[u8]>,
}

/// A key as it is looked for, which nobody needs to own.
trait Sought {
    fn parts(&self) -> (u128, &[u8]);
}

impl Sought for (u128, &[u8]) {
    fn parts(&self) -> (u128, &[u8]) {
        *self
    }
}

impl Sought for Key {
    fn parts(&self) -> (u128, &[u8]) {
        (self.front, &self.whole)
    }
}

impl PartialEq for dyn Sought + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn Sought + '_ {}

impl PartialOrd for dyn Sought + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Sought + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl<'a> Borrow<dyn Sought + 'a> for Key {
    fn borrow(&self) -> &(dyn Sought + 'a) {
        self
    }
}

fn sought(key: &[u8]) -> (u128, &[u8]) {
    let mut front = [0; 16];
    let length = key.len().min(16);
    front[..length].copy_from_slice(&key[..length]);
    (u128::from_be_bytes(front), key)
}

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.whole.fmt(f)
    }
}

impl MemoryStore {
    /// Empty tables.
    pub fn new() -> Self {
        Self::default()
    }

    fn table(&self, table: Table) -> &BTreeMap<Key, Vec<u8>> {
        &self.tables[table as usize]
    }

    fn range(&self, table: Table, from: &[u8], to: &[u8]) -> impl DoubleEndedIterator<Item = (&[u8], &Vec<u8>)> {
        let rows = (from <= to).then(|| {
            let (from, to) = (sought(from), sought(to));
            let bounds: (Bound<&dyn Sought>, Bound<&dyn Sought>) = (Bound::Included(&from), Bound::Included(&to));
            self.table(table).range::<dyn Sought, _>(bounds)
        });
        rows.into_iter().flatten().map(|(key, value)| (&*key.whole, value))
    }
}

impl Read for MemoryStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.table(table).get::<dyn Sought>(&sought(key)).cloned())
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let _ = self.range(table, from, to).try_for_each(|(key, value)| each(key, value));
        Ok(())
    }

    fn scan_back(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let _ = self.range(table, from, to).rev().try_for_each(|(key, value)| each(key, value));
        Ok(())
    }
}

impl Store for MemoryStore {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.give(table, key.to_vec(), value.to_vec())
    }

    fn give(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        let (front, _) = sought(&key);
        self.tables[table as usize].insert(Key { front, whole: key.into() }, value);
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.tables[table as usize].remove::<dyn Sought>(&sought(key));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(store: &MemoryStore, from: &[u8], to: &[u8], back: bool) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        let mut each = |key: &[u8], _: &[u8]| {
            keys.push(key.to_vec());
            ControlFlow::Continue(())
        };
        let scanned = match back {
            false => store.scan(Table::Meta, from, to, &mut each),
            true => store.scan_back(Table::Meta, from, to, &mut each),
        };
        scanned.expect("memory does not fail");
        keys
    }

    #[test]
    fn keys_are_in_the_order_of_their_bytes_whatever_their_length() {
        let mut expected: Vec<Vec<u8>> = vec![vec![], vec![0], vec![1]];
        expected.extend([15, 16, 17].map(|zeros| vec![0; zeros]));
        expected.extend([15, 16, 17].map(|zeros| [vec![0; zeros], vec![1]].concat()));
        let mut store = MemoryStore::new();
        for key in &expected {
            store.put(Table::Meta, key, key).expect("memory does not fail");
        }
        expected.sort_unstable();
        assert_eq!(keys(&store, &[], &[0xff], false), expected);
        for key in &expected {
            assert_eq!(store.get(Table::Meta, key).expect("memory does not fail").as_ref(), Some(key));
        }
    }

    #[test]
    fn scans_take_both_ends_in_either_direction() {
        let mut store = MemoryStore::new();
        for key in 1..=4 {
            store.put(Table::Meta, &[key], &[]).expect("memory does not fail");
        }
        assert_eq!(keys(&store, &[2], &[3], false), [[2], [3]]);
        assert_eq!(keys(&store, &[2], &[3], true), [[3], [2]]);
        assert!(keys(&store, &[3], &[2], false).is_empty());
    }
}
