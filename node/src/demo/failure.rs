//! Failure of a demo.

use quorate_client::http::ClientError;
use quorate_client::keys::KeyError;
use quorate_git::GitError;
use quorate_service::init::InitError;
use quorate_service::replica::LaunchError;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no summary.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A folder with something in it.
    #[error("{} is not empty; give a folder that is, or none at all", .0.display())]
    NotEmpty(PathBuf),
    /// No liar among so few.
    #[error("{0} replicas bear no liar: give `--replicas 4` or more, or `--byzantine none`")]
    TooFew(u16),
    /// The repository cannot be read.
    #[error("git history: {0}")]
    Git(#[from] GitError),
    /// The group could not be made.
    #[error(transparent)]
    Init(#[from] InitError),
    /// A key could not be read back.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The replica inside this process did not start.
    #[error("the replica in this process: {0}")]
    Launch(#[from] LaunchError),
    /// A replica's process did not become ready.
    #[error("replica {replica} did not become ready; its log is {}", .log.display())]
    NotReady {
        /// Which one.
        replica: u16,
        /// Log of the process.
        log: PathBuf,
    },
    /// A replica did not answer.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// A change was not ordered, or not as it should have been.
    #[error("commit {commit}: {what}")]
    Change {
        /// Of which commit.
        commit: String,
        /// Fault in words.
        what: String,
    },
    /// The domain is not what git has.
    #[error("after commit {commit} replica {replica} differs from git at {path:?}: {what}")]
    Differs {
        /// The commit.
        commit: String,
        /// Replica that was asked.
        replica: u16,
        /// Path that differs.
        path: String,
        /// Difference in words.
        what: String,
    },
    /// No port is free.
    #[error("no {0} free ports in a row between 20000 and 32000")]
    Ports(u16),
    /// The disk said no.
    #[error("{}: {error}", .path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        error: io::Error,
    },
    /// The operating system said no.
    #[error("{0}")]
    System(io::Error),
    /// A signal came.
    #[error("stopped by a signal; the replicas were stopped too")]
    Interrupted,
}

impl DemoError {
    pub(super) fn file(path: &Path, error: io::Error) -> Self {
        Self::File { path: path.to_owned(), error }
    }

    /// As every command: 1 the answer is no, 2 wrong usage, 3 no answer.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotEmpty(_) | Self::TooFew(_) | Self::Git(_) | Self::Init(_) | Self::Key(_) => 2,
            Self::Ports(_) | Self::File { .. } | Self::System(_) => 2,
            Self::Launch(_) | Self::NotReady { .. } | Self::Client(_) => 3,
            Self::Change { .. } | Self::Differs { .. } | Self::Interrupted => 1,
        }
    }
}
