//! Contents on a disk that forgets: a replica with a short history and a short horizon, an author whose texts come back, move and are
//! merged with old ones, and a power cut at any write. After each change every file has its content, now and at each revision
//! that readers are promised.

use crate::dice::Dice;
use crate::keys::Keys;
use crate::run::catch;
use quorate_ledger::{
    Base, Body, Change, Envelope, EnvelopeId, Found, Genesis, Ledger, Limits, Mode, Op, QueryError, Revision, StateView,
};
use quorate_pbft::{Constants, Digest, Now, Signer as _, Ticks, Time};
use quorate_service::engine::{Candidate, Engine, History, Moment, Request, Setup};
use quorate_storage::faulty::{Disk, Loss};
use quorate_storage::{Db, Fold};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// Changes of a run: several times what a replica keeps.
const CHANGES: u64 = 120;
/// Paths of the domain.
const PATHS: u64 = 6;
/// Files beside them, which stay: a sweep looks at no more than some 500 rows a round, and a file may move between two looks.
const FILES: u64 = 1_800;
/// Files of one envelope.
const FILES_AT_ONCE: u64 = 300;
/// Texts that come again and again.
const TEXTS: u64 = 30;
/// Milliseconds of ledger time that the replica keeps, and that a base may lie back.
const KEPT_MS: u64 = 1_000;
/// Rounds within which a change has its verdict.
const ROUNDS_MAX: usize = 4_000;
/// Revisions that are looked at after each change.
const REVISIONS: usize = 40;
/// Writes, resizes and syncs of a few rounds with a fold: where the power may go.
const OPERATIONS: u64 = 60;

/// Results of some seeds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ContentsSummary {
    /// Seeds played.
    pub seeds: u64,
    /// Changes that had their verdict.
    pub changes: u64,
    /// Times that the power went.
    pub cuts: u64,
    /// Contents that had left the disk at the end of a run.
    pub forgotten: u64,
    /// Failures: the seed, and the fault.
    pub failures: Vec<(u64, String)>,
    /// Real seconds.
    pub seconds: f64,
}

impl fmt::Display for ContentsSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, changes, cuts, forgotten, seconds, .. } = self;
        writeln!(
            f,
            "{seeds} seeds in {seconds:.1} s, {changes} changes, {cuts} power cuts, {forgotten} contents forgotten"
        )?;
        self.failures.iter().try_for_each(|(seed, what)| writeln!(f, "FAILED seed {seed}: {what}"))?;
        write!(f, "{} failures", self.failures.len())
    }
}

/// Plays each of the seeds.
pub fn contents(seeds: Range<u64>) -> ContentsSummary {
    let begin = Instant::now();
    let mut summary = ContentsSummary::default();
    for seed in seeds {
        let mut replica = Replica::new(seed);
        let mut outcome = Ok(());
        let panicked = catch(|| outcome = replica.play()).err();
        summary.seeds += 1;
        summary.changes += replica.changes;
        summary.cuts += replica.cuts;
        summary.forgotten += replica.forgotten;
        summary.failures.extend(panicked.or(outcome.err()).map(|what| (seed, what)));
    }
    summary.seconds = begin.elapsed().as_secs_f64();
    summary
}

/// The only replica of a group, and the author.
struct Replica {
    keys: Keys,
    genesis: Arc<Genesis>,
    disk: Disk,
    engine: Option<Engine>,
    dice: Dice,
    now: Now,
    starts: u64,
    cuts: u64,
    changes: u64,
    revisions: Vec<Revision>,
    written: BTreeSet<Digest>,
    forgotten: u64,
}

impl Replica {
    fn new(seed: u64) -> Self {
        let constants = Constants { checkpoint_period: 4, window: 8, ..Constants::default() };
        let limits = Limits { base_horizon_ms: KEPT_MS, ..Limits::default() };
        let (keys, genesis) = Keys::with_limits(1, &constants, limits, None);
        let disk = Disk::new();
        let db = Db::on(&disk).expect("an empty disk takes a database");
        let mut batch = db.begin().expect("a good disk");
        Ledger::create(&mut batch, &genesis).expect("a good disk");
        batch.commit().and_then(|()| db.fold()).expect("a good disk");
        let now = Now { ticks: Ticks::new(0), wall: Time::new(1_700_000_000_000) };
        let (engine, dice, changes) = (None, Dice::new(seed), 0);
        let (starts, cuts, forgotten, revisions, written) = Default::default();
        Self { keys, genesis, disk, engine, dice, now, starts, cuts, changes, revisions, written, forgotten }
    }

    fn play(&mut self) -> Result<(), String> {
        self.start()?;
        self.fill()?;
        while self.changes < CHANGES {
            if self.dice.chance(10) {
                self.disk.cut_power_after(self.dice.below(OPERATIONS));
            }
            let candidate = self.candidate()?;
            self.order(&candidate)?;
            self.revisions.push(self.moment().ledger.revision());
            self.changes += 1;
            self.check()?;
        }
        let (moment, mut kept) = (self.moment(), 0);
        for content in &self.written {
            kept += u64::from(moment.view().content(content).map_err(|error| error.to_string())?.is_some());
        }
        self.forgotten = self.written.len() as u64 - kept;
        Ok(())
    }

    fn fill(&mut self) -> Result<(), String> {
        let text = text(TEXTS, 0);
        let put = |number| Op::Put { path: format!("files/{number}"), mode: Mode::File, content: hash(&text) };
        for first in (0..FILES).step_by(FILES_AT_ONCE as usize) {
            let ops = (first..first + FILES_AT_ONCE).map(put).collect();
            let candidate = self.signed(Revision::GENESIS, ops, vec![text.clone()])?;
            self.order(&candidate)?;
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), String> {
        self.starts += 1;
        let setup = Setup {
            genesis: self.genesis.clone(),
            signer: self.keys.signers[0].clone(),
            verify: self.keys.verify.clone(),
            incarnation: self.starts,
            die: self.starts,
            history: History::Time(KEPT_MS),
        };
        let db = Db::on(&self.disk).map_err(|error| format!("the disk is damaged: {error}"))?;
        let engine = Engine::open(setup, db).map_err(|error| format!("the state is damaged: {error}"))?;
        self.engine = Some(engine);
        Ok(())
    }

    fn moment(&self) -> Arc<Moment> {
        self.engine.as_ref().expect("it runs").published().moment
    }

    /// A round, and the fold that it hands out. Whether the power stayed on; else the replica was started again.
    fn round(&mut self, requests: Vec<Request>) -> Result<bool, String> {
        let pause = self.dice.between(5, 60);
        self.now = Now { ticks: self.now.ticks.after(pause), wall: Time::new(self.now.wall.get() + pause) };
        let round = self.engine.as_mut().expect("it runs").round(self.now, requests);
        let round = round.map_err(|error| error.to_string());
        let folded =
            round.and_then(|mut round| round.fold.take().map_or(Ok(()), Fold::run).map_err(|error| error.to_string()));
        if !self.disk.is_off() {
            return folded.map(|()| true);
        }
        self.cuts += 1;
        self.engine = None;
        self.disk.crash(match self.dice.below(3) {
            0 => Loss::All,
            1 => Loss::Nothing,
            _ => Loss::Some { seed: self.dice.roll() },
        });
        self.start().map(|()| false)
    }

    /// Offers an envelope until it has its verdict.
    fn order(&mut self, candidate: &Candidate) -> Result<(), String> {
        let submit = || vec![Request::Submit { caller: 0, envelope: candidate.clone(), queues: false }];
        let mut is_taken = false;
        for _ in 0..ROUNDS_MAX {
            let stayed_on = self.round(if is_taken { Vec::new() } else { submit() })?;
            let moment = self.moment();
            let receipt = moment.ledger.receipt(&moment.snapshot, &candidate.id).map_err(|error| error.to_string())?;
            if receipt.is_some() {
                return Ok(());
            }
            is_taken = stayed_on && self.is_known(&candidate.id);
        }
        Err("a change has no verdict".to_owned())
    }

    fn is_known(&self, id: &EnvelopeId) -> bool {
        let mempool = self.engine.as_ref().expect("it runs").shared_mempool();
        mempool.lock().is_ok_and(|mempool| mempool.place(id).is_some())
    }

    /// An envelope of one operation, which may be based on a state of a few changes ago.
    fn candidate(&mut self) -> Result<Candidate, String> {
        let (op, contents) = self.op()?;
        let back = if self.dice.chance(30) { self.dice.below(4) as usize } else { 0 };
        let base = self.revisions.iter().rev().nth(back).copied().unwrap_or(Revision::GENESIS);
        self.signed(base, vec![op], contents)
    }

    /// The author's next envelope.
    fn signed(&self, base: Revision, ops: Vec<Op>, contents: Vec<Vec<u8>>) -> Result<Candidate, String> {
        let author = &self.keys.authors.signers[0];
        let standing = self.moment().view().author("main", &author.public_key()).map_err(|error| error.to_string())?;
        let body = Body {
            author: author.public_key(),
            domain: "main".to_owned(),
            from_seq: standing.next_seq,
            to_seq: standing.next_seq,
            attempt: standing.attempt + 1,
            changes: vec![Change::new(Base::Revision(base), ops, "", 0)],
            carried: vec![],
        };
        let envelope = Envelope::sign(&self.genesis.group(), body, contents, author);
        Ok(Candidate::new(envelope.id(&self.genesis.group()), &envelope, "org-00".to_owned(), envelope.encode()))
    }

    /// A text at a path, or a file that moves or goes.
    fn op(&mut self) -> Result<(Op, Vec<Vec<u8>>), String> {
        let path = path(self.dice.below(PATHS));
        let moment = self.moment();
        let is_there = |path: &str| {
            let found = moment.view().file("main", path, None).map_err(|error| error.to_string())?;
            Ok::<_, String>(matches!(found, Found::File(_)))
        };
        if is_there(&path)? && self.dice.chance(30) {
            let to = self::path(self.dice.below(PATHS));
            let moves = self.dice.chance(70) && !is_there(&to)? && to != path;
            let op = if moves { Op::Rename { from: path, to } } else { Op::Delete { path } };
            return Ok((op, vec![]));
        }
        let text = text(self.dice.below(TEXTS), self.dice.below(3));
        let content = hash(&text);
        self.written.insert(content);
        Ok((Op::Put { path, mode: Mode::File, content }, vec![text]))
    }

    /// Every file has its content, now and at each revision whose versions are kept.
    fn check(&self) -> Result<(), String> {
        let moment = self.moment();
        let view = moment.view();
        let earlier = self.revisions.iter().rev().take(REVISIONS).copied().map(Some);
        for at in [None].into_iter().chain(earlier) {
            for path in (0..PATHS).map(path) {
                has_content(&view, &path, at)?;
            }
        }
        Ok(())
    }
}

fn has_content(view: &StateView<'_>, path: &str, at: Option<Revision>) -> Result<(), String> {
    let found = match view.file("main", path, at) {
        Ok(found) => found.found(),
        Err(QueryError::Pruned { .. }) => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let Some(file) = found else { return Ok(()) };
    match view.content(&file.hash) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(format!("{path} has lost its content {}, at {at:?}", file.hash)),
        Err(error) => Err(error.to_string()),
    }
}

fn hash(text: &[u8]) -> Digest {
    Digest(Sha256::digest(text).into())
}

fn path(number: u64) -> String {
    format!("folder/file-{number}")
}

/// A text of some lines, one of which differs between its variants: changes of two of them merge.
fn text(number: u64, variant: u64) -> Vec<u8> {
    let line = |at: u64| format!("text {number} line {at}{}\n", if at == 3 * variant { ", changed" } else { "" });
    (0..9).map(line).collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_that_forgets_contents_under_power_cuts_keeps_those_that_are_named() {
        let summary = contents(0..20);
        assert!(summary.failures.is_empty(), "{:?}", summary.failures);
        assert!(summary.cuts > 20 && summary.forgotten > 0, "{summary:?}");
    }
}
