//! A mirror: the history of a domain as a git repository. The same history has the same commit ids, whoever writes it.

use std::path::Path;

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
    /// Committer: the group.
    pub committer: Person,
    /// Ledger time in seconds since 1970.
    pub seconds: i64,
    /// Message with its trailers.
    pub message: String,
}

/// A bare repository that follows a domain, change by change.
pub struct Mirror {
    writer: Writer,
    root: Folder,
    tip: Option<ObjectId>,
}

impl Mirror {
    /// Makes a bare repository at `path`, or goes on in the one that is there: its objects and branches stay.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let writer = if path.join("HEAD").exists() { Writer::open(path) } else { Writer::create(path) }?;
        Ok(Self { writer, root: Folder::default(), tip: None })
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
        let [author, committer] = [&made.author, &made.committer].map(|person| signature(person, made.seconds));
        let parents: Vec<ObjectId> = self.tip.into_iter().collect();
        let tip = self.writer.commit_by(author, committer, tree, &parents, &made.message)?;
        self.tip = Some(tip);
        Ok(tip)
    }

    /// Lets a branch end in the newest commit, if there is one.
    pub fn publish(&self, branch: &str) -> Result<(), GitError> {
        self.tip.map_or(Ok(()), |tip| self.writer.branch(branch, tip))
    }
}

fn signature(person: &Person, seconds: i64) -> Signature {
    let clean = |text: &str| text.replace(['<', '>', '\n', '\0'], "").into();
    Signature { name: clean(&person.name), email: clean(&person.email), time: Time::new(seconds, 0) }
}
