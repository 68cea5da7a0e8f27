//! Changes from one tree to another, once both are without the entries that a domain cannot hold.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use gix::ObjectId;
use gix::objs::tree::{EntryKind, EntryRef};
use quorate_ledger::path::PATH_BYTES_MAX;

use super::envelope::sort_operations;
use super::listing::{Listing, is_folder};
use super::path::check_path;
use super::{Commit, Entries, Entry, GitError, Mode, Operation, Reason, Repository, Skipped, Tree};

/// Bytes of an operation, a folder to compare or a skipped entry, without its path.
const NOTE_BYTES: usize = 100;

impl Repository {
    /// Changes of `commit` to its first parent's files; every file is new, if it has no parent.
    ///
    /// Operations come in the order of [`sort_operations`](super::sort_operations), skipped entries by path.
    pub fn changes(&self, commit: &Commit) -> Result<(Vec<Operation>, Vec<Skipped>), GitError> {
        let parent = commit.parents.first().map(|&parent| self.commit(parent)).transpose()?;
        compare(self, commit.id, parent.map(|parent| parent.tree), Some(commit.tree), None)
    }

    /// Operations that turn the files of one commit into those of another; of nothing, a put of each.
    pub fn compare(&self, old: Option<&Commit>, new: &Commit) -> Result<(Vec<Operation>, Vec<Skipped>), GitError> {
        compare(self, new.id, old.map(|old| old.tree), Some(new.tree), None)
    }

    /// Files of a commit.
    pub fn tree(&self, commit: &Commit) -> Result<Tree, GitError> {
        let (operations, skipped) = self.compare(None, commit)?;
        let mut tree = Tree { skipped, ..Tree::default() };
        operations.iter().for_each(|operation| tree.apply(operation));
        Ok(tree)
    }

    /// Entries of a commit's tree at `paths`, which is less work than [`tree`](Self::tree).
    ///
    /// Has every one of `paths`; none where the tree has no file, or one that was left out.
    pub fn entries(&self, commit: &Commit, paths: &BTreeSet<String>) -> Result<Entries, GitError> {
        let (operations, _) = compare(self, commit.id, None, Some(commit.tree), Some(paths))?;
        let mut entries: Entries = paths.iter().map(|path| (path.clone(), None)).collect();
        entries.extend(operations.into_iter().map(|put| (put.path().to_owned(), put.entry())));
        Ok(entries)
    }

    /// Object that is missing at a path of a commit's tree, or on the way to it, so that nobody knows its entry.
    pub fn missing(&self, commit: &Commit, path: &str) -> Result<Option<Skipped>, GitError> {
        let (_, skipped) = compare(self, commit.id, None, Some(commit.tree), Some(&[path.to_owned()].into()))?;
        Ok(skipped.into_iter().find(|skipped| skipped.reason == Reason::ObjectMissing))
    }
}

/// Compares two trees, nothing being the empty one. Gives the operations that turn `old` into `new`, in the order of
/// [`sort_operations`], and what had to be left out of what is new in `new`, by path.
///
/// Reads only folders that differ, and with a `scope` only those on the way to its paths; others are not compared.
/// Skipped entries are marked with `commit`.
fn compare(
    repository: &Repository,
    commit: ObjectId,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
    scope: Option<&BTreeSet<String>>,
) -> Result<(Vec<Operation>, Vec<Skipped>), GitError> {
    let mut comparison = Comparison::of(repository, commit, scope);
    if old != new {
        comparison.pending.push(Folder { path: Vec::new(), old, new });
    }
    while let Some(folder) = comparison.pending.pop() {
        comparison.folder(&folder)?;
    }
    let Comparison { mut operations, mut skipped, .. } = comparison;
    sort_operations(&mut operations);
    skipped.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((operations, skipped))
}

/// A folder on at least one side; `path` ends in `/` or is empty.
struct Folder {
    path: Vec<u8>,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
}

impl Folder {
    fn join(&self, name: &[u8]) -> Vec<u8> {
        [&self.path, name].concat()
    }
}

struct Comparison<'r> {
    repository: &'r Repository,
    commit: ObjectId,
    scope: Option<&'r BTreeSet<String>>,
    pending: Vec<Folder>,
    operations: Vec<Operation>,
    skipped: Vec<Skipped>,
    /// Bytes that these lists may still take.
    room: usize,
}

impl<'r> Comparison<'r> {
    fn of(repository: &'r Repository, commit: ObjectId, scope: Option<&'r BTreeSet<String>>) -> Self {
        let (pending, operations, skipped, room) = (Vec::new(), Vec::new(), Vec::new(), repository.compared_bytes_max);
        Self { repository, commit, scope, pending, operations, skipped, room }
    }

    fn folder(&mut self, folder: &Folder) -> Result<(), GitError> {
        let repository = self.repository;
        let old = repository.folder(folder.old)?;
        let new = repository.folder(folder.new)?;
        if (new.is_none() && folder.new.is_some()) || (old.is_none() && folder.old.is_some()) {
            self.skip(folder.path.strip_suffix(b"/").unwrap_or(&folder.path), Reason::ObjectMissing)?;
        }
        let old = old.as_ref().map(|object| Listing::read(object.id, &object.data)).transpose()?;
        let new = new.as_ref().map(|object| Listing::read(object.id, &object.data)).transpose()?;
        for broken in new.iter().flat_map(|listing| &listing.broken) {
            self.skip(&folder.join(broken.filename), Reason::PathRule)?;
        }
        let old = old.map(|listing| listing.entries).unwrap_or_default();
        let new = new.map(|listing| listing.entries).unwrap_or_default();
        self.entries(folder, &old, &new)
    }

    /// Walks two sorted listings side by side.
    fn entries(&mut self, folder: &Folder, old: &[EntryRef<'_>], new: &[EntryRef<'_>]) -> Result<(), GitError> {
        let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.cmp(b),
            };
            let a = old.next_if(|_| order.is_le());
            let b = new.next_if(|_| order.is_ge());
            self.entry(folder, a, b)?;
        }
    }

    fn entry(
        &mut self,
        folder: &Folder,
        old: Option<&EntryRef<'_>>,
        new: Option<&EntryRef<'_>>,
    ) -> Result<(), GitError> {
        if old.zip(new).is_some_and(|(a, b)| a.oid == b.oid && a.mode.kind() == b.mode.kind()) {
            return Ok(());
        }
        let Some(either) = new.or(old) else {
            return Ok(());
        };
        let path = folder.join(either.filename);
        if !self.is_in_scope(&path, is_folder(either)) {
            return Ok(());
        }
        if is_folder(either) {
            return self.enter(path, old.map(|entry| entry.oid.into()), new.map(|entry| entry.oid.into()));
        }
        self.file(&path, old, new)
    }

    fn is_in_scope(&self, path: &[u8], is_folder: bool) -> bool {
        let Some(scope) = self.scope else { return true };
        let Ok(path) = std::str::from_utf8(path) else {
            return false;
        };
        if !is_folder {
            return scope.contains(path);
        }
        let folder = format!("{path}/");
        scope.range(folder.clone()..).next().is_some_and(|first| first.starts_with(&folder))
    }

    /// Notes a folder to be compared; one whose files could have no path is skipped as a whole.
    fn enter(&mut self, mut path: Vec<u8>, old: Option<ObjectId>, new: Option<ObjectId>) -> Result<(), GitError> {
        if path.len() < PATH_BYTES_MAX {
            path.push(b'/');
            self.take_room(path.len())?;
            self.pending.push(Folder { path, old, new });
        } else if new.is_some() {
            self.skip(&path, Reason::PathRule)?;
        }
        Ok(())
    }

    fn file(&mut self, path: &[u8], old: Option<&EntryRef<'_>>, new: Option<&EntryRef<'_>>) -> Result<(), GitError> {
        let old = old.map(|entry| self.judge(path, entry)).transpose()?;
        if new.is_none() && old == Some(Err(Reason::ObjectMissing)) {
            self.skip(path, Reason::ObjectMissing)?; // nobody knows whether it was ever put
        }
        let old = old.and_then(Result::ok);
        let new = match new.map(|entry| self.judge(path, entry)).transpose()? {
            Some(Err(reason)) => {
                self.skip(path, reason)?;
                None
            }
            kept => kept.and_then(Result::ok),
        };
        self.take_room(path.len())?;
        match (old, new) {
            (old, Some((path, entry))) if old.is_none_or(|(_, old)| old != entry) => {
                self.operations.push(Operation::Put { path: path.to_owned(), entry });
            }
            (Some((path, _)), None) => self.operations.push(Operation::Delete { path: path.to_owned() }),
            (_, _) => (),
        }
        Ok(())
    }

    /// The entry as a domain holds it, or why it cannot.
    fn judge<'p>(&self, path: &'p [u8], entry: &EntryRef<'_>) -> Result<Result<(&'p str, Entry), Reason>, GitError> {
        let mode = match entry.mode.kind() {
            EntryKind::Blob => Mode::File,
            EntryKind::BlobExecutable => Mode::Exec,
            EntryKind::Link => Mode::Link,
            EntryKind::Commit | EntryKind::Tree => return Ok(Err(Reason::Submodule)),
        };
        let path = match check_path(path) {
            Ok(path) => path,
            Err(reason) => return Ok(Err(reason)),
        };
        let blob = entry.oid.into();
        Ok(match self.repository.size(blob)? {
            None => Err(Reason::ObjectMissing),
            Some(size) if size > self.repository.file_bytes_max() => Err(Reason::TooLarge),
            Some(size) => Ok((path, Entry { mode, blob, size })),
        })
    }

    fn skip(&mut self, path: &[u8], reason: Reason) -> Result<(), GitError> {
        let path = String::from_utf8_lossy(path).into_owned();
        self.take_room(path.len())?;
        self.skipped.push(Skipped { path, commit: self.commit, reason });
        Ok(())
    }

    /// Takes the room of a line of the lists, with a path of so many bytes.
    fn take_room(&mut self, path_bytes: usize) -> Result<(), GitError> {
        let left = self.room.checked_sub(NOTE_BYTES + path_bytes);
        self.room = left.ok_or(GitError::TooMany { id: self.commit })?;
        Ok(())
    }
}
