//! Runs that are read together.

use super::cursor::{Bounds, Cursor, Failed, Merged};
use super::filter;
use super::run::{Found, Run};
use crate::tables::Name;
use quorate_ledger::{is_scattered, may_be_scattered};
use std::io;
use std::sync::Arc;

/// Whether a row belongs into runs.
pub(crate) fn takes(name: Name, key: &[u8]) -> bool {
    name.table().is_some_and(|table| is_scattered(table, key))
}

/// Whether runs may have rows of a range.
pub(crate) fn may_take(name: Name, from: &[u8], to: &[u8]) -> bool {
    name.table().is_some_and(|table| may_be_scattered(table, from, to))
}

/// Runs that are in force together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Runs {
    /// The newest first.
    pub(crate) list: Arc<[Arc<Run>]>,
}

impl Runs {
    /// The newest row of a key.
    pub(crate) fn get(&self, name: Name, key: &[u8]) -> io::Result<Option<Found>> {
        let print = filter::print(key);
        for run in self.list.iter() {
            if let Some(found) = run.get(name, key, print)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A walk through the rows within bounds, those that remove one among them; none where there are none.
    pub(crate) fn walk(&self, name: Name, bounds: Bounds<'_>) -> io::Result<Option<Merged>> {
        let mut cursors = Vec::new();
        for run in self.list.iter() {
            if run.may_hold(name, (bounds.from, bounds.to))? {
                cursors.push(Cursor::new(run, name, bounds)?);
            }
        }
        Ok((!cursors.is_empty()).then(|| Merged::new(cursors, bounds.order)))
    }

    /// Why a run cannot be opened.
    pub(crate) fn fault(&self) -> Option<io::Error> {
        self.list.iter().find_map(|run| run.sections().err())
    }

    /// Rows and bytes of a table. Rows that remove others, and one for each of them, are counted out; their bytes are not:
    /// they are there until they are merged away.
    pub(crate) fn size(&self, name: Name) -> (u64, u64) {
        let (rows, removed, bytes) = self
            .list
            .iter()
            .map(|run| run.size(name))
            .fold((0, 0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1, sum.2 + size.2));
        (rows.saturating_sub(2 * removed), bytes)
    }
}

impl From<Failed> for io::Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}
