//! The doctor: a replica's folder looked at from outside, check by check. Nothing is changed.

mod configuration;

pub use configuration::configuration;

use crate::answers;
use crate::config::{Config, GENESIS_FILE, Overrides};
use crate::engine::replay::{self, Opened};
use crate::replica::read_genesis;
use crate::shelter::sheltered;
use quorate_ledger::answers::{DIGEST, DOCUMENTS};
use quorate_ledger::{DomainEntry, Genesis, StateView};
use quorate_storage::{Db, DbError};
use serde::Serialize;
use std::error::Error;
use std::fmt::Display;
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
    let mut items = configuration(dir);
    items.push(known_answers());
    if let Ok(config) = Config::load(dir, Overrides::default()) {
        items.push(room(&config.data));
        let genesis = read_genesis(&dir.join(GENESIS_FILE));
        items.extend(genesis.ok().map(|genesis| integrity(&config.data, &genesis)));
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

fn known_answers() -> Item {
    let checked = answers::check(&DIGEST).map_err(|other| other.why());
    told("answers", &checked, |()| format!("{DOCUMENTS} known documents are answered as ever"), answers::ADVICE)
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
    let looked = sheltered(|| contents(data, genesis));
    match looked.unwrap_or_else(|| Err("its structure cannot be read".into())) {
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
    let Opened { ledger, snapshot, .. } = replay::open(&db, genesis)?;
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
