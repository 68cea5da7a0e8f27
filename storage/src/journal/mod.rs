//! The journal: what the core promised and holds, in the order in which it was recorded.
//!
//! A round is one append, and one `fdatasync` where an own statement is in it. Rows of the journal go to redb when the
//! state is folded ([`crate::Fold`]); until then they are in memory and here, and a start reads them back.
//!
//! # Generations
//!
//! Records are numbered within a *generation*. Generation `g` is written to file `g mod 3`; at most two generations
//! are not folded yet, so the file of the next one is always free. Files are kept at their length and written over:
//! a sync of bytes whose place on the disk is known writes nothing but them. Each generation is seeded by the last
//! checksum of the one before, so that records of an earlier use of the file, or of another database, are none.
//! Within a generation each record has the checksum of the one before it, which tells it apart from bytes that a crash
//! left behind the end.

mod frame;
mod replay;

use crate::row::encode;
use frame::{HEAD_BYTES, Header, Place};
use redb::StorageBackend;
use std::sync::Arc;
use std::{io, mem};

pub(crate) use frame::{Checksum, Mark};
pub(crate) use replay::{JournalError, Replayed, Unsure, replay};

/// Files of a journal.
pub(crate) const FILES: usize = 3;

/// Bytes that stay allocated when a file is written over.
const KEPT_BYTES_MAX: u64 = 64 << 20;

/// Bytes by which a growing file is written. Linux may keep what one write brings as one folio, and counts it whole as written
/// each time that a byte of it changes: by 2 MiB for a record of 900 bytes.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Bytes that stay in memory for the next record.
const BUFFER_BYTES_MAX: usize = 4 << 20;

/// The files, and by how many bytes one grows.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) files: Arc<[Box<dyn StorageBackend>; FILES]>,
    pub(crate) step: u64,
}

impl Files {
    pub(crate) fn of(&self, generation: u64) -> &dyn StorageBackend {
        self.files[(generation % FILES as u64) as usize].as_ref()
    }
}

/// The end of the journal, where records are appended.
#[derive(Debug)]
pub(crate) struct Journal {
    files: Files,
    end: End,
    /// Records that are known to be durable.
    durable: u64,
    /// Bytes of the file.
    length: u64,
    /// Memory for the next record: what a busy group writes in a round would else come from the system each time.
    buffer: Vec<u8>,
}

/// End of what was recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// The generation, and its seed.
    pub(crate) mark: Mark,
    /// Checksum of the newest record.
    pub(crate) last: Checksum,
    /// Number of the next record.
    pub(crate) number: u64,
    /// Where in its file the next record begins.
    pub(crate) at: u64,
}

impl Journal {
    /// The first generation of a new database. Its header is durable with the first turn.
    pub(crate) fn create(files: Files, seed: Checksum) -> io::Result<Self> {
        Self::begin(files, Header { mark: Mark { generation: 1, seed }, before: 0 })
    }

    /// Goes on where another start of the database ended. What that one wrote and may not have synced is written again and
    /// synced: answers may rest on it from now on, and what a failed sync was to write counts as written to the system.
    /// Takes no room on the disk: there may be none.
    pub(crate) fn resume(files: Files, end: End, unsure: &Unsure) -> io::Result<Self> {
        let file = files.of(end.mark.generation);
        unsure.iter().try_for_each(|(at, bytes)| file.write(*at, bytes))?;
        files.files.iter().try_for_each(|file| file.sync_data())?;
        let length = files.of(end.mark.generation).len()?;
        Ok(Self { files, end, durable: end.number, length, buffer: Vec::new() })
    }

    fn begin(files: Files, header: Header) -> io::Result<Self> {
        let file = files.of(header.mark.generation);
        let mut length = file.len()?;
        if length > KEPT_BYTES_MAX {
            file.set_len(KEPT_BYTES_MAX)?;
            length = KEPT_BYTES_MAX;
        }
        let end = End { mark: header.mark, last: header.mark.seed, number: 0, at: 0 };
        let mut journal = Self { files, end, durable: 0, length, buffer: Vec::new() };
        journal.append(|record| record.extend_from_slice(&encode(&header)))?;
        Ok(journal)
    }

    /// Appends a record, whose payload `put` adds to the bytes: durable after the next sync.
    pub(crate) fn append(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut bytes = mem::take(&mut self.buffer);
        bytes.clear();
        bytes.resize(HEAD_BYTES, 0);
        put(&mut bytes);
        let place = Place { number: self.end.number, durable: self.durable, after: self.end.last };
        let checksum = frame::seal(&mut bytes, place, &self.end.mark.seed);
        self.grow(self.end.at + bytes.len() as u64)?;
        self.files.of(self.end.mark.generation).write(self.end.at, &bytes)?;
        self.end.at += bytes.len() as u64;
        self.end.number += 1;
        self.end.last = checksum;
        if bytes.capacity() <= BUFFER_BYTES_MAX {
            self.buffer = bytes;
        }
        Ok(())
    }

    /// Makes all records durable; costs nothing if they are.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.durable < self.end.number {
            self.files.of(self.end.mark.generation).sync_data()?;
            self.durable = self.end.number;
        }
        Ok(())
    }

    /// The generation that is written.
    pub(crate) fn mark(&self) -> Mark {
        self.end.mark
    }

    /// Ends the generation durably and begins the next, unless nothing was recorded in it, or no file is free: rows from
    /// `folded` on are not folded, because starts on a full disk could not. Returns the mark of the generation that is
    /// written from now on; rows of one that goes on may be folded twice, which changes nothing.
    pub(crate) fn turn(&mut self, folded: u64) -> io::Result<Mark> {
        self.sync()?;
        let is_room = self.end.mark.generation - folded + 1 < FILES as u64;
        if self.end.number > 1 && is_room {
            let mark = Mark { generation: self.end.mark.generation + 1, seed: self.end.last };
            *self = Self::begin(self.files.clone(), Header { mark, before: self.end.number })?;
            self.sync()?;
        }
        Ok(self.end.mark)
    }

    /// Allocates by writing: later syncs need not note where the bytes went.
    fn grow(&mut self, needed: u64) -> io::Result<()> {
        let file = self.files.of(self.end.mark.generation);
        while self.length < needed {
            let end = self.length + self.files.step;
            file.set_len(end)?;
            let piece = ZEROS.len().min(self.files.step as usize / 4);
            for at in (self.length..end).step_by(piece) {
                file.write(at, &ZEROS[..piece.min((end - at) as usize)])?;
            }
            self.length = end;
        }
        Ok(())
    }
}
