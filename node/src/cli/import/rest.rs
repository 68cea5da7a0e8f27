//! Commits of a branch that its domain lacks.

use super::super::failure::Failure;
use super::earlier::{Begun, Earlier};
use super::places::Places;
use super::standing::Standing;
use crate::lines::Line;
use quorate_git::{Base, Change, Commit, GitError, ObjectId, Operation, Plan, Repository, Step, sort_operations};
use std::collections::BTreeSet;

/// A commit that goes in, what an import that was ended has left of it, or the way to it.
pub struct Piece {
    pub change: Change,
    /// Whether it brings in the commit's whole tree, and not its difference.
    pub is_whole: bool,
    /// Whether an import that was ended has brought in a part of the commit.
    pub is_begun: bool,
    /// Commit off the line whose files are there until it is in: all parts but the last tell of that.
    pub from: Option<Commit>,
}

/// The first-parent line after what is there, commit by commit.
pub struct Rest<'r> {
    plan: Plan<'r>,
    /// Rest of the newest commit of which some is there, or the way to the first one of the line.
    begun: Option<Piece>,
    /// Whether what is there of it took effect at another path than its own, where others had moved a file.
    pub is_moved: bool,
    /// The newest commit that is there, or of which a part is.
    pub after: Option<ObjectId>,
    /// Commits that come after it.
    pub count: usize,
    /// Commits of merged branches in the whole plan.
    pub folded: usize,
}

impl<'r> Rest<'r> {
    /// The rest of a line; where nothing is there yet, of its newest commits. Files that are not as in the commit that is there,
    /// it sets.
    pub fn of(
        repository: &'r Repository,
        (line, places): (&Line, &Places<'_>),
        (earlier, astray): (Option<&Earlier>, &BTreeSet<String>),
        commits: Option<usize>,
    ) -> Result<Self, Failure> {
        let (depth, begun, after) = match earlier {
            None => (commits.unwrap_or(usize::MAX), None, None),
            Some(Earlier { commit, begun, .. }) => {
                let depth = places.nearest(*commit).map_err(Failure::usage)?;
                let begun = match begun {
                    Some(begun) => missing(repository, *commit, begun),
                    None => {
                        let to = places.at(depth).unwrap_or(line.tip);
                        way(repository, (*commit, to), astray).map(|piece| (piece, false))
                    }
                };
                (depth, Some(begun.map_err(Failure::usage)?), Some(*commit))
            }
        };
        let is_moved = begun.as_ref().is_some_and(|(_, is_moved)| *is_moved);
        let begun = begun.map(|(piece, _)| piece);
        let plan = repository.line(line.tip, depth).map_err(Failure::usage)?;
        let counts = plan.counts();
        let begun = begun.filter(|piece| !piece.change.operations.is_empty());
        Ok(Self { plan, begun, is_moved, after, count: counts.line, folded: counts.folded })
    }

    /// Leaves out of the commit of which some is there what is deleted already.
    pub fn pass(&mut self, standing: &mut Standing) {
        if let Some(begun) = &mut self.begun {
            standing.pass(&mut begun.change.operations);
        }
    }

    /// Paths that it writes or deletes.
    pub fn paths(self) -> Result<BTreeSet<String>, Failure> {
        let mut paths = BTreeSet::new();
        for piece in self {
            let operations = piece.map_err(Failure::usage)?.change.operations;
            paths.extend(operations.iter().map(|operation| operation.path().to_owned()));
        }
        Ok(paths)
    }
}

/// The rest of a commit, read as its first parts were: a clone that is shallow elsewhere gives it other parents. With whether
/// these took effect at another path than their own.
fn missing(repository: &Repository, id: ObjectId, begun: &Begun) -> Result<(Piece, bool), GitError> {
    let commit = repository.commit(id)?;
    let (mut operations, skipped) = match begun.is_whole {
        true => repository.compare(None, &commit)?,
        false if repository.is_cut(id) => return Err(GitError::TooShallow { id }),
        false => repository.changes(&commit)?,
    };
    let all = operations.len();
    operations.retain(|operation| !begun.paths.contains(operation.path()));
    let is_moved = all - operations.len() < begun.paths.len();
    let change = Change { commit, base: Base::Revision(id), operations, skipped };
    Ok((Piece { change, is_whole: begun.is_whole, is_begun: true, from: None }, is_moved))
}

/// Way from a commit, whose files are there but for those astray, to one of the line.
fn way(
    repository: &Repository,
    (from, to): (ObjectId, ObjectId),
    astray: &BTreeSet<String>,
) -> Result<Piece, GitError> {
    let (from, commit) = (repository.commit(from)?, repository.commit(to)?);
    let (mut operations, skipped) = repository.compare(Some(&from), &commit)?;
    operations.retain(|operation| !astray.contains(operation.path()));
    operations.extend(repository.entries(&commit, astray)?.into_iter().map(|(path, entry)| match entry {
        Some(entry) => Operation::Put { path, entry },
        None => Operation::Delete { path },
    }));
    sort_operations(&mut operations);
    let change = Change { commit, base: Base::Revision(to), operations, skipped };
    Ok(Piece { change, is_whole: false, is_begun: false, from: Some(from).filter(|from| from.id != to) })
}

impl Iterator for Rest<'_> {
    type Item = Result<Piece, GitError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(begun) = self.begun.take() {
            return Some(Ok(begun));
        }
        loop {
            let (change, is_whole) = match self.plan.next()? {
                Err(error) => return Some(Err(error)),
                Ok(Step::Boundary(_)) if self.after.is_some() => continue,
                Ok(Step::Boundary(change)) => (change, true),
                Ok(Step::Commit(change)) => {
                    let is_whole = change.commit.parents.is_empty(); // a root, or where a shallow clone ends
                    (change, is_whole)
                }
                Ok(Step::Open(_) | Step::Side { .. } | Step::Close(_)) => {
                    unreachable!("a plan of the first-parent line alone opens no merge")
                }
            };
            return Some(Ok(Piece { change, is_whole, is_begun: false, from: None }));
        }
    }
}
