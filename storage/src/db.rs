//! The database: made once, opened at every start, locked while open.

use crate::base::Base;
use crate::batch::{Batch, Journaled};
use crate::error::DbError;
use crate::fold::Fold;
use crate::journal::{Checksum, FILES, Files, Journal, Mark, Replayed, replay};
use crate::pulse::Pulse;
use crate::room::{Patient, Room};
use crate::row::{decode, encode};
use crate::rows::{Order, Rows as _};
use crate::runs::{Dir, Folder, Growth, Manifest, Sizes};
use crate::shared::{Shared, Turn};
use crate::snapshot::Snapshot;
use crate::tables::{Name, Writes, begin_write};
use crate::view::View;
use crate::{about, key};
use quorate_ledger::{StoreError, Table};
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageBackend};
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

/// The database in a replica's folder.
pub(crate) const FILE: &str = "quorate.redb";

/// A database in the making: never opened, made anew by the next [`Db::create`].
const UNFINISHED: &str = "quorate.redb.new";

/// Files of the journal beside it.
const JOURNAL_FILES: [&str; FILES] = ["journal-0", "journal-1", "journal-2"];

/// Keys of a database that was never filled.
const OF_BLANK: [&[u8]; 4] = [key::FORMAT, key::JOURNAL, key::RUNS, key::BROKEN];

/// Bytes by which a file of the journal grows: some tenths of a second of a busy group.
const JOURNAL_STEP: u64 = 2 << 20;

/// The same for databases in memory.
#[cfg(feature = "testing")]
const MEMORY_JOURNAL_STEP: u64 = 16 << 10;

/// Pages of a file kept in memory: the tops of all trees and the newest rows of a busy group, and little enough for
/// four replicas on one laptop.
const CACHE_BYTES: usize = 64 << 20;

/// Bytes of pages that a part of a fold may dirty. redb writes a page once that is in its buffer when its part ends; one that had
/// to leave before is read again for its checksum, and written again. The buffer is half of the cache.
const PART_BYTES: usize = CACHE_BYTES / 8 * 3;
/// For databases in memory: some rows, so that tests fold in parts.
const MEMORY_PART_BYTES: usize = 64 << 10;

/// For databases in memory: the pages that are being written, and no second copy of the rest.
#[cfg(feature = "testing")]
const MEMORY_CACHE_BYTES: usize = 1 << 20;

/// An open database: the only one on its file, in any process.
///
/// After the first error of the disk every later call fails with that error: what is in memory and what is on the disk
/// may differ, so the process must stop and start again.
#[derive(Debug)]
pub struct Db {
    shared: Arc<Shared>,
    path: Option<PathBuf>,
}

/// Sizes for metrics: read without walking any page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Length of the file, holes included; 0 for a database in memory.
    pub file_bytes: u64,
    /// Bytes allocated on the disk; 0 for a database in memory.
    pub disk_bytes: u64,
    /// Rows of each table as they were last folded, by its name on disk.
    pub rows: Vec<(&'static str, u64)>,
    /// Bytes of rows in memory that are not folded yet.
    pub unfolded_bytes: u64,
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
        if !Self::is_unmade(dir) {
            let why = format!("{} has a journal without its database", dir.display());
            return Err(DbError::Journal(why)); // promises are in it
        }
        let mut anew = OpenOptions::new();
        anew.read(true).write(true).create(true).truncate(true);
        let file = anew.open(&unfinished).map_err(io_error(&unfinished))?;
        let room = Arc::new(Room::default());
        let file = Patient { file: FileBackend::new(file)?, room: room.clone(), is_journal: false };
        let database = Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(file)?;
        let journal = Files { files: Arc::new(journal_files(dir, &anew, |file| file)?), step: JOURNAL_STEP };
        let growth = Growth::open(Manifest::default(), Dir::at(dir, &room), Sizes::LARGE);
        let db = Self::make((database, room), (journal, random()), growth, Some(path.clone()))?; // ends with syncs of the files
        fs::rename(&unfinished, &path).map_err(io_error(&path))?;
        folder.sync_all().map_err(io_error(dir))?;
        Ok(db)
    }

    /// File of the tables of the database in a folder: open databases of one machine have different ones.
    pub fn file(dir: &Path) -> PathBuf {
        dir.join(FILE)
    }

    /// Whether no database has been made whole in a folder: [`Db::create`] makes one.
    pub fn is_unmade(dir: &Path) -> bool {
        let has = |name: &str| dir.join(name).exists();
        !has(FILE) && (has(UNFINISHED) || !JOURNAL_FILES.into_iter().any(has))
    }

    /// Takes a database that was never filled, nor claimed by a member, for one that was not made: [`Db::create`] makes it
    /// anew. Whether it was one.
    pub fn forget_blank(dir: &Path) -> Result<bool, DbError> {
        let db = Self::open(dir)?; // held until the file has its other name
        if !db.is_blank()? {
            return Ok(false);
        }
        fs::rename(dir.join(FILE), dir.join(UNFINISHED)).map_err(io_error(dir))?;
        File::open(dir).and_then(|folder| folder.sync_all()).map_err(io_error(dir))?;
        Ok(true)
    }

    /// Whether it has nothing but what its first commit has, and the mark of a copy that a first state comes with.
    fn is_blank(&self) -> Result<bool, DbError> {
        let snapshot = self.snapshot().map_err(|error| DbError::Foreign(error.0))?;
        let mut is_blank = true;
        for name in Name::ALL {
            let rows = snapshot.rows(name, &[], &[u8::MAX; 64], Order::Up, &mut |key, _| {
                is_blank &= name == Name::About && OF_BLANK.contains(&key);
                Ok(if is_blank { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            });
            rows.map_err(|error| DbError::Foreign(error.0))?;
        }
        Ok(is_blank)
    }

    /// Opens the database in a folder. Never makes one (E7). A write that finds no room fails until its [`Room`] is
    /// patient.
    pub fn open(dir: &Path) -> Result<Self, DbError> {
        Self::open_over(dir, Room::of(dir))
    }

    /// Opens the database in a folder to look at what a failing disk has left of it: a place of the tables that the disk
    /// does not give reads as zeros, which are damage, and the rest can be read. [`Room::unread`] counts such places.
    /// A journal is read whole or not at all.
    pub fn open_damaged(dir: &Path) -> Result<Self, DbError> {
        Self::open_over(dir, Room::of_damaged(dir))
    }

    fn open_over(dir: &Path, room: Room) -> Result<Self, DbError> {
        let room = Arc::new(room);
        let patient = |file| Patient { file, room: room.clone(), is_journal: false };
        let database = over_file(dir, &patient)?;
        about::check_format(&database)?;
        let patient = |file| Patient { file, room: room.clone(), is_journal: true };
        let files = journal_files(dir, OpenOptions::new().read(true).write(true), patient)?;
        let journal = Files { files: Arc::new(files), step: JOURNAL_STEP };
        let growth = growth(&database, Dir::at(dir, &room), Sizes::LARGE)?;
        Self::recover((database, room), journal, growth, Some(dir.join(FILE)))
    }

    /// Opens the database of a simulated disk, or makes it if the disk is empty.
    #[cfg(feature = "testing")]
    pub fn on(disk: &crate::faulty::Disk) -> Result<Self, DbError> {
        let room = Arc::new(Room::default());
        let wrapped = |name| Patient { file: disk.file(name), room: room.clone(), is_journal: name != FILE };
        let database = Database::builder().set_cache_size(MEMORY_CACHE_BYTES).create_with_backend(wrapped(FILE))?;
        let files = JOURNAL_FILES.map(|name| Box::new(wrapped(name)) as Box<dyn StorageBackend>);
        let journal = Files { files: Arc::new(files), step: MEMORY_JOURNAL_STEP };
        let folder = disk.folder(&room);
        if about::is_empty(&database)? {
            let growth = Growth::open(Manifest::default(), folder, Sizes::SMALL);
            return Self::make((database, room), (journal, Checksum::default()), growth, None);
        }
        about::check_format(&database)?;
        let growth = growth(&database, folder, Sizes::SMALL)?;
        Self::recover((database, room), journal, growth, None)
    }

    /// The journal, then the tables.
    fn make(
        tables: Tables,
        (files, seed): (Files, Checksum),
        growth: Growth,
        path: Option<PathBuf>,
    ) -> Result<Self, DbError> {
        let mut journal = Journal::create(files, seed)?;
        make_tables(&tables.0, journal.turn(journal.mark().generation)?)?;
        let first = journal.mark();
        Self::over(tables, (journal, first), growth, Unfolded::default(), path)
    }

    /// Takes up what the journal holds. Folds nothing and writes nothing that is not there: there may be no room on the disk.
    fn recover(tables: Tables, files: Files, growth: Growth, path: Option<PathBuf>) -> Result<Self, DbError> {
        if let Some(error) = growth.in_force().fault().filter(|_| !tables.1.is_of_damaged()) {
            return Err(DbError::Runs(error));
        }
        let first = stored_mark(&tables.0)?;
        let Replayed { records, end, mut unsure } = replay(&files, first)?;
        if tables.1.is_of_damaged() {
            unsure.clear(); // a look writes nothing to a disk that fails
        }
        Self::over(tables, (Journal::resume(files, end, &unsure)?, first), growth, unfolded(records)?, path)
    }

    /// Room on its disk.
    pub fn room(&self) -> &Arc<Room> {
        &self.shared.room
    }

    /// Signs of life of the thread that executes.
    pub fn pulse(&self) -> &Arc<Pulse> {
        &self.shared.pulse
    }

    /// Notes whose promises are kept here, once; refuses the key of anybody else from then on.
    pub fn claim(&self, member: &[u8; 32]) -> Result<(), DbError> {
        match self.is_of(member)? {
            true => Ok(()),
            false => about::note(&self.shared.database, key::MEMBER, member.to_vec()),
        }
    }

    /// Whether promises of this member are kept here, and not yet anybody's; an error where they are another's.
    pub fn is_of(&self, member: &[u8; 32]) -> Result<bool, DbError> {
        match about::read(&self.shared.database, key::MEMBER)? {
            None => Ok(false),
            Some(known) if known == member => Ok(true),
            Some(_) => Err(DbError::OtherMember(self.path.clone().unwrap_or_default())),
        }
    }

    /// Begins a batch; waits while another one is open.
    pub fn begin(&self) -> Result<Batch, StoreError> {
        Batch::begin(&self.shared)
    }

    /// Reads what is committed now.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.shared.poison.check()?;
        Ok(Snapshot::new(self.shared.view(), self.shared.poison.clone()))
    }

    /// Sets aside what was committed since the last fold; none while a fold runs, or merges behind it, while rows set
    /// aside before are not folded, or if there are no new ones. Waits while a batch is open.
    pub fn freeze(&self) -> Result<Option<Fold>, StoreError> {
        self.shared.poison.check()?;
        if self.shared.is_growing() {
            return Ok(None);
        }
        let mut turn = self.shared.turn();
        let view = self.shared.view();
        if view.frozen.is_some() || view.active.bytes() == 0 && !self.gives_space_back() {
            return Ok(None);
        }
        self.set_aside(&mut turn).map(Some)
    }

    fn set_aside(&self, turn: &mut Turn) -> Result<Fold, StoreError> {
        let folded = self.shared.folded();
        let turned = self.shared.pulse.at_disk(|| turn.journal().turn(folded));
        let mark = turned.map_err(|error| self.shared.poison.fail(error))?;
        Ok(Fold { shared: self.shared.clone(), rows: turn.freeze(), mark })
    }

    /// Tables with rows outside redb's trees that are not as they were written, whether newer ones hide them or not, and how many.
    pub fn unsound_rows(&self) -> Vec<(Table, u64)> {
        let growth = self.shared.growth();
        let count = |name: Name| Some((name.table()?, growth.unsound(name)));
        Name::ALL.into_iter().filter_map(count).filter(|(_, rows)| *rows > 0).collect()
    }

    /// Leaves those rows out from now on: for a database of which all that is needed was found to be whole, and that nobody
    /// else uses. Takes as much room as its runs. What `note` writes is folded with it.
    pub fn leave_out_unsound(&self, note: impl FnOnce(&mut Batch) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.fold()?;
        self.shared.growth().leave_out_unsound().map_err(|error| StoreError(error.to_string()))?;
        let mut batch = self.begin()?;
        note(&mut batch)?;
        batch.commit()?;
        let fold = self.set_aside(&mut self.shared.turn())?;
        fold.run()
    }

    /// Whether room is short, and a fold of no rows would go on with merges.
    pub fn gives_space_back(&self) -> bool {
        self.shared.room.is_short() && self.shared.has_merges()
    }

    /// Damage that keeps rows from being merged, as the fold before found it.
    pub fn unmerged(&self) -> Option<StoreError> {
        self.shared.unmerged().map(StoreError)
    }

    /// Whether rows are set aside that are not folded yet, or a fold still merges.
    pub fn is_folding(&self) -> bool {
        self.shared.view().frozen.is_some() || self.shared.is_growing()
    }

    /// Bytes of rows in memory that are not folded yet.
    pub fn unfolded_bytes(&self) -> u64 {
        self.shared.view().unfolded_bytes()
    }

    /// Folds what was committed up to now, here and at once: for a database in the making, and for tests.
    pub fn fold(&self) -> Result<(), StoreError> {
        self.freeze()?.map_or(Ok(()), Fold::run)
    }

    /// The disk's first error, if it had one.
    pub fn failure(&self) -> Option<StoreError> {
        self.shared.poison.check().err()
    }

    /// Sizes for metrics.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let view = self.shared.view();
        let counted = Name::ALL.into_iter().map(|name| Ok((name.as_str(), view.base.rows_of(name)?)));
        let rows = counted.collect::<Result<_, _>>()?;
        let (file_bytes, disk_bytes) = self.path.as_deref().map_or(Ok((0, 0)), file_size)?;
        Ok(Stats { file_bytes, disk_bytes, rows, unfolded_bytes: view.unfolded_bytes() })
    }

    fn over(
        tables: Tables,
        (journal, folded): (Journal, Mark),
        growth: Growth,
        rows: Unfolded,
        path: Option<PathBuf>,
    ) -> Result<Self, DbError> {
        let poison = Arc::default();
        let base = Base::begin(&tables.0, growth.in_force(), &poison).map_err(|error| DbError::Foreign(error.0))?;
        let view = View { base: Arc::new(base), frozen: None, active: Arc::default(), at: 0 };
        let part_bytes = if path.is_some() { PART_BYTES } else { MEMORY_PART_BYTES };
        view.active.put(rows, view.at);
        Ok(Self { shared: Arc::new(Shared::new(tables, poison, view, (journal, folded), growth, part_bytes)), path })
    }
}

/// Seed of a new journal: no other database's records are taken for its own. The keys of a hash map are random enough.
fn random() -> Checksum {
    let number = |_| RandomState::new().build_hasher().finish();
    let [first, second] = [0, 1].map(number).map(u64::to_le_bytes);
    [first, second].concat().try_into().expect("twice eight bytes")
}

/// The tables, and the room for them.
type Tables = (Database, Arc<Room>);

/// Rows that the journal holds, by table.
type Unfolded = [Writes; Name::COUNT];

/// The database in a folder, for who does not read its rows.
pub(crate) fn opened(dir: &Path) -> Result<Database, DbError> {
    let database = over_file(dir, &|file| file)?;
    about::check_format(&database)?;
    Ok(database)
}

/// The database over its file as `wrapped`.
fn over_file<B: StorageBackend>(dir: &Path, wrapped: &impl Fn(FileBackend) -> B) -> Result<Database, DbError> {
    let path = dir.join(FILE);
    if !path.try_exists().map_err(io_error(&path))? {
        return Err(DbError::Missing(dir.into()));
    }
    let file = OpenOptions::new().read(true).write(true).open(&path).map_err(io_error(&path))?;
    if file.metadata().map_err(io_error(&path))?.len() == 0 {
        return Err(DbError::Foreign("its file is empty".into())); // redb would make a new one in it
    }
    let file = wrapped(FileBackend::new(file).map_err(not_opened(dir))?);
    Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(file).map_err(not_opened(dir))
}

/// The journal's files in a folder, each as `wrapped`. Bytes of an earlier use are none of theirs: each generation has
/// its own seed.
fn journal_files<B: StorageBackend>(
    dir: &Path,
    options: &OpenOptions,
    wrapped: impl Fn(FileBackend) -> B,
) -> Result<[Box<dyn StorageBackend>; FILES], DbError> {
    let open = |name: &str| -> Result<Box<dyn StorageBackend>, DbError> {
        let path = dir.join(name);
        let file = options.open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => DbError::Journal(format!("{} is missing", path.display())),
            _ => io_error(&path)(error),
        })?;
        Ok(Box::new(wrapped(FileBackend::new(file).map_err(not_opened(dir))?)))
    };
    let [first, second, third] = JOURNAL_FILES;
    Ok([open(first)?, open(second)?, open(third)?])
}

/// Why a file that is there does not open.
fn not_opened(dir: &Path) -> impl FnOnce(DatabaseError) -> DbError + use<> {
    let dir = dir.to_path_buf();
    move |error| match error {
        DatabaseError::DatabaseAlreadyOpen => DbError::Locked(dir),
        error => error.into(),
    }
}

fn unfolded(records: Vec<Vec<u8>>) -> Result<Unfolded, DbError> {
    let mut writes = Unfolded::default();
    for record in records {
        let rows: Vec<Journaled> = decode(&record).map_err(|error| DbError::Foreign(error.0))?;
        for (name, key, value) in rows {
            let table = writes.get_mut(usize::from(name)).ok_or_else(|| DbError::Foreign("no such table".into()))?;
            table.insert(key, value.map(Arc::new));
        }
    }
    Ok(writes)
}

/// The runs that a database lists.
fn growth(database: &Database, folder: Arc<dyn Folder>, sizes: Sizes) -> Result<Growth, DbError> {
    let growth = Growth::open(about::runs(database)?, folder, sizes);
    Ok(if about::is_older(database)? { growth.told_anew() } else { growth })
}

/// The first commit: every table, so that no reader meets one that does not exist, the format, and where the journal
/// begins.
fn make_tables(database: &Database, journal: Mark) -> Result<(), DbError> {
    let transaction = begin_write(database)?;
    for name in Name::ALL {
        transaction.open_table(name.definition())?;
    }
    about::set(&transaction, key::FORMAT, encode(&about::FORMAT))?;
    about::set(&transaction, key::JOURNAL, encode(&journal))?;
    about::set(&transaction, key::RUNS, encode(&Manifest::default()))?;
    transaction.commit()?;
    Ok(())
}

fn stored_mark(database: &Database) -> Result<Mark, DbError> {
    let stored = about::read(database, key::JOURNAL)?.ok_or_else(|| DbError::Foreign("no journal".into()))?;
    decode(&stored).map_err(|error| DbError::Foreign(error.0))
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

pub(crate) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> DbError + use<> {
    let path = path.to_path_buf();
    move |error| DbError::Io { path, error }
}
