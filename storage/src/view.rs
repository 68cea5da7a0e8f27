//! The rows after one commit: in memory what is not folded yet, below it redb's state.

use crate::base::{Base, Stored};
use crate::memory::{Bounds, MemTable};
use crate::rows::{Each, Order};
use crate::tables::{Name, Value, Writes};
use crate::value;
use quorate_ledger::{GapScan, Gaps, StoreError};
use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

/// Rows that a cursor fetches first, and at most.
const FETCHED: std::ops::RangeInclusive<usize> = 4..=64;

/// Consistent rows after a commit. Clones of the parts are cheap, and nothing that is committed later shows in them.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) base: Arc<Base>,
    /// Rows that are being folded into the next base.
    pub(crate) frozen: Option<Arc<MemTable>>,
    pub(crate) active: Arc<MemTable>,
    /// Number of the commit.
    pub(crate) at: u64,
}

/// Rows of one table that a batch writes, over those of a view.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    pub(crate) rows: &'a Writes,
    /// Stretches in which no row is left after these writes: ascending scans jump over them.
    pub(crate) gaps: &'a RefCell<Gaps>,
}

/// Callback for each row that a scan passes; no value where it was removed.
type Passing<'a> = &'a mut dyn FnMut(&[u8], Option<&[u8]>) -> Result<ControlFlow<()>, StoreError>;

impl View {
    pub(crate) fn get(&self, table: Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.tables().find_map(|rows| rows.get(table, key, self.at)) {
            Some(value) => Ok(value.map(|value| value.to_vec())),
            None => self.base.get(table, key),
        }
    }

    pub(crate) fn beginning(&self, table: Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.tables().find_map(|rows| rows.get(table, key, self.at)) {
            Some(value) => Ok(value.map(|value| value::first_piece(&value).to_vec())),
            None => self.base.beginning(table, key),
        }
    }

    /// Calls `each` for the rows of `from..=to` after these writes, in order.
    pub(crate) fn rows(
        &self,
        written: Option<Written<'_>>,
        range: (Name, &[u8], &[u8]),
        order: Order,
        each: Each<'_>,
    ) -> Result<(), StoreError> {
        self.walk(written, range, order, |row| self.base.value(range.0, row), each)
    }

    /// Calls `each` for the keys of `from..=to` after these writes, in order, with no values: those of redb are not read.
    pub(crate) fn keys(
        &self,
        written: Option<Written<'_>>,
        range: (Name, &[u8], &[u8]),
        order: Order,
        each: Each<'_>,
    ) -> Result<(), StoreError> {
        self.walk(written, range, order, |_| Ok(Cow::default()), &mut |key, _| each(key, &[]))
    }

    fn walk(
        &self,
        written: Option<Written<'_>>,
        (table, from, to): (Name, &[u8], &[u8]),
        order: Order,
        value_of: impl Fn(&Stored) -> Result<Cow<'_, [u8]>, StoreError>,
        each: Each<'_>,
    ) -> Result<(), StoreError> {
        let mut gaps = written.filter(|_| order == Order::Up).map(|written| GapScan::new(written.gaps));
        let mut next = Some(from.to_vec());
        while let Some(from) = next {
            let range = (table, from.as_slice(), to);
            self.pass(written.map(|written| written.rows), range, order, &value_of, &mut |key, value| {
                let Some(value) = value else {
                    return Ok(gaps.as_mut().map_or(ControlFlow::Continue(()), |gaps| gaps.removed(key)));
                };
                gaps.iter_mut().for_each(|gaps| gaps.row(key));
                each(key, value)
            })?;
            next = gaps.as_mut().and_then(GapScan::jump);
        }
        gaps.into_iter().for_each(GapScan::end);
        Ok(())
    }

    /// Calls `each` for the rows of a range, and with no value for those that were removed since the last fold.
    fn pass(
        &self,
        writes: Option<&Writes>,
        (table, from, to): (Name, &[u8], &[u8]),
        order: Order,
        value_of: &impl Fn(&Stored) -> Result<Cow<'_, [u8]>, StoreError>,
        each: Passing<'_>,
    ) -> Result<(), StoreError> {
        if from > to {
            return Ok(());
        }
        let mut layers = self.layers(writes, (table, from, to), order);
        let mut range = self.base.range(table, from, to, order)?;
        let mut new = layers.next();
        let mut old = self.base.next(&mut range)?;
        loop {
            let first = match (&old, &new) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some((new, _))) => order.compare(old.key(), new),
            };
            let flow = match (first, &old, &new) {
                (Ordering::Less, Some(row), _) => each(row.key(), Some(&value_of(row)?))?,
                (_, _, Some((key, value))) => each(key, value.as_ref().map(|value| value.as_slice()))?,
                _ => ControlFlow::Continue(()),
            };
            if flow.is_break() {
                return Ok(());
            }
            if first != Ordering::Greater {
                old = self.base.next(&mut range)?;
            }
            if first != Ordering::Less {
                new = layers.next();
            }
        }
    }

    /// Bytes of the rows in memory.
    pub(crate) fn unfolded_bytes(&self) -> u64 {
        self.tables().map(MemTable::bytes).sum()
    }

    fn tables(&self) -> impl Iterator<Item = &MemTable> {
        [Some(&self.active), self.frozen.as_ref()].into_iter().flatten().map(AsRef::as_ref)
    }

    fn layers<'a>(
        &'a self,
        writes: Option<&'a Writes>,
        (table, from, to): (Name, &[u8], &[u8]),
        order: Order,
    ) -> Layers<'a> {
        let written = writes.filter(|writes| !writes.is_empty()).map(Source::Writes);
        let tables = self.tables().filter(|rows| !rows.is_empty(table));
        let sources = written.into_iter().chain(tables.map(|rows| Source::Table(rows, table, self.at)));
        let cursors = sources.map(|source| Cursor::new(source, from, to)).collect();
        Layers { cursors, order }
    }
}

/// Rows in memory as one sequence: of rows with one key the newest.
struct Layers<'a> {
    /// The newest first.
    cursors: Vec<Cursor<'a>>,
    order: Order,
}

impl Layers<'_> {
    fn next(&mut self) -> Option<(Vec<u8>, Value)> {
        let order = self.order;
        self.cursors.iter_mut().for_each(|cursor| cursor.look_ahead(order));
        let heads = self.cursors.iter().enumerate().filter_map(|(at, cursor)| Some((at, &cursor.ahead.front()?.0)));
        let (first, _) = heads.min_by(|(_, a), (_, b)| order.compare(a, b))?; // of equal ones the newest layer's
        let row = self.cursors[first].ahead.pop_front()?;
        for cursor in &mut self.cursors[first + 1..] {
            cursor.ahead.pop_front_if(|(key, _)| *key == row.0);
        }
        Some(row)
    }
}

/// A layer of rows.
enum Source<'a> {
    Writes(&'a Writes),
    Table(&'a MemTable, Name, u64),
}

/// A walk through a layer, which is not locked while the rows are looked at.
struct Cursor<'a> {
    source: Source<'a>,
    ahead: VecDeque<(Vec<u8>, Value)>,
    from: Bound<Vec<u8>>,
    to: Bound<Vec<u8>>,
    fetched: usize,
    is_over: bool,
}

impl<'a> Cursor<'a> {
    fn new(source: Source<'a>, from: &[u8], to: &[u8]) -> Self {
        let (from, to) = (Bound::Included(from.to_vec()), Bound::Included(to.to_vec()));
        Self { source, ahead: VecDeque::new(), from, to, fetched: *FETCHED.start(), is_over: false }
    }

    fn look_ahead(&mut self, order: Order) {
        if self.is_over || !self.ahead.is_empty() {
            return;
        }
        let bounds = (self.from.as_ref().map(Vec::as_slice), self.to.as_ref().map(Vec::as_slice));
        self.ahead = self.source.some(bounds, order, self.fetched).into();
        self.is_over = self.ahead.len() < self.fetched;
        self.fetched = (2 * self.fetched).min(*FETCHED.end());
        let Some((last, _)) = self.ahead.back() else { return };
        match order {
            Order::Up => self.from = Bound::Excluded(last.clone()),
            Order::Down => self.to = Bound::Excluded(last.clone()),
        }
        self.is_over |= is_empty(&self.from, &self.to);
    }
}

/// Whether no key lies between the bounds of a walk.
fn is_empty(from: &Bound<Vec<u8>>, to: &Bound<Vec<u8>>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}

impl Source<'_> {
    fn some(&self, bounds: Bounds<'_>, order: Order, max: usize) -> Vec<(Vec<u8>, Value)> {
        match self {
            Source::Table(rows, name, at) => rows.some(*name, bounds, order, *at, max),
            Source::Writes(writes) => {
                let mut rows = writes.range::<[u8], _>(bounds);
                let next = std::iter::from_fn(|| order.next(&mut rows));
                next.take(max).map(|(key, value)| (key.clone(), value.clone())).collect()
            }
        }
    }
}
