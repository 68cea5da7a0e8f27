//! Configuration of a replica on its machine: `config.toml`, overridden by the environment, overridden by flags.
//! `settings` says of each value which of them set it.
//!
//! No setting here is agreed between replicas; what they agree on is the genesis. A key that this file does not know is
//! an error, so that a misspelt one never passes unnoticed.

mod quota;
mod reads;
mod settings;

pub use quota::{NoQuota, Quota};
pub use reads::Reads;
pub use settings::{SETTINGS, Setting, effective};

use crate::engine::History;
use crate::logging::LogFormat;
use quorate_pbft::{PublicKey, ReplicaId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The file's name in a replica's folder.
pub const CONFIG_FILE: &str = "config.toml";
/// The replica's secret key in its folder.
pub const REPLICA_KEY_FILE: &str = "replica.key";
/// The group's genesis in each replica's folder.
pub const GENESIS_FILE: &str = "genesis.json";
/// The token for what tells of the node itself, in the replica's folder. A replica with this file asks for the token on
/// loopback too, so that a proxy in front of the API opens nothing.
pub const ADMIN_TOKEN_FILE: &str = "admin.token";

/// Folder of the database in a replica's folder, unless its configuration names another.
pub const DATA: &str = "data";

/// Settings of a replica on its machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Multiaddr on which the other replicas reach this one.
    pub listen: String,
    /// Address of the HTTP API; loopback unless somebody decides otherwise.
    pub api: SocketAddr,
    /// Address of the API for operators. With it, what is for operators is answered there and not at `api`, but to who
    /// shows the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<SocketAddr>,
    /// Names under which clients reach the API, as through a proxy; addresses and `localhost` need no name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Readers of domains that not everyone may read: every client, or those with a token.
    #[serde(default, skip_serializing_if = "Reads::is_open")]
    pub reads: Reads,
    /// Certificate of the API, or a chain of them, in PEM; relative to the replica's folder. With it the API speaks TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_certificate: Option<PathBuf>,
    /// Key of the certificate, in PEM; relative to the replica's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// Whether authors have a default rate at this replica, where their domain's policy sets none.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub default_rates: bool,
    /// Multiaddr at which this replica takes observers; without it, it takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observers: Option<String>,
    /// Multiaddrs of doors for observers at which addresses of others are asked for, and the own one is left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bootstrap: Vec<String>,
    /// Whether this node announces itself on the networks of its machine, and looks for others there.
    #[serde(default, skip_serializing_if = "is_no")]
    pub mdns: bool,
    /// Multiaddrs of members' doors for observers at which this node is called, where nobody can dial it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relay: Vec<String>,
    /// Bytes of one circuit, as `1GiB` and no more, if this replica's door for observers leads on to nodes that are called
    /// here; without it, it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_server: Option<Quota>,
    /// Folder of the database; relative to the replica's folder.
    #[serde(default = "default_data")]
    pub data: PathBuf,
    /// History that this node keeps: `all`, a time as `90d`, or a size as `20GiB`.
    #[serde(default)]
    pub history: History,
    /// Bytes that the database may take, as `20GiB`; beyond them no new change is taken here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space_quota: Option<Quota>,
    /// Filter of the log, as `tracing` writes it: `info`, `warn,quorate_service=debug`, …
    #[serde(default = "default_log")]
    pub log: String,
    /// For people or as JSON.
    #[serde(default)]
    pub log_format: LogFormat,
    /// Multiaddrs of members' doors for observers: a replica follows through them while it is no member.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow: Vec<String>,
    /// Addresses of the other replicas: number in the genesis, or key, to multiaddr. The own may be there and is ignored.
    #[serde(default)]
    pub peers: BTreeMap<String, String>,
    /// Names of peers that the environment and flags set, in the order in which each wins over those before it and over the file.
    #[serde(skip)]
    pub(crate) over: Vec<String>,
}

fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}

fn is_no(value: &bool) -> bool {
    !*value
}

fn default_data() -> PathBuf {
    PathBuf::from(DATA)
}

fn default_log() -> String {
    "info".to_owned()
}

/// Form of an address in a variable of the environment.
const ADDRESS: &str = "an address such as 127.0.0.1:8000";

/// Form of a choice there.
const YES_OR_NO: &str = "true or false";

/// Settings from flags and the environment; each that is there wins over the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// As [`Config::listen`].
    pub listen: Option<String>,
    /// As [`Config::api`].
    pub api: Option<SocketAddr>,
    /// As [`Config::operations`].
    pub operations: Option<SocketAddr>,
    /// As [`Config::hosts`].
    pub hosts: Option<Vec<String>>,
    /// As [`Config::reads`].
    pub reads: Option<Reads>,
    /// As [`Config::tls_certificate`].
    pub tls_certificate: Option<PathBuf>,
    /// As [`Config::tls_key`].
    pub tls_key: Option<PathBuf>,
    /// As [`Config::default_rates`].
    pub default_rates: Option<bool>,
    /// As [`Config::observers`].
    pub observers: Option<String>,
    /// As [`Config::bootstrap`].
    pub bootstrap: Option<Vec<String>>,
    /// As [`Config::mdns`].
    pub mdns: Option<bool>,
    /// As [`Config::relay`].
    pub relay: Option<Vec<String>>,
    /// As [`Config::relay_server`].
    pub relay_server: Option<Quota>,
    /// As [`Config::data`].
    pub data: Option<PathBuf>,
    /// As [`Config::history`].
    pub history: Option<History>,
    /// As [`Config::space_quota`].
    pub space_quota: Option<Quota>,
    /// As [`Config::log`].
    pub log: Option<String>,
    /// As [`Config::log_format`].
    pub log_format: Option<LogFormat>,
    /// As [`Config::follow`].
    pub follow: Option<Vec<String>>,
    /// `number=multiaddr`; each replaces the file's address of that replica.
    pub peers: Vec<String>,
}

/// Fault in a configuration, and its place.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}; `quorate init` makes a folder with one")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be: TOML, or a key that is unknown, missing or of another type.
    #[error("{path}, line {line}: {why}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Why, on one line.
        why: String,
    },
    /// A setting among the peers: TOML gives all lines below `[peers]` to it.
    #[error("{path}, line {line}: {key} stands below [peers]: move it above that line")]
    Misplaced {
        /// Which file.
        path: PathBuf,
        /// Line of the setting, from 1.
        line: usize,
        /// The setting.
        key: String,
    },
    /// A peer that is not `number=multiaddr`, or a number that is no replica number.
    #[error("peer {0:?}: expected a replica number and its multiaddr, as in 2=/ip4/10.0.0.3/tcp/7000")]
    Peer(String),
    /// A folder of the database that is the replica's own, or holds it: a copy moves the old database away as a whole.
    #[error(
        "data = {0:?} is the replica's folder, or has it inside: name a folder for the database alone, as \"data\""
    )]
    Data(PathBuf),
    /// A certificate without its key, or a key without its certificate.
    #[error("tls_certificate and tls_key go together; only one of them is set")]
    Tls,
    /// An environment variable that does not parse.
    #[error("environment {name}={value:?}: {expected} expected")]
    Environment {
        /// Its name.
        name: &'static str,
        /// Value in the configuration.
        value: String,
        /// Form that it should have.
        expected: &'static str,
    },
}

impl Config {
    /// The configuration with these addresses; all else has its default.
    pub fn new(listen: String, api: SocketAddr, peers: BTreeMap<String, String>) -> Self {
        Self {
            listen,
            api,
            operations: None,
            hosts: Vec::new(),
            reads: Reads::Open,
            tls_certificate: None,
            tls_key: None,
            default_rates: yes(),
            observers: None,
            bootstrap: Vec::new(),
            mdns: false,
            relay: Vec::new(),
            relay_server: None,
            data: default_data(),
            history: History::default(),
            space_quota: None,
            log: default_log(),
            log_format: LogFormat::default(),
            follow: Vec::new(),
            peers,
            over: Vec::new(),
        }
    }

    /// The configuration of the replica in `dir`: its file, then the environment, then flags.
    pub fn load(dir: &Path, flags: Overrides) -> Result<Self, ConfigError> {
        let config = Self::read(&dir.join(CONFIG_FILE))?;
        let environment = Overrides::from_environment(variable)?;
        config.overridden(dir, [environment, flags])
    }

    /// The configuration of another replica, in `dir`, as its file alone says it: variables of the environment are for the
    /// replica of this process.
    pub fn of_another(dir: &Path) -> Result<Self, ConfigError> {
        Self::read(&dir.join(CONFIG_FILE))?.overridden(dir, [])
    }

    fn overridden(mut self, dir: &Path, over: impl IntoIterator<Item = Overrides>) -> Result<Self, ConfigError> {
        over.into_iter().try_for_each(|over| self.apply(over))?;
        self.peer_addresses()?;
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            return Err(ConfigError::Tls);
        }
        let files = [Some(&mut self.data), self.tls_certificate.as_mut(), self.tls_key.as_mut()];
        // An absolute path stays as it is.
        files.into_iter().flatten().for_each(|file| *file = dir.join(&*file));
        let found = |path: &Path| path.canonicalize().ok();
        match (found(dir), found(&self.data)) {
            (Some(own), Some(data)) if own.starts_with(&data) => Err(ConfigError::Data(self.data)),
            _ => Ok(self),
        }
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        if let Some((line, key)) = misplaced(&text) {
            return Err(ConfigError::Misplaced { path: path.to_owned(), line, key: key.to_owned() });
        }
        toml::from_str(&text).map_err(|error| malformed(path, &text, &error))
    }

    fn apply(&mut self, over: Overrides) -> Result<(), ConfigError> {
        replace(&mut self.listen, over.listen);
        replace(&mut self.api, over.api);
        self.operations = over.operations.or(self.operations);
        replace(&mut self.hosts, over.hosts);
        replace(&mut self.reads, over.reads);
        self.tls_certificate = over.tls_certificate.or(self.tls_certificate.take());
        self.tls_key = over.tls_key.or(self.tls_key.take());
        replace(&mut self.default_rates, over.default_rates);
        self.observers = over.observers.or(self.observers.take());
        replace(&mut self.bootstrap, over.bootstrap);
        replace(&mut self.mdns, over.mdns);
        replace(&mut self.relay, over.relay);
        self.relay_server = over.relay_server.or(self.relay_server);
        replace(&mut self.data, over.data);
        replace(&mut self.history, over.history);
        self.space_quota = over.space_quota.or(self.space_quota);
        replace(&mut self.log, over.log);
        replace(&mut self.log_format, over.log_format);
        replace(&mut self.follow, over.follow);
        for peer in over.peers {
            let (number, address) = peer.split_once('=').ok_or_else(|| ConfigError::Peer(peer.clone()))?;
            self.peers.insert(number.trim().to_owned(), address.trim().to_owned());
            self.over.push(number.trim().to_owned());
        }
        Ok(())
    }

    /// The peers with their numbers as numbers, each after those over which it wins: one replica may have several names.
    pub fn peer_addresses(&self) -> Result<Vec<(PeerName, String)>, ConfigError> {
        let parse = |(name, address): (&String, &String)| match PeerName::parse(name) {
            Some(name) => Ok((name, address.clone())),
            None => Err(ConfigError::Peer(format!("{name}={address}"))),
        };
        let of_file = self.peers.iter().filter(|(name, _)| !self.over.contains(name));
        let of_file = of_file.map(parse).collect::<Result<BTreeMap<_, _>, _>>()?;
        let over = self.over.iter().filter_map(|name| self.peers.get_key_value(name));
        let over = over.map(parse).collect::<Result<Vec<_>, _>>()?;
        Ok(of_file.into_iter().chain(over).collect())
    }
}

/// Name of another replica in a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerName {
    /// A founder, by its number in the genesis: it stays the same whatever the member list.
    Founder(ReplicaId),
    /// Any replica, by its key.
    Key(PublicKey),
}

impl PeerName {
    fn parse(text: &str) -> Option<Self> {
        let key = || Some(PublicKey(hex::decode(text).ok()?.try_into().ok()?));
        text.parse().ok().map(|number| Self::Founder(ReplicaId::new(number))).or_else(|| key().map(Self::Key))
    }
}

fn malformed(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let why = error.message().replace('\n', " ");
    ConfigError::Malformed { path: path.to_owned(), line: before.matches('\n').count() + 1, why }
}

/// The first setting below `[peers]`, with its line from 1.
fn misplaced(text: &str) -> Option<(usize, &str)> {
    let lines = (1..).zip(text.lines().map(str::trim)).skip_while(|(_, line)| *line != "[peers]").skip(1);
    let mut keys = lines
        .take_while(|(_, line)| !line.starts_with('['))
        .filter_map(|(number, line)| Some((number, line.split_once('=')?.0.trim())));
    keys.find(|(_, key)| SETTINGS.iter().any(|(name, _)| name == key))
}

fn replace<T>(value: &mut T, with: Option<T>) {
    if let Some(with) = with {
        *value = with;
    }
}

/// Value of a variable of the environment; one without a value is not set, as in a file of variables.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Overrides {
    /// The variables of [`SETTINGS`]; lists with commas between their items, those of `QUORATE_PEERS` `number=multiaddr`.
    fn from_environment(read: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Ok(Self {
            listen: read("QUORATE_LISTEN"),
            api: parsed(&read, "QUORATE_API", ADDRESS, |text| text.parse().ok())?,
            operations: parsed(&read, "QUORATE_OPERATIONS", ADDRESS, |text| text.parse().ok())?,
            hosts: read("QUORATE_HOSTS").map(items),
            reads: parsed(&read, "QUORATE_READS", "open or guarded", |text| text.parse().ok())?,
            tls_certificate: read("QUORATE_TLS_CERTIFICATE").map(PathBuf::from),
            tls_key: read("QUORATE_TLS_KEY").map(PathBuf::from),
            default_rates: parsed(&read, "QUORATE_DEFAULT_RATES", YES_OR_NO, |text| text.parse().ok())?,
            observers: read("QUORATE_OBSERVERS"),
            bootstrap: read("QUORATE_BOOTSTRAP").map(items),
            mdns: parsed(&read, "QUORATE_MDNS", YES_OR_NO, |text| text.parse().ok())?,
            relay: read("QUORATE_RELAY").map(items),
            relay_server: parsed(&read, "QUORATE_RELAY_SERVER", "a size as 1GiB", |text| text.parse().ok())?,
            data: read("QUORATE_DATA").map(PathBuf::from),
            history: parsed(&read, "QUORATE_HISTORY", "all, a time as 90d or a size as 20GiB", |text| {
                text.parse().ok()
            })?,
            space_quota: parsed(&read, "QUORATE_SPACE_QUOTA", "a size as 20GiB", |text| text.parse().ok())?,
            log: read("QUORATE_LOG"),
            log_format: parsed(&read, "QUORATE_LOG_FORMAT", "text or json", |text| text.parse().ok())?,
            follow: read("QUORATE_FOLLOW").map(items),
            peers: read("QUORATE_PEERS").map(items).unwrap_or_default(),
        })
    }
}

/// Items of a list in a variable.
fn items(list: String) -> Vec<String> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn parsed<T>(
    read: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    expected: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, ConfigError> {
    let Some(value) = read(name) else { return Ok(None) };
    match parse(&value) {
        Some(parsed) => Ok(Some(parsed)),
        None => Err(ConfigError::Environment { name, value, expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        listen = "/ip4/127.0.0.1/tcp/7000"
        api = "127.0.0.1:8000"

        [peers]
        1 = "/ip4/127.0.0.1/tcp/7001"
    "#;

    fn config() -> Config {
        toml::from_str(FILE).unwrap()
    }

    #[test]
    fn what_the_file_leaves_out_has_a_default() {
        let config = config();

        assert_eq!((config.data, config.log.as_str()), (PathBuf::from("data"), "info"));
        assert_eq!(config.log_format, LogFormat::Text);
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let refused = toml::from_str::<Config>(&format!("lisen = 1\n{FILE}")).unwrap_err();

        assert!(refused.to_string().contains("lisen"), "{refused}");
    }

    #[test]
    fn the_environment_wins_over_the_file_and_flags_over_both() {
        let mut config = config();
        let environment = |name: &str| match name {
            "QUORATE_API" => Some("127.0.0.1:9000".to_owned()),
            "QUORATE_LOG" => Some("debug".to_owned()),
            "QUORATE_PEERS" => Some("2=/ip4/10.0.0.3/tcp/1".to_owned()),
            _ => None,
        };
        config.apply(Overrides::from_environment(environment).unwrap()).unwrap();
        config.apply(Overrides { log: Some("warn".to_owned()), ..Overrides::default() }).unwrap();

        assert_eq!((config.api.port(), config.log.as_str()), (9000, "warn"));
        assert_eq!(config.peer_addresses().unwrap().len(), 2);
    }

    #[test]
    fn an_address_of_the_environment_wins_by_whichever_name_the_file_has_the_replica() {
        let (key, file, over) = ("ab".repeat(32), "/ip4/10.0.0.2/tcp/1", "/ip4/10.0.0.3/tcp/1");
        for name in [key.as_str(), "02", "2"] {
            let mut config = config();
            config.peers.insert(name.to_owned(), file.to_owned());
            config.apply(Overrides { peers: vec![format!("2={over}")], ..Overrides::default() }).unwrap();

            let last = config.peer_addresses().unwrap().pop();

            assert_eq!(last, Some((PeerName::Founder(ReplicaId::new(2)), over.to_owned())), "{name}");
        }
    }

    #[test]
    fn a_database_that_would_have_the_replicas_folder_inside_is_refused() {
        let home = tempfile::tempdir().expect("a folder");
        let dir = home.path().join("replica-0");
        std::fs::create_dir_all(dir.join("data")).expect("our folder");
        let above = home.path().to_str().expect("a plain name");
        for (data, is_refused) in
            [("", true), (".", true), ("..", true), ("data/..", true), (above, true), ("data", false), ("new", false)]
        {
            let text = format!("data = {data:?}\n{FILE}");
            std::fs::write(dir.join(CONFIG_FILE), text).expect("our folder");

            let read = Config::of_another(&dir);

            assert_eq!(matches!(read, Err(ConfigError::Data(_))), is_refused, "{data:?}: {read:?}");
        }
    }

    #[test]
    fn an_environment_variable_that_does_not_parse_is_named() {
        let refused = Overrides::from_environment(|name| (name == "QUORATE_API").then(|| "here".to_owned()));

        assert!(matches!(refused, Err(ConfigError::Environment { name: "QUORATE_API", .. })));
    }

    #[test]
    fn a_peer_without_a_number_is_an_error() {
        let mut config = config();
        config.peers.insert("x".to_owned(), "/ip4/10.0.0.3/tcp/1".to_owned());

        assert!(matches!(config.peer_addresses(), Err(ConfigError::Peer(_))));
    }
}
