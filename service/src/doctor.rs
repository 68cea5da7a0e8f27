//! The doctor: a replica's folder looked at from outside, check by check. Nothing is changed, but for a file that is written to
//! measure the disk and removed again.

mod access;
mod configuration;
mod disk;
mod free;
mod outside;

pub use configuration::configuration;

use crate::answers;
use crate::config::{Config, DATA, GENESIS_FILE, Overrides, REPLICA_KEY_FILE};
use crate::copying::{self, CopyError, Found};
use crate::observer::is_observers;
use crate::replica::read_genesis;
use quorate_client::keys;
use quorate_ledger::Genesis;
use quorate_ledger::answers::{DIGEST, DOCUMENTS};
use quorate_ledger::copy::Damage;
use quorate_storage::DbError;
use serde::Serialize;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Free bytes below which a disk counts as short of room: some minutes of a busy group.
const ROOM_BYTES_MIN: u64 = 1 << 30;
/// Damages that are named in one line.
const NAMED_MAX: usize = 10;

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

/// Looks at the folder of a replica or an observer. A check that needs what an earlier one did not find is left out.
pub fn examine(dir: &Path) -> Vec<Item> {
    let data = database(dir);
    if let Some(item) = barred(dir, data.as_deref()) {
        return vec![item];
    }
    let mut items = configuration(dir);
    items.push(known_answers());
    if let Some(data) = data {
        items.push(room(&data, is_observers(dir)));
        items.extend(disk::durable_writes(&data));
        items.extend(outside::clock(&data, SystemTime::now()));
        items.extend(outside::peers(configuration::peers(dir)));
        let genesis = read_genesis(&dir.join(GENESIS_FILE));
        items.extend(genesis.into_iter().flat_map(|genesis| contents(dir, &data, &genesis)));
    }
    items
}

/// Checks of the database, and of a replica's addresses where no node has the database open.
fn contents(dir: &Path, data: &Path, genesis: &Genesis) -> Vec<Item> {
    let member = keys::public(&dir.join(REPLICA_KEY_FILE)).ok().map(|key| key.0);
    let found = copying::look(data, genesis, member.as_ref());
    let runs = matches!(found, Err(CopyError::Db(DbError::Locked(_))));
    let config = Config::load(dir, Overrides::default()).ok().filter(|_| !runs && !is_observers(dir));
    let own = config.map(|config| configuration::own_addresses(&config)).filter(|own| !own.is_empty());
    [Some(integrity(dir, found)), own.map(|own| free::addresses(&own))].into_iter().flatten().collect()
}

/// Fault of a user who may not look at a folder.
fn barred(dir: &Path, data: Option<&Path>) -> Option<Item> {
    let path = access::closed(dir, data)?;
    let detail = format!("{}: this user may not use it; nothing was looked at", path.display());
    Some(Item::fault("access", detail, "run it as the user of the node, as with `sudo -u quorate`"))
}

/// Place of the database; none where the configuration does not tell.
fn database(dir: &Path) -> Option<PathBuf> {
    match is_observers(dir) {
        true => Some(dir.join(DATA)),
        false => Config::load(dir, Overrides::default()).ok().map(|config| config.data),
    }
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

fn room(data: &Path, is_observers: bool) -> Item {
    let disk = match rustix::fs::statvfs(data) {
        Ok(disk) => disk,
        Err(rustix::io::Errno::NOENT) => {
            let advice = match is_observers {
                true => "`quorate observe` begins a new one, and `quorate copy --dir DIR --from URL` fills it",
                false => "`quorate start --new-database` makes one for a member that lost its disk",
            };
            return Item::fault("room", format!("{} is not there", data.display()), advice);
        }
        Err(error) => {
            let advice = "look at the disk; the database was not found damaged, for nobody could look at it";
            return Item::fault("room", format!("{}: {error}", data.display()), advice);
        }
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let detail = format!("{} MiB free on the disk of {}", free >> 20, data.display());
    match free >= ROOM_BYTES_MIN {
        true => Item::well("room", detail),
        false => {
            Item::fault("room", detail, "make room: on a full disk the replica waits, and nothing confirmed is lost")
        }
    }
}

/// Database, entries and contents; a database in use is left alone.
fn integrity(dir: &Path, found: Result<Found, CopyError>) -> Item {
    const ADVICE: &str = "`quorate repair --dir DIR --from URL` names all of it, asks the others for what is damaged, and \
                          puts it back; without them restore the folder from a backup, or give the replica a new database";
    const OF_HISTORY: &str = "state and promises are whole, and the replica may go on; a node that keeps the whole history \
                              has the receipt, and `quorate repair --dir DIR --from URL` leaves such rows out";
    const OF_OBSERVER: &str = "`quorate repair --dir DIR --from URL` puts it back, and `quorate copy` fills the folder anew: an \
                               observer has no vote to lose";
    const OF_ANOTHER: &str = "nothing was found damaged: put the configuration, key and genesis into the folder that belong to this \
                              database, or run the program that wrote it";
    const NOT_LOOKED_AT: &str = "the database was not found damaged, for it could not be looked at: mend what is named here, and ask \
                                 again";
    let advice = if is_observers(dir) { OF_OBSERVER } else { ADVICE };
    match found {
        Ok(found) if found.is_whole() => {
            Item::well("integrity", format!("entries, and contents of {} files, are as written", found.files))
        }
        Ok(found) if found.is_of_history() => Item::fault("integrity", in_words(&found), OF_HISTORY),
        Ok(found) => Item::fault("integrity", in_words(&found), advice),
        Err(CopyError::Db(DbError::Locked(_))) => Item {
            advice: Some("stop the node to have its database looked at".to_owned()),
            ..Item::well("integrity", "the database is in use: its node runs and was not disturbed")
        },
        Err(error) if error.is_of_another() => Item::fault("integrity", error.to_string(), OF_ANOTHER),
        Err(error) if error.is_of_database() => Item::fault("integrity", error.to_string(), advice),
        Err(error) => Item::fault("integrity", error.to_string(), NOT_LOOKED_AT),
    }
}

/// The first damages, and how many there are.
fn in_words(found: &Found) -> String {
    let damages = found.damages.iter().take(NAMED_MAX).map(Damage::to_string);
    let promises = found.promises.iter().map(|why| format!("promises: {why}"));
    let others = found.unreadable.clone().into_iter().chain(found.hidden_in_words());
    let named: Vec<String> = damages.chain(others).chain(promises).collect();
    let more = found.more + (found.damages.len() as u64).saturating_sub(NAMED_MAX as u64);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", named.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn nobody_is_told_to_repair_a_database_that_could_not_be_looked_at() {
        let folder = Path::new("/var/lib/quorate");
        let read_only =
            CopyError::Db(DbError::Io { path: folder.to_owned(), error: io::ErrorKind::ReadOnlyFilesystem.into() });
        let cut_off = CopyError::CutOff { path: folder.to_owned(), command: "copy" };

        for error in [read_only, cut_off] {
            let item = integrity(folder, Err(error));

            assert!(!item.ok && !item.advice.as_deref().unwrap_or_default().contains("repair"), "{item:?}");
        }
    }
}
