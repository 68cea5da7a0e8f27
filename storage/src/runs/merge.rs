//! Merging runs: several become one, a bounded part at a time.

use super::cursor::{Cursor, Failed, Merged};
use super::heads::Heads;
use super::row::{Kind, NOT_AS_WRITTEN};
use super::run::Run;
use super::writer::Writer;
use crate::rows::Order;
use crate::tables::Name;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// Bytes of a run that a merge reads at once.
pub(super) const READ_BYTES: usize = 256 << 10;

/// Bytes of rows after which what is written is made durable: the journal's sync waits for no more.
const SYNC_BYTES: u64 = 8 << 20;

/// A merge under way.
pub(crate) struct Merge {
    /// Neighbours, the newest first.
    inputs: Vec<Arc<Run>>,
    /// Whether no run lies below: what removes a row has nothing left to remove.
    is_lowest: bool,
    /// Whether rows that are not as they were written are left out.
    is_of_sound: bool,
    /// Tables still to be merged, and the rows of the one in hand.
    tables: Vec<Name>,
    rows: Option<(Name, Merged)>,
    /// Bytes of rows that were looked at.
    bytes: u64,
    writer: Writer,
}

/// A merge that did not go on.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// The run that could not be read; none where the new one could not be written.
    pub(crate) run: Option<Arc<Run>>,
    pub(crate) error: io::Error,
}

impl From<Failed> for Stopped {
    fn from(Failed { run, error }: Failed) -> Self {
        Self { run: Some(run), error }
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self { run: None, error }
    }
}

impl Merge {
    pub(crate) fn new(inputs: Vec<Arc<Run>>, is_lowest: bool, writer: Writer) -> Self {
        let mut tables = Name::ALL.to_vec();
        tables.reverse();
        Self { inputs, is_lowest, is_of_sound: false, tables, rows: None, bytes: 0, writer }
    }

    /// The same merge without the rows that are not as they were written.
    pub(crate) fn of_sound(self) -> Self {
        Self { is_of_sound: true, ..self }
    }

    pub(crate) fn inputs(&self) -> &[Arc<Run>] {
        &self.inputs
    }

    /// Bytes of rows that are still to be looked at, about.
    pub(crate) fn left(&self) -> u64 {
        let bytes: u64 = self.inputs.iter().map(|run| run.mark.bytes).sum();
        bytes.saturating_sub(self.bytes)
    }

    /// Number of the run that is made.
    pub(crate) fn number(&self) -> u64 {
        self.writer.number()
    }

    /// Goes on through so many bytes of rows; whether that was all. Stops at damage, which a copy would hide: the filter of
    /// the new run would not know the key that was written.
    pub(crate) fn go_on(&mut self, bytes: u64) -> Result<bool, Stopped> {
        let (until, mut synced) = (self.bytes.saturating_add(bytes), self.bytes);
        while self.bytes < until {
            if self.bytes - synced >= SYNC_BYTES {
                self.writer.sync()?; // of gigabytes at the end it would hold up the journal's
                synced = self.bytes;
            }
            let Some((name, rows)) = &mut self.rows else {
                let Some(name) = self.tables.pop() else { return Ok(true) };
                self.rows = Some((name, self.walk(name)?));
                continue;
            };
            let Some(row) = rows.row() else {
                self.rows = None;
                continue;
            };
            if !row.is_sound() {
                let run = rows.run().expect("its row is in hand").clone();
                return Err(Failed { error: run.damaged(NOT_AS_WRITTEN), run }.into());
            }
            self.bytes += row.bytes().len() as u64;
            if !(self.is_lowest && row.kind() != Kind::Value) {
                self.writer.copy(*name, &row).map_err(|error| {
                    let run = rows.run().filter(|_| error.kind() == ErrorKind::InvalidData).cloned();
                    Stopped { run, error }
                })?;
            }
            rows.advance()?;
        }
        self.writer.sync()?;
        Ok(false)
    }

    fn walk(&self, name: Name) -> Result<Merged, Failed> {
        let through = if self.is_of_sound { Cursor::through_sound } else { Cursor::through };
        let walk = |run| through(run, name, READ_BYTES).map_err(|error| Failed { run: Arc::clone(run), error });
        let cursors = self.inputs.iter().map(walk);
        Ok(Merged::new(cursors.collect::<Result<_, _>>()?, Order::Up))
    }

    /// The new run.
    pub(crate) fn end(self, heads: &Arc<Heads>) -> io::Result<Arc<Run>> {
        Run::written(self.writer.end()?, heads)
    }
}
