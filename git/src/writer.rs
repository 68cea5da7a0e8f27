//! Writes a new git repository from given files, authors and times: the same input gives the same ids.

use std::path::{Path, PathBuf};

use gix::actor::Signature;
use gix::objs::{Commit, Tree};
use gix::refs::Target;
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
        Self::of(git, path)
    }

    /// Goes on in the repository at `path`.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let git = ThreadSafeRepository::open_opts(path, gix::open::Options::isolated());
        Self::of(git, path)
    }

    /// A repository with a name for who moves its branches, where its configuration has a log of that and no name.
    fn of(git: gix::Result<ThreadSafeRepository>, path: &Path) -> Result<Self, GitError> {
        let named = git.map(|git| git.to_thread_local()).and_then(|mut git| {
            git.committer_or_set_fallback("quorate", "quorate@localhost.invalid")?;
            Ok(git)
        });
        match named {
            Ok(git) => GitError::unless_files(&git, path).map(|()| Self { git, path: path.to_owned() }),
            Err(cause) => {
                let other = GitError::of_hash(path, &cause);
                Err(other.unwrap_or_else(|| GitError::Write { path: path.to_owned(), cause }))
            }
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

    /// Lets a branch end in `tip`, wherever it was.
    pub fn branch(&self, name: &str, tip: ObjectId) -> Result<(), GitError> {
        self.end(name, tip, PreviousValue::Any)
    }

    /// Lets a branch end in `tip` that ends in `before`; none where there is no such branch.
    pub fn advance(&self, name: &str, before: Option<ObjectId>, tip: ObjectId) -> Result<(), GitError> {
        let stands =
            before.map_or(PreviousValue::MustNotExist, |id| PreviousValue::MustExistAndMatch(Target::Object(id)));
        self.end(name, tip, stands)
    }

    /// Commit in which a branch ends; none where there is no such branch.
    pub fn tip(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        let found = self.git.try_find_reference(&head(name)).map_err(|cause| self.error(cause))?;
        let end = |mut reference: gix::Reference<'_>| reference.peel_to_id().map(gix::Id::detach);
        found.map(end).transpose().map_err(|cause| self.error(cause))
    }

    fn end(&self, name: &str, tip: ObjectId, stands: PreviousValue) -> Result<(), GitError> {
        let ended = self.git.reference(head(name), tip, stands, "written");
        ended.map(drop).map_err(|cause| self.error(cause))
    }

    fn written(&self, id: gix::Result<gix::Id<'_>>) -> Result<ObjectId, GitError> {
        id.map(gix::Id::detach).map_err(|cause| self.error(cause))
    }

    fn error(&self, cause: gix::Error) -> GitError {
        GitError::Write { path: self.path.clone(), cause }
    }
}

/// Full name of a branch.
fn head(branch: &str) -> String {
    format!("refs/heads/{branch}")
}
