//! Walks through the rows of runs, in either order: of one run, and of several as if they were one.

use super::row::{NOT_AS_WRITTEN, Row, rows};
use super::run::Run;
use super::section::Head;
use crate::rows::Order;
use crate::tables::Name;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Bounds of a walk, both included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds<'a> {
    pub(crate) from: &'a [u8],
    pub(crate) to: &'a [u8],
    pub(crate) order: Order,
}

/// A walk through one table of a run.
pub(crate) struct Cursor {
    run: Arc<Run>,
    /// Sections of the table.
    of: Range<usize>,
    order: Order,
    /// Bound at which the walk ends; none at the end of the table.
    end: Option<Vec<u8>>,
    section: usize,
    head: Arc<Head>,
    block: usize,
    rows: Vec<u8>,
    /// Where the rows of the block begin.
    places: Vec<u32>,
    /// The row in hand; none at the end.
    at: Option<usize>,
    /// Whether rows that are not as they were written are passed over.
    is_of_sound: bool,
    /// Bytes that are read at once at least, and those that were read last, with their place.
    read_bytes: usize,
    window: (u64, Vec<u8>),
}

impl Cursor {
    /// A walk that stands at its first row.
    pub(crate) fn new(run: &Arc<Run>, name: Name, bounds: Bounds<'_>) -> io::Result<Self> {
        let of = run.of(name)?;
        let sections = &run.sections()?[of.clone()];
        let (begin, end, section) = match bounds.order {
            Order::Up => {
                let section = sections.partition_point(|section| section.last.as_slice() < bounds.from);
                (bounds.from, bounds.to, (section < sections.len()).then_some(section))
            }
            Order::Down => {
                let behind = sections.partition_point(|section| section.first.as_slice() <= bounds.to);
                (bounds.to, bounds.from, behind.checked_sub(1))
            }
        };
        let mut cursor = Self::at_none(run, of, bounds.order);
        cursor.end = Some(end.to_vec());
        if let Some(section) = section {
            cursor.head = cursor.run.head(cursor.of.start + section)?;
            cursor.enter(cursor.of.start + section, cursor.head.block_of(begin))?;
            while cursor.leaves(|key| bounds.order.compare(key, begin).is_lt())? {
                cursor.step()?;
            }
            cursor.end_at_bound()?;
        }
        Ok(cursor)
    }

    /// A walk up through a whole table that reads much at once.
    pub(crate) fn through(run: &Arc<Run>, name: Name, read_bytes: usize) -> io::Result<Self> {
        Self::from_first(run, name, (read_bytes, false))
    }

    /// The same walk without rows that are not as they were written, or that cannot be told from the next one.
    pub(crate) fn through_sound(run: &Arc<Run>, name: Name, read_bytes: usize) -> io::Result<Self> {
        Self::from_first(run, name, (read_bytes, true))
    }

    fn from_first(run: &Arc<Run>, name: Name, (read_bytes, is_of_sound): (usize, bool)) -> io::Result<Self> {
        let of = run.of(name)?;
        let first = of.start;
        let mut cursor = Self { read_bytes, is_of_sound, ..Self::at_none(run, of, Order::Up) };
        if !cursor.of.is_empty() {
            cursor.head = cursor.head_of(first)?;
            cursor.enter(first, 0)?;
            cursor.pass_over()?;
        }
        Ok(cursor)
    }

    fn at_none(run: &Arc<Run>, of: Range<usize>, order: Order) -> Self {
        let (section, block, at, read_bytes) = (of.start, 0, None, 0);
        let (head, rows, places, window) = Default::default();
        let (end, is_of_sound) = (None, false);
        let run = run.clone();
        Self { run, of, order, end, section, head, block, rows, places, at, is_of_sound, read_bytes, window }
    }

    fn pass_over(&mut self) -> io::Result<()> {
        while self.is_of_sound && self.row().is_some_and(|row| !row.is_sound()) {
            self.step()?;
        }
        Ok(())
    }

    pub(crate) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// The row in hand; none at the end.
    pub(crate) fn row(&self) -> Option<Row<'_>> {
        let place = self.places[self.at?];
        Some(Row::first(&self.rows[place as usize..]).expect("it was read when its block was entered"))
    }

    /// Goes on to the next row.
    pub(crate) fn advance(&mut self) -> io::Result<()> {
        self.step()?;
        self.pass_over()?;
        self.end_at_bound()
    }

    fn step(&mut self) -> io::Result<()> {
        let Some(at) = self.at else { return Ok(()) };
        let next = match self.order {
            Order::Up => Some(at + 1).filter(|next| *next < self.places.len()),
            Order::Down => at.checked_sub(1),
        };
        match next {
            Some(next) => self.at = Some(next),
            None => self.next_block()?,
        }
        Ok(())
    }

    fn next_block(&mut self) -> io::Result<()> {
        let blocks = self.head.blocks();
        let block = match self.order {
            Order::Up => Some(self.block + 1).filter(|block| *block < blocks),
            Order::Down => self.block.checked_sub(1),
        };
        if let Some(block) = block {
            return self.enter(self.section, block);
        }
        let section = match self.order {
            Order::Up => Some(self.section + 1),
            Order::Down => self.section.checked_sub(1),
        };
        let Some(section) = section.filter(|section| self.of.contains(section)) else {
            self.at = None;
            return Ok(());
        };
        self.head = self.head_of(section)?;
        let block = if self.order == Order::Up { 0 } else { self.head.blocks() - 1 };
        self.enter(section, block)
    }

    /// A walk through all of a table would drive others' heads out of memory.
    fn head_of(&self, section: usize) -> io::Result<Arc<Head>> {
        if self.end.is_some() { self.run.head(section) } else { self.run.read_head(section).map(Arc::new) }
    }

    /// Reads a block of a section whose head is here, and stands at its first row in this order.
    fn enter(&mut self, section: usize, block: usize) -> io::Result<()> {
        (self.section, self.block) = (section, block);
        self.read_block()?;
        self.places.clear();
        let mut at = 0;
        for row in rows(&self.rows) {
            let row = match row {
                Err(_) if self.is_of_sound => break,
                row => row.map_err(|damage| self.run.damaged(damage))?,
            };
            self.places.push(at);
            at += row.bytes().len() as u32;
        }
        let last = self.places.len().checked_sub(1);
        self.at = if self.order == Order::Up { last.map(|_| 0) } else { last };
        if self.at.is_none() { self.next_block() } else { Ok(()) }
    }

    fn read_block(&mut self) -> io::Result<()> {
        let section = &self.run.sections()?[self.section];
        let (begin, end) = self.head.block(self.block);
        let (begin, end) = (section.at + u64::from(begin), section.at + u64::from(end));
        let (at, window) = &self.window;
        if begin < *at || end > at + window.len() as u64 {
            let ahead = begin.saturating_add(self.read_bytes as u64).min(section.at + u64::from(section.blocks_bytes));
            self.window = (begin, self.run.read(begin, (end.max(ahead) - begin) as usize)?);
        }
        let (at, window) = &self.window;
        self.rows.clear();
        self.rows.extend_from_slice(&window[(begin - at) as usize..(end - at) as usize]);
        Ok(())
    }

    fn end_at_bound(&mut self) -> io::Result<()> {
        let Some(end) = self.end.as_deref() else { return Ok(()) };
        if self.leaves(|key| self.order.compare(key, end).is_gt())? {
            self.at = None;
        }
        Ok(())
    }

    /// Whether the row in hand lies outside. A damaged one may have been inside when it was written.
    fn leaves(&self, is_outside: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
        match self.row().filter(|row| is_outside(row.key)) {
            Some(row) if !row.is_sound() => Err(self.run.damaged(NOT_AS_WRITTEN)),
            row => Ok(row.is_some()),
        }
    }
}

/// Walks through several runs as one sequence: of rows with one key the newest.
pub(crate) struct Merged {
    /// The newest first.
    cursors: Vec<Cursor>,
    order: Order,
    /// The cursor whose row is in hand.
    first: Option<usize>,
}

/// An error of one of several runs.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) run: Arc<Run>,
    pub(crate) error: io::Error,
}

impl Merged {
    pub(crate) fn new(cursors: Vec<Cursor>, order: Order) -> Self {
        let mut merged = Self { cursors, order, first: None };
        merged.find();
        merged
    }

    /// The row in hand; none at the end.
    pub(crate) fn row(&self) -> Option<Row<'_>> {
        self.cursors[self.first?].row()
    }

    /// The run whose row is in hand.
    pub(crate) fn run(&self) -> Option<&Arc<Run>> {
        Some(self.cursors[self.first?].run())
    }

    /// Goes on to the next key.
    pub(crate) fn advance(&mut self) -> Result<(), Failed> {
        let Some(first) = self.first else { return Ok(()) };
        let (newer, older) = self.cursors.split_at_mut(first + 1);
        let in_hand = &mut newer[first];
        if let Some(row) = in_hand.row() {
            for cursor in older {
                let failed = |error| Failed { run: cursor.run().clone(), error };
                match cursor.row().filter(|older| older.key == row.key) {
                    // A merge would forget the row whose key this was.
                    Some(older) if cursor.end.is_none() && !older.is_sound() => {
                        return Err(failed(cursor.run.damaged(NOT_AS_WRITTEN)));
                    }
                    Some(_) => cursor.advance().map_err(|error| Failed { run: cursor.run().clone(), error })?,
                    None => {}
                }
            }
        }
        in_hand.advance().map_err(|error| Failed { run: in_hand.run().clone(), error })?;
        self.find();
        Ok(())
    }

    fn find(&mut self) {
        let heads = self.cursors.iter().enumerate().filter_map(|(at, cursor)| Some((at, cursor.row()?.key)));
        self.first = heads.min_by(|(_, a), (_, b)| self.order.compare(a, b)).map(|(at, _)| at); // of equal ones the newest
    }
}
