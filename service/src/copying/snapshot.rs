//! Snapshots: a group's certified state in one file, which is checked with the genesis alone.
//!
//! A snapshot is the record of a copy: the questions to one node and its answers, in their order. Whoever reads it takes
//! the answers as a copy takes those of a node that may lie. A group that lost more than f disks goes on from one (M5): as another
//! group, whose genesis names the state.

use super::load::Load;
use super::mark::marked;
use super::outcome::{Copied, CopyError, Progress, Unsound, at};
use super::place::{BEFORE, RESTORED, ended_by_its_own, fresh, slot, swap};
use super::record::{Frame, Reader, Recorder};
use super::{Copying, Tell, check, fill, open_old, settle};
use crate::framed::{Flaw, beside, clear, sync_parent};
use quorate_client::http::Client;
use quorate_ledger::copy::{Ask, Errand, Refused, TakeError};
use quorate_ledger::proof::{Checkpoint, Epochs, restart_from, restarted_from};
use quorate_ledger::{Genesis, Ledger, Restart, StateView, StoreError};
use quorate_pbft::{Digest, SeqNum};
use quorate_storage::Db;
use std::fs;
use std::path::Path;

/// Name of the folder with the database that a snapshot is checked with, after that of the file.
const SCRATCH: &str = "scratch";
/// Name of a snapshot that is not whole, after that of the file.
const UNFINISHED: &str = "new";
/// Files in a backup, and bytes of each: configuration, genesis, key.
const FILES_MAX: usize = 8;
const FILE_BYTES_MAX: usize = 64 << 20;

/// State of a snapshot file.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Slot of the state.
    pub seq: SeqNum,
    /// Root of the state.
    pub state_root: Digest,
    /// Entries of the state.
    pub entries: u64,
    /// Answers in the file.
    pub answers: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Files of a replica's folder by their names.
pub type Files = Vec<(String, Vec<u8>)>;

/// Writes the state of a node, and these files, into a file, which has its name once it is whole.
pub fn export<'a>(
    node: Client,
    out: &'a Path,
    genesis: &'a Genesis,
    files: Files,
    tell: Tell,
) -> Copying<'a, Exported> {
    Box::pin(recorded(node, out, genesis, files, tell))
}

async fn recorded(
    node: Client,
    out: &Path,
    genesis: &Genesis,
    files: Files,
    tell: Tell,
) -> Result<Exported, CopyError> {
    let (unfinished, scratch) = (beside(out, UNFINISHED), beside(out, SCRATCH));
    let db = fresh(&scratch)?;
    clear(&unfinished).map_err(at(&unfinished))?;
    let mut recorder = Recorder::begin(&unfinished).map_err(at(&unfinished))?;
    for (name, bytes) in files {
        recorder.add(&Frame::File { name, bytes }).map_err(at(&unfinished))?;
    }
    let load = Load::open(db, genesis)?.recorded_by(recorder);
    let recorded = fill(load, vec![node], tell)
        .await
        .and_then(|(load, failures)| load.into_record().ok_or_else(|| CopyError::of_nobody(failures)));
    let removed = fs::remove_dir_all(&scratch).map_err(at(&scratch));
    let (progress, checkpoint, recorder) = match removed.and(recorded) {
        Ok(recorded) => recorded,
        Err(error) => {
            clear(&unfinished).map_err(at(&unfinished))?;
            return Err(error);
        }
    };
    let bytes = recorder.end(checkpoint.clone()).map_err(at(&unfinished))?;
    fs::rename(&unfinished, out).map_err(at(out))?;
    sync_parent(out).map_err(at(out))?;
    Ok(exported(&progress, &checkpoint, bytes))
}

/// Checks a snapshot file with the genesis and the epochs that somebody knows: each byte, each answer, and that they make one
/// certified state. Says which epochs are known with it.
pub fn verify(path: &Path, (genesis, known): (&Genesis, &Epochs)) -> Result<(Exported, Epochs), CopyError> {
    let ((), exported, epochs) = checked(path, (genesis, known), |_, _| Ok(()))?;
    Ok((exported, epochs))
}

/// Checks a snapshot file as [`verify`] does, and looks at its state.
pub fn read<T>(
    path: &Path,
    (genesis, known): (&Genesis, &Epochs),
    look: impl FnOnce(&StateView<'_>) -> Result<T, StoreError>,
) -> Result<T, CopyError> {
    let looked = checked(path, (genesis, known), |load, scratch| {
        let (_, checkpoint) = load.finish(genesis, None)?.expect("the snapshot was whole");
        let db = check(scratch, genesis, checkpoint.state_root())?;
        let snapshot = db.snapshot()?;
        Ok(look(&Ledger::open(&snapshot, genesis)?.view(&snapshot))?)
    });
    looked.map(|(looked, ..)| looked)
}

fn checked<T>(
    path: &Path,
    (genesis, known): (&Genesis, &Epochs),
    look: impl FnOnce(Load, &Path) -> Result<T, CopyError>,
) -> Result<(T, Exported, Epochs), CopyError> {
    let (mut reader, scratch) = (Reader::open(path)?, beside(path, SCRATCH));
    let mut load = Load::open(fresh(&scratch)?, genesis)?;
    let looked = replay(&mut load, &mut reader).and_then(|replayed| Ok((replayed, look(load, &scratch)?)));
    fs::remove_dir_all(&scratch).map_err(at(&scratch))?;
    let ((progress, checkpoint), looked) = looked?;
    let (_, epochs) =
        checkpoint.verify_after(known).map_err(|why| reader.unsound(Refused::NotCertified(why).into()))?;
    Ok((looked, exported(&progress, &checkpoint, reader.end()), epochs))
}

/// Files of a backup; none in a snapshot. Nothing vouches for them.
pub fn files(path: &Path) -> Result<Files, CopyError> {
    let (mut reader, mut files) = (Reader::open(path)?, Files::new());
    while let Frame::File { name, bytes } = reader.next()? {
        within_bounds(&reader, files.len(), bytes.len())?;
        files.push((name, bytes));
    }
    Ok(files)
}

/// Refuses more files, or larger ones, than a backup holds.
fn within_bounds(reader: &Reader, files: usize, bytes: usize) -> Result<(), CopyError> {
    let is_within = files < FILES_MAX && bytes <= FILE_BYTES_MAX;
    if is_within { Ok(()) } else { Err(reader.unsound(Flaw::Malformed.into())) }
}

/// Makes the database of a stopped replica from a snapshot file; nothing takes its place before the file has been
/// checked to its end. A run that was stopped is forgotten by the next.
pub fn restore(path: &Path, data: &Path, genesis: &Genesis, member: &[u8; 32]) -> Result<Copied, CopyError> {
    let (growing, before) = (beside(data, RESTORED), beside(data, BEFORE));
    if let Some(copied) = settle(data, (&growing, &before), genesis)? {
        return Ok(copied);
    }
    ended_by_its_own(data)?;
    let old = open_old(data, &before)?; // its lock, if it opens, is held until the state is in its place
    let mut reader = Reader::open(path)?;
    let db = fresh(&growing)?;
    db.claim(member)?;
    let mut load = Load::open(db, genesis)?;
    let replayed = replay(&mut load, &mut reader).and_then(|_| load.finish(genesis, None));
    if replayed.is_err() {
        fs::remove_dir_all(&growing).map_err(at(&growing))?;
    }
    let (progress, checkpoint) = replayed?.expect("the snapshot was whole");
    let restored = check(&growing, genesis, checkpoint.state_root())?; // no other command takes it meanwhile
    let before_seq = old.as_ref().and_then(|old| slot(&old.db, genesis));
    let seq = checkpoint.head().seq;
    let before = swap(data, &growing, before, (old.as_ref().map(|old| old.id), Some(seq)))?;
    drop(restored);
    Ok(Copied { progress, seq, state_root: checkpoint.state_root(), before, before_seq })
}

/// Certified state that is left of a group.
#[derive(Debug, Clone)]
pub struct Left {
    /// Restart from it.
    pub restart: Restart,
    /// Epochs that it shows.
    pub epochs: Epochs,
    /// Rules by which it was executed.
    pub rules: u32,
    /// Organisations that ran its members, in the order of their numbers.
    pub organisations: Vec<String>,
    /// Its entries.
    pub entries: u64,
}

/// Reads what a snapshot file proves of the group with this genesis, to the file's last byte.
pub fn left(path: &Path, genesis: &Genesis) -> Result<Left, CopyError> {
    let (mut reader, scratch) = (Reader::open(path)?, beside(path, SCRATCH));
    let mut load = Load::open(fresh(&scratch)?, genesis)?;
    let read = replay(&mut load, &mut reader).and_then(|_| load.finish(genesis, None));
    let left = read.and_then(|finished| {
        let (_, checkpoint) = finished.expect("the snapshot was whole");
        look(&scratch, genesis, restart_from(genesis, &checkpoint).map_err(CopyError::Unproven)?)
    });
    fs::remove_dir_all(&scratch).map_err(at(&scratch))?;
    left
}

fn look(data: &Path, genesis: &Genesis, (restart, epochs): (Restart, Epochs)) -> Result<Left, CopyError> {
    let db = Db::open(data)?;
    let snapshot = db.snapshot()?;
    let ledger = Ledger::open(&snapshot, genesis)?;
    let organisations = ledger.view(&snapshot).members()?.into_iter().map(|member| member.organisation);
    Ok(Left {
        restart,
        epochs,
        rules: ledger.rules(),
        organisations: organisations.collect(),
        entries: ledger.entries(),
    })
}

/// Makes the database of a replica of a group that goes on: the state in a snapshot of the group before, which the genesis
/// names, under the members of the genesis.
pub fn go_on(path: &Path, data: &Path, genesis: &Genesis) -> Result<(), CopyError> {
    restarted_from(genesis).map_err(CopyError::Unproven)?;
    let (_, before) = genesis.restarted().expect("who gives a snapshot has a genesis that names its group");
    ended_by_its_own(data)?;
    let mut reader = Reader::open(path)?;
    let mut load = Load::open(fresh(data)?, before)?;
    replay(&mut load, &mut reader)?;
    let root = load.go_on(genesis, marked(data).map_err(at(data))?)?;
    check(data, genesis, root).map(drop)
}

/// Tries whether a group can go on from a snapshot under this genesis, and leaves nothing behind.
pub fn rehearse(path: &Path, genesis: &Genesis) -> Result<(), CopyError> {
    let scratch = beside(path, SCRATCH);
    let tried = go_on(path, &scratch, genesis);
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(at(&scratch))?;
    }
    tried
}

/// Takes the answers of a file as those of a node.
fn replay(load: &mut Load, reader: &mut Reader) -> Result<(Progress, Checkpoint), CopyError> {
    let (mut files, mut under_way) = (0, None);
    loop {
        match reader.next()? {
            Frame::File { bytes, .. } if load.progress.answers == 0 => {
                within_bounds(reader, files, bytes.len())?;
                files += 1;
            }
            Frame::Answer { ask, answer } => under_way = take(load, reader, under_way, (&ask, &answer))?,
            Frame::End(checkpoint) if under_way.is_none() => {
                if !load.is_whole(&checkpoint)? {
                    return Err(reader.unsound(Unsound::NotWhole));
                }
                reader.close()?;
                return Ok((load.progress.clone(), *checkpoint));
            }
            Frame::File { .. } | Frame::End(_) => return Err(reader.unsound(Unsound::Order)),
        }
    }
}

/// Takes an answer; the errand that it belongs to, where more answers are to come.
fn take(
    load: &mut Load,
    reader: &Reader,
    under_way: Option<Errand>,
    (ask, answer): (&[u8], &[u8]),
) -> Result<Option<Errand>, CopyError> {
    let ask = Ask::decode(ask).ok_or_else(|| reader.unsound(Flaw::Malformed.into()))?;
    let errand = match under_way {
        Some(errand) if errand.ask().as_ref() == Some(&ask) => Some(errand),
        other => {
            other.into_iter().for_each(|errand| load.give_back(errand)); // its node could not end it
            load.recorded(&ask)
        }
    };
    let mut errand = errand.ok_or_else(|| reader.unsound(Unsound::Order))?;
    load.take(&mut errand, answer).map_err(|error| match error {
        TakeError::Refused(why) => reader.unsound(why.into()),
        TakeError::Store(error) => error.into(),
    })?;
    if errand.ask().is_some() {
        return Ok(Some(errand));
    }
    load.install(errand, Default::default())?;
    Ok(None)
}

fn exported(progress: &Progress, checkpoint: &Checkpoint, bytes: u64) -> Exported {
    let (seq, state_root) = (checkpoint.head().seq, checkpoint.state_root());
    Exported { seq, state_root, entries: progress.entries, answers: progress.answers, bytes }
}
