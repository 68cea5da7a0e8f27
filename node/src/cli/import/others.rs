//! Changes of others beside those of imports, as a domain's log tells them.

use quorate_client::api::LogEntry;
use quorate_ledger::{EnvelopeId, PathChange, PathOutcome, Revision};
use std::collections::{BTreeMap, BTreeSet};

/// Paths of a log whose entries are noted from the newest on.
#[derive(Debug, Default)]
pub struct Others {
    /// Paths that an import has written as git has them: of these no older entry matters.
    same: BTreeSet<String>,
    /// Paths that others changed since then; with the oldest of these changes, where the log has it.
    changed: BTreeMap<String, Option<(Revision, EnvelopeId)>>,
    /// Paths that imports wrote.
    brought: BTreeSet<String>,
    /// Revision of the newest entry.
    pub newest: Revision,
    /// Revision up to which whatever others did may be written over.
    accepted: Revision,
}

impl Others {
    /// None yet, of those that come after this revision.
    pub fn since(accepted: Revision) -> Self {
        Self { accepted, ..Self::default() }
    }

    /// Notes an entry, which is older than those before.
    pub fn note(&mut self, entry: &LogEntry, is_import: bool) {
        self.newest = self.newest.max(entry.revision);
        let theirs = (!is_import).then_some((entry.revision, entry.id));
        let is_accepted = entry.revision <= self.accepted;
        entry.changes.iter().for_each(|change| self.note_path(change, theirs, is_accepted));
    }

    fn note_path(
        &mut self,
        PathChange { path, outcome, .. }: &PathChange,
        theirs: Option<(Revision, EnvelopeId)>,
        is_accepted: bool,
    ) {
        let is_import = theirs.is_none();
        let is_written = match outcome {
            PathOutcome::Locked | PathOutcome::Queued | PathOutcome::Released | PathOutcome::Prepared => return,
            PathOutcome::Applied | PathOutcome::Settled => is_import,
            PathOutcome::Merged | PathOutcome::Conflict | PathOutcome::Overruled => false,
        };
        if is_import {
            self.brought.insert(path.clone());
        }
        if is_accepted || self.same.contains(path) {
            return;
        }
        if is_written {
            self.same.insert(path.clone());
        } else {
            let oldest = self.changed.entry(path.clone()).or_default();
            *oldest = theirs.or(*oldest);
        }
    }

    /// Paths that an import wrote and nobody else has changed since.
    pub fn brought(&self) -> BTreeSet<String> {
        self.same.iter().filter(|path| !self.changed.contains_key(*path)).cloned().collect()
    }

    /// Whether others changed a file at all.
    pub fn are_none(&self) -> bool {
        self.changed.is_empty()
    }

    /// Whether others changed one of these paths.
    pub fn come(&self, coming: &BTreeSet<String>) -> bool {
        self.changed.keys().any(|path| meets(coming, path))
    }

    /// Path of those at which others left something else than git, that was so first; with their change, where the log has
    /// it. A log that is cut may lack the change, and what came before the oldest that it has.
    pub fn among<'p>(&self, otherwise: &'p BTreeSet<String>, is_cut: bool) -> Option<(&'p String, Option<EnvelopeId>)> {
        let theirs = |path: &'p String| match self.changed.get(path) {
            Some(theirs) => Some((path, *theirs)),
            None => (is_cut && !self.same.contains(path)).then_some((path, None)),
        };
        let hit = otherwise.iter().filter_map(theirs).min_by_key(|(_, theirs)| (theirs.is_none() != is_cut, *theirs));
        hit.map(|(path, theirs)| (path, theirs.map(|(_, id)| id)))
    }

    /// Whether others changed what imports brought; of paths that come, those count at which they left something else than git.
    pub fn meet(&self, coming: &BTreeSet<String>, otherwise: &BTreeSet<String>) -> bool {
        let counts = |path: &String| if meets(coming, path) { otherwise } else { &self.brought }.contains(path);
        self.changed.keys().any(counts)
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
