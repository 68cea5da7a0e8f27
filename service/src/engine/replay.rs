//! Executing at a start what was decided after the state was folded.
//!
//! The disk holds the state after a checkpoint and the slots decided since. They are executed again before anything is
//! answered: execution is deterministic, so what was confirmed before the stop is there again.

use super::epochs::Epochs;
use super::error::EngineError;
use super::roots::Roots;
use super::round::Notice;
use super::slot;
use quorate_ledger::{ConflictId, Genesis, Ledger, StoreError};
use quorate_pbft::{Constants, Decided, Digest, Ed25519, SeqNum};
use quorate_storage::{Batch, Db, Snapshot};
use std::cell::OnceCell;
use std::sync::Arc;

/// Slots between two commits: their rows are in memory until the next fold anyway.
const SLOTS_PER_COMMIT: usize = 64;

/// The state on a disk, with what was decided since it was folded.
pub(crate) struct Opened {
    pub(crate) ledger: Ledger,
    pub(crate) snapshot: Snapshot,
    /// The slot whose state was folded.
    pub(super) folded: SeqNum,
    pub(super) roots: Roots,
    /// Words of a Checkpoint after each slot since: a stop may have come before they could be signed (C2).
    pub(super) states: Vec<(SeqNum, Digest)>,
    /// Verdicts of the slots since: a stop may have come before anybody heard them.
    pub(super) verdicts: Vec<Notice>,
    /// Conflicts that began in them.
    pub(super) opened: Vec<ConflictId>,
}

impl Opened {
    /// The same, once all is read that a start goes on from besides the state.
    pub(crate) fn startable(self) -> Result<Self, EngineError> {
        Epochs::resume(None, Arc::new(Ed25519), (&self.ledger, &self.snapshot))?;
        self.ledger.view(&self.snapshot).next_deadline()?;
        self.snapshot.queue()?;
        Ok(self)
    }
}

/// Opens the state and executes all slots that are decided without a gap and whose data is here.
pub(crate) fn open(db: &Db, genesis: &Genesis) -> Result<Opened, EngineError> {
    let snapshot = db.snapshot()?;
    let ledger = Ledger::open(&snapshot, genesis)?;
    let (folded, roots) = (ledger.executed().seq, Roots::load(&snapshot)?);
    let (states, verdicts, opened) = Default::default();
    let mut replay = Replay { ledger, roots, states, verdicts, opened, constants: genesis.constants() };
    let snapshot = replay.run(db)?;
    let Replay { ledger, roots, states, verdicts, opened, .. } = replay;
    Ok(Opened { ledger, snapshot, folded, roots, states, verdicts, opened })
}

/// State that slots are executed on.
struct Replay<'a> {
    ledger: Ledger,
    roots: Roots,
    states: Vec<(SeqNum, Digest)>,
    verdicts: Vec<Notice>,
    opened: Vec<ConflictId>,
    constants: &'a Constants,
}

impl Replay<'_> {
    fn run(&mut self, db: &Db) -> Result<Snapshot, EngineError> {
        let mut batch = db.begin()?;
        self.keep_step(&db.snapshot()?, &mut batch)?;
        batch.commit()?;
        loop {
            let snapshot = db.snapshot()?;
            let mut batch = db.begin()?;
            for _ in 0..SLOTS_PER_COMMIT {
                let Some(decided) = self.next(&snapshot)? else { break };
                self.execute(&mut batch, &decided)?;
                self.compare(&snapshot, decided.seq)?;
                self.keep_step(&snapshot, &mut batch)?;
            }
            if batch.is_empty() {
                return Ok(snapshot);
            }
            batch.commit()?;
        }
    }

    fn next(&self, snapshot: &Snapshot) -> Result<Option<Decided>, EngineError> {
        let mut point = self.ledger.executed().clone();
        let Some((epoch, content)) = snapshot.decided(point.seq.next())? else { return Ok(None) };
        if epoch > point.epoch {
            let Some(entered) = point.entered() else { return Ok(None) };
            self.ledger.check_next_rules()?;
            point = entered;
        }
        let failure = OnceCell::new();
        let advanced = point.advanced(&content, |lane, tip| {
            let above = point.tips[lane.index()].position;
            snapshot.path((epoch, lane), above, tip).unwrap_or_else(|error| {
                failure.get_or_init(|| error);
                None
            })
        });
        failure.into_inner().map_or(Ok(advanced.map(|(decided, _)| decided)), |error| Err(error.into()))
    }

    fn execute(&mut self, batch: &mut Batch, decided: &Decided) -> Result<(), StoreError> {
        let outcome = slot::execute((&mut self.ledger, &mut self.roots), batch, decided, self.constants)?;
        self.opened.extend(slot::opened(&outcome.events));
        self.verdicts.extend(outcome.receipts.into_iter().map(|receipt| Notice::Verdict(Arc::new(receipt))));
        Ok(())
    }

    /// Notes the state, and holds it against the certificate that the disk has for it.
    fn compare(&mut self, snapshot: &Snapshot, seq: SeqNum) -> Result<(), EngineError> {
        let ours = self.ledger.executed().checkpoint_digest();
        self.states.push((seq, ours));
        match snapshot.certified(seq)?.map(|certificate| certificate.digest) {
            Some(certified) if certified != ours => Err(EngineError::Replayed { seq, ours, certified }),
            _ => Ok(()),
        }
    }

    /// Keeps the step to the next epoch again, at the end of one: it stands in no root, and was in memory only until a fold.
    fn keep_step(&self, snapshot: &Snapshot, batch: &mut Batch) -> Result<(), EngineError> {
        let point = self.ledger.executed();
        let Some(certificate) = snapshot.certified(point.seq)?.filter(|_| point.is_last()) else { return Ok(()) };
        self.ledger.keep_step(batch, &certificate).map_err(|error| StoreError(error.to_string()).into())
    }
}
