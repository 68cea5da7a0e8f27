//! Files of frames: a tag, then frames, each with a hash over all bytes up to its end, so that a changed byte is found
//! where it is. The hashes vouch for nothing; what stands in the frames proves itself.

use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, hash};
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Seek as _, SeekFrom, Write as _};
use std::marker::PhantomData;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Frame of a kind of file.
pub trait Framed: BorshSerialize + BorshDeserialize {
    /// First bytes of such a file.
    const TAG: &'static [u8];
    /// Bytes of the largest frame.
    const BYTES_MAX: u64;
    /// Name of the hash.
    const HASH: &'static str;
}

/// Fault of a file, whatever is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A file of another kind.
    #[error("this is no such file that this program reads")]
    Tag,
    /// A file without its end.
    #[error("the file ends too early")]
    Cut,
    /// Bytes that are not those that were written.
    #[error("bytes have changed since they were written")]
    Changed,
    /// A frame that is none.
    #[error("a part cannot be read")]
    Malformed,
    /// Bytes behind the last frame.
    #[error("bytes follow after the end")]
    Surplus,
}

/// Why a frame cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// The operating system said no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A flaw of the file.
    #[error(transparent)]
    Flaw(#[from] Flaw),
}

/// File that is written.
pub struct Writer<F> {
    file: BufWriter<File>,
    hashed: Digest,
    /// Bytes so far.
    pub bytes: u64,
    frame: PhantomData<F>,
}

impl<F: Framed> Writer<F> {
    /// Begins a file that others of this machine do not read: contents are in it, past the policies.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut writer = Self::over(file, Digest::ZERO, F::TAG.len() as u64)?;
        is_still(writer.file.get_ref(), path)?;
        writer.file.write_all(F::TAG)?;
        Ok(writer)
    }

    /// Goes on behind a frame that was read whole; what stands after it is cut off.
    pub fn resume(path: &Path, mark: Mark) -> io::Result<Self> {
        let mut file = held(path)?;
        lock(&file)?;
        is_still(&file, path)?;
        if !is_ours(&file.metadata()?) {
            return Err(io::Error::new(ErrorKind::PermissionDenied, "others can reach it; remove it"));
        }
        file.set_len(mark.end)?;
        file.seek(SeekFrom::Start(mark.end))?;
        Self::over(file, mark.hashed, mark.end)
    }

    fn over(file: File, hashed: Digest, bytes: u64) -> io::Result<Self> {
        lock(&file)?;
        Ok(Self { file: BufWriter::new(file), hashed, bytes, frame: PhantomData })
    }

    /// Adds a frame.
    pub fn add(&mut self, frame: &F) -> io::Result<()> {
        let bytes = borsh::to_vec(frame).expect("writing into memory cannot fail");
        self.hashed = following::<F>(self.hashed, &bytes);
        self.file.write_all(&(bytes.len() as u32).to_le_bytes())?; // below F::BYTES_MAX
        self.file.write_all(&bytes)?;
        self.bytes += (4 + bytes.len() + self.hashed.0.len()) as u64;
        self.file.write_all(&self.hashed.0)
    }

    /// Puts the file on the disk.
    pub fn end(mut self) -> io::Result<u64> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(self.bytes)
    }
}

/// Whether a file that an earlier run has left may be gone on with: no link, and nothing that others can reach.
pub fn is_own(path: &Path) -> bool {
    held(path).and_then(|file| file.metadata()).is_ok_and(|found| is_ours(&found))
}

fn is_ours(found: &fs::Metadata) -> bool {
    let is_mine = found.uid() == rustix::process::geteuid().as_raw();
    found.is_file() && is_mine && found.mode() & 0o077 == 0 && found.nlink() == 1
}

/// Opens a file for writing; neither follows a link nor waits for a pipe.
fn held(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new().write(true).custom_flags(flags.bits() as i32).open(path)
}

/// Refuses a file whose name another process has taken away since it was opened.
fn is_still(file: &File, path: &Path) -> io::Result<()> {
    let (held, named) = (file.metadata()?, fs::symlink_metadata(path)?);
    let is_same = (held.dev(), held.ino()) == (named.dev(), named.ino());
    if is_same { Ok(()) } else { Err(io::Error::new(ErrorKind::ResourceBusy, "another command has replaced it")) }
}

/// Refuses a file that another process writes.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(ErrorKind::ResourceBusy, "another command writes it")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Place behind a frame.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    /// Bytes up to there.
    pub end: u64,
    hashed: Digest,
}

/// File that is read.
pub struct Reader<F> {
    file: BufReader<File>,
    hashed: Digest,
    /// Begin of the last frame.
    pub at: u64,
    /// End of it.
    pub end: u64,
    frame: PhantomData<F>,
}

impl<F: Framed> Reader<F> {
    /// Opens a file whose first frame is read next.
    pub fn open(path: &Path) -> Result<Self, Unread> {
        let file = BufReader::new(File::open(path)?);
        let mut reader = Self { file, hashed: Digest::ZERO, at: 0, end: 0, frame: PhantomData };
        match reader.bytes(F::TAG.len() as u64) {
            Ok(tag) if tag == F::TAG => Ok(reader),
            Ok(_) | Err(Unread::Flaw(_)) => Err(Flaw::Tag.into()),
            Err(error) => Err(error),
        }
    }

    /// The next frame, as it was written.
    pub fn read(&mut self) -> Result<F, Unread> {
        self.at = self.end;
        let length = self.bytes(4)?;
        let length = u64::from(u32::from_le_bytes(length.try_into().expect("four bytes")));
        if length > F::BYTES_MAX {
            return Err(Flaw::Changed.into());
        }
        let bytes = self.bytes(length)?;
        let hashed = following::<F>(self.hashed, &bytes);
        if self.bytes(hashed.0.len() as u64)? != hashed.0 {
            return Err(Flaw::Changed.into());
        }
        self.hashed = hashed;
        borsh::from_slice(&bytes).map_err(|_| Flaw::Malformed.into())
    }

    /// Checks that nothing follows.
    pub fn close(&mut self) -> Result<(), Unread> {
        self.at = self.end;
        match self.file.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(Flaw::Surplus.into()),
        }
    }

    /// Place behind the last frame.
    pub fn mark(&self) -> Mark {
        Mark { end: self.end, hashed: self.hashed }
    }

    fn bytes(&mut self, count: u64) -> Result<Vec<u8>, Unread> {
        let mut bytes = Vec::new();
        let read = (&mut self.file).take(count).read_to_end(&mut bytes)?;
        self.end += read as u64;
        if read as u64 == count { Ok(bytes) } else { Err(Flaw::Cut.into()) }
    }
}

fn following<F: Framed>(hashed: Digest, bytes: &[u8]) -> Digest {
    hash(F::HASH, &(hashed, bytes))
}

/// Name of a file or folder that stands beside another one while it grows.
pub fn beside(path: &Path, name: &str) -> PathBuf {
    // A slash at the end would lead into the folder.
    let mut path = path.components().collect::<PathBuf>().into_os_string();
    path.push(".");
    path.push(name);
    path.into()
}

/// Removes a file that an earlier run has left; one that another process writes is refused.
pub fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => {
            let file = held(path)?;
            lock(&file)?;
            is_still(&file, path)?;
        }
        Ok(_) => (),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    fs::remove_file(path)
}

/// Makes a new name durable.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent).and_then(|parent| parent.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, BorshSerialize, BorshDeserialize)]
    struct Word(String);

    impl Framed for Word {
        const TAG: &'static [u8] = b"words\n";
        const BYTES_MAX: u64 = 64;
        const HASH: &'static str = "quorate/v1/words";
    }

    fn word(text: &str) -> Word {
        Word(text.to_owned())
    }

    #[test]
    fn a_file_that_another_writer_holds_is_neither_removed_nor_gone_on_with() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let mut writer = Writer::begin(&path).expect("a new file");
        writer.add(&word("one")).expect("room");
        let mark = Mark { end: 0, hashed: Digest::ZERO };
        assert!(clear(&path).is_err_and(|error| error.kind() == ErrorKind::ResourceBusy));
        assert!(Writer::<Word>::resume(&path, mark).is_err_and(|error| error.kind() == ErrorKind::ResourceBusy));
        writer.end().expect("room");
        clear(&path).expect("nobody holds it now");
        assert!(!path.exists());
    }

    #[test]
    fn a_file_goes_on_behind_its_last_whole_frame() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let mut writer = Writer::begin(&path).expect("a new file");
        ["one", "two", "three"].iter().for_each(|text| writer.add(&word(text)).expect("room"));
        let bytes = writer.end().expect("room");
        OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(bytes - 1)).expect("our file");

        let mut reader = Reader::<Word>::open(&path).expect("a tag");
        let first = (reader.read().expect("a frame"), reader.read().expect("a frame"));
        let mark = reader.mark();
        assert!(matches!(reader.read(), Err(Unread::Flaw(Flaw::Cut))));
        let mut writer = Writer::resume(&path, mark).expect("a file");
        writer.add(&word("3")).expect("room");
        writer.end().expect("room");

        let mut reader = Reader::<Word>::open(&path).expect("a tag");
        assert_eq!((reader.read().expect("a frame"), reader.read().expect("a frame")), first);
        assert_eq!(reader.read().expect("a frame"), word("3"));
        reader.close().expect("the end");
    }

    #[test]
    fn a_length_beyond_the_largest_frame_is_refused_before_anything_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, [Word::TAG, &65_u32.to_le_bytes(), &[0; 200]].concat()).expect("our folder");
        let mut reader = Reader::<Word>::open(&path).expect("a tag");
        assert!(matches!(reader.read(), Err(Unread::Flaw(Flaw::Changed))));
        assert_eq!(reader.end, Word::TAG.len() as u64 + 4);
    }
}
