//! The database that a copy fills, and the session that knows what it lacks.

use super::outcome::{CopyError, Progress};
use super::record::Recorder;
use super::turn::Turn;
use crate::engine::{EngineError, Roots};
use crate::shelter::sheltered;
use quorate_ledger::copy::{Ask, Errand, Next, Refused, Session, Survey, TakeError};
use quorate_ledger::proof::Checkpoint;
use quorate_ledger::{Genesis, Ledger, StoreError};
use quorate_pbft::{Broken, Digest, Record, SeqNum};
use quorate_storage::{Batch, Db, Snapshot};
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of answers between two folds: memory, and what is lost by a stop.
const FOLD_BYTES: u64 = 16 << 20;
/// The same for a copy that has just begun, or gone on: one that is stopped again and again gets on.
const FOLD_BYTES_FIRST: u64 = 256 << 10;
/// Share of what this run has brought that a stop may lose: one in so many.
const FOLD_SHARE: u64 = 32;

/// Database in the making.
pub(super) struct Load {
    db: Db,
    /// Rows since the last fold; none while they are folded.
    batch: Option<Batch>,
    session: Session,
    unfolded: u64,
    turn: Turn,
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
        let (turn, progress) = (Turn::new(Instant::now()), Progress::default());
        Ok(Self { db, batch: Some(batch), session, unfolded: 0, turn, progress, whole: None, recorder: None })
    }

    /// Records each answer that is taken.
    pub(super) fn recorded_by(self, recorder: Recorder) -> Self {
        Self { recorder: Some(recorder), ..self }
    }

    /// The state that is held whole, and its record.
    pub(super) fn into_record(self) -> Option<(Progress, Checkpoint, Recorder)> {
        Some((self.progress, self.whole?, self.recorder?))
    }

    /// Errand that a record begins here.
    pub(super) fn recorded(&mut self, ask: &Ask) -> Option<Errand> {
        self.session.recorded(ask)
    }

    /// Whether this state, and no other, is held whole.
    pub(super) fn is_whole(&mut self, checkpoint: &Checkpoint) -> Result<bool, StoreError> {
        let batch = self.batch.as_ref().expect("a batch is open between folds");
        self.whole = self.session.whole(batch)?.filter(|whole| whole == checkpoint);
        Ok(self.whole.is_some())
    }

    /// Begins with the state that an older database holds, as far as it is sound.
    pub(super) fn seed(&mut self, old: &Snapshot, genesis: &Genesis) -> Result<(), CopyError> {
        let Some(Ok(survey)) = sheltered(|| Survey::open(old, genesis)) else { return Ok(()) };
        self.batch = None;
        let mut from = Vec::new();
        loop {
            let mut batch = self.db.begin()?;
            let Some(Ok(next)) = sheltered(|| survey.copy_sound(old, &mut batch, &from)) else { break };
            batch.commit()?;
            self.db.fold()?;
            let Some(next) = next else { break };
            from = next;
        }
        let mut batch = self.db.begin()?;
        let _ = sheltered(|| survey.copy_steps(old, &mut batch)); // as far as they can be read
        self.session = Session::open(&mut batch, genesis)?;
        self.batch = Some(batch);
        Ok(())
    }

    /// Takes no state below this slot.
    pub(super) fn not_below(&mut self, least: SeqNum) {
        self.session.not_below(least);
    }

    /// A node that answers.
    pub(super) fn enter(&mut self, number: usize) {
        self.turn.enter(number);
        self.progress.nodes = self.turn.nodes();
    }

    /// A node that answers no more.
    pub(super) fn leave(&mut self, number: usize) {
        self.turn.leave(number);
        self.progress.nodes = self.turn.nodes();
    }

    /// Whether a state is here whole.
    pub(super) fn is_over(&self) -> bool {
        self.whole.is_some()
    }

    /// Whether more nodes than one answer.
    pub(super) fn has_others(&self) -> bool {
        self.turn.nodes() > 1
    }

    /// Whether an errand that takes so long is left to others.
    pub(super) fn is_late(&self, took: Duration) -> bool {
        self.has_others() && took > self.turn.errand_max()
    }

    /// The next task of a node. The first pass is everybody's; those after it belong to one node at a time, for they end
    /// where all answers come from one state.
    pub(super) fn task(&mut self, number: usize) -> Result<Task, StoreError> {
        if self.is_over() {
            return Ok(Task::End);
        }
        let passes = self.session.passes();
        let is_turn = self.turn.is_of(number, passes, Instant::now());
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
        let ask = self.recorder.as_ref().and(errand.ask());
        self.session.take(errand, batch, answer)?;
        if let Some((recorder, ask)) = self.recorder.as_mut().zip(ask) {
            let recorded = recorder.answer(ask.encode(), answer);
            recorded.map_err(|error| StoreError(format!("the snapshot: {error}")))?;
        }
        self.progress.bytes += answer.len() as u64;
        self.progress.answers += 1;
        self.unfolded += answer.len() as u64;
        if self.is_fold_due() {
            self.fold()?; // contents are proved by themselves: what an unfinished errand has brought may stay
        }
        Ok(())
    }

    /// Notes that a node's answer was refused.
    pub(super) fn refuse(&mut self, node: &str, why: Refused) {
        self.progress.refused.push((node.to_owned(), why));
    }

    pub(super) fn give_back(&mut self, errand: Errand) {
        self.session.give_back(errand);
    }

    /// Takes back an errand that a node did not bring in time.
    pub(super) fn give_back_late(&mut self, errand: Errand) {
        self.turn.brought(false);
        self.give_back(errand);
    }

    pub(super) fn install(&mut self, errand: Errand) -> Result<(), StoreError> {
        let batch = self.batch.as_mut().expect("a batch is open between folds");
        self.session.install(errand, batch)?;
        self.turn.brought(true);
        if self.is_fold_due() {
            self.fold()?;
        }
        let batch = self.batch.as_ref().expect("a batch is open between folds");
        (self.progress.entries, self.progress.entries_of_group) = self.session.progress(batch)?;
        Ok(())
    }

    fn is_fold_due(&self) -> bool {
        self.unfolded >= (self.progress.bytes / FOLD_SHARE).clamp(FOLD_BYTES_FIRST, FOLD_BYTES)
    }

    fn fold(&mut self) -> Result<(), StoreError> {
        self.batch.take().map_or(Ok(()), Batch::commit)?;
        self.db.fold()?;
        self.unfolded = 0;
        self.batch = Some(self.db.begin()?);
        Ok(())
    }

    /// Marks the database as the state that it holds whole, with the promises of its replica where they are given; without
    /// them it is a copy, which does not vote. None where it holds no state whole.
    pub(super) fn finish(
        mut self,
        genesis: &Genesis,
        promises: Option<&Snapshot>,
    ) -> Result<Option<(Progress, Checkpoint)>, CopyError> {
        let Some(checkpoint) = self.whole.take() else {
            self.fold()?;
            return Ok(None);
        };
        let seq = checkpoint.head().seq;
        let certificate = checkpoint.verify(genesis).expect("the session has checked it");
        let mut batch = self.batch.take().expect("a batch is open between folds");
        self.session.finish(&mut batch, &checkpoint)?;
        Roots::default().executed(&mut batch, seq, checkpoint.state_root())?;
        match promises {
            Some(promises) => {
                let head = checkpoint.head();
                batch.adopt(promises, (head.epoch, seq, &head.tips))?;
            }
            None => batch.record(&Record::Broken(Broken::Copied(seq))).map_err(EngineError::from)?,
        }
        batch.record(&Record::Stable(certificate)).map_err(EngineError::from)?;
        batch.commit()?;
        self.db.fold()?;
        Ok(Some((self.progress, checkpoint)))
    }
}

impl Load {
    /// Makes the state that it holds whole the first one of the group that goes on from it, with no promise, and as a copy
    /// where another copy was there. The root of that state.
    pub(super) fn go_on(mut self, genesis: &Genesis, copied: Option<SeqNum>) -> Result<Digest, CopyError> {
        let checkpoint = self.whole.take().expect("a snapshot was read to its end");
        let mut batch = self.batch.take().expect("a batch is open between folds");
        self.session.finish(&mut batch, &checkpoint)?;
        let root = Ledger::restart(&mut batch, genesis)?.state_root();
        Roots::default().executed(&mut batch, genesis.founders().base(), root)?;
        if let Some(seq) = copied {
            batch.record(&Record::Broken(Broken::Copied(seq))).map_err(EngineError::from)?;
        }
        batch.commit()?;
        self.db.fold()?;
        Ok(root)
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
