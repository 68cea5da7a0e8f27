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
    /// Revision of the oldest import.
    begun: Option<Revision>,
    /// Revision of the newest entry.
    pub newest: Revision,
}

impl Others {
    /// Notes an entry, which is older than those before.
    pub fn note(&mut self, entry: &LogEntry, is_import: bool) {
        self.newest = self.newest.max(entry.revision);
        let theirs = (!is_import).then_some((entry.revision, entry.id));
        self.begun = if is_import { Some(entry.revision) } else { self.begun };
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

    /// Paths that others changed before the first import, and that none wrote.
    pub fn before_the_first(&self) -> BTreeSet<String> {
        let begun = self.begun.unwrap_or_default();
        let is_older = |theirs: &Option<(Revision, EnvelopeId)>| theirs.is_some_and(|(revision, _)| revision < begun);
        let old = self.changed.iter().filter(|(path, theirs)| is_older(theirs) && !self.brought.contains(*path));
        old.map(|(path, _)| path.clone()).collect()
    }

    /// Forgets changes of these paths.
    pub fn forget<'p>(&mut self, paths: impl Iterator<Item = &'p String>) {
        for path in paths {
            self.changed.remove(path);
        }
    }

    /// Whether others changed a file at all.
    pub fn are_none(&self) -> bool {
        self.changed.is_empty()
    }

    /// Path among these that others have not changed for longest, with their change.
    pub fn among(&self, coming: &BTreeSet<String>) -> Option<(&String, Option<EnvelopeId>)> {
        let hit = self.changed.iter().filter(|(path, _)| meets(coming, path));
        let (path, theirs) = hit.min_by_key(|(_, theirs)| (theirs.is_none(), **theirs))?;
        Some((path, theirs.map(|(_, id)| id)))
    }

    /// Whether others changed what imports brought, or one of these paths.
    pub fn meet(&self, coming: &BTreeSet<String>) -> bool {
        self.changed.keys().any(|path| self.brought.contains(path) || meets(coming, path))
    }
}

/// Whether a path is one of these, or a folder above or below one.
pub fn meets(coming: &BTreeSet<String>, path: &str) -> bool {
    let mut above = path.match_indices('/').map(|(at, _)| &path[..at]);
    let below = format!("{path}/");
    let first_below = coming.range(below.clone()..).next();
    coming.contains(path)
        || above.any(|folder| coming.contains(folder))
        || first_below.is_some_and(|first| first.starts_with(&below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_meets_itself_and_the_folders_above_and_below_it_and_no_other() {
        let coming = ["a/b", "d", "e-f/g"].map(str::to_owned).into();
        let hits =
            ["a/b", "a", "a/b/c", "d/x", "e-f", "a/c", "ab", "d-x", "e", "e-f/h"].map(|path| meets(&coming, path));
        assert_eq!(hits, [true, true, true, true, true, false, false, false, false, false]);
    }
}
