//! The database that a copy fills, and the session that knows what it lacks.

use super::outcome::{CopyError, Progress};
use super::source::Recorder;
use crate::engine::{EngineError, Roots};
use quorate_ledger::copy::{Errand, Next, Refused, Session, TakeError};
use quorate_ledger::proof::Checkpoint;
use quorate_ledger::{Genesis, Ledger, StoreError};
use quorate_pbft::{Broken, Ed25519, Record};
use quorate_storage::{Batch, Db};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of answers between two folds: what is lost by a stop, and memory.
const FOLD_BYTES: u64 = 16 << 20;

/// Passes that one node answers before another one does.
const PASSES_OF_ONE: u32 = 4;

/// Database in the making.
pub(super) struct Load {
    db: Db,
    /// Rows since the last fold; none while they are folded.
    batch: Option<Batch>,
    session: Session,
    unfolded: u64,
    nodes: BTreeSet<usize>,
    pub(super) progress: Progress,
    whole: Option<Checkpoint>,
    recorder: Option<Recorder>,
}

/// Task of a worker.
pub(super) enum Task {
    Ask(Errand),
    Wait,
    End,
}

impl Load {
    pub(super) fn open(db: Db, genesis: &Genesis) -> Result<Self, CopyError> {
        let mut batch = db.begin()?;
        let session = Session::open(&mut batch, genesis)?;
        let (nodes, progress) = Default::default();
        Ok(Self { db, batch: Some(batch), session, unfolded: 0, nodes, progress, whole: None, recorder: None })
    }

    /// Writes each answer that is taken into a snapshot file.
    pub(super) fn record(self, recorder: Recorder) -> Self {
        Self { recorder: Some(recorder), ..self }
    }

    /// The state that is held whole, and the file of its answers.
    pub(super) fn recorded(self) -> Option<(Progress, Checkpoint, Option<Recorder>)> {
        Some((self.progress, self.whole?, self.recorder))
    }

    /// Begins with the state that an older database holds, as far as it is sound.
    pub(super) fn seed(&mut self, old: &Db, genesis: &Genesis) -> Result<(), CopyError> {
        let snapshot = old.snapshot()?;
        let Ok(ledger) = Ledger::open(&snapshot, genesis) else { return Ok(()) };
        self.batch = None;
        let mut from = Vec::new();
        loop {
            let mut batch = self.db.begin()?;
            let Ok(next) = ledger.copy_some(&snapshot, &mut batch, &from) else { break };
            batch.commit()?;
            self.db.fold()?;
            let Some(next) = next else { break };
            from = next;
        }
        let mut batch = self.db.begin()?;
        self.session = Session::open(&mut batch, genesis)?;
        self.batch = Some(batch);
        Ok(())
    }

    /// A node that answers.
    pub(super) fn enter(&mut self, number: usize) {
        self.nodes.insert(number);
        self.progress.nodes = self.nodes.len();
    }

    /// A node that answers no more.
    pub(super) fn leave(&mut self, number: usize) {
        self.nodes.remove(&number);
        self.progress.nodes = self.nodes.len();
    }

    /// The next task of a node. The first pass is everybody's; those after it belong to one node at a time, for they end
    /// where all answers come from one state.
    pub(super) fn task(&mut self, number: usize) -> Result<Task, StoreError> {
        if self.whole.is_some() {
            return Ok(Task::End);
        }
        let passes = self.session.passes();
        let turn = (passes / PASSES_OF_ONE) as usize % self.nodes.len().max(1);
        let is_turn = self.nodes.iter().nth(turn) == Some(&number);
        if !is_turn && (passes > 1 || self.session.is_idle()) {
            return Ok(Task::Wait);
        }
        let batch = self.batch.as_ref().expect("a batch is open between folds");
        match self.session.next(batch)? {
            Next::Errand(errand) => Ok(Task::Ask(errand)),
            Next::Wait => Ok(Task::Wait),
            Next::Whole(checkpoint) => {
                self.whole = Some(*checkpoint);
                Ok(Task::End)
            }
        }
    }

    /// Takes an answer; what is refused has changed nothing.
    pub(super) fn take(&mut self, errand: &mut Errand, answer: &[u8]) -> Result<(), TakeError> {
        let batch = self.batch.as_mut().expect("a batch is open between folds");
        self.session.take(errand, batch, answer)?;
        if let Some(recorder) = &mut self.recorder {
            recorder.add(answer).map_err(|error| StoreError(format!("the snapshot: {error}")))?;
        }
        self.progress.bytes += answer.len() as u64;
        self.progress.answers += 1;
        self.unfolded += answer.len() as u64;
        Ok(())
    }

    /// Notes that a node's answer was refused.
    pub(super) fn refuse(&mut self, node: &str, why: Refused) {
        self.progress.refused.push((node.to_owned(), why));
    }

    pub(super) fn give_back(&mut self, errand: Errand) {
        self.session.give_back(errand);
    }

    pub(super) fn install(&mut self, errand: Errand) -> Result<(), StoreError> {
        let batch = self.batch.as_mut().expect("a batch is open between folds");
        self.session.install(errand, batch)?;
        if self.unfolded >= FOLD_BYTES {
            self.fold()?;
        }
        let batch = self.batch.as_ref().expect("a batch is open between folds");
        (self.progress.entries, self.progress.entries_of_group) = self.session.progress(batch)?;
        Ok(())
    }

    fn fold(&mut self) -> Result<(), StoreError> {
        self.batch.take().map_or(Ok(()), Batch::commit)?;
        self.db.fold()?;
        self.unfolded = 0;
        self.batch = Some(self.db.begin()?);
        Ok(())
    }

    /// Marks the database as a copy of the state that it holds whole; none where it holds none.
    pub(super) fn finish(mut self, genesis: &Genesis) -> Result<Option<(Progress, Checkpoint)>, CopyError> {
        let Some(checkpoint) = self.whole.take() else {
            self.fold()?;
            return Ok(None);
        };
        let claimed = checkpoint.certificate().clone();
        let (seq, epoch) = (checkpoint.head().seq, claimed.epoch);
        let committee = genesis.committee(epoch).ok_or(CopyError::Epoch(epoch))?;
        let certificate = committee.check(claimed, &Ed25519).expect("the session has checked it");
        let mut batch = self.batch.take().expect("a batch is open between folds");
        self.session.finish(&mut batch, &checkpoint)?;
        Roots::default().executed(&mut batch, seq, checkpoint.state_root())?;
        for record in [Record::Stable(certificate), Record::Broken(Broken::Copied(seq))] {
            batch.record(&record).map_err(EngineError::from)?;
        }
        batch.commit()?;
        self.db.fold()?;
        Ok(Some((self.progress, checkpoint)))
    }
}

/// Time that it takes to load the rows of a database into a fresh one in an empty folder: no copy is faster.
pub fn floor(data: &Path, scratch: &Path, genesis: &Genesis) -> Result<Duration, CopyError> {
    let db = Db::open(data)?;
    let snapshot = db.snapshot()?;
    let (ledger, fresh) = (Ledger::open(&snapshot, genesis)?, Db::create(scratch)?);
    let (begun, mut from) = (Instant::now(), Some(Vec::new()));
    while let Some(at) = from {
        let mut batch = fresh.begin()?;
        from = ledger.copy_some(&snapshot, &mut batch, &at)?;
        batch.commit()?;
        if fresh.unfolded_bytes() >= FOLD_BYTES {
            fresh.fold()?;
        }
    }
    fresh.fold()?;
    Ok(begun.elapsed())
}
