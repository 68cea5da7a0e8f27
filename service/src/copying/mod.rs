//! Filling a stopped replica's folder with the group's state, from several nodes of which some may lie.
//!
//! The copy grows in a folder of its own beside the database; a copy that was stopped goes on there. Only when it holds a
//! certified state whole, and opens on it, does it take the place of the database.

mod outcome;
mod source;
mod load;
mod worker;
mod snapshot;

pub use load::floor;
pub use outcome::{Copied, CopyError, Progress};
pub use snapshot::{Exported, export, open, verify};
pub use source::Source;

use load::Load;
use quorate_ledger::{Genesis, Ledger};
use quorate_pbft::Digest;
use quorate_storage::{Db, DbError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::{fs, io};
use tokio::task::JoinSet;

/// Name of the folder in which a copy grows, after that of the database.
const GROWING: &str = "copy";
/// The same for the database that a copy has replaced.
const BEFORE: &str = "before-copy";

/// Copy to make.
pub struct Plan {
    /// Folder of the database.
    pub data: PathBuf,
    /// Genesis of the group: all that is trusted.
    pub genesis: Genesis,
    /// Public key of the replica.
    pub member: [u8; 32],
    /// Sources to copy from.
    pub from: Vec<Source>,
}

/// Makes a copy; goes on with one that was begun. `tell` is told of progress.
pub async fn run(plan: Plan, tell: impl Fn(&Progress) + Send + Sync + 'static) -> Result<Copied, CopyError> {
    let Plan { data, genesis, member, from } = plan;
    let (growing, before) = (beside(&data, GROWING), beside(&data, BEFORE));
    let old = open_old(&data, &before)?;
    let is_snapshot = from.iter().any(|source| matches!(source, Source::Snapshot(_)));
    if is_snapshot && growing.exists() {
        fs::remove_dir_all(&growing).map_err(at(&growing))?; // its answers are to the questions of an empty database
    }
    let is_new = !growing.exists();
    make_dir(&growing)?;
    let db = if is_new || !is_database(&growing) { Db::create(&growing)? } else { Db::open(&growing)? };
    db.claim(&member)?;
    let mut load = Load::open(db, &genesis)?;
    if let Some(old) = old.as_ref().filter(|_| is_new && !is_snapshot) {
        load.seed(old, &genesis)?;
    }
    let (load, failures) = fill(load, from, tell).await?;
    let Some((progress, checkpoint)) = load.finish(&genesis)? else {
        return Err(CopyError::NobodyLeft(failures.join("; ")));
    };
    check(&growing, &genesis, checkpoint.state_root())?;
    drop(old);
    let before = swap(&data, &growing, before)?;
    Ok(Copied { progress, seq: checkpoint.head().seq, state_root: checkpoint.state_root(), before })
}

/// Asks all sources until the state is whole or none is left; in words why sources ended before.
async fn fill(
    load: Load,
    from: Vec<Source>,
    tell: impl Fn(&Progress) + Send + Sync + 'static,
) -> Result<(Load, Vec<String>), CopyError> {
    let load = Arc::new(Mutex::new(load));
    let tell: Arc<dyn Fn(&Progress) + Send + Sync> = Arc::new(tell);
    let mut workers = JoinSet::new();
    for (number, source) in from.into_iter().enumerate() {
        worker::lock(&load).enter(number);
        workers.spawn(worker::work(load.clone(), (number, source), tell.clone()));
    }
    let mut failures = Vec::new();
    while let Some(ended) = workers.join_next().await {
        let ended = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        failures.extend(ended?);
    }
    let load = Arc::into_inner(load).expect("all workers have ended");
    Ok((load.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()), failures))
}

/// A folder that others of this machine do not read.
fn make_dir(dir: &Path) -> Result<(), CopyError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))
}

fn beside(data: &Path, name: &str) -> PathBuf {
    let mut path = data.as_os_str().to_owned();
    path.push(".");
    path.push(name);
    path.into()
}

fn is_database(dir: &Path) -> bool {
    !matches!(Db::open(dir), Err(DbError::Missing(_)))
}

/// The database that stands there, if it can be read; its lock is held, so that no replica runs on it.
fn open_old(data: &Path, before: &Path) -> Result<Option<Db>, CopyError> {
    if !data.exists() {
        return Ok(None);
    }
    if before.exists() {
        return Err(CopyError::InTheWay(before.to_owned()));
    }
    match std::panic::catch_unwind(|| Db::open(data)) {
        Ok(Ok(db)) => Ok(Some(db)),
        Ok(Err(error @ DbError::Locked(_))) => Err(error.into()),
        Ok(Err(_)) | Err(_) => Ok(None), // damaged: nothing of it is needed
    }
}

/// Opens the copy as a start would: every row is looked at.
fn check(growing: &Path, genesis: &Genesis, root: Digest) -> Result<(), CopyError> {
    let db = Db::open(growing)?;
    let ledger = Ledger::open(&db.snapshot()?, genesis)?;
    assert_eq!(ledger.state_root(), root, "a copy opens at the root that was certified");
    Ok(())
}

fn swap(data: &Path, growing: &Path, before: PathBuf) -> Result<Option<PathBuf>, CopyError> {
    let before = data.exists().then_some(before);
    if let Some(before) = &before {
        fs::rename(data, before).map_err(at(data))?;
    }
    fs::rename(growing, data).map_err(at(growing))?;
    let parent = data.parent().unwrap_or(Path::new("."));
    fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(at(parent))?;
    Ok(before)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> CopyError + use<> {
    let path = path.to_owned();
    move |source| CopyError::Io { path, source }
}
