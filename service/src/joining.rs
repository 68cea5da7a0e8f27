//! Joining a group that exists: the folder of a replica that is to become a member, and its statement that it follows.
//!
//! As with other folders `genesis.json` comes last, by rename: where it is, the folder is complete.

use crate::config::{CONFIG_FILE, Config, DATA, GENESIS_FILE, REPLICA_KEY_FILE};
use crate::engine::Published;
use crate::init::{InitError, at, begin, create_database, publish, write_durably};
use crate::replica::{LaunchError, read_genesis};
use quorate_client::joining::ReadyFile;
use quorate_client::keys;
use quorate_ledger::{Genesis, JoinStatement, Ledger, rules};
use quorate_pbft::{Digest, Ed25519Signer, SeqNum, Signer as _};
use quorate_storage::Db;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The joiner's statement in its folder, for `quorate members ready`.
pub const READY_FILE: &str = "joiner.ready";
/// Pause between two statements: an old one says too little.
const STATES_EVERY: Duration = Duration::from_secs(600);

/// Folder to make.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The folder; may exist with the replica's key in it.
    pub dir: PathBuf,
    /// Genesis of the group: what the joiner trusts.
    pub genesis: Genesis,
    /// File of the replica's key, if it is not in the folder yet.
    pub key: Option<PathBuf>,
    /// Multiaddr on which the members will reach this replica.
    pub listen: String,
    /// Address of the HTTP API.
    pub api: SocketAddr,
    /// Members' doors for observers, by which it follows.
    pub follow: Vec<String>,
    /// Multiaddr at which it takes observers itself.
    pub observers: Option<String>,
}

/// Why no folder was made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No key to join with.
    #[error("{0} has no replica.key: give --key FILE with the key of the request that `quorate join request` wrote")]
    NoKey(PathBuf),
    /// Another key than the one that stands there.
    #[error("{0} holds another key than the one that is given")]
    OtherKey(PathBuf),
    /// A folder of another group than the one that is trusted.
    #[error("{dir} belongs to group {theirs}, not to group {ours}: give another --dir, or the genesis of that group")]
    OtherGroup {
        /// The folder.
        dir: PathBuf,
        /// Group of the genesis in it.
        theirs: Digest,
        /// Group of the genesis that is given.
        ours: Digest,
    },
    /// A genesis in the folder that cannot be read.
    #[error(transparent)]
    Genesis(#[from] LaunchError),
    /// A folder that could not be filled.
    #[error(transparent)]
    Init(#[from] InitError),
}

impl Plan {
    /// Makes the folder; a whole one of this group stays as it is.
    pub fn make(&self) -> Result<(), PlanError> {
        let (dir, file) = (&self.dir, |name: &str| self.dir.join(name));
        fs::create_dir_all(dir).map_err(at(dir))?;
        if file(GENESIS_FILE).exists() {
            let (theirs, ours) = (read_genesis(&file(GENESIS_FILE))?.group(), self.genesis.group());
            if theirs != ours {
                return Err(PlanError::OtherGroup { dir: dir.clone(), theirs, ours });
            }
            return self.place_key(&file(REPLICA_KEY_FILE));
        }
        self.place_key(&file(REPLICA_KEY_FILE))?;
        begin(dir)?;
        let mut config = Config::new(self.listen.clone(), self.api, BTreeMap::new());
        config.follow.clone_from(&self.follow);
        config.observers.clone_from(&self.observers);
        let text = toml::to_string(&config).expect("a configuration is plain data");
        write_durably(&file(CONFIG_FILE), text.as_bytes())?;
        if file(DATA).exists() {
            fs::remove_dir_all(file(DATA)).map_err(at(&file(DATA)))?; // of a plan that was cut off
        }
        create_database(&file(DATA), &self.genesis)?;
        Ok(publish(dir, &self.genesis)?)
    }

    /// Whether the folder holds no slot yet: a copy of the state is to be made.
    pub fn is_empty(&self) -> bool {
        let seq = |db: Db| Some(Ledger::open(&db.snapshot().ok()?, &self.genesis).ok()?.executed().seq);
        let executed = Db::open(&self.dir.join(DATA)).ok().and_then(seq);
        executed.is_none_or(|seq| seq == SeqNum::default())
    }

    fn place_key(&self, there: &Path) -> Result<(), PlanError> {
        let public = |path: &Path| keys::public(path).map_err(InitError::from);
        match &self.key {
            None if there.exists() => Ok(()),
            None => Err(PlanError::NoKey(self.dir.clone())),
            Some(key) if !there.exists() => Ok(keys::copy(key, there).map_err(InitError::from)?),
            Some(key) if public(key)? == public(there)? => Ok(()),
            Some(_) => Err(PlanError::OtherKey(self.dir.clone())),
        }
    }
}

/// Writes the statement of a replica that follows, and writes it anew while it is no member.
pub(crate) async fn state(mut published: watch::Receiver<Published>, signer: Ed25519Signer, path: PathBuf) {
    let mut stated: Option<Instant> = None;
    loop {
        let now = published.borrow_and_update().clone();
        if now.report.me.is_some() {
            return;
        }
        if stated.is_none_or(|at| at.elapsed() >= STATES_EVERY)
            && now.report.behind == 0 // an older state is refused by those who are asked to agree
            && let Some(file) = statement(&now, &signer)
        {
            stated = Some(Instant::now());
            match write(&path, &file) {
                Ok(()) => {
                    tracing::info!(event = "joiner-ready", path = %path.display(), "this replica follows; `quorate members ready` takes its statement")
                }
                Err(error) => {
                    tracing::warn!(event = "joiner-silent", path = %path.display(), %error, "the statement of this replica cannot be written")
                }
            }
        }
        if published.changed().await.is_err() {
            return;
        }
    }
}

/// The statement about the newest state that q members have signed and this replica has executed.
fn statement(published: &Published, signer: &Ed25519Signer) -> Option<ReadyFile> {
    let certified = published.certified.as_ref()?;
    let (ledger, mut checkpoint) = (&certified.moment.ledger, certified.certificate.claim().clone());
    checkpoint.signatures.truncate(ledger.voters().quorum());
    let group = ledger.genesis().group();
    let statement = JoinStatement::sign(&group, checkpoint, rules(), signer);
    Some(ReadyFile::new(group, signer.public_key(), statement))
}

/// By rename, so that nobody reads half of it.
fn write(path: &Path, file: &ReadyFile) -> io::Result<()> {
    let text = serde_json::to_string_pretty(file)?;
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, text)?;
    fs::rename(unfinished, path)
}
