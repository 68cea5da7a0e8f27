//! The replay plan of one branch: a lazy sequence of steps.

use std::collections::{BTreeMap, BTreeSet};
use std::vec;

use gix::ObjectId;

use super::history::LineCommit;
use super::{Base, Commit, Counts, Entry, GitError, History, Merge, Operation, Repository, Skipped};

/// One commit as a change of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What the commit says of itself.
    pub commit: Commit,
    /// What the change is based on. If it takes several envelopes, the later ones are based on the one before.
    pub base: Base,
    /// What it does: the diff to the first parent, in the order of [`sort_operations`](super::sort_operations). None,
    /// if the commit changes no files.
    pub operations: Vec<Operation>,
    /// What had to be left out of it, by path.
    pub skipped: Vec<Skipped>,
}

/// What one side does to the files, as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SidePaths {
    /// The paths whose entries differ between git's tree at the side's base and at its tip, with the entry at the tip.
    ///
    /// Of several tips, the last one that differs. Where the base is a commit of the first-parent line, the domain at
    /// that revision is git's tree; where it is a commit of an earlier side, the domain may have had more.
    pub changed: BTreeMap<String, Option<Entry>>,
}

/// The end of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The merge commit, with its diff to its first parent, based on the revision that the last side commit reached.
    pub change: Change,
    /// Each path that this diff or a side touched, with what git's merge commit has there: where the domain holds
    /// something else, or a conflict, the merge's own change sets it. Everywhere else the domain is as before the
    /// merge, and right.
    pub target: BTreeMap<String, Option<Entry>>,
}

/// One step of the replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Brings in the whole tree below the newest commits. Comes first, or not at all.
    Boundary(Change),
    /// A commit of the first-parent line, by author 0; also a merge that has nothing to replay.
    Commit(Change),
    /// A merge begins; nothing goes in yet. For each of its sides what the side will do.
    Open {
        /// The sides and their commits.
        merge: Merge,
        /// For each side, what it changes.
        paths: Vec<SidePaths>,
    },
    /// A commit of a side, by the side's author.
    Side {
        /// Index into the open merge's sides.
        side: usize,
        /// What it does.
        change: Change,
    },
    /// The merge ends with its own commit, by author 0.
    Close(Closing),
}

/// The steps that replay one branch, in order. Holds ids; compares trees as it is walked.
///
/// After an error it goes on with the next step, which a caller should not want.
pub struct Plan<'r> {
    repository: &'r Repository,
    counts: Counts,
    boundary: Option<ObjectId>,
    line: vec::IntoIter<LineCommit>,
    open: Option<OpenMerge>,
}

/// What is left of the merge that is open.
struct OpenMerge {
    id: ObjectId,
    commits: vec::IntoIter<super::SideCommit>,
    last: ObjectId,
    touched: BTreeSet<String>,
}

impl<'r> Plan<'r> {
    pub(super) fn new(repository: &'r Repository, tip: ObjectId, commits_max: usize) -> Result<Self, GitError> {
        let history = History::read(tip, commits_max, |id| repository.parents(id))?;
        let History { boundary, line, counts } = history;
        Ok(Self { repository, counts, boundary, line: line.into_iter(), open: None })
    }

    /// How much the whole plan has, known before its first step.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn boundary(&self, id: ObjectId) -> Result<Step, GitError> {
        let commit = self.repository.commit(id)?;
        let (operations, skipped) = self.repository.compare(None, &commit)?;
        Ok(Step::Boundary(Change { commit, base: Base::Genesis, operations, skipped }))
    }

    /// The change of a commit; on the first-parent line, if no other base is given.
    fn change(&self, id: ObjectId, base: Option<Base>) -> Result<Change, GitError> {
        let commit = self.repository.commit(id)?;
        let (operations, skipped) = self.repository.changes(&commit)?;
        let first_parent = commit.parents.first().map_or(Base::Genesis, |&parent| Base::Revision(parent));
        Ok(Change { base: base.unwrap_or(first_parent), commit, operations, skipped })
    }

    fn line_step(&mut self, next: LineCommit) -> Result<Step, GitError> {
        let Some(merge) = next.merge else {
            return Ok(Step::Commit(self.change(next.id, None)?));
        };
        let paths = merge.sides.iter().map(|side| self.side_paths(side.base, &side.tips)).collect::<Result<_, _>>()?;
        let commits = merge.commits.clone().into_iter();
        self.open = Some(OpenMerge { id: next.id, commits, last: next.id, touched: BTreeSet::new() });
        Ok(Step::Open { merge, paths })
    }

    fn side_paths(&self, base: Base, tips: &[ObjectId]) -> Result<SidePaths, GitError> {
        let base = match base {
            Base::Genesis => None,
            Base::Revision(id) | Base::Envelope(id) => Some(self.repository.commit(id)?),
        };
        let mut changed = BTreeMap::new();
        for &tip in tips {
            let (operations, _) = self.repository.compare(base.as_ref(), &self.repository.commit(tip)?)?;
            changed.extend(operations.iter().map(|operation| (operation.path().to_owned(), operation.entry())));
        }
        Ok(SidePaths { changed })
    }

    fn merge_step(&mut self, mut open: OpenMerge) -> Result<Step, GitError> {
        let Some(next) = open.commits.next() else {
            return self.closing(open).map(Step::Close);
        };
        let change = self.change(next.id, Some(next.base))?;
        open.touched.extend(change.operations.iter().map(|operation| operation.path().to_owned()));
        open.last = next.id;
        self.open = Some(open);
        Ok(Step::Side { side: next.side, change })
    }

    fn closing(&self, mut open: OpenMerge) -> Result<Closing, GitError> {
        let change = self.change(open.id, Some(Base::Revision(open.last)))?;
        open.touched.extend(change.operations.iter().map(|operation| operation.path().to_owned()));
        let target = self.repository.entries(&change.commit, &open.touched)?;
        Ok(Closing { change, target })
    }
}

impl Iterator for Plan<'_> {
    type Item = Result<Step, GitError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(id) = self.boundary.take() {
            return Some(self.boundary(id));
        }
        if let Some(open) = self.open.take() {
            return Some(self.merge_step(open));
        }
        let next = self.line.next()?;
        Some(self.line_step(next))
    }
}
