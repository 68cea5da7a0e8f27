//! Errors of the crate, one enum for each door.

use crate::journal::JournalError;
use crate::room::EIO;
use quorate_ledger::StoreError;
use quorate_pbft::{Digest, SeqNum, Signed, View};
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::OnceLock;

/// Why there is no open database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No database at this path. `start` never makes one: a lost disk must not look like a new replica (E7).
    #[error("there is no database in {}; where it is lost, `quorate start --new-database` begins anew", .0.display())]
    Missing(PathBuf),
    /// `init` never overwrites what a replica promised.
    #[error("there is a database in {} already", .0.display())]
    Exists(PathBuf),
    /// Another process holds the lock on the database.
    #[error("the database in {} is in use by another process: stop the node that runs on it first", .0.display())]
    Locked(PathBuf),
    /// A later program wrote it.
    #[error("the database has format {found}, this program knows formats up to {known}; use a newer program")]
    NewerFormat {
        /// Version in the database.
        found: u32,
        /// Version that this program writes.
        known: u32,
    },
    /// An earlier program wrote it.
    #[error(
        "the database has format {found}, this program reads formats from {known} on; use the program that wrote it"
    )]
    OlderFormat {
        /// Version in the database.
        found: u32,
        /// Oldest version that this program reads.
        known: u32,
    },
    /// Another member's promises: with this key its owner would forget its own (E1).
    #[error("{} holds the promises of another member: this is not the key that it was used with", .0.display())]
    OtherMember(PathBuf),
    /// A redb file without our tables, or with tables that do not decode.
    #[error("not a database of this program: {0}")]
    Foreign(String),
    /// The operating system said no.
    #[error("{}: {error}", .path.display())]
    Io {
        /// Of what.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The journal cannot be read back: promises are lost (E1).
    #[error(
        "{0}; put back what belongs together, or move the folder away and begin anew with `quorate start --new-database`"
    )]
    Journal(String),
    /// A sorted run cannot be read: rows of the state are lost.
    #[error("a file of the database cannot be read: {0}")]
    Runs(io::Error),
    /// redb said no.
    #[error("database: {0}")]
    Redb(Box<redb::Error>),
}

impl<E: Into<redb::Error>> From<E> for DbError {
    fn from(error: E) -> Self {
        Self::Redb(Box::new(error.into()))
    }
}

impl From<JournalError> for DbError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Io(error) => redb::Error::Io(error).into(),
            damage => Self::Journal(damage.to_string()),
        }
    }
}

impl DbError {
    /// Whether the disk does not give what was written: the rest of it may go as well.
    pub fn is_of_disk(&self) -> bool {
        let error = match self {
            Self::Io { error, .. } | Self::Runs(error) => error,
            Self::Redb(error) => match &**error {
                redb::Error::Io(error) => error,
                _ => return false,
            },
            _ => return false,
        };
        error.raw_os_error() == Some(EIO)
    }

    /// Whether what was written is not what is there. All else may be otherwise at the next try, or with another program
    /// or folder, and says nothing of the database.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Foreign(_) | Self::Journal(_) => true,
            Self::Runs(error) => {
                matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::NotFound)
            }
            Self::Redb(error) => match &**error {
                redb::Error::Corrupted(_)
                | redb::Error::TableTypeMismatch { .. }
                | redb::Error::TypeDefinitionChanged { .. }
                | redb::Error::TableIsMultimap(_)
                | redb::Error::TableDoesNotExist(_) => true,
                redb::Error::Io(error) => matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof),
                _ => false,
            },
            _ => false,
        }
    }
}

/// Why a record was not taken. Every variant but [`RecordError::Store`] is a failure of the own replica (E1): it must
/// stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A second, different statement for a position that has one.
    #[error("E1: {new} contradicts the stored {stored}")]
    Contradiction {
        /// On disk or in the batch.
        stored: Box<Signed>,
        /// Statement that was to be written.
        new: Box<Signed>,
    },
    /// A statement at or below what was dropped: nobody can know any more what was said there.
    #[error("E1: {0} lies at or below what has been pruned")]
    Pruned(Box<Signed>),
    /// Views only go up, and a view that started does not become one that has not.
    #[error("E1: view {new} after view {stored}")]
    ViewWentBack {
        /// On disk or in the batch.
        stored: View,
        /// View that was to be written.
        new: View,
    },
    /// Two digests for one slot (N4).
    #[error("N4: slot {seq} is stored as {stored}, not {new}")]
    TwoDecisions {
        /// The slot.
        seq: SeqNum,
        /// On disk or in the batch.
        stored: Digest,
        /// Digest that was to be written.
        new: Digest,
    },
    /// A disk belongs to one group for ever.
    #[error("a record of group {new} for the disk of group {stored}")]
    OtherGroup {
        /// The disk's.
        stored: Digest,
        /// The record's.
        new: Digest,
    },
    /// Parts of a record that do not belong together.
    #[error("malformed record: {0}")]
    Malformed(&'static str),
    /// The disk said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Remembers the first failure of the disk: after it nothing is read or written any more.
#[derive(Debug, Default)]
pub(crate) struct Poison {
    first: OnceLock<StoreError>,
    is_apart: bool,
}

impl Poison {
    /// Failures of readers whose memory rests on nothing that they read: each is their own, and none is remembered.
    pub(crate) fn apart() -> Self {
        Self { is_apart: true, ..Self::default() }
    }

    pub(crate) fn is_apart(&self) -> bool {
        self.is_apart
    }

    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.first.get().map_or(Ok(()), |first| Err(first.clone()))
    }

    pub(crate) fn fail(&self, error: impl Display) -> StoreError {
        let error = StoreError(error.to_string());
        if self.is_apart { error } else { self.first.get_or_init(|| error).clone() }
    }
}
