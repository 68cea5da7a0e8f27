//! The database that a copy fills, and the session that knows what it lacks.

use super::liars;
use super::outcome::{CopyError, Progress};
use super::record::Recorder;
use super::turn::Turn;
use crate::engine::{EngineError, Roots};
use crate::shelter::sheltered;
use quorate_ledger::copy::{Ask, Errand, Next, Refused, Session, Survey, TakeError, Walk, copy_steps};
use quorate_ledger::proof::{Checkpoint, Epochs};
use quorate_ledger::{Genesis, Ledger, StoreError};
use quorate_pbft::{Broken, Digest, PublicKey, Record, SeqNum};
use quorate_storage::{Batch, Db, Snapshot};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes of answers between two folds: memory, what is lost by a stop, and about what a sync writes at once. Replicas on the same
/// disk wait for it: 16 MiB held up their syncs by up to 110 ms.
const FOLD_BYTES: u64 = 4 << 20;
/// The same for a copy that has just begun, or gone on: one that is stopped again and again gets on.
const FOLD_BYTES_FIRST: u64 = 256 << 10;
/// Bytes of rows between two folds of the floor, which leaves the disk to nobody.
const FLOOR_FOLD_BYTES: u64 = 16 << 20;
/// Time between two counts of what is here: each reads a row of every domain.
const COUNT_EVERY: Duration = Duration::from_millis(100);
/// Share of what this run has brought that a stop may lose: one in so many.
const FOLD_SHARE: u64 = 32;

/// Part of the time of an answer for which its node is left to its authors before the next question: one in so many.
const LEFT_ALONE: u32 = 4;
/// The most of it: the time of an answer may be that of this machine, which has other work.
const LEFT_ALONE_MAX: Duration = Duration::from_millis(250);

/// Database in the making.
pub(super) struct Load {
    db: Db,
    /// Rows since the last fold; none while they are folded.
    batch: Option<Batch>,
    session: Session,
    unfolded: u64,
    turn: Turn,
    pub(super) progress: Progress,
    counted: Option<Instant>,
    /// Database beside which liars are noted.
    noted_by: Option<PathBuf>,
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
        let (batch, turn) = (Some(batch), Turn::new(Instant::now()));
        let (progress, unfolded, counted, noted_by, whole, recorder) = Default::default();
        Ok(Self { db, batch, session, unfolded, turn, progress, counted, noted_by, whole, recorder })
    }

    /// Notes nodes that lie beside this database.
    pub(super) fn noted_by(self, data: &Path) -> Self {
        Self { noted_by: Some(data.to_owned()), ..self }
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
        let named = |one: &Checkpoint| (one.head().seq, one.state_root());
        self.whole = self.session.whole(open(&mut self.batch)?)?.filter(|whole| named(whole) == named(checkpoint));
        Ok(self.whole.is_some())
    }

    /// Takes up the epochs that an older database knows, and puts them on the disk before anything else: no later run
    /// believes members that had left by then (M3).
    pub(super) fn take_epochs(&mut self, old: &Snapshot, genesis: &Genesis) -> Result<(), CopyError> {
        let batch = open(&mut self.batch)?;
        let _ = sheltered(|| copy_steps(old, genesis, batch)); // as far as they can be read
        self.session = Session::open(open(&mut self.batch)?, genesis)?;
        Ok(self.fold()?)
    }

    /// Begins with the state that an older database holds, as far as it is sound; not with one that has diverged, of which
    /// the horizon and the index say something else.
    pub(super) fn seed(&mut self, old: &Snapshot, genesis: &Genesis) -> Result<(), CopyError> {
        if let Some(Ok(Some(Broken::Diverged { .. }))) = sheltered(|| old.broken()) {
            return Ok(());
        }
        let Some(Ok(survey)) = sheltered(|| Survey::open(old, genesis)) else { return Ok(()) };
        self.batch = None;
        let mut walk = Walk::default();
        loop {
            let mut batch = self.db.begin()?;
            let Some(Ok(is_over)) = sheltered(|| survey.copy_sound(old, &mut batch, &mut walk)) else { break };
            batch.commit()?;
            self.db.fold()?;
            if is_over {
                break;
            }
        }
        let mut batch = self.db.begin()?;
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

    /// A node that has fallen silent, and is asked again later: others bring what it did not.
    pub(super) fn rest(&mut self, number: usize, errand: Errand) {
        self.give_back(errand);
        self.turn.rest(number);
        self.progress.nodes = self.turn.nodes();
    }

    /// A node that answers no more: others bring what it did not.
    pub(super) fn leave(&mut self, number: usize, errand: Errand) {
        self.give_back(errand);
        self.turn.leave(number);
        self.progress.nodes = self.turn.nodes();
    }

    /// Whether a state is here whole.
    pub(super) fn is_over(&self) -> bool {
        self.whole.is_some()
    }

    /// Pauses that a node may take: so many where others answer, so many where others rest, and none where it is alone.
    pub(super) fn pauses(&self, answer: u32, rest: u32) -> u32 {
        match (self.turn.nodes(), self.turn.all()) {
            (2.., _) => answer,
            (_, 2..) => rest,
            _ => 0,
        }
    }

    /// Time for which a node is left alone after an answer that took so long: only in the first pass, for each one after it must
    /// end while its node holds one state.
    pub(super) fn left_alone(&self, took: Duration) -> Duration {
        if self.session.passes() > 1 { Duration::ZERO } else { (took / LEFT_ALONE).min(LEFT_ALONE_MAX) }
    }

    /// Whether an errand that takes so long is left to others.
    pub(super) fn is_late(&self, took: Duration) -> bool {
        self.turn.nodes() > 1 && took > self.turn.errand_max()
    }

    /// The next task of a node. The first pass is everybody's; those after it belong to one node at a time, for they end
    /// where all answers come from one state.
    pub(super) fn task(&mut self, number: usize) -> Result<Task, StoreError> {
        if self.is_over() {
            return Ok(Task::End);
        }
        let passes = self.session.passes();
        let now = Instant::now();
        let is_turn = self.turn.is_of(number, passes, now);
        if !is_turn && (passes > 1 || self.session.is_idle()) {
            return Ok(Task::Wait);
        }
        match self.session.next(open(&mut self.batch)?)? {
            Next::Errand(errand) => {
                if is_turn {
                    self.turn.asks(now);
                }
                Ok(Task::Ask(errand))
            }
            Next::Wait => {
                if is_turn {
                    self.turn.waits(now);
                }
                Ok(Task::Wait)
            }
            Next::Whole(checkpoint) => {
                self.whole = Some(*checkpoint);
                Ok(Task::End)
            }
        }
    }

    /// Takes an answer; what is refused has changed nothing.
    pub(super) fn take(&mut self, errand: &mut Errand, answer: &[u8]) -> Result<(), TakeError> {
        let batch = open(&mut self.batch)?;
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

    /// Notes that a node's answer was refused, at once: a run that is stopped has named it, and the copy needs no note.
    pub(super) fn refuse(&mut self, node: &str, why: Refused) {
        let refused = [(node.to_owned(), why)];
        if let Some(data) = &self.noted_by {
            liars::note(data, &refused);
        }
        self.progress.refused.extend(refused);
    }

    pub(super) fn give_back(&mut self, errand: Errand) {
        self.session.give_back(errand);
    }

    /// Takes back an errand that a node did not bring in time: others have their turn first.
    pub(super) fn give_back_late(&mut self, number: usize, errand: Errand) {
        self.turn.brought(false);
        self.turn.end_of(number);
        self.give_back(errand);
    }

    /// Installs what a node has brought in so long.
    pub(super) fn install(&mut self, errand: Errand, (number, took): (usize, Duration)) -> Result<(), StoreError> {
        let (is_late, has_brought) = (self.is_late(took), errand.has_brought());
        self.session.install(errand, open(&mut self.batch)?)?;
        if is_late {
            self.turn.end_of(number);
        }
        if is_late || has_brought {
            self.turn.brought(!is_late);
        }
        if self.is_fold_due() {
            self.fold()?;
        }
        if self.session.is_idle() || self.counted.is_none_or(|at| at.elapsed() >= COUNT_EVERY) {
            let counted = self.session.progress(open(&mut self.batch)?)?;
            (self.progress.entries, self.progress.entries_of_group) = counted;
            self.counted = Some(Instant::now());
        }
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

    /// Whether the state that is held whole has executed more of a member's lane than its promises know of.
    pub(super) fn outruns(
        &self,
        promises: &Snapshot,
        (genesis, member): (&Genesis, &[u8; 32]),
    ) -> Result<bool, StoreError> {
        let Some(whole) = &self.whole else { return Ok(false) };
        let (_, epochs) = whole.verify_after(&Epochs::of(genesis)).expect("the session has checked it");
        let me = epochs.newest().replica_of(&PublicKey(*member));
        promises.is_outrun((me, whole.head().epoch), &whole.head().tips)
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
        let head = checkpoint.head();
        let certificate = checkpoint.verify(genesis).expect("the session has checked it");
        let mut batch = taken(&mut self.batch)?;
        self.session.finish(&mut batch, &checkpoint)?;
        Roots::default().executed(&mut batch, head.seq, checkpoint.state_root())?;
        let lanes = head.tips.iter().zip(&head.lane_bytes).map(|(tip, bytes)| (tip.position, *bytes));
        batch.serve_behind((head.epoch, head.seq, head.time), lanes);
        match promises {
            Some(promises) => {
                let left = batch.adopt(promises, (head.epoch, head.seq, &head.tips))?.into_iter();
                let named = left.map(|(epoch, lane, at)| format!("bundle {at} of replica {lane} in epoch {epoch}"));
                self.progress.left_behind = named.collect();
            }
            None => batch.record(&Record::Broken(Broken::Copied(head.seq))).map_err(EngineError::from)?,
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
        let mut batch = taken(&mut self.batch)?;
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

/// The rows since the last fold; an error after a fold that failed, of which another worker has not heard yet.
fn open(batch: &mut Option<Batch>) -> Result<&mut Batch, StoreError> {
    batch.as_mut().ok_or_else(failed)
}

fn taken(batch: &mut Option<Batch>) -> Result<Batch, StoreError> {
    batch.take().ok_or_else(failed)
}

fn failed() -> StoreError {
    StoreError("the disk does not take what is copied".to_owned())
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
        if fresh.unfolded_bytes() >= FLOOR_FOLD_BYTES {
            fresh.fold()?;
        }
    }
    fresh.fold()?;
    Ok(begun.elapsed())
}
