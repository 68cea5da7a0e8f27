//! A parcel that is written: beside its name, and under it once it is whole.

use super::error::{ParcelError, at};
use super::frame::Frame;
use crate::framed::{Mark, Writer, beside, clear, sync_parent};
use std::fs;
use std::path::{Path, PathBuf};

/// Name of a parcel that is not whole, after that of the file.
const UNFINISHED: &str = "new";

/// Parcel that is not whole yet.
pub struct Draft {
    out: PathBuf,
    unfinished: PathBuf,
    writer: Writer<Frame>,
    frames: u64,
}

/// Parcel that was written.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Envelopes or receipts in it.
    pub count: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

impl Draft {
    /// File in which a parcel grows.
    pub fn place(out: &Path) -> PathBuf {
        beside(out, UNFINISHED)
    }

    /// Begins a parcel anew with its first frame.
    pub fn begin(out: &Path, head: &Frame) -> Result<Self, ParcelError> {
        let unfinished = Self::place(out);
        clear(&unfinished).map_err(at(&unfinished))?;
        let writer = Writer::begin(&unfinished).map_err(at(&unfinished))?;
        let mut draft = Self { out: out.to_owned(), unfinished, writer, frames: 0 };
        draft.writer.add(head).map_err(at(out))?;
        Ok(draft)
    }

    /// Goes on with a parcel that was begun, behind its last good frame.
    pub fn resume(out: &Path, mark: Mark) -> Result<Self, ParcelError> {
        let unfinished = Self::place(out);
        let writer = Writer::resume(&unfinished, mark).map_err(at(&unfinished))?;
        Ok(Self { out: out.to_owned(), unfinished, writer, frames: 0 })
    }

    /// Adds a frame.
    pub fn add(&mut self, frame: &Frame) -> Result<(), ParcelError> {
        self.frames += 1;
        self.writer.add(frame).map_err(at(&self.unfinished))
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.writer.bytes
    }

    /// Ends a parcel without slots by the count of its frames.
    pub fn count(mut self) -> Result<Packed, ParcelError> {
        let count = self.frames;
        self.writer.add(&Frame::Count(count)).map_err(at(&self.out))?;
        Ok(Packed { count, bytes: self.end()? })
    }

    /// Removes what was written: it leads nowhere, whoever goes on with it.
    pub fn discard(self) -> Result<(), ParcelError> {
        drop(self.writer);
        clear(&self.unfinished).map_err(at(&self.unfinished))
    }

    /// Gives a whole parcel its name.
    pub fn end(self) -> Result<u64, ParcelError> {
        let bytes = self.writer.end().map_err(at(&self.out))?;
        fs::rename(&self.unfinished, &self.out).map_err(at(&self.out))?;
        sync_parent(&self.out).map_err(at(&self.out))?;
        Ok(bytes)
    }
}
