//! Folder of one member of a group: configuration, genesis, its own key and an empty database.
//!
//! As with a test group `genesis.json` comes last, by rename: where it is, the folder is complete.

use crate::config::{CONFIG_FILE, Config, DATA, GENESIS_FILE, REPLICA_KEY_FILE};
use crate::copying::{self, CopyError};
use crate::init::{InitError, at, begin, create_database, is_unfinished, publish, write_durably};
use quorate_client::keys;
use quorate_ledger::Genesis;
use quorate_pbft::{Digest, PublicKey, ReplicaId};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Multiaddr of a replica for which no other is known: all networks of its machine, at the port with which `init` begins.
pub const LISTEN: &str = "/ip4/0.0.0.0/tcp/7700";

/// Folder to make.
#[derive(Debug, Clone)]
pub struct SeatPlan {
    /// The folder; may exist as long as no replica's files are in it, but for the key itself.
    pub dir: PathBuf,
    /// Genesis of the group.
    pub genesis: Genesis,
    /// File of the replica's key, which is copied into the folder.
    pub key: PathBuf,
    /// Multiaddr on which this replica listens for the others. None: its own among `peers`, at which they reach it, with all
    /// networks of its machine in place of a name; without one, [`LISTEN`].
    pub listen: Option<String>,
    /// Address of the HTTP API.
    pub api: SocketAddr,
    /// Addresses of the others that are known.
    pub peers: BTreeMap<u16, String>,
    /// Snapshot of the group before, where the genesis goes on from one.
    pub from: Option<PathBuf>,
}

/// Folder as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seat {
    /// The folder.
    pub dir: PathBuf,
    /// The group's id.
    pub group: String,
    /// Name of the group for people.
    pub name: String,
    /// The replica's number.
    pub replica: u16,
    /// URL of its API.
    pub api: String,
    /// Numbers of the others whose addresses its configuration lacks.
    pub missing: Vec<u16>,
}

/// Why no folder was made.
#[derive(Debug, thiserror::Error)]
pub enum SeatError {
    /// A key that votes in no replica's place.
    #[error("key {0} is no replica of this genesis; `quorate genesis show` lists them")]
    NoMember(PublicKey),
    /// An address for a number that no replica has.
    #[error("there is no replica {0}: the genesis has {1}")]
    NoReplica(u16, usize),
    /// A genesis whose first state is in no file that was given.
    #[error(
        "the genesis goes on from slot {seq} of group {group}: give --from with a snapshot or backup of that state, as \
         `quorate snapshot export` wrote it"
    )]
    NoState {
        /// The group before.
        group: Digest,
        /// The slot.
        seq: u64,
    },
    /// A state for a group that begins with nothing.
    #[error("the genesis goes on from no other group: leave --from out")]
    NoRestart,
    /// A snapshot that is not of the state that the genesis names, or not sound.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A folder that could not be filled.
    #[error(transparent)]
    Init(#[from] InitError),
}

impl SeatPlan {
    /// Makes the folder, or leaves one that has a replica as it is.
    pub fn make(&self) -> Result<Seat, SeatError> {
        let number = self.number(keys::public(&self.key).map_err(InitError::from)?)?;
        let config = self.config(number)?;
        self.check_from()?;
        let dir = &self.dir;
        self.check_free()?;
        fs::create_dir_all(dir).map_err(at(dir))?;
        begin(dir)?;
        self.copy_key()?;
        let text = toml::to_string(&config).expect("a configuration is plain data");
        write_durably(&dir.join(CONFIG_FILE), text.as_bytes())?;
        let data = dir.join(&config.data);
        match &self.from {
            Some(snapshot) => copying::go_on(snapshot, &data, &self.genesis)?,
            None => create_database(&data, &self.genesis)?,
        }
        publish(dir, &self.genesis)?;
        Ok(self.made(number, &config))
    }

    /// Refuses a snapshot where none is asked for, and none where one is.
    fn check_from(&self) -> Result<(), SeatError> {
        match (&self.from, self.genesis.restarted()) {
            (None, Some((restart, _))) => Err(SeatError::NoState { group: restart.group, seq: restart.seq }),
            (Some(_), None) => Err(SeatError::NoRestart),
            _ => Ok(()),
        }
    }

    fn number(&self, public: PublicKey) -> Result<u16, SeatError> {
        let found = self.genesis.founders().replica_of(&public);
        found.map(ReplicaId::get).ok_or(SeatError::NoMember(public))
    }

    fn config(&self, number: u16) -> Result<Config, SeatError> {
        let members = self.genesis.file().members.len();
        if let Some(stray) = self.peers.keys().find(|peer| usize::from(**peer) >= members) {
            return Err(SeatError::NoReplica(*stray, members));
        }
        let reached = || self.peers.get(&number).map(|address| listening(address));
        let listen = self.listen.clone().or_else(reached).unwrap_or_else(|| LISTEN.to_owned());
        let others = self.peers.iter().filter(|(peer, _)| **peer != number);
        let peers = others.map(|(peer, address)| (peer.to_string(), address.clone())).collect();
        Ok(Config::new(listen, self.api, peers))
    }

    /// Refuses a folder in which a replica's files stand, but for those of a plan that was cut off, and the key itself.
    fn check_free(&self) -> Result<(), InitError> {
        let file = |name: &str| self.dir.join(name);
        if file(GENESIS_FILE).exists() {
            return Err(InitError::Exists(self.dir.clone()));
        }
        if is_unfinished(&self.dir) {
            return self.clear();
        }
        let is_other_key = |path: &PathBuf| path.canonicalize().ok() != self.key.canonicalize().ok();
        let key = Some(file(REPLICA_KEY_FILE)).filter(is_other_key);
        let targets = [CONFIG_FILE, DATA].map(file).into_iter().chain(key);
        let in_the_way = targets.into_iter().find(|path| path.exists());
        in_the_way.map_or(Ok(()), |path| Err(InitError::InTheWay(path)))
    }

    /// Removes the database and configuration that were begun. A key stays: it may be the only copy.
    fn clear(&self) -> Result<(), InitError> {
        let data = self.dir.join(DATA);
        if data.exists() {
            fs::remove_dir_all(&data).map_err(at(&data))?;
        }
        let config = self.dir.join(CONFIG_FILE);
        if config.exists() { fs::remove_file(&config).map_err(at(&config)) } else { Ok(()) }
    }

    /// The key under its name in the folder; one that stands there from a plan that was cut off must be the same.
    fn copy_key(&self) -> Result<(), InitError> {
        let there = self.dir.join(REPLICA_KEY_FILE);
        match there.exists() {
            true if keys::public(&there)? == keys::public(&self.key)? => Ok(()),
            true => Err(InitError::InTheWay(there)),
            false => Ok(keys::copy(&self.key, &there)?),
        }
    }

    fn made(&self, number: u16, config: &Config) -> Seat {
        let members = self.genesis.file().members.len() as u16;
        let is_missing = |peer: &u16| *peer != number && !self.peers.contains_key(peer);
        Seat {
            dir: self.dir.clone(),
            group: self.genesis.group().to_string(),
            name: self.genesis.name().to_owned(),
            replica: number,
            api: format!("http://{}", config.api),
            missing: (0..members).filter(is_missing).collect(),
        }
    }
}

/// Multiaddr to listen on for a replica that others reach at `address`: a name is theirs to look up, no place to listen.
fn listening(address: &str) -> String {
    match address.split('/').collect::<Vec<_>>()[..] {
        ["", "dns" | "dns4", _, "tcp", port, ..] => format!("/ip4/0.0.0.0/tcp/{port}"),
        ["", "dns6", _, "tcp", port, ..] => format!("/ip6/::/tcp/{port}"),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::listening;

    #[test]
    fn a_replica_that_is_reached_by_a_name_listens_on_all_networks_of_its_machine() {
        assert_eq!(listening("/dns4/acme.example.org/tcp/7700"), "/ip4/0.0.0.0/tcp/7700");
        assert_eq!(listening("/dns/acme.example.org/tcp/7701"), "/ip4/0.0.0.0/tcp/7701");
        assert_eq!(listening("/dns6/acme.example.org/tcp/7700"), "/ip6/::/tcp/7700");
        assert_eq!(listening("/ip4/203.0.113.7/tcp/7700"), "/ip4/203.0.113.7/tcp/7700");
    }
}
