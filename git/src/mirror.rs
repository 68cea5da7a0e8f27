//! A mirror: the history of a domain as a git repository. The same history has the same commit ids, whoever writes it.

use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::actor::Signature;
use gix::date::Time;
use gix::objs::tree::EntryKind;

use super::folder::Folder;
use super::writer::Writer;
use super::{GitError, Mode, Person};

/// Commit that a change of the group makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorCommit {
    /// Author of the change.
    pub author: Person,
    /// Time at which the author wrote it.
    pub written: Time,
    /// Committer: the group.
    pub committer: Person,
    /// Ledger time.
    pub committed: Time,
    /// Message with its trailers.
    pub message: String,
}

/// A bare repository that follows a domain, change by change.
pub struct Mirror {
    writer: Writer,
    root: Folder,
    /// Commits of this run, oldest first.
    written: Vec<ObjectId>,
    path: PathBuf,
}

impl Mirror {
    /// Makes a bare repository at `path`, or goes on in the one that is there: its objects and branches stay.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let writer = if path.join("HEAD").exists() { Writer::open(path) } else { Writer::create(path) }?;
        Ok(Self { writer, root: Folder::default(), written: Vec::new(), path: path.to_owned() })
    }

    /// The path holds this content from now on.
    pub fn put(&mut self, path: &str, mode: Mode, content: &[u8]) -> Result<(), GitError> {
        let kind = match mode {
            Mode::File => EntryKind::Blob,
            Mode::Exec => EntryKind::BlobExecutable,
            Mode::Link => EntryKind::Link,
        };
        let id = self.writer.blob(content)?;
        self.root.put(path.as_bytes(), kind, id);
        Ok(())
    }

    /// The path holds nothing from now on.
    pub fn delete(&mut self, path: &str) {
        self.root.delete(path.as_bytes());
    }

    /// Commits the files as they stand.
    pub fn commit(&mut self, made: &MirrorCommit) -> Result<ObjectId, GitError> {
        let tree = self.root.write(&self.writer)?;
        let author = signature(&made.author, made.written);
        let committer = signature(&made.committer, made.committed);
        let parents: Vec<ObjectId> = self.written.last().copied().into_iter().collect();
        let tip = self.writer.commit_by(author, committer, tree, &parents, &made.message)?;
        self.written.push(tip);
        Ok(tip)
    }

    /// Lets a branch end in the newest commit, if there is one. A branch that ends in a commit of another history stays.
    pub fn publish(&self, branch: &str) -> Result<(), GitError> {
        let before = self.writer.tip(branch)?;
        if let Some(id) = before.filter(|id| !self.written.contains(id)) {
            return Err(GitError::Foreign { path: self.path.clone(), branch: branch.to_owned(), id });
        }
        self.written.last().map_or(Ok(()), |tip| self.writer.advance(branch, before, *tip))
    }

    /// Lets a branch end in the newest commit, wherever it was. Tells what it gave up. Where there is no commit it publishes.
    pub fn replace(&self, branch: &str) -> Result<Option<ObjectId>, GitError> {
        let Some(tip) = self.written.last() else { return self.publish(branch).map(|()| None) };
        let before = self.writer.tip(branch)?;
        self.writer.branch(branch, *tip)?;
        Ok(before.filter(|id| !self.written.contains(id)))
    }
}

fn signature(person: &Person, time: Time) -> Signature {
    let clean = |text: &str| text.replace(['<', '>', '\n', '\0'], "").into();
    Signature { name: clean(&person.name), email: clean(&person.email), time }
}
