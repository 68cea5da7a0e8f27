//! Filling a stopped replica's folder with the group's state, from several nodes of which some may lie.
//!
//! The copy grows in a folder of its own beside the database; a copy that was stopped goes on there. Only when it holds a
//! certified state whole, and opens on it, does it take the place of the database.

mod outcome;
mod record;
mod turn;
mod liars;
mod mark;
mod load;
mod worker;
mod snapshot;
mod forgotten;
mod repair;
mod place;
mod vote;

pub(crate) use liars::{Liar, liars};
pub use load::floor;
pub(crate) use mark::marked;
pub use outcome::{Copied, CopyError, Copying, DISK_FULL, Progress, Tell, Unsound};
pub(crate) use place::{cut_off, filling, is_lost};
pub use record::is_snapshot;
pub use repair::{Found, Repaired, look, repair};
pub use snapshot::{Exported, Files, Left, export, files, go_on, left, read, rehearse, restore, verify};
pub use vote::voting;

use crate::framed::beside;
use crate::shelter::sheltered;
use load::Load;

use outcome::at;
use place::{BEFORE, GROWING, ended_by_its_own, make_dir, open_old, open_whole, settle, slot, swap};
use quorate_client::http::Client;
use quorate_ledger::{Genesis, Ledger};
use quorate_pbft::{Digest, PublicKey};
use quorate_storage::Db;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;

/// Copy to make.
pub struct Plan {
    /// Folder of the database.
    pub data: PathBuf,
    /// Genesis of the group: all that is trusted.
    pub genesis: Genesis,
    /// Public key of the replica.
    pub member: [u8; 32],
    /// Nodes to copy from.
    pub from: Vec<Client>,
    /// Whether the key is new, as that of a replica that joins: the copy votes once a list names it.
    pub is_joiner: bool,
}

/// Makes a copy; goes on with one that was begun.
pub fn run(plan: Plan, tell: Tell) -> Copying<'static, Copied> {
    Box::pin(copied(plan, tell))
}

async fn copied(plan: Plan, tell: Tell) -> Result<Copied, CopyError> {
    let Plan { data, genesis, member, from, is_joiner } = plan;
    let (growing, before) = (beside(&data, GROWING), beside(&data, BEFORE));
    if let Some(copied) = settle(&data, (&growing, &before), &genesis)? {
        return Ok(copied);
    }
    ended_by_its_own(&data)?;
    let old = open_old(&data, &before)?; // its lock, if it opens, is held until the copy is in its place
    let is_new = !growing.exists();
    make_dir(&growing)?;
    let mut load = take_up(&growing, &genesis, &member)?.noted_by(&data);
    if let Some(old) = &old {
        load.take_epochs(&old.db.snapshot()?.apart(), &genesis)?;
    }
    if let Some(old) = old.as_ref().filter(|_| is_new) {
        load.seed(&old.db.snapshot()?.apart(), &genesis)?;
    }
    let (load, failures) = fill(load, from, tell).await?;
    let Some((progress, checkpoint)) = load.finish(&genesis, None)? else {
        return Err(CopyError::of_nobody(failures));
    };
    let before_seq = old.as_ref().and_then(|old| slot(&old.db, &genesis));
    let was_marked = marked(&data).map_err(at(&data))?.is_some();
    let may_vote = is_joiner && !was_marked && unmark(&growing, &genesis, member)?;
    let copy = check(&growing, &genesis, checkpoint.state_root())?; // no other command takes it meanwhile
    let seq = checkpoint.head().seq;
    let held = old.as_ref().map(|old| old.id);
    let before = swap(&data, &growing, before, (held, (!may_vote).then_some(seq)))?;
    drop(copy);
    Ok(Copied { progress, seq, state_root: checkpoint.state_root(), before, before_seq })
}

/// Opens what an earlier run has copied, or begins anew.
fn take_up(growing: &Path, genesis: &Genesis, member: &[u8; 32]) -> Result<Load, CopyError> {
    let opened = sheltered(|| {
        let db = if Db::is_unmade(growing) { Db::create(growing) } else { Db::open(growing) }?;
        db.claim(member)?;
        Load::open(db, genesis)
    });
    let damaged = || Err(CopyError::DamagedPart(growing.to_owned()));
    opened.map_or_else(damaged, |opened| opened.map_err(CopyError::of_part(growing)))
}

/// Asks all nodes until the state is whole or none is left; in words why nodes ended before, and whether each refused.
async fn fill(load: Load, from: Vec<Client>, tell: Tell) -> Result<(Load, Vec<(String, bool)>), CopyError> {
    let load = Arc::new(Mutex::new(load));
    let mut workers = JoinSet::new();
    for (number, node) in from.into_iter().enumerate() {
        worker::lock(&load).enter(number);
        workers.spawn(worker::work(load.clone(), (number, node), tell.clone()));
    }
    let (mut failures, mut failed) = (Vec::new(), None);
    while let Some(ended) = workers.join_next().await {
        match ended {
            Ok(Ok(why)) => failures.extend(why),
            Ok(Err(error)) => {
                failed.get_or_insert(error);
                workers.abort_all(); // and none outlives this: the database is theirs
            }
            Err(ended) if ended.is_cancelled() => (),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    failed.map_or(Ok(()), Err)?;
    let load = Arc::into_inner(load).expect("all workers have ended");
    Ok((load.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()), failures))
}

/// Opens the copy at the root that was certified. Its lock is the caller's.
fn check(growing: &Path, genesis: &Genesis, root: Digest) -> Result<Db, CopyError> {
    let damaged = || Err(CopyError::DamagedPart(growing.to_owned()));
    let opened = sheltered(|| open_whole(growing, genesis));
    let (db, ledger) = opened.map_or_else(damaged, |opened| opened.map_err(CopyError::of_part(growing)))?;
    assert_eq!(ledger.state_root(), root, "a copy opens at the root that was certified");
    Ok(db)
}

/// Takes the row of a copy out of the database of a key that is in no member list up to this state. Whether it did.
fn unmark(growing: &Path, genesis: &Genesis, member: [u8; 32]) -> Result<bool, CopyError> {
    let (db, key) = (Db::open(growing)?, PublicKey(member));
    let snapshot = db.snapshot()?;
    let ledger = Ledger::open(&snapshot, genesis)?;
    let chain = ledger.view(&snapshot).chain_of_epochs()?;
    if chain.committees().iter().chain(ledger.next_voters()).any(|committee| committee.replica_of(&key).is_some()) {
        return Ok(false);
    }
    let mut batch = db.begin()?;
    batch.end_mark_of_key()?;
    batch.commit()?;
    db.fold()?;
    Ok(true)
}
