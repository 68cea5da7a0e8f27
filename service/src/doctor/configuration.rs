//! Checks of a replica's configuration: its files against each other, and the environment. No database is opened.

use super::{Item, told};
use crate::api;
use crate::config::{ADMIN_TOKEN_FILE, CONFIG_FILE, Config, GENESIS_FILE, Overrides, REPLICA_KEY_FILE, SETTINGS};
use crate::health::{RENEW_SECONDS, now_ms};
use crate::logging;
use crate::replica::{LaunchError, net_config, read_genesis};
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
        items.push(membership(genesis, public, me));
        let seed = keys::read_seed(&dir.join(REPLICA_KEY_FILE));
        if keys::is_locked(&dir.join(REPLICA_KEY_FILE)).unwrap_or_default() {
            items.push(told("passphrase", &seed, |_| "replica.key opens".to_owned(), UNLOCK));
        }
        let placed = config.as_ref().ok().zip(me).zip(seed.ok());
        items.extend(placed.map(|((config, me), seed)| addresses(config, genesis, me, *seed)));
    }
    if let Ok(config) = &config {
        items.push(told(
            "log",
            &logging::check(&config.log),
            |()| config.log.clone(),
            "as in info,quorate_service=debug",
        ));
        items.push(operators(config, &dir.join(ADMIN_TOKEN_FILE)));
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
fn operators(config: &Config, token: &Path) -> Item {
    let address = config.operations.unwrap_or(config.api);
    match (address.ip().is_loopback(), token.exists()) {
        (_, true) => Item::well("operators", "what tells of the node needs the secret of admin.token"),
        (true, false) => Item::well("operators", format!("what tells of the node is open on {address} alone")),
        (false, false) => Item::fault(
            "operators",
            format!("the API is reached on {address}, and nobody may read /metrics: there is no admin.token"),
            "put a secret into the file admin.token in the folder, readable by the replica alone",
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
    let net = net_config(config, genesis.founders(), me, seed);
    match net.and_then(|net| net.check().map(|()| net).map_err(LaunchError::from)) {
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
