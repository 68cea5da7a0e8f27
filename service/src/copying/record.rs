//! File of a snapshot: frames, each with a hash over all bytes up to its end, so that a changed byte is found where it
//! is. The hashes vouch for nothing; the answers prove themselves.

use super::outcome::{CopyError, Unsound, at};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_ledger::copy::{ANSWER_BYTES_MAX, ASK_BYTES_MAX};
use quorate_ledger::proof::Checkpoint;
use quorate_pbft::{Digest, hash};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// First bytes of a snapshot file.
const TAG: &[u8] = b"quorate-snapshot-1\n";

/// Bytes of a frame: an answer, its question, and what stands around them.
const FRAME_BYTES_MAX: u64 = (ANSWER_BYTES_MAX + ASK_BYTES_MAX + 1_024) as u64;

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

/// Snapshot that is written.
pub(super) struct Recorder {
    file: BufWriter<File>,
    hashed: Digest,
    /// Bytes so far.
    pub(super) bytes: u64,
}

impl Recorder {
    /// Begins a file that others of this machine do not read: contents are in it, past the policies.
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut file = BufWriter::new(file);
        file.write_all(TAG)?;
        Ok(Self { file, hashed: Digest::ZERO, bytes: TAG.len() as u64 })
    }

    pub(super) fn add(&mut self, frame: &Frame) -> io::Result<()> {
        let bytes = borsh::to_vec(frame).expect("writing into memory cannot fail");
        self.hashed = following(self.hashed, &bytes);
        self.file.write_all(&(bytes.len() as u32).to_le_bytes())?; // below FRAME_BYTES_MAX
        self.file.write_all(&bytes)?;
        self.bytes += (4 + bytes.len() + self.hashed.0.len()) as u64;
        self.file.write_all(&self.hashed.0)
    }

    /// Adds an answer and its question.
    pub(super) fn answer(&mut self, ask: Vec<u8>, answer: &[u8]) -> io::Result<()> {
        self.add(&Frame::Answer { ask, answer: answer.to_vec() })
    }

    /// Puts the file, which holds the state whole, on the disk.
    pub(super) fn end(mut self, checkpoint: Checkpoint) -> io::Result<u64> {
        self.add(&Frame::End(Box::new(checkpoint)))?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(self.bytes)
    }
}

/// Snapshot that is read.
pub(super) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    hashed: Digest,
    /// Begin of the last frame.
    at: u64,
    /// End of it.
    pub(super) end: u64,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, CopyError> {
        let file = BufReader::new(File::open(path).map_err(at(path))?);
        let mut reader = Self { path: path.to_owned(), file, hashed: Digest::ZERO, at: 0, end: 0 };
        if reader.bytes(TAG.len() as u64)? != TAG {
            return Err(reader.unsound(Unsound::Tag));
        }
        Ok(reader)
    }

    /// The next frame, as it was written.
    pub(super) fn next(&mut self) -> Result<Frame, CopyError> {
        self.at = self.end;
        let length = self.bytes(4)?;
        let length = u64::from(u32::from_le_bytes(length.try_into().expect("four bytes")));
        if length > FRAME_BYTES_MAX {
            return Err(self.unsound(Unsound::Changed));
        }
        let bytes = self.bytes(length)?;
        self.hashed = following(self.hashed, &bytes);
        if self.bytes(self.hashed.0.len() as u64)? != self.hashed.0 {
            return Err(self.unsound(Unsound::Changed));
        }
        borsh::from_slice(&bytes).map_err(|_| self.unsound(Unsound::Malformed))
    }

    /// Checks that nothing follows.
    pub(super) fn close(&mut self) -> Result<(), CopyError> {
        self.at = self.end;
        match self.file.read(&mut [0]).map_err(at(&self.path))? {
            0 => Ok(()),
            _ => Err(self.unsound(Unsound::Surplus)),
        }
    }

    /// A fault of the last frame.
    pub(super) fn unsound(&self, why: Unsound) -> CopyError {
        CopyError::Unsound { path: self.path.clone(), at: self.at, why }
    }

    fn bytes(&mut self, count: u64) -> Result<Vec<u8>, CopyError> {
        let mut bytes = Vec::new();
        let read = (&mut self.file).take(count).read_to_end(&mut bytes).map_err(at(&self.path))?;
        self.end += read as u64;
        if read as u64 == count { Ok(bytes) } else { Err(self.unsound(Unsound::Cut)) }
    }
}

fn following(hashed: Digest, bytes: &[u8]) -> Digest {
    hash("quorate/v1/snapshot", &(hashed, bytes))
}

/// Removes a file that an earlier run has left.
pub(super) fn clear(path: &Path) -> Result<(), CopyError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}
