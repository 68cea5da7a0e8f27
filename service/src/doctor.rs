//! The doctor: a replica's folder looked at from outside, check by check. Nothing is changed.

use crate::api;
use crate::config::{CONFIG_FILE, Config, GENESIS_FILE, Overrides, REPLICA_KEY_FILE};
use crate::replica::{net_config, read_genesis};
use quorate_client::keys;
use quorate_ledger::{DomainEntry, Genesis, Ledger, StateView};
use quorate_pbft::{Ed25519Signer, PublicKey, ReplicaId, Signer as _};
use quorate_storage::{Db, DbError};
use serde::Serialize;
use std::error::Error;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Free bytes below which a disk counts as short of room: some minutes of a busy group.
const ROOM_BYTES_MIN: u64 = 1 << 30;
/// Files that one look at a domain lists.
const PAGE_FILES: usize = 1_000;

/// Outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Name of the check.
    pub check: &'static str,
    /// Whether all is well.
    pub ok: bool,
    /// Finding in words.
    pub detail: String,
    /// Next step, where something is wrong or was not looked at.
    pub advice: Option<String>,
}

impl Item {
    /// A check without a fault.
    pub fn well(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, ok: true, detail: detail.into(), advice: None }
    }

    /// A fault, and what to do about it.
    pub fn fault(check: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, ok: false, detail: detail.into(), advice: Some(advice.into()) }
    }
}

/// Looks at the folder of a replica. A check that needs what an earlier one did not find is left out.
pub fn examine(dir: &Path) -> Vec<Item> {
    let config = Config::load(dir, Overrides::default());
    let genesis = read_genesis(&dir.join(GENESIS_FILE));
    let key = keys::read_seed(&dir.join(REPLICA_KEY_FILE));
    let mut items = vec![
        told("config", &config, |_| format!("{CONFIG_FILE} reads"), "mend the line that it names"),
        told("genesis", &genesis, named, "copy genesis.json from another member, and compare its hash"),
        told("key", &key, |_| "replica.key reads".to_owned(), "put the replica's key back from where it is kept safe"),
    ];
    items.extend(key.is_ok().then(|| secrecy(&dir.join(REPLICA_KEY_FILE))));
    if let (Ok(genesis), Ok(seed)) = (&genesis, &key) {
        let public = Ed25519Signer::from_seed(seed).public_key();
        let me = genesis.founders().replica_of(&public);
        items.push(membership(genesis, &public, me));
        let placed = config.as_ref().ok().zip(me);
        items.extend(placed.map(|(config, me)| addresses(config, genesis, me, *seed)));
    }
    if let Ok(config) = &config {
        items.extend(certificate(config));
        items.push(room(&config.data));
    }
    if let (Ok(config), Ok(genesis)) = (&config, &genesis) {
        items.push(integrity(&config.data, genesis));
    }
    items
}

fn told<T, E: Display>(
    check: &'static str,
    found: &Result<T, E>,
    words: impl FnOnce(&T) -> String,
    advice: &str,
) -> Item {
    match found {
        Ok(value) => Item::well(check, words(value)),
        Err(error) => Item::fault(check, error.to_string(), advice),
    }
}

fn named(genesis: &Genesis) -> String {
    format!("group {} ({})", genesis.name(), genesis.group())
}

fn secrecy(key: &Path) -> Item {
    match keys::open_to_others(key) {
        None => Item::well("key-secrecy", "its owner alone reads the key"),
        Some(mode) => {
            Item::fault("key-secrecy", format!("mode {mode:o}: others can read the key"), "chmod 600 replica.key")
        }
    }
}

fn membership(genesis: &Genesis, key: &PublicKey, me: Option<ReplicaId>) -> Item {
    match me {
        Some(me) => Item::well("member", format!("replica {me} of {}", genesis.file().members.len())),
        None => Item::fault(
            "member",
            format!("key {key} is no replica of this genesis"),
            "`quorate genesis show` lists the keys; put the right key or genesis into the folder",
        ),
    }
}

/// Addresses that read, and one for each of the others.
fn addresses(config: &Config, genesis: &Genesis, me: ReplicaId, seed: [u8; 32]) -> Item {
    const ADVICE: &str = "write `listen` and `[peers]` in config.toml: replica number = multiaddr";
    match net_config(config, genesis.founders(), me, seed) {
        Err(error) => Item::fault("addresses", error.to_string(), ADVICE),
        Ok(net) => {
            let missing = net.members.iter().filter(|member| member.id != me && member.address.is_none());
            let missing: Vec<String> = missing.map(|member| member.id.to_string()).collect();
            let stray = config.peers.keys().find(|peer| !net.members.iter().any(|m| m.id.to_string() == **peer));
            match (missing.is_empty(), stray) {
                (_, Some(stray)) => Item::fault("addresses", format!("there is no replica {stray}"), ADVICE),
                (false, _) => Item::fault("addresses", format!("none for replicas {}", missing.join(", ")), ADVICE),
                _ => Item::well("addresses", format!("{}, and of {} others", config.listen, net.members.len() - 1)),
            }
        }
    }
}

fn certificate(config: &Config) -> Option<Item> {
    let (certificate, key) = config.tls_certificate.as_deref().zip(config.tls_key.as_deref())?;
    let found = api::acceptor(certificate, key);
    Some(told("certificate", &found, |_| "certificate and key read".to_owned(), "give PEM files that belong together"))
}

fn room(data: &Path) -> Item {
    let Ok(disk) = rustix::fs::statvfs(data) else {
        let advice = "`quorate start --new-database` makes one for a member that lost its disk";
        return Item::fault("room", format!("{} is not there", data.display()), advice);
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let detail = format!("{} MiB free on the disk of {}", free >> 20, data.display());
    match free >= ROOM_BYTES_MIN {
        true => Item::well("room", detail),
        false => Item::fault("room", detail, "make room: a full disk stops the replica, and nothing confirmed is lost"),
    }
}

/// Database, entries and contents; a database in use is left alone.
fn integrity(data: &Path, genesis: &Genesis) -> Item {
    const ADVICE: &str = "restore the folder from a backup, or give the replica a new database: \
                          `quorate start --new-database`";
    let looked = catch_unwind(AssertUnwindSafe(|| contents(data, genesis)));
    match looked.unwrap_or_else(|_| Err("its structure cannot be read".into())) {
        Ok(Some(files)) => Item::well("integrity", format!("entries, and contents of {files} files, are as written")),
        Ok(None) => Item {
            advice: Some("stop the replica to have its database looked at".to_owned()),
            ..Item::well("integrity", "the database is in use: its replica runs and was not disturbed")
        },
        Err(fault) => Item::fault("integrity", fault.to_string(), ADVICE),
    }
}

/// Files whose contents are what their hashes say; none while another process has the database.
fn contents(data: &Path, genesis: &Genesis) -> Result<Option<usize>, Box<dyn Error>> {
    let db = match Db::open(data) {
        Err(DbError::Locked(_)) => return Ok(None),
        opened => opened?,
    };
    let snapshot = db.snapshot()?;
    let ledger = Ledger::open(&snapshot, genesis)?;
    let view = ledger.view(&snapshot);
    let of_domain = |domain: DomainEntry| contents_of(&view, &domain.name);
    let counts = view.domains()?.into_iter().map(of_domain).collect::<Result<Vec<usize>, _>>()?;
    Ok(Some(counts.into_iter().sum()))
}

fn contents_of(view: &StateView, domain: &str) -> Result<usize, Box<dyn Error>> {
    let (mut files, mut from) = (0, None);
    loop {
        let page = view.ls(domain, "", None, from.as_deref(), PAGE_FILES)?;
        for entry in &page.items {
            let place = |fault: &dyn Display| format!("{} in {domain}: {fault}", entry.path);
            let content = view.content(&entry.hash).map_err(|error| place(&error))?;
            content.ok_or_else(|| place(&"its content is missing"))?;
        }
        files += page.items.len();
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(files),
        }
    }
}
