//! Room on the disk: a write that finds none waits for it, and nothing is lost.
//!
//! A write that failed for want of room may be made again at the same place, so a full disk is a slow disk: the process
//! goes on where it stood once there is room. A ballast in the folder goes with the first such write, which leaves
//! votes their room where another program has filled the disk.

use redb::{BackendError, StorageBackend};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The ballast in the folder of a database.
const BALLAST: &str = "ballast";

/// Bytes of the ballast: votes and certificates of some minutes.
pub const BALLAST_BYTES: u64 = 16 << 20;

/// Bytes that must be free for a ballast to be made: it must not fill the disk itself.
pub const ROOM_FOR_BALLAST: u64 = 8 * BALLAST_BYTES;

/// Hundredths of the disk that are a reserve: with less free, no new change is taken and nothing is merged.
const RESERVE_PERCENT: u64 = 5;

/// Bytes that are reserve enough on a disk of any size.
const RESERVE_BYTES_ENOUGH: u64 = 1 << 30;

/// Reserve of a disk of so many bytes.
pub fn reserve_bytes(disk_bytes: u64) -> u64 {
    (disk_bytes / 100 * RESERVE_PERCENT).min(RESERVE_BYTES_ENOUGH)
}

/// Begin of the ballast's noise; any number but zero.
const BALLAST_SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Bytes of noise that are written at once.
const NOISE_BYTES: u64 = 64 << 10;

/// The operating system's number of an error of the disk.
pub(crate) const EIO: i32 = 5;

/// The operating system's numbers of a lack of files, its own and the process's.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// Between two tries of a write.
const TRY_EVERY: Duration = Duration::from_millis(100);

/// Room on the disk of a database.
#[derive(Debug, Default)]
pub struct Room {
    /// The ballast's file; none for a database in memory.
    ballast: Option<PathBuf>,
    /// Writes that wait.
    waiting: AtomicUsize,
    /// Whether writes wait; they fail until a replica runs, and once it ends.
    is_patient: Mutex<bool>,
    given_up: Condvar,
    /// Whether the database takes more than it may, so that no new change is taken.
    is_short: AtomicBool,
    /// Places that the disk did not give, where these read as zeros. Never where a replica runs and folds: the library takes
    /// zeros beside a page that it deletes from for an empty page, and rows would go without an error.
    unread: Option<AtomicUsize>,
    /// Whether the tables take no write any more.
    is_shut: AtomicBool,
}

impl Room {
    pub(crate) fn of(dir: &Path) -> Self {
        Self { ballast: Some(dir.join(BALLAST)), ..Self::default() }
    }

    /// The same, for a disk of which places that cannot be read are looked past.
    pub(crate) fn of_damaged(dir: &Path) -> Self {
        Self { unread: Some(AtomicUsize::new(0)), ..Self::of(dir) }
    }

    /// Times that the disk did not give a place, and zeros were read in its stead.
    pub fn unread(&self) -> usize {
        self.unread.as_ref().map_or(0, |unread| unread.load(Ordering::Acquire))
    }

    /// Whether the disk is looked at although it is damaged.
    pub(crate) fn is_of_damaged(&self) -> bool {
        self.unread.is_some()
    }

    /// Whether a place that the disk did not give may be read as zeros; notes it.
    fn looks_past(&self, error: &io::Error) -> bool {
        let unread = self.unread.as_ref().filter(|_| error.raw_os_error() == Some(EIO));
        unread.map(|unread| unread.fetch_add(1, Ordering::AcqRel)).is_some()
    }

    /// Whether a write waits for room: nothing is recorded until there is some.
    pub fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Lets writes that find no room wait for it from now on: a replica runs, which can say so.
    pub fn be_patient(&self) {
        *self.patience() = true;
    }

    /// Lets writes that find no room fail from now on: the process ends.
    pub fn give_up(&self) {
        *self.patience() = false;
        self.given_up.notify_all();
    }

    /// Refuses each later write to the tables: what stands in the file stays as it is.
    pub(crate) fn shut(&self) {
        self.is_shut.store(true, Ordering::Release);
    }

    /// Whether the database takes more than it may, as was noted last: history is then forgotten in quiet times too.
    pub fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Acquire)
    }

    /// Notes whether the database takes more than it may.
    pub fn note_short(&self, is_short: bool) {
        self.is_short.store(is_short, Ordering::Release);
    }

    /// Puts the ballast back, where there is room for it, or where a start finds one that was not laid whole. The disk may
    /// be slow.
    pub fn lay_ballast(&self, free_bytes: u64) -> io::Result<()> {
        let Some(path) = self.ballast.as_ref().filter(|_| free_bytes >= ROOM_FOR_BALLAST) else { return Ok(()) };
        match path.metadata() {
            Ok(laid) if laid.len() == BALLAST_BYTES => return Ok(()),
            Ok(_) => fs::remove_file(path)?,
            Err(error) if error.kind() == ErrorKind::NotFound => (),
            Err(error) => return Err(error),
        }
        let laid = File::create_new(path).and_then(|mut file| {
            let mut noise = Noise(BALLAST_SEED);
            (0..BALLAST_BYTES / NOISE_BYTES).try_for_each(|_| file.write_all(&noise.block()))
        });
        laid.inspect_err(|_| drop(fs::remove_file(path)))
    }

    /// Waits a moment, or makes room. Whether to try again.
    fn wait(&self) -> bool {
        self.ballast.as_ref().is_some_and(|ballast| fs::remove_file(ballast).is_ok()) || self.wait_a_moment()
    }

    fn wait_a_moment(&self) -> bool {
        let waited = self.given_up.wait_timeout_while(self.patience(), TRY_EVERY, |is_patient| *is_patient);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn patience(&self) -> MutexGuard<'_, bool> {
        self.is_patient.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a file; waits while there is no room for its name, or while the process may open no more files.
    pub(crate) fn wait_for_file<T>(&self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        loop {
            let opened = open();
            let goes_on = match &opened {
                Err(error) if is_full(error) => self.wait(),
                Err(error) if is_out_of_files(error) => self.wait_a_moment(),
                _ => false,
            };
            if !goes_on {
                return opened;
            }
        }
    }

    /// Repeats a write while it finds no room.
    fn find(&self, write: impl Fn() -> io::Result<()>) -> io::Result<()> {
        let first = write();
        if !first.as_ref().is_err_and(is_full) {
            return first;
        }
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let outcome = loop {
            if !self.wait() {
                break first;
            }
            let again = write();
            if !again.as_ref().is_err_and(is_full) {
                break again;
            }
        };
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        outcome
    }
}

/// Bytes that no file system makes smaller: zeros would take no room on one that compresses.
struct Noise(u64);

impl Noise {
    fn block(&mut self) -> Vec<u8> {
        (0..NOISE_BYTES / 8).flat_map(|_| self.next().to_le_bytes()).collect()
    }

    /// Marsaglia's xorshift64, multiplied.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

fn is_out_of_files(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|number| [ENFILE, EMFILE].contains(&number))
}

/// File whose writes wait for room, where its [`Room`] is patient.
#[derive(Debug)]
pub(crate) struct Patient<B> {
    pub(crate) file: B,
    pub(crate) room: Arc<Room>,
    /// Zeros would be taken for the end of a journal.
    pub(crate) is_journal: bool,
}

impl<B> Patient<B> {
    fn takes_writes(&self) -> io::Result<()> {
        match !self.is_journal && self.room.is_shut.load(Ordering::Acquire) {
            true => Err(io::Error::other("a fold ended in the middle: no part of it may be kept")),
            false => Ok(()),
        }
    }
}

impl<B: StorageBackend> StorageBackend for Patient<B> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match self.file.read(offset, out) {
            Err(error) if !self.is_journal && self.room.looks_past(&error) => {
                out.fill(0);
                Ok(())
            }
            read => read,
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.takes_writes()?;
        self.room.find(|| self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.takes_writes()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.takes_writes()?;
        self.room.find(|| self.file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
