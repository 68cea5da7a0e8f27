//! Changes of others beside those of imports, as a domain's log tells them.

use quorate_client::api::LogEntry;
use quorate_ledger::{PathChange, PathOutcome, Revision};
use std::collections::BTreeSet;

/// Paths of a log whose entries are noted from the newest on.
#[derive(Debug, Default)]
pub struct Others {
    /// Paths that are as an import wrote them.
    same: BTreeSet<String>,
    /// Paths that are otherwise, because others changed them.
    changed: BTreeSet<String>,
    /// Paths that imports wrote.
    brought: BTreeSet<String>,
    /// Revision of the newest entry.
    pub newest: Revision,
}

impl Others {
    /// Notes an entry, which is older than those before.
    pub fn note(&mut self, entry: &LogEntry, is_import: bool) {
        self.newest = self.newest.max(entry.revision);
        entry.changes.iter().for_each(|change| self.note_path(change, is_import));
    }

    fn note_path(&mut self, PathChange { path, outcome, .. }: &PathChange, is_import: bool) {
        let is_written = match outcome {
            PathOutcome::Locked | PathOutcome::Queued | PathOutcome::Released => return,
            PathOutcome::Applied | PathOutcome::Settled => is_import,
            PathOutcome::Merged | PathOutcome::Conflict | PathOutcome::Overruled => false,
        };
        if is_import {
            self.brought.insert(path.clone());
        }
        if is_written && !self.changed.contains(path) {
            self.same.insert(path.clone());
        } else if !self.same.contains(path) {
            self.changed.insert(path.clone());
        }
    }

    /// Whether others changed a file at all.
    pub fn are_none(&self) -> bool {
        self.changed.is_empty()
    }

    /// Whether others changed what imports brought, or one of these paths.
    pub fn meet(&self, coming: &BTreeSet<String>) -> bool {
        self.changed.iter().any(|path| self.brought.contains(path) || coming.contains(path))
    }
}
