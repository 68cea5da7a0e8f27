//! Application of an envelope: the effects of its operations on the files of its domain.
//!
//! Writes go to the pending part of the [`Overlay`]; a refusal at any point leaves nothing behind.

mod analyse;
mod anchor;
mod operation;
mod attest;
mod budget;
mod collide;
mod contents;
mod decide;
mod dispute;
mod expire;
mod files;
mod folders;
mod govern;
mod groups;
mod guard;
mod hold;
mod joined;
mod later;
mod lock;
mod members;
mod merge;
mod observers;
mod prepare;
mod principle;
mod room;
mod conflict_log;
mod strategy;
mod unseen;
mod vote;

pub(crate) use self::members::{Ground, RECENT_MS};
pub(crate) use self::merge::{kind, merge_options, mode};

use self::budget::Budget;
use self::joined::Joined;
use crate::format::change::{Change, Op};
use crate::format::constants::Limits;
use crate::format::envelope::Envelope;
use crate::format::receipt::{PathChange, PathOutcome, Rung, State};
use crate::format::rules::{MOVES_STAY_WHOLE_SINCE, POLICIES_BIND_SINCE, WORK_OF_ONE_SINCE};
use crate::lock::LockChange;
use crate::lock::holder::Bars;
use crate::policy::attestation::{Progress, Requirement};
use crate::policy::{Checks, PathRule};
use crate::state::abort::Abort;
use crate::state::author_view::AuthorView;
use crate::state::domain::{Decision, DomainView};
use crate::state::electorate::Quorum;
use crate::state::overlay::Overlay;
use crate::vocabulary::event::Event;
use crate::vocabulary::ids::{ConflictId, EnvelopeId};
use crate::vocabulary::path::{self, Shown};
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::{Code, Refusal, Stage};
use core::time::Duration;
use quorate_pbft::PublicKey;
use quorate_semantic::Renames;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An envelope while its operations are laid over the current files.
pub(crate) struct Applier<'t, 's> {
    overlay: &'t mut Overlay<'s>,
    limits: &'t Limits,
    domain: u32,
    domain_name: &'t str,
    place: DomainView<'t>,
    organisation: &'t str,
    revision: Revision,
    id: EnvelopeId,
    author: PublicKey,
    /// Envelope whose contents travel along.
    envelope: Option<&'t Envelope>,
    /// Place of the operation in hand among all of the envelope.
    index: u32,
    /// Budget that the envelope has left.
    budget: Budget,
    /// Rules of the paths that it has looked for last.
    ruled: BTreeMap<String, Option<&'t PathRule>>,
    /// Checks of its contents against the rules of their paths.
    checks: Checks,
    /// Folders of which nothing is left, with the renames that others made, as the change in hand sees them.
    renamed: BTreeMap<String, Option<Renames>>,
    /// Name of the change in hand in refusals, where it is a part of something.
    part: Option<String>,
    /// Paths for whose locks a conflict waits no more: their lines move on once it is known what becomes of it.
    freed: Vec<String>,
    /// Sides of conflicts that the envelope joins, as far as it has looked at them.
    joined: BTreeMap<ConflictId, Joined>,
    /// Locks that it has met.
    bars: Bars,
    /// Envelopes that made what stands, and whether they are the author's.
    own: BTreeMap<(EnvelopeId, PublicKey), bool>,
    /// Quorum of the domain, until somebody is enrolled or revoked.
    quorum: Option<Arc<Quorum>>,
    applied: Applied,
}

/// Author and revision to which an applied change is attributed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribution<'t> {
    pub(crate) id: EnvelopeId,
    pub(crate) author: PublicKey,
    pub(crate) organisation: &'t str,
    pub(crate) revision: Revision,
}

impl Attribution<'_> {
    /// Attribution of a settlement without an envelope: the conflict's id, and no author until the winner is known.
    pub(crate) fn settlement(conflict: &ConflictId, revision: Revision) -> Self {
        Self { id: EnvelopeId(conflict.0), author: PublicKey([0; 32]), organisation: "", revision }
    }
}

/// Budget that is left of an envelope's, over all its domains.
#[derive(Default)]
pub(crate) struct Spent {
    budget: Budget,
    checks: Checks,
    index: u32,
}

impl Spent {
    /// Takes on a change that waited, of so many bytes, if there is room for it beside those before.
    pub(crate) fn takes_on(&mut self, envelope: &Envelope, bytes: usize) -> bool {
        (self.index, self.budget.is_short) = (0, false);
        self.checks.goes_on();
        self.budget.take_change(envelope, bytes)
    }

    /// Budget of an envelope whose organisation has used the work of its slot.
    pub(crate) fn share() -> Self {
        Self { budget: Budget::share(), checks: Checks::share(), index: 0 }
    }

    /// Whether it is one of these.
    pub(crate) fn is_share(&self) -> bool {
        self.budget.is_share
    }

    /// Time that what was used takes at the worst.
    pub(crate) fn time(&self) -> Duration {
        self.budget.time() + self.checks.time()
    }

    /// Whether the last change asked for more than was left.
    pub(crate) fn is_short(&self) -> bool {
        self.budget.is_short || self.checks.is_short()
    }
}

/// Effects of an envelope.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    changes: BTreeMap<String, (PathOutcome, Rung)>,
    /// Whether a file of the domain is another one than before, or in conflict.
    changes_files: bool,
    /// Conflicts that it opened or joined.
    conflicts: BTreeSet<ConflictId>,
    /// Files that it made and that are not served where it made them: sides of conflicts, and what was overruled (rules 15).
    unserved: u32,
    /// Whether being overruled is graver than being merged (rules 15).
    minds_overruling: bool,
    /// Paths of files that the change in hand was to move and that are where they were.
    stayed: BTreeSet<String>,
    /// Conflicts to which something happened by it.
    named: BTreeSet<ConflictId>,
    /// Conflicts for whose end enough organisations have voted.
    pub(crate) won: Vec<ConflictId>,
    /// Bytes of contents that are no longer current.
    pub(crate) superseded_bytes: u64,
    /// Files more or less.
    pub(crate) files: i64,
    /// Bytes of files more or less.
    pub(crate) bytes: i64,
    /// Decisions of the group that it completed.
    pub(crate) decisions: Vec<Decision>,
    /// Approvals and attestations that must come before it takes effect.
    pub(crate) requirements: Vec<Requirement>,
    /// Pending changes that now have all the words that they need, or cannot get them.
    pub(crate) resolved: Vec<(EnvelopeId, Progress)>,
    is_pending: bool,
    /// Refusals by stages after `content`: the first of each stage.
    later: BTreeMap<Stage, Refusal>,
    /// Events for observers.
    pub(crate) events: Vec<Event>,
    /// Authors of sides that lost a conflict.
    pub(crate) lost: BTreeSet<PublicKey>,
    /// Steps of requests for locks.
    pub(crate) locks: Vec<LockChange>,
}

impl Applied {
    /// Effects of a change that waits for others: none yet.
    pub(crate) fn pending() -> Self {
        Self { is_pending: true, ..Self::default() }
    }

    /// Refusal by the first of the later stages.
    pub(crate) fn take_refusal(&mut self) -> Option<Refusal> {
        self.later.pop_first().map(|(_, refusal)| refusal)
    }

    /// The conflicts that the receipt names: those that it opened or joined first.
    pub(crate) fn conflicts(&self) -> Vec<ConflictId> {
        self.conflicts.iter().chain(self.named.difference(&self.conflicts)).copied().collect()
    }

    /// Whether a file of the domain is another one than before, or in conflict.
    pub(crate) fn changes_files(&self) -> bool {
        self.changes_files
    }

    /// Whether any path is touched.
    pub(crate) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Effects on paths, for the receipt.
    pub(crate) fn changes(&self) -> Vec<PathChange> {
        let change = |(path, (outcome, rung)): (&String, &(PathOutcome, Rung))| PathChange {
            path: path.clone(),
            outcome: *outcome,
            rung: *rung,
        };
        self.changes.iter().map(change).collect()
    }

    /// State of the whole, for the receipt.
    pub(crate) fn state(&self) -> State {
        let any = |wanted| self.changes.values().any(|(outcome, _)| *outcome == wanted);
        if self.is_pending {
            State::Pending
        } else if any(PathOutcome::Conflict) {
            State::Conflict
        } else if any(PathOutcome::Merged) || any(PathOutcome::Overruled) {
            State::Merged
        } else {
            State::Applied
        }
    }

    /// Notes what became of a path; of two operations on one path the graver outcome stands. A lock on it is the least.
    fn note(&mut self, path: &str, outcome: PathOutcome, rung: Rung) {
        let gravity = |outcome| match outcome {
            PathOutcome::Locked | PathOutcome::Queued | PathOutcome::Released | PathOutcome::Prepared => 0,
            PathOutcome::Applied => 1,
            PathOutcome::Overruled if self.minds_overruling => 5,
            PathOutcome::Overruled => 2,
            PathOutcome::Settled => 3,
            PathOutcome::Merged => 4,
            PathOutcome::Conflict => 6,
        };
        self.changes_files |= gravity(outcome) > 0 && outcome != PathOutcome::Overruled;
        let noted = self.changes.entry(path.to_owned()).or_insert((outcome, rung));
        if gravity(outcome) > gravity(noted.0) {
            noted.0 = outcome;
        }
        noted.1 = noted.1.max(rung);
    }
}

impl<'t, 's> Applier<'t, 's> {
    pub(crate) fn new(
        overlay: &'t mut Overlay<'s>,
        limits: &'t Limits,
        place: DomainView<'t>,
        by: Attribution<'t>,
    ) -> Self {
        let Attribution { id, author, organisation, revision } = by;
        let (domain, domain_name) = (place.record.number, place.name);
        let (envelope, index, part, freed) = (None, 0, None, Vec::new());
        let (joined, own, ruled) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let applied = Applied { minds_overruling: place.rules >= MOVES_STAY_WHOLE_SINCE, ..Applied::default() };
        let (budget, checks, renamed, quorum) = (Budget::default(), Checks::default(), BTreeMap::new(), None);
        Self {
            overlay,
            limits,
            domain,
            domain_name,
            place,
            organisation,
            revision,
            id,
            author,
            envelope,
            index,
            budget,
            ruled,
            checks,
            renamed,
            part,
            freed,
            joined,
            bars: Bars::default(),
            own,
            quorum,
            applied,
        }
    }

    /// The change in hand is named so.
    pub(crate) fn is_in(&mut self, part: Option<String>) {
        self.part = part;
    }

    /// Continues with the budget that the envelope's part in another domain left.
    pub(crate) fn goes_on(&mut self, spent: Spent) {
        (self.budget, self.index) = (spent.budget, spent.index);
        if self.place.rules >= POLICIES_BIND_SINCE {
            self.checks = spent.checks.of_another_policy();
        }
    }

    /// Effects, and the budget that is left for other domains.
    pub(crate) fn applied_and_spent(self) -> (Applied, Spent) {
        (self.applied, Spent { budget: self.budget, checks: self.checks, index: self.index })
    }

    /// Refuses what holds together where something of it would come into conflict, or be overruled.
    pub(crate) fn has_held(&self) -> Result<(), Abort> {
        let failed = |outcome: &PathOutcome| matches!(outcome, PathOutcome::Conflict | PathOutcome::Overruled);
        let Some((path, (outcome, _))) = self.applied.changes.iter().find(|(_, (outcome, _))| failed(outcome)) else {
            return Ok(());
        };
        let what = if *outcome == PathOutcome::Conflict { "would be in conflict" } else { "would be overruled" };
        let why = format!("it {what}, and all holds together");
        let abort = Abort::at(Code::WouldConflict, path, &why);
        Err(self.part.iter().fold(abort, |abort, part| abort.within(part)))
    }

    /// The contents of this envelope may be named.
    pub(crate) fn carries(&mut self, envelope: &'t Envelope) {
        self.envelope = Some(envelope);
    }

    /// Effects of the envelope.
    pub(crate) fn applied(self) -> Applied {
        self.applied
    }

    /// Lays a change over the files and over its author's view: stage `content`.
    pub(crate) fn change(&mut self, change: &Change, view: &mut AuthorView) -> Result<(), Abort> {
        let changed = match change.ops.first() {
            Some(Op::Prepare { transaction, proof }) => self.prepare((transaction, proof), change, view),
            _ => self.lay_change(change, view),
        };
        changed.map_err(|abort| self.part.iter().fold(abort, |abort, part| abort.within(part)))
    }

    fn lay_change(&mut self, change: &Change, view: &mut AuthorView) -> Result<(), Abort> {
        check_paths(change)?;
        self.renamed.clear();
        self.applied.stayed.clear();
        for op in &change.ops {
            self.operation(op, view)?;
            self.index += 1;
        }
        let is_gone = |(from, _): &(String, String)| !self.applied.stayed.contains(from);
        let moves: BTreeMap<String, String> = change.ops.iter().filter_map(moved).filter(is_gone).collect();
        if moves.is_empty() { Ok(()) } else { self.take_along(&moves, view) }
    }

    /// Whether no further look may begin: from rules 16 on.
    fn is_out_of_looks(&mut self) -> bool {
        self.place.rules >= WORK_OF_ONE_SINCE && self.budget.is_out_of_looks()
    }

    /// Counts rows that were read in any case: from rules 16 on each is a look.
    fn has_looked_at(&mut self, rows: usize) {
        if self.place.rules >= WORK_OF_ONE_SINCE {
            self.budget.count_looks(rows);
        }
    }

    /// Notes what a stage after `content` will refuse; of each stage the first counts.
    fn refuse_later(&mut self, refusal: Refusal) {
        let refusal = self.part.iter().fold(refusal, |refusal, part| refusal.within(part));
        self.applied.later.entry(refusal.stage).or_insert(refusal);
    }

    fn author(&self) -> PublicKey {
        self.author
    }
}

fn moved(op: &Op) -> Option<(String, String)> {
    match op {
        Op::Rename { from, to } => Some((from.clone(), to.clone())),
        _ => None,
    }
}

/// Whether all paths of a change may name files.
pub(crate) fn check_paths(change: &Change) -> Result<(), Abort> {
    for path in change.ops.iter().flat_map(|op| op.paths()) {
        if let Err(why) = path::check(path) {
            return Err(Abort::refused(Code::BadPath, format!("{}: {why}", Shown(path))));
        }
    }
    Ok(())
}
