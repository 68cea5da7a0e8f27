//! Why a repository could not be read or written.

use std::path::{Path, PathBuf};

use gix::ObjectId;

/// Why a repository could not be read or written. A repository that was only read is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No repository was found, or its layout is not one that can be read.
    #[error("no readable git repository at {} or above it: {}", path.display(), chain(cause))]
    Open {
        /// Path at which the search began.
        path: PathBuf,
        /// Cause from the git library.
        cause: gix::Error,
    },
    /// Objects or references are kept in a way that cannot be read.
    #[error("the git repository at {} {how}", path.display())]
    Format {
        /// Path of the repository, or of a folder in it.
        path: PathBuf,
        /// The way, and what can be read.
        how: &'static str,
    },
    /// HEAD names a branch without a commit.
    #[error("the repository at {} has no commit yet; commit something first", path.display())]
    Unborn {
        /// The repository's git folder.
        path: PathBuf,
    },
    /// A reference (HEAD, a branch, the list of them) cannot be resolved to a commit.
    #[error("cannot resolve {name} to a commit: {}", chain(cause))]
    Reference {
        /// Its name.
        name: String,
        /// Cause from the git library.
        cause: gix::Error,
    },
    /// Range of commits in place of two sides.
    #[error("{range}: two sides of a merge have three dots between them, as in A...B; a merge commit stands alone")]
    TwoDots {
        /// As it was given.
        range: String,
    },
    /// A name stands for nothing here.
    #[error("there is no commit {name} in the repository")]
    Unknown {
        /// The name as it was given.
        name: String,
    },
    /// An abbreviated id could be several.
    #[error("more than one object begins with {name}; give more of its id")]
    Ambiguous {
        /// The beginning.
        name: String,
    },
    /// A commit that should be a merge of two has another number of parents.
    #[error("commit {id} has {parents} parents, and a merge of two was asked for; A...B names any two commits")]
    NoMerge {
        /// Which one.
        id: ObjectId,
        /// Count of its parents.
        parents: usize,
    },
    /// A shallow clone ends before two histories meet.
    #[error("the clone is shallow and ends before what {id} was made from; `git fetch --unshallow` brings the rest")]
    TooShallow {
        /// One of the commits.
        id: ObjectId,
    },
    /// A commit that the history needs is not there, and the clone does not say that it is shallow.
    #[error("commit {id} is missing in the repository; fetch the whole history, or look with `git fsck`")]
    CommitMissing {
        /// Which one.
        id: ObjectId,
    },
    /// An object is there but cannot be read.
    #[error("object {id} cannot be read; look with `git fsck`: {}", chain(cause))]
    Unreadable {
        /// Which one.
        id: ObjectId,
        /// Cause from the git library.
        cause: gix::Error,
    },
    /// The content of a file is not there.
    #[error("the content {id} is missing in the repository; fetch it first")]
    ContentMissing {
        /// Which one.
        id: ObjectId,
    },
    /// A comparison finds more files and folders than there is room for.
    #[error("commit {id} has or changes too many files and folders to be compared")]
    TooMany {
        /// Which one.
        id: ObjectId,
    },
    /// The list of commits where a shallow clone ends cannot be read.
    #[error("the list of a shallow clone's boundary cannot be read: {}", chain(cause))]
    Shallow {
        /// Cause from the git library.
        cause: gix::Error,
    },
    /// A branch of a mirror ends in a commit that the history which was exported does not have.
    #[error("{branch} of {} ends in {id}, which this export has not written; {branch} stays where it is", path.display())]
    Foreign {
        /// Path of the repository.
        path: PathBuf,
        /// Name of the branch.
        branch: String,
        /// Commit in which it ends.
        id: ObjectId,
    },
    /// A repository could not be written.
    #[error("cannot write the git repository at {}: {}", path.display(), chain(cause))]
    Write {
        /// Path of the file.
        path: PathBuf,
        /// Cause from the git library.
        cause: gix::Error,
    },
}

/// Words of the git library for a repository of another hash.
const OTHER_HASH: &str = "Object format is not enabled";

impl GitError {
    /// Failure of a repository that names its objects with another hash than SHA-1; none where the cause is another one.
    pub(super) fn of_hash(path: &Path, cause: &gix::Error) -> Option<Self> {
        let is_other = cause.iter_errors().any(|error| error.to_string().contains(OTHER_HASH));
        let how = "names its objects with SHA-256, and only SHA-1 can be read and written";
        is_other.then(|| Self::Format { path: path.to_owned(), how })
    }

    /// Refuses a repository whose references are in no files.
    pub(super) fn unless_files(git: &gix::Repository, path: &Path) -> Result<(), Self> {
        let kept = git.config_snapshot().string("extensions.refStorage");
        let how = "keeps its references as reftable, and only files can be read and written: \
                   `git refs migrate --ref-format=files` makes them files";
        match kept.is_none_or(|kept| kept.eq_ignore_ascii_case(b"files")) {
            true => Ok(()),
            false => Err(Self::Format { path: path.to_owned(), how }),
        }
    }
}

/// Words of an error of the git library with those of its causes: the first alone does not say that a disk is full.
fn chain(error: &gix::Error) -> String {
    let mut words = String::new();
    for cause in error.iter_errors().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if !words.contains(&cause) {
            words += if words.is_empty() { "" } else { ": " };
            words += &cause;
        }
    }
    words
}
