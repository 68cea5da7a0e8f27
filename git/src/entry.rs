//! Entries of a tree, operations on them, and entries that had to be left out.

use std::fmt;

use gix::ObjectId;

/// Kind of file of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// A plain file.
    File,
    /// An executable file.
    Exec,
    /// A symbolic link; the content is its target, any bytes.
    Link,
}

impl From<Mode> for quorate_ledger::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::File => Self::File,
            Mode::Exec => Self::Exec,
            Mode::Link => Self::Link,
        }
    }
}

impl From<quorate_ledger::Mode> for Mode {
    fn from(mode: quorate_ledger::Mode) -> Self {
        match mode {
            quorate_ledger::Mode::File => Self::File,
            quorate_ledger::Mode::Exec => Self::Exec,
            quorate_ledger::Mode::Link => Self::Link,
        }
    }
}

/// A file as a tree holds it. Two entries are the same file exactly when they are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// Kind of file.
    pub mode: Mode,
    /// Names the content, to be fetched with [`Repository::content`](super::Repository::content).
    pub blob: ObjectId,
    /// Length of the content in bytes.
    pub size: u64,
}

/// Edit of one path. A rename is a delete and a put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// The path holds this entry from now on.
    Put {
        /// Path of the file.
        path: String,
        /// New entry.
        entry: Entry,
    },
    /// The path holds nothing from now on.
    Delete {
        /// Path of the file.
        path: String,
    },
}

impl Operation {
    /// The path that it edits.
    pub fn path(&self) -> &str {
        match self {
            Self::Put { path, .. } | Self::Delete { path } => path,
        }
    }

    /// Entry of the path afterwards.
    pub fn entry(&self) -> Option<Entry> {
        match self {
            Self::Put { entry, .. } => Some(*entry),
            Self::Delete { .. } => None,
        }
    }
}

/// Why an entry of git's tree is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Commit of another repository.
    Submodule,
    /// Its path is not UTF-8.
    NameNotUtf8,
    /// Its path breaks the path rule, see [`check_path`](super::check_path).
    PathRule,
    /// Its content is longer than a file may be.
    TooLarge,
    /// The repository does not have its content, as in a partial clone.
    ObjectMissing,
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Submodule => "submodule",
            Self::NameNotUtf8 => "name not UTF-8",
            Self::PathRule => "path rule",
            Self::TooLarge => "larger than a file may be",
            Self::ObjectMissing => "object missing in the repository",
        })
    }
}

/// An entry of a commit's tree that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its path; bytes that are not UTF-8 are replaced. Of a folder that could not be read, the folder's.
    pub path: String,
    /// The commit whose change would have brought it in.
    pub commit: ObjectId,
    /// Why it could not.
    pub reason: Reason,
}
