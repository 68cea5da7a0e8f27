//! Snapshot files: the answers of one node, in the order of the questions that an empty database asks.
//!
//! Such a file needs no trust: whoever reads it checks each answer as if the node had given it now.

use super::load::Load;
use super::outcome::{CopyError, Progress};
use super::source::{Recorder, Snapshot, Source};
use super::{at, beside, fill, make_dir};
use quorate_ledger::Genesis;
use quorate_pbft::{Digest, SeqNum};
use quorate_storage::Db;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read as _};
use std::path::Path;

/// Name of the folder of the database that a snapshot is checked with, after that of the file.
const SCRATCH: &str = "scratch";

/// State of a snapshot file.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Answers and their bytes.
    pub progress: Progress,
    /// Slot of the state.
    pub seq: SeqNum,
    /// Root of the state.
    pub state_root: Digest,
}

/// Opens a snapshot file.
pub fn open(file: &Path) -> Result<Source, CopyError> {
    let opened = File::open(file).map_err(at(file))?;
    let snapshot = Snapshot::open(file.display().to_string(), Box::new(BufReader::new(opened)));
    snapshot.map(Source::Snapshot).map_err(at(file))
}

/// Writes the state that a node holds into a file, under its name once it is whole.
pub async fn export(
    node: Source,
    out: &Path,
    genesis: &Genesis,
    tell: impl Fn(&Progress) + Send + Sync + 'static,
) -> Result<Exported, CopyError> {
    let unfinished = beside(out, "new");
    let file = File::create(&unfinished).map_err(at(&unfinished))?;
    let recorder = Recorder::begin(Box::new(BufWriter::new(file))).map_err(at(&unfinished))?;
    let (exported, recorder) = checked(node, out, genesis, Some(recorder), tell).await?;
    recorder.map_or(Ok(()), Recorder::end).map_err(at(&unfinished))?;
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(at(&unfinished))?;
    fs::rename(&unfinished, out).map_err(at(out))?;
    Ok(exported)
}

/// Checks a snapshot file with the genesis alone: each answer, and that they make one certified state.
pub async fn verify(file: &Path, genesis: &Genesis) -> Result<Exported, CopyError> {
    let mut rest = BufReader::new(File::open(file).map_err(at(file))?);
    let (exported, _) = checked(open(file)?, file, genesis, None, |_| ()).await?;
    let bytes = exported.progress.bytes + 4 * exported.progress.answers;
    let skipped = std::io::copy(&mut (&mut rest).take(bytes + super::source::TAG_BYTES), &mut std::io::sink());
    skipped.map_err(at(file))?;
    match rest.read(&mut [0]).map_err(at(file))? {
        0 => Ok(exported),
        _ => Err(CopyError::Surplus(file.to_owned())),
    }
}

async fn checked(
    source: Source,
    file: &Path,
    genesis: &Genesis,
    recorder: Option<Recorder>,
    tell: impl Fn(&Progress) + Send + Sync + 'static,
) -> Result<(Exported, Option<Recorder>), CopyError> {
    let scratch = beside(file, SCRATCH);
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(at(&scratch))?;
    }
    make_dir(&scratch)?;
    let mut load = Load::open(Db::create(&scratch)?, genesis)?;
    if let Some(recorder) = recorder {
        load = load.record(recorder);
    }
    let (load, failures) = fill(load, vec![source], tell).await?;
    let recorded = load.recorded();
    fs::remove_dir_all(&scratch).map_err(at(&scratch))?;
    let (progress, checkpoint, recorder) = recorded.ok_or_else(|| CopyError::NobodyLeft(failures.join("; ")))?;
    let exported = Exported { progress, seq: checkpoint.head().seq, state_root: checkpoint.state_root() };
    Ok((exported, recorder))
}
