//! The database: made once, opened at every start, locked while open.

use crate::batch::Batch;
use crate::error::{DbError, Poison};
use crate::key;
use crate::row::{decode, encode};
use crate::snapshot::Snapshot;
use crate::tables::{Name, Writes};
use crate::value;
use quorate_ledger::StoreError;
use redb::{Database, DatabaseError, ReadableDatabase, StorageBackend, TableError};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

/// The database in a replica's folder.
const FILE: &str = "quorate.redb";

/// A database in the making: never opened, made anew by the next [`Db::create`].
const UNFINISHED: &str = "quorate.redb.new";

/// Version of the table layout that this program writes. Goes up with every change of a table's key or value.
const FORMAT: u32 = 4;

/// Pages of a file kept in memory: the tops of all trees and the newest rows of a busy group, and little enough for
/// four replicas on one laptop.
const CACHE_BYTES: usize = 64 << 20;

/// For databases in memory: the pages that are being written, and no second copy of the rest.
const MEMORY_CACHE_BYTES: usize = 1 << 20;

/// An open database: the only one on its file, in any process.
///
/// After the first error of the disk every later call fails with that error: what is in memory and what is on the disk
/// may differ, so the process must stop and start again.
#[derive(Debug)]
pub struct Db {
    database: Database,
    poison: Arc<Poison>,
    path: Option<PathBuf>,
}

/// Sizes for metrics: read without walking any page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Length of the file, holes included; 0 for a database in memory.
    pub file_bytes: u64,
    /// Bytes allocated on the disk; 0 for a database in memory.
    pub disk_bytes: u64,
    /// Rows of each table, by its name on disk.
    pub rows: Vec<(&'static str, u64)>,
}

impl Db {
    /// Makes the database in a folder that exists. Until it is whole and durable, its file has another name, which
    /// [`Db::open`] does not look at and the next `create` makes anew: a power cut leaves all or nothing.
    pub fn create(dir: &Path) -> Result<Self, DbError> {
        let folder = File::open(dir).map_err(io_error(dir))?;
        folder.try_lock().map_err(|_| DbError::Locked(dir.into()))?; // two at once would share the unfinished file
        let (path, unfinished) = (dir.join(FILE), dir.join(UNFINISHED));
        if path.try_exists().map_err(io_error(&path))? {
            return Err(DbError::Exists(dir.into()));
        }
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&unfinished);
        let file = options.map_err(io_error(&unfinished))?;
        let database = Database::builder().set_cache_size(CACHE_BYTES).create_file(file)?;
        make_tables(&database)?; // ends with a sync of the file
        fs::rename(&unfinished, &path).map_err(io_error(&path))?;
        folder.sync_all().map_err(io_error(dir))?;
        Ok(Self::over(database, Some(path)))
    }

    /// Opens the database in a folder. Never makes one (E7).
    pub fn open(dir: &Path) -> Result<Self, DbError> {
        let path = dir.join(FILE);
        if !path.try_exists().map_err(io_error(&path))? {
            return Err(DbError::Missing(dir.into()));
        }
        let database = Database::builder().set_cache_size(CACHE_BYTES).open(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => DbError::Locked(dir.into()),
            error => error.into(),
        })?;
        check_format(&database)?;
        Ok(Self::over(database, Some(path)))
    }

    /// Opens the database of a simulated disk, or makes it if the disk is empty.
    pub fn with_backend(backend: impl StorageBackend) -> Result<Self, DbError> {
        let database = Database::builder().set_cache_size(MEMORY_CACHE_BYTES).create_with_backend(backend)?;
        let is_new = database.begin_read()?.list_tables()?.next().is_none();
        if is_new {
            make_tables(&database)?;
        }
        check_format(&database)?;
        Ok(Self::over(database, None))
    }

    /// Notes whose promises are kept here, once; refuses the key of anybody else from then on.
    pub fn claim(&self, member: &[u8; 32]) -> Result<(), DbError> {
        let transaction = self.database.begin_read()?;
        let about = transaction.open_table(Name::About.definition())?;
        let Some(stored) = about.get(key::MEMBER)? else { return note_member(&self.database, member) };
        let known = value::read(Name::About, key::MEMBER, stored.value(), |_, _| Ok(()));
        let is_ours = known.map_err(|error| DbError::Foreign(error.0))?[..] == member[..];
        if is_ours { Ok(()) } else { Err(DbError::OtherMember(self.path.clone().unwrap_or_default())) }
    }

    /// Begins a write transaction; waits while another one is open.
    pub fn begin(&self) -> Result<Batch, StoreError> {
        Batch::begin(&self.database, &self.poison)
    }

    /// Reads what is committed now.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Snapshot::begin(&self.database, &self.poison)
    }

    /// The disk's first error, if it had one.
    pub fn failure(&self) -> Option<StoreError> {
        self.poison.check().err()
    }

    /// Sizes for metrics.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let snapshot = self.snapshot()?;
        let counted = Name::ALL.into_iter().map(|name| Ok((name.as_str(), snapshot.rows_of(name)?)));
        let rows = counted.collect::<Result<_, _>>()?;
        let (file_bytes, disk_bytes) = self.path.as_deref().map_or(Ok((0, 0)), file_size)?;
        Ok(Stats { file_bytes, disk_bytes, rows })
    }

    fn over(database: Database, path: Option<PathBuf>) -> Self {
        Self { database, poison: Arc::default(), path }
    }
}

/// The first commit: every table, so that no reader meets one that does not exist, and the format.
fn make_tables(database: &Database) -> Result<(), DbError> {
    let transaction = database.begin_write()?;
    for name in Name::ALL {
        transaction.open_table(name.definition())?;
    }
    let format = Writes::from([(key::FORMAT.to_vec(), Some(encode(&FORMAT)))]);
    value::write(&transaction, Name::About, format)?;
    transaction.commit()?;
    Ok(())
}

fn note_member(database: &Database, member: &[u8; 32]) -> Result<(), DbError> {
    let transaction = database.begin_write()?;
    value::write(&transaction, Name::About, Writes::from([(key::MEMBER.to_vec(), Some(member.to_vec()))]))?;
    transaction.commit()?;
    Ok(())
}

fn check_format(database: &Database) -> Result<(), DbError> {
    let transaction = database.begin_read()?;
    let about = match transaction.open_table(Name::About.definition()) {
        Err(TableError::TableDoesNotExist(name)) => return Err(DbError::Foreign(format!("no table `{name}`"))),
        other => other?,
    };
    let stored = about.get(key::FORMAT)?.ok_or_else(|| DbError::Foreign("no format".into()))?;
    let value = value::read(Name::About, key::FORMAT, stored.value(), |_, _| Ok(())); // whole in every format
    let found = value.and_then(|value| decode::<u32>(&value)).map_err(|error| DbError::Foreign(error.0))?;
    match found {
        FORMAT => Ok(()),
        found if found > FORMAT => Err(DbError::NewerFormat { found, known: FORMAT }),
        found => Err(DbError::OlderFormat { found, known: FORMAT }),
    }
}

fn file_size(path: &Path) -> Result<(u64, u64), StoreError> {
    let metadata = fs::metadata(path).map_err(|error| StoreError(format!("{}: {error}", path.display())))?;
    Ok((metadata.len(), allocated(&metadata)))
}

#[cfg(unix)]
fn allocated(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.blocks() * 512 // the unit of st_blocks, whatever the file system's own
}

#[cfg(not(unix))]
fn allocated(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> DbError + use<> {
    let path = path.to_path_buf();
    move |error| DbError::Io { path, error }
}
