//! Changes of others beside those of imports, as a domain's log tells them.

use quorate_client::api::LogEntry;
use quorate_ledger::{EnvelopeId, PathChange, PathOutcome, Revision};
use std::collections::{BTreeMap, BTreeSet};

/// Paths of a log whose entries are noted from the newest on.
#[derive(Debug, Default)]
pub struct Others {
    /// Paths that are as an import wrote them.
    same: BTreeSet<String>,
    /// Paths that are otherwise, because others changed them; with their newest change, where the log has it.
    changed: BTreeMap<String, Option<(Revision, EnvelopeId)>>,
    /// Paths that imports wrote.
    brought: BTreeSet<String>,
    /// Revision of the newest entry.
    pub newest: Revision,
}

impl Others {
    /// Notes an entry, which is older than those before.
    pub fn note(&mut self, entry: &LogEntry, is_import: bool) {
        self.newest = self.newest.max(entry.revision);
        let theirs = (!is_import).then_some((entry.revision, entry.id));
        entry.changes.iter().for_each(|change| self.note_path(change, theirs));
    }

    fn note_path(&mut self, PathChange { path, outcome, .. }: &PathChange, theirs: Option<(Revision, EnvelopeId)>) {
        let is_import = theirs.is_none();
        let is_written = match outcome {
            PathOutcome::Locked | PathOutcome::Queued | PathOutcome::Released => return,
            PathOutcome::Applied | PathOutcome::Settled => is_import,
            PathOutcome::Merged | PathOutcome::Conflict | PathOutcome::Overruled => false,
        };
        if is_import {
            self.brought.insert(path.clone());
        }
        if is_written && !self.changed.contains_key(path) {
            self.same.insert(path.clone());
        } else if !self.same.contains(path) {
            let newest = self.changed.entry(path.clone()).or_default();
            *newest = newest.or(theirs);
        }
    }

    /// Whether others changed a file at all.
    pub fn are_none(&self) -> bool {
        self.changed.is_empty()
    }

    /// Path among these that others have not changed for longest, with their change.
    pub fn among(&self, coming: &BTreeSet<String>) -> Option<(&String, Option<EnvelopeId>)> {
        let hit = self.changed.iter().filter(|(path, _)| coming.contains(*path));
        let (path, theirs) = hit.min_by_key(|(_, theirs)| (theirs.is_none(), **theirs))?;
        Some((path, theirs.map(|(_, id)| id)))
    }

    /// Whether others changed what imports brought, or one of these paths.
    pub fn meet(&self, coming: &BTreeSet<String>) -> bool {
        self.changed.keys().any(|path| self.brought.contains(path) || coming.contains(path))
    }
}
