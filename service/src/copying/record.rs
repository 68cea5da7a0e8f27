//! File of a snapshot: the answers that a copy took, with their questions, and the state that they make.

use super::outcome::{CopyError, Unsound, at};
use crate::framed::{self, Framed, Unread, Writer};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_ledger::copy::{ANSWER_BYTES_MAX, ASK_BYTES_MAX};
use quorate_ledger::proof::Checkpoint;
use std::io;
use std::path::{Path, PathBuf};

/// Part of a snapshot.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub(super) enum Frame {
    /// File of the replica's folder, in backups: nothing vouches for it.
    File { name: String, bytes: Vec<u8> } = 1,
    /// Answer of a node, with its question.
    Answer { ask: Vec<u8>, answer: Vec<u8> } = 2,
    /// Last frame: the state that the answers make.
    End(Box<Checkpoint>) = 3,
}

impl Framed for Frame {
    const TAG: &'static [u8] = b"quorate-snapshot-2\n";
    /// An answer, its question, and what stands around them.
    const BYTES_MAX: u64 = (ANSWER_BYTES_MAX + ASK_BYTES_MAX + 1_024) as u64;
    const HASH: &'static str = "quorate/v1/snapshot";
}

/// Whether a file begins as a snapshot does.
pub fn is_snapshot(path: &Path) -> bool {
    framed::Reader::<Frame>::open(path).is_ok()
}

/// Snapshot that is written.
pub(super) struct Recorder(Writer<Frame>);

impl Recorder {
    /// Begins a file.
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        Ok(Self(Writer::begin(path)?))
    }

    pub(super) fn add(&mut self, frame: &Frame) -> io::Result<()> {
        self.0.add(frame)
    }

    /// Adds an answer and its question.
    pub(super) fn answer(&mut self, ask: Vec<u8>, answer: &[u8]) -> io::Result<()> {
        self.add(&Frame::Answer { ask, answer: answer.to_vec() })
    }

    /// Puts the file, which holds the state whole, on the disk.
    pub(super) fn end(mut self, checkpoint: Checkpoint) -> io::Result<u64> {
        self.add(&Frame::End(Box::new(checkpoint)))?;
        self.0.end()
    }
}

/// Snapshot that is read.
pub(super) struct Reader {
    path: PathBuf,
    frames: framed::Reader<Frame>,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, CopyError> {
        let frames = framed::Reader::open(path).map_err(|error| unread(path, 0, error))?;
        Ok(Self { path: path.to_owned(), frames })
    }

    /// The next frame, as it was written.
    pub(super) fn next(&mut self) -> Result<Frame, CopyError> {
        self.frames.read().map_err(|error| unread(&self.path, self.frames.at, error))
    }

    /// Checks that nothing follows.
    pub(super) fn close(&mut self) -> Result<(), CopyError> {
        self.frames.close().map_err(|error| unread(&self.path, self.frames.at, error))
    }

    /// Bytes read so far.
    pub(super) fn end(&self) -> u64 {
        self.frames.end
    }

    /// A fault of the last frame.
    pub(super) fn unsound(&self, why: Unsound) -> CopyError {
        CopyError::Unsound { path: self.path.clone(), at: self.frames.at, why }
    }
}

fn unread(path: &Path, begin: u64, error: Unread) -> CopyError {
    match error {
        Unread::Io(error) => at(path)(error),
        Unread::Flaw(flaw) => CopyError::Unsound { path: path.to_owned(), at: begin, why: flaw.into() },
    }
}
