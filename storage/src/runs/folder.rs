//! The folder in which runs lie: files by name.

use crate::room::{BALLAST_BYTES, Patient, Room, reserve_bytes};
use redb::StorageBackend;
use redb::backends::FileBackend;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What becomes of the part of a disk that is kept for what cannot wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserve {
    Stays,
    MayBeUsed,
}

/// Files that are made, opened and removed by name.
pub(crate) trait Folder: Debug + Send + Sync {
    /// Makes a file, empty, in the place of any other. Writes to a patient one wait for room on the disk.
    fn make(&self, name: &str, is_patient: bool) -> io::Result<Box<dyn StorageBackend>>;

    /// Opens a file that is there.
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Names of all files.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Makes durable which files there are.
    fn sync(&self) -> io::Result<()>;

    /// Whether so many bytes may be written.
    fn has_room_for(&self, bytes: u64, reserve: Reserve) -> bool;
}

/// A folder of the file system.
#[derive(Debug)]
pub(crate) struct Dir {
    path: PathBuf,
    /// The folder as a file: it is synced when no file can be opened, too.
    opened: io::Result<File>,
    room: Arc<Room>,
}

impl Folder for Dir {
    fn make(&self, name: &str, is_patient: bool) -> io::Result<Box<dyn StorageBackend>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        if !is_patient {
            return Ok(Box::new(self.backend(name, &options)?));
        }
        let file = self.room.wait_for_file(|| self.backend(name, &options))?;
        Ok(Box::new(Patient { file, room: self.room.clone(), is_journal: true }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        let file = self.backend(name, OpenOptions::new().read(true))?;
        Ok(Box::new(Patient { file, room: self.room.clone(), is_journal: false }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.path)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn sync(&self) -> io::Result<()> {
        match &self.opened {
            Ok(folder) => folder.sync_all(),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }

    fn has_room_for(&self, bytes: u64, reserve: Reserve) -> bool {
        rustix::fs::statvfs(&self.path).is_ok_and(|disk| {
            let bytes_of = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
            let kept = match reserve {
                Reserve::Stays => reserve_bytes(bytes_of(disk.f_blocks)),
                Reserve::MayBeUsed => BALLAST_BYTES,
            };
            bytes_of(disk.f_bavail) >= bytes.saturating_add(kept)
        })
    }
}

impl Dir {
    /// The folder of a database.
    pub(crate) fn at(path: &Path, room: &Arc<Room>) -> Arc<dyn Folder> {
        Arc::new(Self { path: path.to_owned(), opened: File::open(path), room: room.clone() })
    }

    fn backend(&self, name: &str, options: &OpenOptions) -> io::Result<FileBackend> {
        let file = options.open(self.path.join(name))?;
        FileBackend::new(file).map_err(io::Error::other)
    }
}
