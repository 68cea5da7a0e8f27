//! Options that many commands share: which node, which domain, how fresh, in which form.

use super::failover::{self, Wants};
use super::failure::Failure;
use super::print::plain;
use quorate_client::calls::level_name;
use quorate_client::http::{Client, Notice};
use quorate_client::keys;
use quorate_client::session::Session;
use quorate_ledger::Level;
use quorate_pbft::PublicKey;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// Time after which somebody at a terminal is told what is waited for.
const WAITED: Duration = Duration::from_secs(1);

/// Longest time to wait for an answer.
const PATIENCE_MAX: Duration = Duration::from_secs(365 * 86_400);

/// Address at which `quorate init` puts the API of replica 0.
pub(super) const DEFAULT_NODE: &str = "http://127.0.0.1:8700";

/// File and what belongs to it, as a node of its group.
pub type Pair = (PathBuf, String);

/// Reads `FILE=VALUE`.
pub fn parse_pair(text: &str) -> Result<Pair, &'static str> {
    let (file, value) = text.rsplit_once('=').ok_or("two parts with = between them")?;
    Ok((file.into(), value.to_owned()))
}

/// Which node to ask, for how long, and how to print the answer.
#[derive(Debug, clap::Args)]
pub struct Reach {
    /// API address of a node; of several, with commas between them, the first that is ready is asked, else the first that
    /// answers
    #[arg(long, env = "QUORATE_NODE", default_value = DEFAULT_NODE, value_name = "URL", value_delimiter = ',')]
    node: Vec<String>,
    /// The one that was chosen: the command stays with it.
    #[arg(skip)]
    chosen: OnceLock<String>,
    /// PEM file with the authorities to trust with an https:// node, instead of the system's
    #[arg(long, env = "QUORATE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// File with a token, or the secret of the node's `admin.token`: for what only operators may see, and for domains
    /// that not everyone may read where the node guards reads. Of several nodes the first is shown it, or the one of FILE=URL;
    /// given again for a further one
    #[arg(long, env = "QUORATE_TOKEN", value_name = "FILE")]
    token: Vec<PathBuf>,
    /// File of a session: nothing is read from before what the session has read and written, at any node
    #[arg(long, env = "QUORATE_SESSION", value_name = "FILE")]
    session: Option<PathBuf>,
    /// Seconds to wait for an answer
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
    timeout: f64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl Reach {
    /// Time to wait for an answer.
    pub fn patience(&self) -> Result<Duration, Failure> {
        patience(self.timeout)
    }

    /// A client whose time begins now.
    pub fn client(&self) -> Result<Client, Failure> {
        self.client_of(Wants::Ready)
    }

    /// A client of another group's node: without the secret and the session, which are of this group.
    pub fn client_elsewhere(&self, node: &str) -> Result<Client, Failure> {
        client(node, self.patience()?, (self.ca.as_deref(), None))
    }

    fn client_of(&self, wants: Wants) -> Result<Client, Failure> {
        let node = self.node(wants)?;
        let client = client(node, self.patience()?, (self.ca.as_deref(), self.token_of(node)))?;
        let session = self.session.as_deref().map(Session::open).transpose().map_err(Failure::met)?;
        let client = session.map_or(client.clone(), |session| client.in_session(session));
        let notice = Notice { after: WAITED, tell };
        Ok(if io::stderr().is_terminal() { client.with_notice(notice) } else { client })
    }

    /// File with the token for one of the nodes: a secret of one node is nothing for those of others.
    fn token_of(&self, node: &str) -> Option<&Path> {
        self.token.iter().map(PathBuf::as_path).find_map(|given| {
            let pair = given.to_str().and_then(|text| text.rsplit_once('='));
            match pair.filter(|(_, url)| self.node.iter().any(|node| node == url)) {
                Some((file, url)) => (url == node).then(|| Path::new(file)),
                None => (self.node[0] == node).then_some(given),
            }
        })
    }

    fn node(&self, wants: Wants) -> Result<&str, Failure> {
        if let Some(chosen) = self.chosen.get() {
            return Ok(chosen);
        }
        let first = failover::first(&self.node, wants, self.patience()?, self.ca.as_deref())?;
        if !self.token.is_empty() && self.token_of(&first).is_none() {
            tell!("quorate: {first} is asked, and is shown no token: --token FILE={first} names one for it");
        }
        Ok(self.chosen.get_or_init(|| first))
    }

    /// A client that tells at once why it waits: for those who ask how a node does.
    pub fn doctor(&self) -> Result<Client, Failure> {
        Ok(self.client_of(Wants::Answering)?.with_notice(Notice { after: Duration::ZERO, tell }))
    }

    /// The same for this node, with this secret unless a token is given; a node that a flag names is asked instead.
    pub fn doctor_of(&self, node: &str, secret: Option<&Path>) -> Result<Client, Failure> {
        let named = self.node.join(",");
        if named != DEFAULT_NODE && std::env::var("QUORATE_NODE").as_ref() != Ok(&named) {
            return self.doctor();
        }
        let token = self.token.first().map(PathBuf::as_path).or(secret);
        let client = client(node, self.patience()?, (self.ca.as_deref(), token))?;
        Ok(client.with_notice(Notice { after: Duration::ZERO, tell }))
    }
}

/// Time of a `--timeout`; clocks count no further than a year from now, which is longer than anybody waits.
pub(super) fn patience(seconds: f64) -> Result<Duration, Failure> {
    let time = Duration::try_from_secs_f64(seconds);
    Ok(time.map_err(|error| Failure::usage(format!("--timeout: {error}")))?.min(PATIENCE_MAX))
}

/// A client of a node, by the authorities in one file and with the secret in another.
pub(super) fn client(
    node: &str,
    timeout: Duration,
    (ca, token): (Option<&Path>, Option<&Path>),
) -> Result<Client, Failure> {
    let client = Client::trusting(node, timeout, ca)?;
    let Some(file) = token else { return Ok(client) };
    Ok(client.with_token(&secret(file)?)?)
}

/// Secret in a file, without the end of its line.
fn secret(file: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(file).map_err(|error| Failure::file(file, error).after("--token"))?;
    Ok(text.trim().to_owned())
}

/// Tells what a command waits for.
fn tell(node: &str, why: &str) {
    tell!("quorate: waiting for {node}: {}", plain(why));
}

/// Which domain.
#[derive(Debug, clap::Args)]
pub struct Scope {
    /// Domain to work in
    #[arg(long, env = "QUORATE_DOMAIN", default_value = "main", value_name = "DOMAIN")]
    pub domain: String,
}

/// Key that signs.
#[derive(Debug, clap::Args)]
pub struct Signing {
    /// Key file of the author, a .pub file or ssh-agent:FINGERPRINT; the outbox lies beside a key file, and in
    /// ~/.local/state/quorate for a key that an agent holds
    #[arg(long, env = "QUORATE_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Signing {
    /// The key file.
    pub fn key(&self) -> Result<&PathBuf, Failure> {
        let none = || {
            Failure::usage("no key to sign with")
                .next("give --key FILE or set QUORATE_KEY; `quorate keys new --out FILE` makes one")
        };
        self.key.as_ref().ok_or_else(none)
    }

    /// Public half of the key.
    pub fn public(&self) -> Result<PublicKey, Failure> {
        keys::public(self.key()?).map_err(Failure::of_signer)
    }
}

/// Reads a level's name.
pub fn parse_level(text: &str) -> Result<Level, String> {
    [Level::Eventual, Level::Causal, Level::Sequential, Level::Strong]
        .into_iter()
        .find(|level| level_name(*level) == text)
        .ok_or_else(|| "levels are eventual, causal, sequential, strong".into())
}
