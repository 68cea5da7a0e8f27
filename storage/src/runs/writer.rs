//! Writing a run: rows by table and key, section after section, the list of sections at the end.

use super::mark::Mark;
use super::row::{Kind, Row};
use super::section::{Draft, Section};
use super::sizes::Sizes;
use crate::tables::Name;
use redb::StorageBackend;
use std::io;

/// A run in the making.
pub(crate) struct Writer {
    file: Box<dyn StorageBackend>,
    number: u64,
    sizes: Sizes,
    /// Table of the section in the making.
    name: Option<Name>,
    draft: Draft,
    /// Key of the newest row of the table.
    last: Vec<u8>,
    top: Vec<Section>,
    /// Bytes in the file.
    at: u64,
}

impl Writer {
    /// A run with this number, in an empty file.
    pub(crate) fn new(number: u64, file: Box<dyn StorageBackend>, sizes: Sizes) -> Self {
        let (name, draft, last, top, at) = Default::default();
        Self { file, number, sizes, name, draft, last, top, at }
    }

    pub(crate) fn put(&mut self, name: Name, key: &[u8], kind: Kind, value: &[u8]) -> io::Result<()> {
        self.make_room(name, key)?;
        self.draft.put(key, kind, value, &self.sizes);
        Ok(())
    }

    /// Puts a row as it lies in another run, which must be above all before it.
    pub(crate) fn copy(&mut self, name: Name, row: &Row<'_>) -> io::Result<()> {
        self.make_room(name, row.key)?;
        self.draft.copy(row, &self.sizes);
        Ok(())
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Makes durable what is written so far.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Ends the run, durably but for its name in the folder.
    pub(crate) fn end(mut self) -> io::Result<(Mark, Box<dyn StorageBackend>)> {
        self.end_section()?;
        let top = crate::row::encode(&self.top);
        let (top_at, top_check) = (self.at, crc32fast::hash(&top));
        self.write(&top)?;
        self.file.sync_data()?;
        Ok((Mark { number: self.number, bytes: self.at, top_at, top_check }, self.file))
    }

    fn make_room(&mut self, name: Name, key: &[u8]) -> io::Result<()> {
        let is_first = self.name != Some(name);
        if !is_first && self.last.as_slice() >= key {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a row of a run is out of order"));
        }
        if is_first || self.draft.is_full(&self.sizes) {
            self.end_section()?;
            self.name = Some(name);
        }
        self.last.clear();
        self.last.extend_from_slice(key);
        Ok(())
    }

    fn end_section(&mut self) -> io::Result<()> {
        let Some(name) = self.name.filter(|_| !self.draft.is_empty()) else { return Ok(()) };
        let (section, bytes) = self.draft.end(name, self.at);
        self.top.push(section);
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.set_len(self.at + bytes.len() as u64)?;
        self.file.write(self.at, bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}
