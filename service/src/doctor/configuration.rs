//! Checks of a folder's files against each other, and of the environment. No database is opened.

use super::{Item, barred, told};
use crate::api::Certificate;
use crate::clock::now_ms;
use crate::config::{
    ADMIN_TOKEN_FILE, CONFIG_FILE, Config, ConfigError, GENESIS_FILE, Overrides, REPLICA_KEY_FILE, SETTINGS,
};
use crate::health::RENEW_SECONDS;
use crate::logging;
use crate::observer::{OBSERVER_KEY_FILE, is_observers};
use crate::replica::{self, LaunchError, Ways, read_genesis};
use crate::tokens::{self, Tokens, TokensError};
use quorate_client::keys::{self, passphrase};
use quorate_ledger::Genesis;
use quorate_pbft::{PublicKey, ReplicaId};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::Ordering;

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

/// Checks the files of a folder. A check that needs what an earlier one did not find is left out.
pub fn configuration(dir: &Path) -> Vec<Item> {
    match barred(dir, None) {
        Some(item) => vec![item],
        None if is_observers(dir) => of_observer(dir),
        None => of_replica(dir),
    }
}

/// An observer has no configuration: its flags say it all.
fn of_observer(dir: &Path) -> Vec<Item> {
    const ANOTHER: &str = "move it away: `quorate observe` makes another one; an enrolled observer is enrolled anew";
    let (genesis, file) = (read_genesis(&dir.join(GENESIS_FILE)), dir.join(OBSERVER_KEY_FILE));
    let key = keys::public(&file);
    let mut items = vec![
        told("genesis", &genesis, named, "copy genesis.json from a member, and compare its hash"),
        told("key", &key, |_| format!("{OBSERVER_KEY_FILE} reads: the folder is an observer's"), ANOTHER),
    ];
    items.extend(unknown_variable(variables()));
    items.extend(key.is_ok().then(|| secrecy(&file)));
    items.extend(secrets(dir));
    items
}

fn variables() -> impl Iterator<Item = String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())
}

fn of_replica(dir: &Path) -> Vec<Item> {
    let config = Config::load(dir, Overrides::default());
    let genesis = read_genesis(&dir.join(GENESIS_FILE));
    let key = keys::public(&dir.join(REPLICA_KEY_FILE));
    let mut items = vec![
        told("config", &config, |_| format!("{CONFIG_FILE} reads"), config.as_ref().err().map_or("", mended)),
        told("genesis", &genesis, named, "copy genesis.json from another member, and compare its hash"),
        told("key", &key, |_| "replica.key reads".to_owned(), "put the replica's key back from where it is kept safe"),
    ];
    items.extend(unknown_variable(variables()));
    items.extend(key.is_ok().then(|| secrecy(&dir.join(REPLICA_KEY_FILE))));
    items.extend(secrets(dir));
    if let (Ok(genesis), Ok(public)) = (&genesis, &key) {
        let me = genesis.founders().replica_of(public);
        let joins = config.as_ref().is_ok_and(|config| !config.follow.is_empty() || config.data.is_dir());
        items.push(membership(genesis, public, me, joins));
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
        items.push(ports(config));
        items.extend(listening(config));
        items.extend(hosts(config));
        items.extend(relaying(config));
        items.push(operators(config, &Tokens::open(dir)));
        items.extend(certificate(config));
    }
    items
}

/// Advice on a configuration that cannot be used.
fn mended(error: &ConfigError) -> &'static str {
    match error {
        ConfigError::Unreadable { .. } => {
            "`quorate init --genesis` makes a replica's folder, and a backup has a config.toml"
        }
        ConfigError::Environment { .. } => "set that variable right, or unset it",
        ConfigError::Malformed { .. } | ConfigError::Misplaced { .. } => "mend that line",
        ConfigError::Peer(_) | ConfigError::Data(_) | ConfigError::Tls => {
            "mend it in config.toml, or in the environment"
        }
    }
}

/// A variable that begins like ours and that nothing reads: a misspelt one is never used unnoticed.
fn unknown_variable(mut names: impl Iterator<Item = String>) -> Option<Item> {
    let of_settings = || SETTINGS.iter().map(|(_, variable)| *variable);
    let known = |name: &str| of_settings().chain(OF_COMMANDS).any(|known| known == name);
    let stray = names.find(|name| name.starts_with("QUORATE_") && !known(name))?;
    let known: Vec<&str> = of_settings().collect();
    Some(Item::fault("environment", format!("{stray} is no setting"), format!("those are {}", known.join(", "))))
}

/// Addresses of one replica: each has a port of its own.
fn ports(config: &Config) -> Item {
    let own = own_addresses(config);
    let twice =
        own.iter().enumerate().find_map(|(at, one)| own[..at].iter().find(|other| meet(one.1, other.1)).zip(Some(one)));
    match twice {
        None => Item::well("ports", "each address of the replica is of its own"),
        Some(((first, _), (second, address))) => {
            let detail = format!("{first} and {second} both take {address}: one of them cannot be opened");
            Item::fault("ports", detail, "give each a port of its own")
        }
    }
}

/// Addresses that a replica opens, with their keys: without names, and without ports that the system chooses.
pub(super) fn own_addresses(config: &Config) -> Vec<(&'static str, SocketAddr)> {
    let of_peers = |name, text: &str| Some((name, socket(text)?));
    let own = [
        Some(("api", config.api)),
        config.operations.map(|address| ("operations", address)),
        of_peers("listen", &config.listen),
        config.observers.as_deref().and_then(|text| of_peers("observers", text)),
    ];
    own.into_iter().flatten().filter(|(_, address)| address.port() != 0).collect()
}

/// Hosts and ports of the other members that the configuration names.
pub(super) fn peers(dir: &Path) -> Vec<(String, String)> {
    let config = Config::load(dir, Overrides::default()).ok();
    let key = keys::public(&dir.join(REPLICA_KEY_FILE)).ok();
    let genesis = read_genesis(&dir.join(GENESIS_FILE)).ok();
    let own = key.and_then(|key| genesis?.founders().replica_of(&key)).map(|me| me.get());
    let is_own = |name: &str| {
        name.parse().is_ok_and(|number: u16| Some(number) == own)
            || key.is_some_and(|key| key.to_string().eq_ignore_ascii_case(name))
    };
    let peers = config.into_iter().flat_map(|config| config.peers).filter(|(name, _)| !is_own(name));
    peers.filter_map(|(name, address)| Some((name, host_and_port(&address)?))).collect()
}

/// `host:port` of a multiaddr, as sockets are looked up by.
fn host_and_port(multiaddr: &str) -> Option<String> {
    match multiaddr.split('/').collect::<Vec<_>>()[..] {
        ["", "ip6", ip, "tcp", port, ..] => Some(format!("[{ip}]:{port}")),
        ["", "ip4" | "dns" | "dns4" | "dns6", host, "tcp", port, ..] => Some(format!("{host}:{port}")),
        _ => None,
    }
}

fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let is_all = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && (is_all || one.ip() == other.ip())
}

/// Address of a multiaddr such as `/ip4/10.0.0.1/tcp/7700`; none where it has a name.
fn socket(multiaddr: &str) -> Option<SocketAddr> {
    host_and_port(multiaddr)?.parse().ok()
}

/// A multiaddr that nothing can listen on: with a name, or none of TCP.
fn listening(config: &Config) -> Option<Item> {
    let own = [("listen", Some(&config.listen)), ("observers", config.observers.as_ref())];
    let (name, text) =
        own.into_iter().find_map(|(name, text)| Some((name, text.filter(|text| socket(text).is_none())?)))?;
    let detail = format!("{name} is {text}: a replica listens on /ip4/…/tcp/… or /ip6/…/tcp/… alone");
    let advice = format!("as in {name} = \"/ip4/0.0.0.0/tcp/7700\"; names are for the others' `peers`");
    Some(Item::fault("listen", detail, advice))
}

/// A host that no request names: with a scheme, a port or a path.
fn hosts(config: &Config) -> Option<Item> {
    let stray = config.hosts.iter().find(|host| !is_host(host))?;
    Some(Item::fault(
        "hosts",
        format!("{stray:?} is no name of a host"),
        "write the name alone, as in hosts = [\"q.example.org\"]",
    ))
}

/// Whether a text is an address or a name of DNS.
fn is_host(text: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let name = text.strip_suffix('.').unwrap_or(text);
    text.parse::<IpAddr>().is_ok() || name.split('.').all(is_label)
}

/// Bytes of a circuit through which the largest answer comes, whatever both ends have said on it before.
const CIRCUIT_BYTES_MIN: u64 = 64 << 20;

/// Relaying that leads nowhere: there is no door, or an answer is larger than all that a circuit carries.
fn relaying(config: &Config) -> Option<Item> {
    let set = [("relay", !config.relay.is_empty()), ("relay_server", config.relay_server.is_some())];
    let set = set.into_iter().find(|(_, is_set)| *is_set && config.observers.is_none());
    if let Some((name, _)) = set {
        let detail = format!("{name} is set, and without `observers` there is no door for it");
        let advice = format!("set `observers` to the address of a door, or leave {name} out");
        return Some(Item::fault("relay", detail, advice));
    }
    let detail = "an observer goes on for ever asking for an answer that is larger than a circuit of relay_server";
    let is_small = config.relay_server.is_some_and(|bytes| bytes.0 < CIRCUIT_BYTES_MIN);
    is_small.then(|| Item::fault("relay", detail, "set relay_server to 64MiB or more, as in relay_server = \"1GiB\""))
}

/// Access of operators, as the node gives it with these tokens.
fn operators(config: &Config, tokens: &Tokens) -> Item {
    let address = config.operations.unwrap_or(config.api);
    match (address.ip().is_loopback() && !tokens.has_secret(), tokens.are_there()) {
        (true, _) => Item::well("operators", format!("what tells of the node is open on {address} alone")),
        (false, true) => Item::well("operators", "what tells of the node needs the secret of admin.token, or a token"),
        (false, false) => Item::fault(
            "operators",
            format!("at {address} nobody may read /metrics: neither a secret in admin.token nor a token opens it"),
            "`quorate token new --role read --dir DIR` makes a token",
        ),
    }
}

/// Tokens that cannot be read, and a secret that others can.
fn secrets(dir: &Path) -> Vec<Item> {
    const ANEW: &str = "mend the file, or move it away and make new ones: `quorate token new --role ROLE --dir DIR`";
    let unread = |error: TokensError| Item::fault("tokens", format!("cannot be read: {error}"), ANEW);
    let open = readable("token-secrecy", ADMIN_TOKEN_FILE, &dir.join(ADMIN_TOKEN_FILE));
    let found = [tokens::read(dir).err().map(unread), open];
    found.into_iter().flatten().collect()
}

fn named(genesis: &Genesis) -> String {
    format!("group {} ({})", genesis.name(), genesis.group())
}

fn secrecy(key: &Path) -> Item {
    let well = || Item::well("key-secrecy", "its owner alone reads the key");
    readable("key-secrecy", "the key", key).unwrap_or_else(well)
}

/// Secret that others can read.
fn readable(check: &'static str, what: &str, file: &Path) -> Option<Item> {
    let mode = keys::open_to_others(file)?;
    let advice = format!("chmod 600 {}", file.display());
    Some(Item::fault(check, format!("mode {mode:o}: others can read {what}"), advice))
}

/// Place of the key among the founders. A later member's place is in the state, which is not opened here: one that follows, or
/// that has a database, may have one.
fn membership(genesis: &Genesis, key: &PublicKey, me: Option<ReplicaId>, joins: bool) -> Item {
    match me {
        Some(me) => Item::well("member", format!("replica {me} of {} founders", genesis.file().members.len())),
        None if joins => Item::well("member", format!("key {key} is no founder's: it votes if the group has added it")),
        None => Item::fault(
            "member",
            format!("key {key} is no founder of this group"),
            "`quorate genesis show` lists the keys; put the right key or genesis into the folder, or name in `follow` whom it \
             follows until the group adds it",
        ),
    }
}

/// Addresses that read, and one for each of the other founders. A replica that joined has theirs from the state.
fn addresses(config: &Config, genesis: &Genesis, me: Option<ReplicaId>) -> Item {
    const ADVICE: &str = "write `listen` and `[peers]` in config.toml: number in the genesis, or key = multiaddr";
    let sound = replica::addresses(config, genesis).and_then(|known| Ways::of(config).map(|_| known));
    let known = match sound {
        Err(error) => {
            return Item::fault("addresses", error.to_string(), addressed(&error).unwrap_or_else(|| ADVICE.to_owned()));
        }
        Ok(known) => known,
    };
    let founders = genesis.founders();
    let is_stray = |name: &String| name.parse().is_ok_and(|number: u16| usize::from(number) >= founders.len());
    let others = founders.replicas().filter(|replica| Some(*replica) != me);
    let lacking = others.filter(|replica| founders.key(*replica).is_none_or(|key| !known.contains_key(key)));
    let missing: Vec<String> = lacking.map(|replica| replica.to_string()).collect();
    match (missing.is_empty(), config.peers.keys().find(|name| is_stray(name))) {
        (_, Some(stray)) => Item::fault("addresses", format!("there is no replica {stray}"), ADVICE),
        (false, _) if me.is_none() || config.mdns || !config.bootstrap.is_empty() || !config.follow.is_empty() => {
            let looked_for = format!("{}; replicas {} are looked for", config.listen, missing.join(", "));
            Item::well("addresses", looked_for)
        }
        (false, _) => Item::fault("addresses", format!("none for replicas {}", missing.join(", ")), ADVICE),
        _ => Item::well("addresses", format!("{}, and of {} others", config.listen, founders.len() - 1)),
    }
}

/// Advice on an address of another setting than those of the members.
fn addressed(error: &LaunchError) -> Option<String> {
    match error {
        LaunchError::Address { what, .. } if !["listen", "peer"].contains(&what.as_str()) => {
            Some(format!("mend `{what}` in config.toml, or in the environment"))
        }
        LaunchError::RelayName(_) => Some("mend `relay` in config.toml, or in the environment".to_owned()),
        _ => None,
    }
}

fn certificate(config: &Config) -> Option<Item> {
    let (certificate, key) = config.tls_certificate.as_deref().zip(config.tls_key.as_deref())?;
    let found = Certificate::open(certificate, key);
    let ends = found.as_ref().ok().map(|found| found.ends().load(Ordering::Relaxed)).filter(|ends| *ends > 0);
    let days = ends.map(|ends| (ends as i64 - (now_ms() / 1_000) as i64).div_euclid(86_400));
    match (&found, days) {
        (Ok(found), _) if found.is_authority() => {
            let detail = "it is an authority's (CA:TRUE), and no client takes it for a node's";
            Some(Item::fault("certificate", detail, "make one with CA:FALSE (docs/runbooks/certificate.md)"))
        }
        (Ok(_), Some(days)) if days < RENEW_SECONDS / 86_400 => {
            let detail = format!("it ends in {days} days");
            Some(Item::fault("certificate", detail, "renew it: the replica reads both files again when they change"))
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
    use crate::config::Quota;
    use crate::tokens::TOKENS_FILE;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn relaying_without_a_door_or_by_circuits_that_no_answer_fits_is_a_fault() {
        let fault = |door: bool, relay: &[&str], bytes: Option<u64>| {
            let config = Config::new("/ip4/127.0.0.1/tcp/1".into(), "127.0.0.1:2".parse().expect("one"), [].into());
            let observers = door.then(|| "/ip4/127.0.0.1/tcp/3".to_owned());
            let relay = relay.iter().map(|relay| (*relay).to_owned()).collect();
            relaying(&Config { observers, relay, relay_server: bytes.map(Quota), ..config }).map(|item| item.detail)
        };
        let at = ["/ip4/203.0.113.7/tcp/1"];
        assert_eq!([fault(true, &at, Some(64 << 20)), fault(false, &[], None)], [None, None]);
        assert!(fault(false, &at, None).is_some_and(|why| why.starts_with("relay is set")));
        assert!(fault(false, &[], Some(1 << 30)).is_some_and(|why| why.starts_with("relay_server is set")));
        assert!(fault(true, &[], Some(8 << 20)).is_some_and(|why| why.contains("larger than a circuit")));
    }

    #[test]
    fn an_address_that_nothing_can_listen_on_is_a_fault() {
        let fault = |listen: &str, door: Option<&str>| {
            let config = Config::new(listen.into(), "127.0.0.1:2".parse().expect("one"), [].into());
            listening(&Config { observers: door.map(str::to_owned), ..config }).map(|item| item.detail)
        };
        assert_eq!(fault("/ip4/0.0.0.0/tcp/0", Some("/ip6/::/tcp/1")), None);
        assert!(fault("/dns4/acme.example.org/tcp/7700", None).is_some_and(|why| why.starts_with("listen is /dns4")));
        assert!(fault("/ip4/127.0.0.1/tcp/1", Some("/dns/a/tcp/1")).is_some_and(|why| why.starts_with("observers is")));
    }

    #[test]
    fn a_bad_address_is_answered_with_the_setting_that_holds_it() {
        let config = Config::new("/ip4/127.0.0.1/tcp/1".into(), "127.0.0.1:2".parse().expect("one"), [].into());
        let advice = |config: Config| addressed(&Ways::of(&config).expect_err("a fault"));

        let bootstrap = advice(Config { bootstrap: vec!["there".into()], ..config.clone() });
        let observers = advice(Config { observers: Some("there".into()), ..config.clone() });

        assert!(bootstrap.is_some_and(|advice| advice.contains("`bootstrap`")));
        assert!(observers.is_some_and(|advice| advice.contains("`observers`")));
        assert_eq!(advice(Config { listen: "there".into(), ..config }), None);
    }

    #[test]
    fn a_host_with_more_than_its_name_is_a_fault() {
        let is_fault = |name: &str| {
            let config = Config::new("/ip4/127.0.0.1/tcp/1".into(), "127.0.0.1:2".parse().expect("one"), [].into());
            hosts(&Config { hosts: vec![name.to_owned()], ..config }).is_some()
        };
        for name in ["q.example.org", "Q-1.example.org.", "node_1", "localhost", "192.0.2.7", "2001:db8::1"] {
            assert!(!is_fault(name), "{name}");
        }
        for name in
            ["q.example.org:443", "https://q.example.org", "q.example.org/", "*.example.org", "", ".", "a..b", "[::1]"]
        {
            assert!(is_fault(name), "{name}");
        }
    }

    #[test]
    fn a_misspelt_variable_is_named() {
        let names = ["PATH", "QUORATE_API", "QUORATE_NODE", "QUORATE_LISTN"].map(str::to_owned);
        let found = unknown_variable(names.clone().into_iter()).expect("a fault");

        assert!(found.detail.contains("QUORATE_LISTN") && !found.ok, "{found:?}");
        assert_eq!(unknown_variable(names.into_iter().take(3)), None);
    }

    #[test]
    fn tokens_that_cannot_be_read_and_a_secret_that_others_can_are_faults() {
        let dir = tempfile::tempdir().expect("a folder");
        let found = || secrets(dir.path()).into_iter().map(|item| item.check).collect::<Vec<_>>();
        assert_eq!(found(), Vec::<&str>::new());
        fs::write(dir.path().join(TOKENS_FILE), "[{").expect("our folder");
        let secret = dir.path().join(ADMIN_TOKEN_FILE);
        fs::write(&secret, "secret").expect("our folder");
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).expect("our file");
        assert_eq!(found(), ["tokens", "token-secrecy"]);
        assert!(secrets(dir.path())[0].detail.contains("cannot be read: "));
    }
}
