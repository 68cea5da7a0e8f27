//! Place of a database: what grows beside it takes it, and what stood there is kept under another name.
//!
//! A swap is two renames. The next run that finds them cut off between finishes them: what grew was whole before the first one.

use super::mark::mark;
use super::outcome::{Copied, CopyError, at};
use crate::engine::replay;
use crate::framed::{beside, sync_parent};
use crate::shelter::sheltered;
use quorate_ledger::{Genesis, Ledger};
use quorate_pbft::{Broken, SeqNum};
use quorate_storage::{Db, DbError};
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Name of the folder in which a copy grows, after that of the database.
pub(super) const GROWING: &str = "copy";
/// Name of the database that a copy or a restored state replaced.
pub(super) const BEFORE: &str = "before-copy";
/// Name of the folder in which a database is made anew.
pub(super) const MENDED: &str = "repair";
/// Name of the database that a repair replaced.
pub(super) const BEFORE_REPAIR: &str = "before-repair";
/// Name of the folder in which a database is restored.
pub(super) const RESTORED: &str = "restore";
/// The commands that do so: of a replica, and of an observer.
const RESTORE: &str = "restore FILE` or `quorate bundle import FILE";

/// Database that is to be replaced: its lock is held, so that no replica runs on it.
pub(super) struct Old {
    pub db: Db,
    pub id: DatabaseId,
}

/// Device and number of a database's file: they go with it where its folder is renamed, and while it is open no other has them.
pub(super) type DatabaseId = (u64, u64);

/// The database that stands in a folder now.
pub(super) fn database_at(data: &Path) -> Option<DatabaseId> {
    fs::metadata(Db::file(data)).ok().map(|file| (file.dev(), file.ino()))
}

/// Refuses a place that no rename can free: where a file system is mounted, or a link to a folder that is not there.
pub(super) fn movable(data: &Path) -> Result<(), CopyError> {
    let (Ok(stands), Some(parent)) = (fs::symlink_metadata(data), data.parent()) else { return Ok(()) };
    let is_mounted = || fs::metadata(parent).is_ok_and(|parent| parent.dev() != stands.dev());
    match stands.is_symlink() {
        true if !data.exists() => Err(CopyError::Dangling(data.to_owned())),
        false if is_mounted() => Err(CopyError::Mounted(data.to_owned())),
        _ => Ok(()),
    }
}

/// The database that stands there, if it can be read.
pub(super) fn open_old(data: &Path, before: &Path) -> Result<Option<Old>, CopyError> {
    if before.exists() {
        return Err(CopyError::InTheWay(before.to_owned()));
    }
    movable(data)?;
    let Some(id) = database_at(data) else { return Ok(None) };
    match sheltered(|| Db::open(data)) {
        Some(Ok(db)) => Ok(Some(Old { db, id })),
        Some(Err(error)) if !is_lost(&error) => Err(error.into()),
        Some(Err(_)) | None => Ok(None), // nothing of it is needed
    }
}

/// Whether an error says that a database is damaged, gone, or on a disk that fails. After any other it may be sound.
pub(crate) fn is_lost(error: &DbError) -> bool {
    error.is_damage() || error.is_of_disk() || matches!(error, DbError::Missing(_))
}

/// Slot of a database, where it opens.
pub(super) fn slot(db: &Db, genesis: &Genesis) -> Option<SeqNum> {
    sheltered(|| replay::open(db, genesis).ok().map(|opened| opened.ledger.head().seq)).flatten()
}

/// Refuses to move a database that the caller does not hold, where it opens by now or somebody else holds it.
fn unless_taken(data: &Path, growing: &Path, held: Option<DatabaseId>) -> Result<(), CopyError> {
    let opens = || matches!(sheltered(|| Db::open(data).map(drop)), Some(Ok(()) | Err(DbError::Locked(_))));
    let stands = database_at(data);
    let is_taken = stands.is_some() && stands != held && opens();
    let taken = || CopyError::Taken { data: data.to_owned(), growing: growing.to_owned() };
    if is_taken { Err(taken()) } else { Ok(()) }
}

/// Moves the database that stands there, and that the caller holds if it opens, out of the way, and what grew beside it in.
/// The place of a copy is marked between: a database that stays where it is keeps its votes.
pub(super) fn swap(
    data: &Path,
    growing: &Path,
    before: PathBuf,
    (held, copied): (Option<DatabaseId>, Option<SeqNum>),
) -> Result<Option<PathBuf>, CopyError> {
    unless_taken(data, growing, held)?;
    let before = data.exists().then_some(before);
    if let Some(before) = &before {
        fs::rename(data, before).map_err(at(data))?;
    }
    let marked = copied.map_or(Ok(()), |seq| mark(data, seq));
    if let (Err(_), Some(before)) = (&marked, &before) {
        fs::rename(before, data).map_err(at(before))?;
    }
    marked?;
    fs::rename(growing, data).map_err(at(growing))?;
    sync_parent(data).map_err(at(data))?;
    Ok(before)
}

/// Ends a [`swap`] that was cut off between its renames; none where there was none.
pub(super) fn settle(
    data: &Path,
    (growing, before): (&Path, &Path),
    genesis: &Genesis,
) -> Result<Option<Copied>, CopyError> {
    if !is_cut_off(data, growing, before) || is_whole(growing) == Some(false) {
        return Ok(None);
    }
    let (db, ledger) = match sheltered(|| open_whole(growing, genesis)) {
        Some(Ok(opened)) => opened,
        Some(Err(error)) if !error.is_damage() => return Err(error),
        _ if !is_cut_off(data, growing, before) => return Ok(None), // another run has ended it meanwhile
        _ => {
            let [growing, before, data] = [growing, before, data].map(Path::to_owned);
            return Err(CopyError::Spoiled { growing, before, data });
        }
    };
    if let Some(Broken::Copied(seq)) = db.snapshot()?.broken()? {
        mark(data, seq)?;
    }
    fs::rename(growing, data).map_err(at(growing))?;
    sync_parent(data).map_err(at(data))?;
    drop(db); // its lock is held until it is in its place
    let (seq, state_root, before) = (ledger.head().seq, ledger.state_root(), Some(before.to_owned()));
    Ok(Some(Copied { progress: Default::default(), seq, state_root, before, before_seq: None }))
}

/// Opens what was made whole as a start would: every row is looked at.
pub(super) fn open_whole(growing: &Path, genesis: &Genesis) -> Result<(Db, Ledger), CopyError> {
    let db = Db::open(growing)?;
    let ledger = Ledger::open(&db.snapshot()?, genesis)?;
    Ok((db, ledger))
}

/// Command that was cut off between the two renames, and whose next run ends it. A copy that was stopped before may lie
/// beside what another command has made whole, and beside a database that a command before has replaced.
pub(crate) fn cut_off(data: &Path) -> Option<&'static str> {
    let commands =
        [("repair --from URL", MENDED, BEFORE_REPAIR), ("copy", GROWING, BEFORE), (RESTORE, RESTORED, BEFORE)];
    let is_it =
        |(_, growing, before): &(_, &str, &str)| is_cut_off(data, &beside(data, growing), &beside(data, before));
    let found =
        commands.into_iter().filter(is_it).map(|(command, growing, _)| (is_whole(&beside(data, growing)), command));
    found.filter(|(whole, _)| *whole != Some(false)).max_by_key(|(whole, _)| *whole).map(|(_, command)| command)
}

/// Whether a database holds a state to its end; none where it does not open. No command begins to put a part in its place.
fn is_whole(growing: &Path) -> Option<bool> {
    if Db::is_unmade(growing) {
        return Some(false);
    }
    sheltered(|| Ok::<_, CopyError>(Ledger::is_whole(&Db::open(growing)?.snapshot()?)?))?.ok()
}

/// Command that fills a folder beside the place of a database now, and that folder.
pub(crate) fn filling(data: &Path) -> Option<(&'static str, PathBuf)> {
    let is_held =
        |growing: &PathBuf| matches!(sheltered(|| Db::open(growing).map(drop)), Some(Err(DbError::Locked(_))));
    let folders = [("copy", beside(data, GROWING)), (RESTORE, beside(data, RESTORED))];
    folders.into_iter().find(|(_, growing)| growing.exists() && is_held(growing))
}

/// Refuses to begin where another command was cut off between its renames: what it made is whole, and may hold promises.
pub(super) fn ended_by_its_own(data: &Path) -> Result<(), CopyError> {
    let refused = |command| Err(CopyError::CutOff { path: data.to_owned(), command });
    cut_off(data).map_or(Ok(()), refused)
}

fn is_cut_off(data: &Path, growing: &Path, before: &Path) -> bool {
    !data.exists() && growing.exists() && before.exists()
}

/// A folder that others of this machine do not read: contents are in it, past the policies.
pub(super) fn make_dir(dir: &Path) -> Result<(), CopyError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))
}

/// An empty database in a folder of its own; what an earlier run has left there is removed.
pub(super) fn fresh(dir: &Path) -> Result<Db, CopyError> {
    if dir.exists() {
        if let Some(Err(error @ DbError::Locked(_))) = sheltered(|| Db::open(dir)) {
            return Err(error.into());
        }
        fs::remove_dir_all(dir).map_err(at(dir))?;
    }
    make_dir(dir)?;
    Ok(Db::create(dir)?)
}

#[cfg(test)]
mod tests;
