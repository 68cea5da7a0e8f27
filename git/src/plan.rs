//! The replay plan of one branch: a lazy sequence of steps.

use std::collections::{BTreeMap, BTreeSet};
use std::vec;

use gix::ObjectId;

use super::history::LineCommit;
use super::{Base, Commit, Counts, Entry, GitError, History, Merge, Operation, Repository, SideCommit, Skipped};

/// Commit as a change of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Metadata of the commit.
    pub commit: Commit,
    /// Base of the change. If it takes several envelopes, the later ones are based on the one before.
    pub base: Base,
    /// Operations: the diff to the first parent, in the order of [`sort_operations`](super::sort_operations). None, if
    /// the commit changes no files.
    pub operations: Vec<Operation>,
    /// Entries that had to be left out of it, by path.
    pub skipped: Vec<Skipped>,
}

/// Entries of paths; none where there is no file.
pub type Entries = BTreeMap<String, Option<Entry>>;

/// The end of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The merge commit, with its diff to its first parent, based on the revision that the last side commit reached.
    pub change: Change,
    /// For each side, the paths that it wrote, with what it wrote last.
    pub written: Vec<Entries>,
    /// Entries of the paths of `target` when the merge began: the domain was git's tree of the first parent.
    pub before: Entries,
    /// Each path that the diff or a side touched, and files in whose place a side made folders, with what git's merge
    /// commit has there. If the domain holds something else, or a conflict, the merge's own change sets it. Everywhere
    /// else the domain is as before the merge, and right.
    pub target: Entries,
}

impl Closing {
    /// The paths that a side and the domain both changed since the side's base, also when they made them the same.
    ///
    /// `base` has what the revision that the side is based on holds at the side's `written` paths. If that is a commit
    /// of the first-parent line, it is git's tree there; if it is a commit of an earlier side, the domain may have
    /// had more.
    pub fn both_sides(&self, side: usize, base: &Entries) -> Vec<&str> {
        let at_base = |path: &str| base.get(path).copied().flatten();
        let written = self.written.get(side).into_iter().flatten();
        let by_side = written.filter(|(path, entry)| **entry != at_base(path));
        let by_both = by_side.filter(|(path, _)| self.before.get(*path).copied().flatten() != at_base(path));
        by_both.map(|(path, _)| path.as_str()).collect()
    }
}

/// Step of the replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Brings in the whole tree below the newest commits. Comes first, or not at all.
    Boundary(Change),
    /// A commit of the first-parent line, by author 0; also a merge that has nothing to replay.
    Commit(Change),
    /// A merge begins; nothing goes in yet.
    Open(Merge),
    /// A commit of a side, by the side's author.
    Side {
        /// Index into the open merge's sides.
        side: usize,
        /// Change of files.
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

/// Rest of the merge that is open, and the entries that its sides wrote.
struct OpenMerge {
    id: ObjectId,
    commits: vec::IntoIter<SideCommit>,
    last: ObjectId,
    written: Vec<Entries>,
}

impl Repository {
    /// The plan that replays what `tip` can reach, with the newest `commits_max` commits of its first-parent line.
    ///
    /// Reads the commit graph now; trees are compared as the plan is walked.
    pub fn plan(&self, tip: ObjectId, commits_max: usize) -> Result<Plan<'_>, GitError> {
        Ok(Plan::new(self, History::read(tip, commits_max, |id| self.parents(id))?))
    }

    /// The plan that replays the first-parent line alone, each merge as one change.
    pub fn line(&self, tip: ObjectId, commits_max: usize) -> Result<Plan<'_>, GitError> {
        Ok(Plan::new(self, History::line(tip, commits_max, |id| self.parents(id))?))
    }
}

impl<'r> Plan<'r> {
    fn new(repository: &'r Repository, History { boundary, line, counts }: History) -> Self {
        Self { repository, counts, boundary, line: line.into_iter(), open: None }
    }

    /// Counts of the whole plan, known before its first step.
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
        let commits = merge.commits.clone().into_iter();
        let written = vec![Entries::new(); merge.sides.len()];
        self.open = Some(OpenMerge { id: next.id, commits, last: next.id, written });
        Ok(Step::Open(merge))
    }

    fn merge_step(&mut self, mut open: OpenMerge) -> Result<Step, GitError> {
        let Some(next) = open.commits.next() else {
            return self.closing(open).map(Step::Close);
        };
        let change = self.change(next.id, Some(next.base))?;
        let written = change.operations.iter().map(|operation| (operation.path().to_owned(), operation.entry()));
        open.written[next.side].extend(written);
        open.last = next.id;
        self.open = Some(open);
        Ok(Step::Side { side: next.side, change })
    }

    fn closing(&self, open: OpenMerge) -> Result<Closing, GitError> {
        let OpenMerge { id, last, written, .. } = open;
        let change = self.change(id, Some(Base::Revision(last)))?;
        let mut paths: BTreeSet<String> = written.iter().flat_map(Entries::keys).cloned().collect();
        paths.extend(change.operations.iter().map(|operation| operation.path().to_owned()));
        let mut before = match change.commit.parents.first() {
            Some(&parent) => self.repository.entries(&self.repository.commit(parent)?, &with_folders(&paths))?,
            None => Entries::new(), // a commit with a side has a first parent
        };
        before.retain(|path, entry| entry.is_some() || paths.contains(path));
        let target = self.repository.entries(&change.commit, &before.keys().cloned().collect())?;
        Ok(Closing { change, written, before, target })
    }
}

/// The paths and the folders above them.
fn with_folders(paths: &BTreeSet<String>) -> BTreeSet<String> {
    let folders = paths.iter().flat_map(|path| path.match_indices('/').map(|(end, _)| path[..end].to_owned()));
    folders.chain(paths.iter().cloned()).collect()
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
