//! Copy as far as it is, as it was made, or why there is none.

use crate::engine::EngineError;
use crate::framed::Flaw;
use futures::future::BoxFuture;
use quorate_ledger::copy::Refused;
use quorate_ledger::proof::ProofError;
use quorate_ledger::{OpenError, StoreError};
use quorate_pbft::{Digest, Epoch, SeqNum};
use quorate_storage::DbError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Copy as far as it is.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Entries that are here.
    pub entries: u64,
    /// Entries of the newest state, as far as it is known.
    pub entries_of_group: u64,
    /// Bytes of answers.
    pub bytes: u64,
    /// Answers that were taken.
    pub answers: u64,
    /// Nodes that answer.
    pub nodes: usize,
    /// Nodes whose answers were refused, and why.
    pub refused: Vec<(String, Refused)>,
    /// Damaged bundles of others that were left behind with the database before.
    pub left_behind: Vec<String>,
}

/// Listener to the progress of a copy.
pub type Tell = Arc<dyn Fn(&Progress) + Send + Sync>;

/// Copy under way. Boxed, so that no crate that makes copies compiles them once more.
pub type Copying<'a, T> = BoxFuture<'a, Result<T, CopyError>>;

/// Copy as it was made.
#[derive(Debug, Clone)]
pub struct Copied {
    /// Last progress.
    pub progress: Progress,
    /// Slot of the state.
    pub seq: SeqNum,
    /// Root of the state.
    pub state_root: Digest,
    /// Folder to which the database that stood there was moved.
    pub before: Option<PathBuf>,
    /// Slot of that database, where it opened.
    pub before_seq: Option<SeqNum>,
}

/// Fault of a snapshot file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// A flaw of the file.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// A frame where it cannot stand.
    #[error("an answer follows from no question before it")]
    Order,
    /// An answer that proves nothing.
    #[error("an answer is refused: {0}")]
    Refused(#[from] Refused),
    /// Answers that do not make one certified state.
    #[error("the answers do not make the state that stands at the end")]
    NotWhole,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The database is in use, or cannot be made.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The disk said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The copy does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A record that the new database does not take.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A file or folder that could not be moved or made.
    #[error("{path}: {source}")]
    Io {
        /// Path of the file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A database that was replaced before stands in the way.
    #[error(
        "{0} holds a database that was replaced before, perhaps the only one with what the replica has promised: move it away \
         (docs/copies.md, \"A database put back\")"
    )]
    InTheWay(PathBuf),
    /// A folder that is no rename's to move.
    #[error(
        "{0} is where a file system is mounted, and what is made beside it cannot take its place: mount it at the folder above"
    )]
    Mounted(PathBuf),
    /// A link to nothing where the database is to come.
    #[error("{0} is a link to a folder that is not there: remove the link, or make that folder")]
    Dangling(PathBuf),
    /// A part of a copy that cannot be read back.
    #[error(
        "{0} holds a part of a copy that cannot be read back: remove it and run again; if that does not help, the disk fails"
    )]
    DamagedPart(PathBuf),
    /// A part of a copy that was begun with another key, or of another group.
    #[error("{0} holds a part of a copy that was begun with another key, or of another group: remove it and run again")]
    OtherPart(PathBuf),
    /// A database that was not there, or did not open, when the command began.
    #[error(
        "{data}: another database has come there since this began, or one opens that did not then; nothing was moved: stop the replica \
         that runs on it and run again, or keep it and remove {growing}"
    )]
    Taken {
        /// Place of the database.
        data: PathBuf,
        /// Folder of the state that was to come there.
        growing: PathBuf,
    },
    /// A state that was made whole, and cannot be read whole before it has come to its place.
    #[error(
        "{growing} was made to come to {data}, and cannot be read whole now. If the disk gives errors, move its files to a sound disk \
         and run again; else remove it, rename {before} back to {data} and run again. Keep {before}: it may hold what the replica has \
         promised (docs/copies.md, \"A database put back\")"
    )]
    Spoiled {
        /// Folder of that state.
        growing: PathBuf,
        /// Database that it was to replace.
        before: PathBuf,
        /// Place of the database.
        data: PathBuf,
    },
    /// Promises that the disk does not give: they may be whole.
    #[error(
        "the disk does not give the replica's promises: {0}; move its files to a sound disk and run again, or make a copy, which does not vote"
    )]
    Unread(String),
    /// Promises of an epoch whose members the state here does not name: they may be whole.
    #[error(
        "promises of epoch {of} cannot be checked, for the state that is here knows the members of epoch {known} only; nothing was changed. \
         Keep the folder; a copy made with `quorate copy` follows, and does not vote"
    )]
    LaterEpoch {
        /// Their epoch.
        of: Epoch,
        /// Newest epoch that is known.
        known: Epoch,
    },
    /// A command that ended between two renames.
    #[error("`quorate {command}` was cut off before it had put {path} in its place: run it again")]
    CutOff {
        /// Folder of the database.
        path: PathBuf,
        /// The command.
        command: &'static str,
    },
    /// A snapshot file that does not verify.
    #[error("{path}, byte {at}: {why}")]
    Unsound {
        /// Path of the file.
        path: PathBuf,
        /// Begin of the faulty part.
        at: u64,
        /// Fault of it.
        why: Unsound,
    },
    /// State that the members of its group did not sign as it is told.
    #[error("members of the group that is over did not sign the state that it names: {0}")]
    Unproven(ProofError),
    /// Every node that was asked refuses, which asking again does not mend.
    #[error("no state is given: {0}")]
    Refused(String),
    /// No node is left to ask.
    #[error("no node is left to copy from: {0}")]
    NobodyLeft(String),
}

/// Words of the operating system where a disk has no room.
pub const DISK_FULL: &str = "No space left on device";

impl CopyError {
    /// Error where no node is left: why each is asked no more, and whether it refused.
    pub(super) fn of_nobody(failures: Vec<(String, bool)>) -> Self {
        let all_refuse = !failures.is_empty() && failures.iter().all(|(_, refuses)| *refuses);
        let whys = failures.into_iter().map(|(why, _)| why).collect::<Vec<_>>().join("; ");
        if all_refuse { Self::Refused(whys) } else { Self::NobodyLeft(whys) }
    }

    /// Whether the disk has no room.
    pub fn is_of_full_disk(&self) -> bool {
        self.to_string().contains(DISK_FULL)
    }

    /// The same, of a part of a copy in a folder.
    pub(super) fn of_part(growing: &Path) -> impl FnOnce(Self) -> Self + use<> {
        let growing = growing.to_owned();
        move |error| match error {
            Self::Db(DbError::OtherMember(_)) | Self::Open(OpenError::OtherGenesis) => Self::OtherPart(growing),
            error if error.is_damage() => Self::DamagedPart(growing),
            error => error,
        }
    }

    /// Whether a database that lies there is another member's, another group's, or one of another program.
    pub fn is_of_another(&self) -> bool {
        match self {
            Self::Db(error) => {
                matches!(error, DbError::OtherMember(_) | DbError::NewerFormat { .. } | DbError::OlderFormat { .. })
            }
            Self::Open(error) => matches!(error, OpenError::OtherGenesis | OpenError::OtherRules { .. }),
            _ => false,
        }
    }

    /// Whether a database that lies there is damaged, or the disk does not give it, and it is not of another group, program
    /// or process.
    pub(crate) fn is_of_database(&self) -> bool {
        self.is_damage() || matches!(self, CopyError::Db(error) if error.is_of_disk())
    }

    /// Whether a database that lies there is damaged, and not of another group, program or process.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            CopyError::Db(error) => error.is_damage() || matches!(error, DbError::Missing(_)),
            CopyError::Open(OpenError::OtherGenesis | OpenError::OtherRules { .. }) => false,
            CopyError::Store(_) | CopyError::Open(_) => true,
            _ => false,
        }
    }
}

/// Error of a file or folder.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> CopyError + use<> {
    let path = path.to_owned();
    move |source| CopyError::Io { path, source }
}
