//! Places of commits on the first-parent line of a branch.

use super::super::failure::Failure;
use super::super::print;
use crate::lines::Line;
use quorate_git::{GitError, ObjectId, Repository};
use std::collections::{BTreeMap, BTreeSet};

/// Places of commits on a branch's first-parent line: the tip's is 0, its first parent's 1.
pub struct Places<'a> {
    repository: &'a Repository,
    line: &'a Line,
    places: BTreeMap<ObjectId, usize>,
    /// The oldest commit, where a shallow clone ends with it.
    end: Option<ObjectId>,
}

impl<'a> Places<'a> {
    /// Places of a line.
    pub fn read(repository: &'a Repository, line: &'a Line) -> Result<Self, GitError> {
        let (mut places, mut at) = (BTreeMap::new(), line.tip);
        loop {
            places.insert(at, places.len());
            match repository.parents(at)?.first() {
                Some(&parent) => at = parent,
                None => break,
            }
        }
        Ok(Self { repository, line, places, end: Some(at).filter(|end| repository.is_cut(*end)) })
    }

    /// Place of a commit; none where it is not on the line.
    pub fn of(&self, commit: ObjectId) -> Option<usize> {
        self.places.get(&commit).copied()
    }

    /// Commit at a place.
    pub fn at(&self, place: usize) -> Option<ObjectId> {
        self.places.iter().find(|(_, at)| **at == place).map(|(commit, _)| *commit)
    }

    /// Place of the newest commit of the line that a commit comes from, itself included; of the oldest where it comes from none.
    pub fn nearest(&self, commit: ObjectId) -> Result<usize, GitError> {
        let mut nearest = self.places.len() - 1;
        self.walk(commit, |id| {
            let place = self.of(id);
            nearest = place.map_or(nearest, |place| nearest.min(place));
            place.is_none()
        })?;
        Ok(nearest)
    }

    /// Whether the tip comes from a commit, along whichever parents.
    fn is_merged(&self, commit: ObjectId) -> Result<bool, GitError> {
        let mut is_met = false;
        self.walk(self.line.tip, |id| {
            is_met |= id == commit;
            !is_met
        })?;
        Ok(is_met)
    }

    /// Walks from a commit to all that it comes from; behind one of which `goes_on` says no it does not look.
    fn walk(&self, from: ObjectId, mut goes_on: impl FnMut(ObjectId) -> bool) -> Result<(), GitError> {
        let (mut pending, mut seen) = (vec![from], BTreeSet::new());
        while let Some(id) = pending.pop() {
            if seen.insert(id) && goes_on(id) {
                pending.extend(self.repository.parents(id)?);
            }
        }
        Ok(())
    }

    /// Refusal of a line of which a commit is missing before one that is there.
    pub fn gap(&self, place: usize) -> Failure {
        let domain = &self.line.domain;
        let commit = self.at(place).map(print::short).unwrap_or_default();
        Failure::no(format!("{domain} lacks commit {commit}, or a part of it, and has later ones: nothing was sent")).next(
            "its change may have waited for approvals that it did not get: --after COMMIT, with the newest commit that is \
             there, goes on without it",
        )
    }

    /// Refusal of a commit that is not on the line.
    pub fn lack(&self, commit: ObjectId) -> Failure {
        let (Line { branch, domain, .. }, id) = (self.line, commit);
        let commit = print::short(id);
        let has = format!("{domain} has a history up to commit {commit}, which");
        if self.is_merged(id).unwrap_or_default() {
            let what = format!("{has} {branch} has merged, and is not on its line of first parents: nothing was sent");
            return Failure::no(what).next(format!(
                "the same command with `--after {commit}` takes the domain from that commit to the branch"
            ));
        }
        let what = format!("{has} is not on {branch}: nothing was sent");
        match self.end {
            Some(end) => Failure::no(format!("{what}; the clone is shallow and ends at commit {}", print::short(end)))
                .next("`git fetch --unshallow` brings the rest"),
            None if self.repository.commit(id).is_ok() => Failure::no(what).next(format!(
                "another branch goes into a domain of its own; where this one was rewritten, the same command with \
                 `--after {commit}` takes the domain from that commit to the branch"
            )),
            None => Failure::no(what).next(format!(
                "another branch, or one that was rewritten, goes into a domain of its own; or fetch {id} into the \
                 repository: `--after {commit}` then takes the domain from it to the branch"
            )),
        }
    }
}
