//! Places of commits on the first-parent line of a branch.

use super::super::failure::Failure;
use super::super::print;
use crate::lines::Line;
use quorate_git::{GitError, ObjectId, Repository};
use std::collections::BTreeMap;

/// Places of commits on a branch's first-parent line: the tip's is 0, its first parent's 1.
pub struct Places<'a> {
    line: &'a Line,
    places: BTreeMap<ObjectId, usize>,
    /// The oldest commit, where a shallow clone ends with it.
    end: Option<ObjectId>,
}

impl<'a> Places<'a> {
    /// Places of a line.
    pub fn read(repository: &Repository, line: &'a Line) -> Result<Self, GitError> {
        let (mut places, mut at) = (BTreeMap::new(), line.tip);
        loop {
            places.insert(at, places.len());
            match repository.parents(at)?.first() {
                Some(&parent) => at = parent,
                None => break,
            }
        }
        Ok(Self { line, places, end: Some(at).filter(|end| repository.is_cut(*end)) })
    }

    /// Place of a commit; none where it is not on the line.
    pub fn of(&self, commit: ObjectId) -> Option<usize> {
        self.places.get(&commit).copied()
    }

    /// Refusal of a line of which a commit is missing before one that is there.
    pub fn gap(&self, place: usize) -> Failure {
        let domain = &self.line.domain;
        let commit = self.places.iter().find(|(_, at)| **at == place).map(|(commit, _)| print::short(commit));
        let commit = commit.unwrap_or_default();
        Failure::no(format!("{domain} lacks commit {commit}, or a part of it, and has later ones: nothing was sent")).next(
            "its change may have waited for approvals that it did not get: --after COMMIT, with the newest commit that is \
             there, goes on without it",
        )
    }

    /// Refusal of a commit that is not on the line.
    pub fn lack(&self, commit: ObjectId) -> Failure {
        let (Line { branch, domain, .. }, commit) = (self.line, print::short(commit));
        let what = format!("{domain} has a history up to commit {commit}, which is not on {branch}: nothing was sent");
        match self.end {
            Some(end) => Failure::no(format!("{what}; the clone is shallow and ends at commit {}", print::short(end)))
                .next("`git fetch --unshallow` brings the rest"),
            None => Failure::no(what).next(
                "another branch, or one that was rewritten, goes into a domain of its own; --after COMMIT says which \
                 commit's files the domain has",
            ),
        }
    }
}
