//! One envelope's turn: what its operations do to the files of its domain.
//!
//! Everything here works on the pending part of the [`Draft`]; a refusal at any point leaves nothing behind.

mod apply;
mod collide;
mod contents;
mod dispute;
mod files;
mod merge;

use crate::author_view::AuthorView;
use crate::change::Change;
use crate::conflict::ConflictId;
use crate::constants::Limits;
use crate::envelope::{Envelope, EnvelopeId};
use crate::outcome::Event;
use crate::path::{self, Shown};
use crate::receipt::{PathChange, PathOutcome, Rung, State};
use crate::revision::Revision;
use crate::state::draft::Draft;
use crate::stop::Stop;
use crate::verdict::Code;
use quorate_pbft::{Digest, PublicKey};
use std::collections::{BTreeMap, BTreeSet};

/// An envelope while its operations are laid over the current files.
pub(crate) struct Turn<'t, 's> {
    draft: &'t mut Draft<'s>,
    limits: &'t Limits,
    domain: u32,
    domain_name: &'t str,
    revision: Revision,
    id: EnvelopeId,
    envelope: &'t Envelope,
    /// What a path's running hash was before this envelope, for paths that it has written.
    before: BTreeMap<String, Digest>,
    done: Done,
}

/// What an envelope did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    changes: BTreeMap<String, (PathOutcome, Rung)>,
    /// Conflicts that it opened or joined.
    pub(crate) conflicts: BTreeSet<ConflictId>,
    /// Bytes of contents that are no longer current.
    pub(crate) superseded_bytes: u64,
    /// What observers are told.
    pub(crate) events: Vec<Event>,
}

impl Done {
    /// What the receipt says of each path.
    pub(crate) fn changes(&self) -> Vec<PathChange> {
        let change = |(path, (outcome, rung)): (&String, &(PathOutcome, Rung))| PathChange {
            path: path.clone(),
            outcome: *outcome,
            rung: *rung,
        };
        self.changes.iter().map(change).collect()
    }

    /// What the receipt says of the whole.
    pub(crate) fn state(&self) -> State {
        let any = |wanted| self.changes.values().any(|(outcome, _)| *outcome == wanted);
        if any(PathOutcome::Conflict) {
            State::Conflict
        } else if any(PathOutcome::Merged) {
            State::Merged
        } else {
            State::Applied
        }
    }

    /// Notes what became of a path; of two operations on one path the graver outcome stands.
    fn note(&mut self, path: &str, outcome: PathOutcome, rung: Rung) {
        let gravity = |outcome| match outcome {
            PathOutcome::Applied => 0,
            PathOutcome::Settled => 1,
            PathOutcome::Merged => 2,
            PathOutcome::Conflict => 3,
        };
        let noted = self.changes.entry(path.to_owned()).or_insert((outcome, rung));
        if gravity(outcome) > gravity(noted.0) {
            noted.0 = outcome;
        }
        noted.1 = noted.1.max(rung);
    }
}

impl<'t, 's> Turn<'t, 's> {
    pub(crate) fn new(
        draft: &'t mut Draft<'s>,
        limits: &'t Limits,
        (domain, domain_name): (u32, &'t str),
        (id, envelope): (EnvelopeId, &'t Envelope),
        revision: Revision,
    ) -> Self {
        let (before, done) = (BTreeMap::new(), Done::default());
        Self { draft, limits, domain, domain_name, revision, id, envelope, before, done }
    }

    /// What it did.
    pub(crate) fn done(self) -> Done {
        self.done
    }

    /// Lays a change over the files and over its author's view: stage `content`.
    pub(crate) fn change(&mut self, change: &Change, view: &mut AuthorView) -> Result<(), Stop> {
        check_paths(change)?;
        change.ops.iter().try_for_each(|op| self.operation(op, view))
    }

    fn author(&self) -> PublicKey {
        self.envelope.body.author
    }
}

/// Whether all paths of a change may name files.
pub(crate) fn check_paths(change: &Change) -> Result<(), Stop> {
    for path in change.ops.iter().flat_map(|op| op.paths()) {
        if let Err(why) = path::check(path) {
            return Err(Stop::refused(Code::BadPath, format!("{}: {why}", Shown(path))));
        }
    }
    Ok(())
}
