//! Entries that no merge here can hold: submodules, files above the limits, paths that are none in a domain.

use quorate_git::{Commit, Fork, GitError, Reason, Repository};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// An entry that a side changed and that was left out.
pub struct LeftOut {
    pub path: String,
    pub reason: Reason,
    /// Whether the other side changed the path as well, otherwise.
    pub is_disputed: bool,
}

impl LeftOut {
    /// The entries of a fork, by path.
    pub fn of(repository: &Repository, fork: &Fork) -> Result<Vec<Self>, GitError> {
        let base = fork.base.as_ref();
        let (ours, theirs) = (Changes::of(repository, base, &fork.ours)?, Changes::of(repository, base, &fork.theirs)?);
        let apart = Changes::of(repository, Some(&fork.ours), &fork.theirs)?;
        let is_disputed = |path: &str| ours.has(path) && theirs.has(path) && apart.has(path);
        let all = ours.left_out.iter().chain(&theirs.left_out).collect::<BTreeMap<_, _>>().into_iter();
        let entry = |(path, reason): (&String, &Reason)| Self {
            path: path.clone(),
            reason: *reason,
            is_disputed: is_disputed(path),
        };
        Ok(all.map(entry).collect())
    }
}

/// Paths on which two commits differ.
struct Changes {
    files: BTreeSet<String>,
    /// Paths where one of them has an entry that was left out.
    left_out: BTreeMap<String, Reason>,
}

impl Changes {
    fn of(repository: &Repository, old: Option<&Commit>, new: &Commit) -> Result<Self, GitError> {
        let (operations, mut skipped) = repository.compare(old, new)?;
        // A comparison tells of the newer commit's entries only.
        if let Some(old) = old {
            skipped.extend(repository.compare(Some(new), old)?.1);
        }
        let files = operations.iter().map(|operation| operation.path().to_owned()).collect();
        Ok(Self { files, left_out: skipped.into_iter().map(|entry| (entry.path, entry.reason)).collect() })
    }

    /// Whether the path, a folder above it or anything below it is among them.
    fn has(&self, path: &str) -> bool {
        let is = |path: &str| self.files.contains(path) || self.left_out.contains_key(path);
        let is_above = path.match_indices('/').any(|(end, _)| is(&path[..end]));
        is(path) || is_above || self.has_below(&format!("{path}/"))
    }

    fn has_below(&self, folder: &str) -> bool {
        let is_below = |first: Option<&String>| first.is_some_and(|path| path.starts_with(folder));
        let from = (Bound::Included(folder), Bound::Unbounded);
        is_below(self.files.range::<str, _>(from).next())
            || is_below(self.left_out.range::<str, _>(from).next().map(|(path, _)| path))
    }
}
