//! Reading rows, of a snapshot or of a batch over one: what recovery, supply and pruning are written against.

use crate::row::decode;
use crate::tables::Name;
use borsh::BorshDeserialize;
use quorate_ledger::StoreError;
use std::cmp::Ordering;
use std::ops::ControlFlow;

/// A key and its value.
pub(crate) type Row = (Vec<u8>, Vec<u8>);

/// Callback for each row of a scan.
pub(crate) type Each<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError>;

/// Which end of a range comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Up,
    Down,
}

impl Order {
    /// The next of `rows` in this order.
    pub(crate) fn next<I: DoubleEndedIterator>(self, rows: &mut I) -> Option<I::Item> {
        match self {
            Self::Up => rows.next(),
            Self::Down => rows.next_back(),
        }
    }

    /// Which of two keys comes first in this order.
    pub(crate) fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Self::Up => a.cmp(b),
            Self::Down => b.cmp(a),
        }
    }
}

/// Consistent read view of the database.
pub(crate) trait Rows {
    /// The value under a key.
    fn row(&self, table: Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The beginning of a value of the core's: all of it, or of a large one its first piece.
    fn beginning(&self, table: Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Calls `each` for the keys in `from..=to` until it breaks or errs.
    fn rows(&self, table: Name, from: &[u8], to: &[u8], order: Order, each: Each<'_>) -> Result<(), StoreError>;

    /// The same without values: those of redb are not read, and may be damaged.
    fn keys(&self, table: Name, from: &[u8], to: &[u8], order: Order, each: Each<'_>) -> Result<(), StoreError>;

    /// The value under a key of [`Name::About`].
    fn about<T: BorshDeserialize>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.row(Name::About, key)?.map(|value| decode(&value)).transpose()
    }

    /// The first row of `from..=to` in an order: one seek.
    fn nearest(&self, table: Name, from: &[u8], to: &[u8], order: Order) -> Result<Option<Row>, StoreError> {
        let mut found = None;
        self.rows(table, from, to, order, &mut |key, value| {
            found = Some((key.to_vec(), value.to_vec()));
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// The key of that row; its value is not read.
    fn nearest_key(&self, table: Name, from: &[u8], to: &[u8], order: Order) -> Result<Option<Vec<u8>>, StoreError> {
        let mut found = None;
        self.keys(table, from, to, order, &mut |key, _| {
            found = Some(key.to_vec());
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }
}
