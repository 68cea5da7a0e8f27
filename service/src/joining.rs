//! Joining a group that exists: the folder of a replica that is to become a member.
//!
//! As with other folders `genesis.json` comes last, by rename: where it is, the folder is complete.

use crate::config::{CONFIG_FILE, Config, DATA, GENESIS_FILE, REPLICA_KEY_FILE};
use crate::init::{InitError, at, begin, create_database, is_unfinished, publish, write_durably};
use crate::replica::{LaunchError, read_genesis};
use quorate_client::keys;
use quorate_ledger::{Genesis, Ledger};
use quorate_pbft::{Digest, SeqNum};
use quorate_storage::Db;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

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
        self.check_free()?;
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
        if self.genesis.restarted().is_none() {
            create_database(&file(DATA), &self.genesis)?; // else a copy makes it: its first state is not in the genesis
        }
        Ok(publish(dir, &self.genesis)?)
    }

    /// Whether the folder holds no slot yet: a copy of the state is to be made.
    pub fn is_empty(&self) -> bool {
        let seq = |db: Db| Some(Ledger::open(&db.snapshot().ok()?, &self.genesis).ok()?.executed().seq);
        let executed = Db::open(&self.dir.join(DATA)).ok().and_then(seq);
        executed.is_none_or(|seq| seq == SeqNum::default())
    }

    /// Refuses a folder without a genesis in which a replica's files stand, but for those of a plan that was cut off.
    fn check_free(&self) -> Result<(), InitError> {
        let is_empty = |path: &Path| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        let is_ours = is_unfinished(&self.dir);
        let mut targets = [CONFIG_FILE, DATA].map(|name| self.dir.join(name)).into_iter();
        let in_the_way = targets.find(|path| path.exists() && !is_empty(path) && !is_ours);
        in_the_way.map_or(Ok(()), |path| Err(InitError::InTheWay(path)))
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
