//! Cost of a question, in rows.

use core::cell::Cell;
use core::ops::ControlFlow;
use quorate_ledger::{Read, StoreError, Table};

/// Counts the rows that are handed out.
pub struct Counting<'a> {
    read: &'a dyn Read,
    rows: Cell<usize>,
}

impl<'a> Counting<'a> {
    pub fn of(read: &'a dyn Read) -> Self {
        Self { read, rows: Cell::new(0) }
    }

    /// Count of the rows handed out so far.
    pub fn rows(&self) -> usize {
        self.rows.get()
    }
}

impl Read for Counting<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.rows.set(self.rows.get() + 1);
        self.read.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read.scan(table, from, to, &mut |key, value| {
            self.rows.set(self.rows.get() + 1);
            each(key, value)
        })
    }

    fn scan_back(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read.scan_back(table, from, to, &mut |key, value| {
            self.rows.set(self.rows.get() + 1);
            each(key, value)
        })
    }
}
