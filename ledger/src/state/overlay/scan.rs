//! Rows as the envelope in hand sees them: what it writes, laid over what is stored.

use super::Overlay;
use crate::state::gaps::GapScan;
use crate::state::store::{Live, ReadLive, StoreError, Table};
use core::cell::RefCell;
use core::iter::Peekable;
use core::ops::ControlFlow;

/// Callback for each row of a scan.
pub(super) type Each<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

impl ReadLive for Overlay<'_> {
    fn get(&self, table: Live, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.bytes(table, key)
    }

    fn scan(&self, table: Live, from: &[u8], to: &[u8], each: Each<'_>) -> Result<(), StoreError> {
        let passed = RefCell::new(GapScan::new(&self.gaps[Table::from(table) as usize]));
        let each = &mut |key: &[u8], value: &[u8]| {
            passed.borrow_mut().row(key);
            each(key, value)
        };
        let mut next = Some(from.to_vec());
        while let Some(from) = next {
            let removed = &mut |key: &[u8]| passed.borrow_mut().removed(key);
            let written = self.written_rows(table.into(), &from, to).peekable();
            let laid = Laid { written, is_before: |a, b| a < b, each, removed };
            laid.over(|each| self.stored().scan(table, &from, to, each))?;
            next = passed.borrow_mut().jump();
        }
        passed.into_inner().end();
        Ok(())
    }

    fn scan_back(&self, table: Live, from: &[u8], to: &[u8], each: Each<'_>) -> Result<(), StoreError> {
        let written = self.written_rows(table.into(), from, to).rev().peekable();
        let removed = &mut |_: &[u8]| ControlFlow::Continue(());
        let laid = Laid { written, is_before: |a, b| a > b, each, removed };
        laid.over(|each| self.stored().scan_back(table, from, to, each))
    }
}

/// A row that the envelope in hand wrote; no value where it removed it.
pub(super) type Written<'a> = (&'a [u8], Option<&'a [u8]>);

/// Writes of the envelope, laid over the stored rows as these pass by in the same order.
struct Laid<'w, 'e, I: Iterator<Item = Written<'w>>> {
    written: Peekable<I>,
    is_before: fn(&[u8], &[u8]) -> bool,
    each: Each<'e>,
    removed: &'e mut dyn FnMut(&[u8]) -> ControlFlow<()>,
}

impl<'w, I: Iterator<Item = Written<'w>>> Laid<'w, '_, I> {
    /// Over the rows of a scan, and what is left after the last of them.
    fn over(mut self, scan: impl FnOnce(Each<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mut flow = ControlFlow::Continue(());
        scan(&mut |key, stored| {
            flow = self.pass(key, stored);
            flow
        })?;
        while flow.is_continue()
            && let Some((written, value)) = self.written.next()
        {
            flow = self.told(written, value);
        }
        Ok(())
    }

    fn pass(&mut self, key: &[u8], stored: &[u8]) -> ControlFlow<()> {
        let is_before = self.is_before;
        while let Some((written, value)) = self.written.next_if(|(written, _)| is_before(written, key)) {
            self.told(written, value)?;
        }
        match self.written.next_if(|(written, _)| *written == key) {
            Some((_, value)) => self.told(key, value),
            None => (self.each)(key, stored),
        }
    }

    fn told(&mut self, key: &[u8], value: Option<&[u8]>) -> ControlFlow<()> {
        match value {
            Some(value) => (self.each)(key, value),
            None => (self.removed)(key),
        }
    }
}
