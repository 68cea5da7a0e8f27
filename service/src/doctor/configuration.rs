//! Checks of a replica's configuration: its files against each other, and the environment. No database is opened.

use super::{Item, told};
use crate::api;
use crate::config::{ADMIN_TOKEN_FILE, CONFIG_FILE, Config, GENESIS_FILE, Overrides, REPLICA_KEY_FILE, SETTINGS};
use crate::health::{RENEW_SECONDS, now_ms};
use crate::logging;
use crate::replica::{self, Ways, read_genesis};
use crate::tokens::TOKENS_FILE;
use quorate_client::keys::{self, passphrase};
use quorate_ledger::Genesis;
use quorate_pbft::{PublicKey, ReplicaId};
use std::path::Path;

/// Variables of the environment that commands read.
const OF_COMMANDS: [&str; 7] = [
    "QUORATE_NODE",
    "QUORATE_CA",
    "QUORATE_KEY",
    "QUORATE_DOMAIN",
    "QUORATE_TOKEN",
    "QUORATE_SESSION",
    passphrase::PASSPHRASE_FILE,
];

/// Advice on a key whose passphrase is not at hand.
const UNLOCK: &str = "QUORATE_PASSPHRASE_FILE names a file with the passphrase, as for quorate start";

/// Checks the files of a replica's folder. A check that needs what an earlier one did not find is left out.
pub fn configuration(dir: &Path) -> Vec<Item> {
    let config = Config::load(dir, Overrides::default());
    let genesis = read_genesis(&dir.join(GENESIS_FILE));
    let key = keys::public(&dir.join(REPLICA_KEY_FILE));
    let mut items = vec![
        told("config", &config, |_| format!("{CONFIG_FILE} reads"), "mend the line that it names"),
        told("genesis", &genesis, named, "copy genesis.json from another member, and compare its hash"),
        told("key", &key, |_| "replica.key reads".to_owned(), "put the replica's key back from where it is kept safe"),
    ];
    items.extend(unknown_variable(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())));
    items.extend(key.is_ok().then(|| secrecy(&dir.join(REPLICA_KEY_FILE))));
    if let (Ok(genesis), Ok(public)) = (&genesis, &key) {
        let me = genesis.founders().replica_of(public);
        let follows = config.as_ref().is_ok_and(|config| !config.follow.is_empty());
        items.push(membership(genesis, public, me, follows));
        if keys::is_locked(&dir.join(REPLICA_KEY_FILE)).unwrap_or_default() {
            let seed = keys::read_seed(&dir.join(REPLICA_KEY_FILE));
            items.push(told("passphrase", &seed, |_| "replica.key opens".to_owned(), UNLOCK));
        }
        items.extend(config.as_ref().ok().map(|config| addresses(config, genesis, me)));
    }
    if let Ok(config) = &config {
        items.push(told(
            "log",
            &logging::check(&config.log),
            |()| config.log.clone(),
            "as in info,quorate_service=debug",
        ));
        items.push(operators(config, [ADMIN_TOKEN_FILE, TOKENS_FILE].iter().any(|file| dir.join(file).exists())));
        items.extend(certificate(config));
    }
    items
}

/// A variable that begins like ours and that nothing reads: a misspelt one is never used unnoticed.
fn unknown_variable(mut names: impl Iterator<Item = String>) -> Option<Item> {
    let of_settings = || SETTINGS.iter().filter_map(|(_, variable)| *variable);
    let known = |name: &str| of_settings().chain(OF_COMMANDS).any(|known| known == name);
    let stray = names.find(|name| name.starts_with("QUORATE_") && !known(name))?;
    let known: Vec<&str> = of_settings().collect();
    Some(Item::fault("environment", format!("{stray} is no setting"), format!("those are {}", known.join(", "))))
}

/// Access of operators, where the API is reached from other machines.
fn operators(config: &Config, has_token: bool) -> Item {
    let address = config.operations.unwrap_or(config.api);
    match (address.ip().is_loopback(), has_token) {
        (_, true) => Item::well("operators", "what tells of the node needs the secret of admin.token, or a token"),
        (true, false) => Item::well("operators", format!("what tells of the node is open on {address} alone")),
        (false, false) => Item::fault(
            "operators",
            format!("the API is reached on {address}, and nobody may read /metrics: there is no token"),
            "`quorate token new --role read --dir DIR` makes one",
        ),
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

/// Place of the key among the founders. A later member's place is in the state, which is not opened here.
fn membership(genesis: &Genesis, key: &PublicKey, me: Option<ReplicaId>, follows: bool) -> Item {
    match me {
        Some(me) => Item::well("member", format!("replica {me} of {} founders", genesis.file().members.len())),
        None if follows => {
            Item::well("member", format!("key {key} is no founder's: it votes once the group has added it"))
        }
        None => Item::fault(
            "member",
            format!("key {key} is no founder of this group"),
            "`quorate genesis show` lists the keys; put the right key or genesis into the folder, or name in `follow` whom it \
             follows until the group adds it",
        ),
    }
}

/// Addresses that read, and one for each of the other founders.
fn addresses(config: &Config, genesis: &Genesis, me: Option<ReplicaId>) -> Item {
    const ADVICE: &str = "write `listen` and `[peers]` in config.toml: number in the genesis, or key = multiaddr";
    let sound = replica::addresses(config, genesis).and_then(|known| Ways::of(config).map(|_| known));
    let known = match sound {
        Err(error) => return Item::fault("addresses", error.to_string(), ADVICE),
        Ok(known) => known,
    };
    let founders = genesis.founders();
    let is_stray = |name: &String| name.parse().is_ok_and(|number: u16| usize::from(number) >= founders.len());
    let others = founders.replicas().filter(|replica| Some(*replica) != me);
    let lacking = others.filter(|replica| founders.key(*replica).is_none_or(|key| !known.contains_key(key)));
    let missing: Vec<String> = lacking.map(|replica| replica.to_string()).collect();
    match (missing.is_empty(), config.peers.keys().find(|name| is_stray(name))) {
        (_, Some(stray)) => Item::fault("addresses", format!("there is no replica {stray}"), ADVICE),
        (false, _) if config.mdns || !config.bootstrap.is_empty() => {
            let looked_for = format!("{}; replicas {} are looked for", config.listen, missing.join(", "));
            Item::well("addresses", looked_for)
        }
        (false, _) => Item::fault("addresses", format!("none for replicas {}", missing.join(", ")), ADVICE),
        _ => Item::well("addresses", format!("{}, and of {} others", config.listen, founders.len() - 1)),
    }
}

fn certificate(config: &Config) -> Option<Item> {
    let (certificate, key) = config.tls_certificate.as_deref().zip(config.tls_key.as_deref())?;
    let found = api::acceptor(certificate, key);
    let days = api::expiry(certificate).map(|ends| (ends as i64 - (now_ms() / 1_000) as i64).div_euclid(86_400));
    match (&found, days) {
        (Ok(_), Some(days)) if days < RENEW_SECONDS / 86_400 => {
            let detail = format!("it ends in {days} days");
            Some(Item::fault("certificate", detail, "renew it, and start the replica again"))
        }
        _ => Some(told(
            "certificate",
            &found,
            |_| "certificate and key read".to_owned(),
            "give PEM files that belong together",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_variable_is_named() {
        let names = ["PATH", "QUORATE_API", "QUORATE_NODE", "QUORATE_LISTN"].map(str::to_owned);
        let found = unknown_variable(names.clone().into_iter()).expect("a fault");

        assert!(found.detail.contains("QUORATE_LISTN") && !found.ok, "{found:?}");
        assert_eq!(unknown_variable(names.into_iter().take(3)), None);
    }
}
