//! Effective settings: each key with its value and its origin.

use super::{CONFIG_FILE, Config, ConfigError, Overrides, malformed, variable};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

/// Keys of the file, each with the variable of the environment that wins over it.
pub const SETTINGS: [(&str, &str); 20] = [
    ("listen", "QUORATE_LISTEN"),
    ("api", "QUORATE_API"),
    ("operations", "QUORATE_OPERATIONS"),
    ("hosts", "QUORATE_HOSTS"),
    ("reads", "QUORATE_READS"),
    ("tls_certificate", "QUORATE_TLS_CERTIFICATE"),
    ("tls_key", "QUORATE_TLS_KEY"),
    ("default_rates", "QUORATE_DEFAULT_RATES"),
    ("observers", "QUORATE_OBSERVERS"),
    ("bootstrap", "QUORATE_BOOTSTRAP"),
    ("mdns", "QUORATE_MDNS"),
    ("relay", "QUORATE_RELAY"),
    ("relay_server", "QUORATE_RELAY_SERVER"),
    ("data", "QUORATE_DATA"),
    ("history", "QUORATE_HISTORY"),
    ("space_quota", "QUORATE_SPACE_QUOTA"),
    ("log", "QUORATE_LOG"),
    ("log_format", "QUORATE_LOG_FORMAT"),
    ("follow", "QUORATE_FOLLOW"),
    ("peers", "QUORATE_PEERS"),
];

/// Value of a key and its origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Key of the file; `peers.N` for the address of replica N.
    pub key: String,
    /// Value as the replica would use it; null where there is none.
    pub value: Value,
    /// `file`, `default`, or the variable of the environment.
    pub origin: &'static str,
}

/// Every setting of the replica in `dir`, as it would start there without flags.
pub fn effective(dir: &Path) -> Result<Vec<Setting>, ConfigError> {
    let config = Config::load(dir, Overrides::default())?;
    let path = dir.join(CONFIG_FILE);
    let text =
        std::fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
    let file: toml::Table = toml::from_str(&text).map_err(|error| malformed(&path, &text, &error))?;
    let peers = Overrides::from_environment(variable)?.peers;
    let from_environment =
        |number: &str| peers.iter().any(|peer| peer.split('=').next().map(str::trim) == Some(number));
    let values = serde_json::to_value(&config).expect("a configuration is plain data");
    let mut settings = Vec::new();
    for (key, name) in SETTINGS.into_iter().filter(|(key, _)| *key != "peers") {
        let origin = match variable(name) {
            Some(_) => name,
            None if file.contains_key(key) => "file",
            None => "default",
        };
        let value = values.get(key).cloned().unwrap_or_else(|| unwritten(key));
        settings.push(Setting { key: key.to_owned(), value, origin });
    }
    for (number, address) in &config.peers {
        let origin = if from_environment(number) { "QUORATE_PEERS" } else { "file" };
        settings.push(Setting { key: format!("peers.{number}"), value: json!(address), origin });
    }
    Ok(settings)
}

/// Value of a key that a file leaves out while it has its default.
fn unwritten(key: &str) -> Value {
    match key {
        "hosts" | "follow" | "bootstrap" | "relay" => json!([]),
        "mdns" => json!(false),
        "default_rates" => json!(true),
        "reads" => json!("open"),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    #[test]
    fn the_table_has_every_key_of_the_file() {
        let mut config = Config::new("/ip4/127.0.0.1/tcp/1".to_owned(), ([127, 0, 0, 1], 1).into(), [].into());
        config.operations = Some(([127, 0, 0, 1], 2).into());
        config.hosts.push("example.org".to_owned());
        config.reads = super::super::Reads::Guarded;
        (config.tls_certificate, config.tls_key) = (Some(PathBuf::from("a")), Some(PathBuf::from("b")));
        config.default_rates = false;
        config.observers = Some("/ip4/127.0.0.1/tcp/2".to_owned());
        config.space_quota = Some(super::super::Quota(1 << 30));
        config.bootstrap.push("/ip4/127.0.0.1/tcp/4".to_owned());
        config.relay.push("/ip4/127.0.0.1/tcp/4".to_owned());
        (config.mdns, config.relay_server) = (true, Some(super::super::Quota(1 << 30)));
        config.follow.push("/ip4/127.0.0.1/tcp/3".to_owned());

        let written = toml::Table::try_from(&config).expect("plain data");

        let keys: BTreeSet<&str> = written.keys().map(String::as_str).collect();
        assert_eq!(keys, SETTINGS.iter().map(|(key, _)| *key).collect());
    }

    #[test]
    fn the_table_has_every_variable_that_is_asked_for() {
        let asked = RefCell::new(BTreeSet::new());
        let note = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
            None
        };
        Overrides::from_environment(note).expect("nothing is set");

        let known = SETTINGS.iter().map(|(_, variable)| (*variable).to_owned()).collect();
        assert_eq!(asked.into_inner(), known);
    }

    #[test]
    fn a_value_is_of_the_file_or_by_default() {
        let dir = tempfile::tempdir().expect("a folder");
        let text = "listen = \"/ip4/127.0.0.1/tcp/1\"\napi = \"127.0.0.1:2\"\n[peers]\n1 = \"/ip4/127.0.0.1/tcp/3\"\n";
        std::fs::write(dir.path().join(CONFIG_FILE), text).expect("our folder");

        let settings = effective(dir.path()).expect("a configuration");

        let origin = |key: &str| settings.iter().find(|one| one.key == key).map(|one| one.origin);
        assert_eq!((origin("api"), origin("hosts"), origin("peers.1")), (Some("file"), Some("default"), Some("file")));
    }
}
