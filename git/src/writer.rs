//! Writes a new git repository from given files, authors and times: the same input gives the same ids.

use std::path::{Path, PathBuf};

use gix::actor::Signature;
use gix::objs::{Commit, Tree};
use gix::refs::transaction::PreviousValue;
use gix::{ObjectId, ThreadSafeRepository};

use super::GitError;

/// A bare repository that is being written.
pub(super) struct Writer {
    git: gix::Repository,
    path: PathBuf,
}

impl Writer {
    /// Makes an empty bare repository at `path`, where nothing is or an empty folder.
    pub fn create(path: &Path) -> Result<Self, GitError> {
        let kind = gix::create::Kind::Bare;
        let git = ThreadSafeRepository::init_opts(path, kind, Default::default(), gix::open::Options::isolated());
        let path = path.to_owned();
        match git {
            Ok(git) => Ok(Self { git: git.to_thread_local(), path }),
            Err(cause) => Err(GitError::Write { path, cause }),
        }
    }

    /// Goes on in the repository at `path`.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let git = ThreadSafeRepository::open_opts(path, gix::open::Options::isolated());
        match git {
            Ok(git) => Ok(Self { git: git.to_thread_local(), path: path.to_owned() }),
            Err(cause) => Err(GitError::Write { path: path.to_owned(), cause }),
        }
    }

    /// Writes a content.
    pub fn blob(&self, content: &[u8]) -> Result<ObjectId, GitError> {
        self.written(self.git.write_blob(content))
    }

    /// Writes a folder.
    pub fn tree(&self, tree: &Tree) -> Result<ObjectId, GitError> {
        self.written(self.git.write_object(tree))
    }

    /// Writes a commit whose author also committed it.
    pub fn commit(
        &self,
        author: Signature,
        tree: ObjectId,
        parents: &[ObjectId],
        message: &str,
    ) -> Result<ObjectId, GitError> {
        self.commit_by(author.clone(), author, tree, parents, message)
    }

    /// Writes a commit.
    pub fn commit_by(
        &self,
        author: Signature,
        committer: Signature,
        tree: ObjectId,
        parents: &[ObjectId],
        message: &str,
    ) -> Result<ObjectId, GitError> {
        let commit = Commit {
            tree,
            parents: parents.iter().copied().collect(),
            committer,
            author,
            encoding: None,
            message: message.into(),
            extra_headers: Vec::new(),
        };
        self.written(self.git.write_object(&commit))
    }

    /// Lets a branch end in `tip`.
    pub fn branch(&self, name: &str, tip: ObjectId) -> Result<(), GitError> {
        let name = format!("refs/heads/{name}");
        match self.git.reference(name, tip, PreviousValue::Any, "written") {
            Ok(_) => Ok(()),
            Err(cause) => Err(self.error(cause)),
        }
    }

    fn written(&self, id: gix::Result<gix::Id<'_>>) -> Result<ObjectId, GitError> {
        id.map(gix::Id::detach).map_err(|cause| self.error(cause))
    }

    fn error(&self, cause: gix::Error) -> GitError {
        GitError::Write { path: self.path.clone(), cause }
    }
}
