//! Reasons why a replica does not start.

use crate::answers::OtherAnswers;
use crate::api;
use crate::config::ConfigError;
use crate::copying::is_lost;
use crate::engine::EngineError;
use crate::init::InitError;
use quorate_client::keys::KeyError;
use quorate_ledger::{GenesisError, Scope};
use quorate_pbft::Digest;
use quorate_storage::DbError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Requirement that a replica did not find.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}; `quorate init` makes a folder with what a replica needs")]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The genesis is none.
    #[error("{path}: {source}")]
    Genesis {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        source: GenesisError,
    },
    /// The key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key is nobody's.
    #[error("the key in {path} is no member's of group {name:?}: its public half is {key}")]
    NotAMember {
        /// The key's file.
        path: PathBuf,
        /// The group.
        name: String,
        /// The public key.
        key: String,
    },
    /// An address is none.
    #[error("{what} {address:?} is not a multiaddr such as /ip4/127.0.0.1/tcp/7700")]
    Address {
        /// Setting that holds it.
        what: String,
        /// As configured.
        address: String,
    },
    /// A relay is named where others need its address.
    #[error(
        "relay {0:?} begins with a name: others dial it from this node's record, so give its address, as /ip4/203.0.113.10/tcp/8200"
    )]
    RelayName(String),
    /// The folder is an observer's of another group.
    #[error("{path} follows another group: {name:?}; give another folder")]
    OtherGroup {
        /// The folder.
        path: PathBuf,
        /// The group that it follows.
        name: String,
    },
    /// A replica's folder is no observer's.
    #[error("{0} is a replica's folder: an observer needs one of its own")]
    ReplicasFolder(PathBuf),
    /// The folder follows other domains than it is to.
    #[error(
        "{path} follows {} alone: give these with --domain and no others, or another folder with --dir",
        held.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    )]
    Scoped {
        /// The database.
        path: PathBuf,
        /// Domains that it follows.
        held: Scope,
    },
    /// The folder follows the whole group.
    #[error("{0} holds all domains: leave --domain out, or give another folder with --dir")]
    Unscoped(PathBuf),
    /// Some domains of a group that goes on from another one.
    #[error(
        "the group goes on from another one, and observers of some domains cannot follow such a group: ask a node that follows it          whole, or leave --domain out where all domains may be read here"
    )]
    ScopedAfterRestart,
    /// An observer's folder without a database, of a group whose first state is not in its genesis.
    #[error(
        "{dir} holds no state, and the group goes on from slot {seq} of group {group}, whose state is not in its genesis: \
         `quorate copy --dir {dir} --from URL` has that of now from a node that runs; then start again"
    )]
    NoFirstState {
        /// The folder.
        dir: PathBuf,
        /// The group before.
        group: Digest,
        /// Slot of its state.
        seq: u64,
    },
    /// The folder could not be filled.
    #[error(transparent)]
    Init(#[from] InitError),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The program answers otherwise than its rules.
    #[error(transparent)]
    Answers(#[from] OtherAnswers),
    /// The database does not open.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Database whose content does not fit.
    #[error("database: {0}")]
    Engine(#[from] EngineError),
    /// The database opens, and what is in it is not what was written.
    #[error(
        "the database in {path} is damaged: {why}; `quorate repair --dir DIR --from URL` mends it from the others; else restore the folder from a backup, or give the replica a new database"
    )]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// Fault in words.
        why: String,
    },
    /// The network does not start.
    #[error("network: {0}")]
    Net(#[from] quorate_net::Error),
    /// A file that cannot serve for TLS.
    #[error(transparent)]
    Tls(#[from] api::TlsError),
    /// The API's address cannot be listened on.
    #[error(
        "API address {address}: {source}{}",
        if source.kind() == io::ErrorKind::AddrInUse { "; does the replica run already? `quorate status` tells" } else { "" }
    )]
    Api {
        /// As configured.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The operating system gave no thread or no random bytes.
    #[error("{0}")]
    System(String),
}

impl LaunchError {
    /// Whether the database is damaged, gone, or on a disk that fails.
    pub fn is_of_lost_database(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Db(error) => is_lost(error),
            _ => false,
        }
    }
}
