//! `quorate observe`: a follower in the foreground.

use super::failure::{Failure, Outcome};
use super::runtime;
use super::start::{self, StartError};
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use quorate_ledger::copy::SCOPE_MAX;
use quorate_ledger::{Genesis, is_name};
use quorate_service::config::{DATA, GENESIS_FILE, Reads};
use quorate_service::logging::{self, LogFormat};
use quorate_service::observer::{OBSERVER_KEY_FILE, Options};
use quorate_service::replica::{Running, read_genesis};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Follow a group without a vote, and serve what it decides
#[derive(Debug, clap::Args)]
pub struct Observe {
    /// Genesis of the group [default: that of the folder]
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Address at which a member takes observers, its key `observers`, or another observer its `--listen`; may stand several
    /// times. Without any the observer
    /// serves what it has, and what `quorate bundle import` brings while it is stopped
    #[arg(long = "peer", value_name = "MULTIADDR")]
    peers: Vec<String>,
    /// Address of a door for observers at which the addresses of members are asked for; may stand several times
    #[arg(long, value_name = "MULTIADDR")]
    bootstrap: Vec<String>,
    /// Look for members on the networks of this machine
    #[arg(long)]
    mdns: bool,
    /// The observer's folder: key, genesis and database; made where there is none
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Domain to follow alone; may stand several times. Nothing is executed then: the state of these domains is taken as
    /// it is certified, four times a second at most
    #[arg(long = "domain", value_name = "DOMAIN", value_parser = domain())]
    domains: Vec<String>,
    /// Check the signature of every author, as members do: what f + 1 members have signed is not believed to be checked
    #[arg(long, conflicts_with = "domains")]
    checked: bool,
    /// Address of a door of its own, at which it serves other observers what it has executed
    #[arg(long, value_name = "MULTIADDR", conflicts_with = "domains")]
    listen: Option<String>,
    /// Address of the HTTP API
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8790")]
    api: SocketAddr,
    /// Readers of domains that not everyone may read: open to every client, or guarded: to those with a token
    #[arg(long, value_name = "READERS", env = "QUORATE_READS", default_value = "open", value_parser = reads())]
    reads: Reads,
    /// Filter of the log: a tracing filter such as info or warn,quorate_service=debug
    #[arg(long, value_name = "FILTER", env = "QUORATE_LOG", default_value = "info")]
    log: String,
    /// For people or for programs
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = log_format())]
    log_format: LogFormat,
}

/// Parses a log format, and names both where it is none.
fn log_format() -> impl TypedValueParser<Value = LogFormat> {
    PossibleValuesParser::new(LogFormat::NAMES).try_map(|name| name.parse::<LogFormat>())
}

/// Parses a choice of readers, and names both where it is none.
fn reads() -> impl TypedValueParser<Value = Reads> {
    PossibleValuesParser::new(Reads::NAMES).try_map(|name| name.parse::<Reads>())
}

/// Parses a domain's name.
pub(super) fn domain() -> impl TypedValueParser<Value = String> {
    let is_one = |name: String| if is_name(&name) { Ok(name) } else { Err("not the name of a domain") };
    NonEmptyStringValueParser::new().try_map(is_one)
}

/// Runs until a signal comes.
pub fn run(observe: &Observe) -> Outcome {
    if observe.domains.len() > SCOPE_MAX {
        let many = format!("--domain stands {} times: {SCOPE_MAX} at most", observe.domains.len());
        return Err(Failure::usage(many).next("leave --domain out: the observer follows all of the group"));
    }
    given_genesis(&observe.dir, observe.genesis.as_deref())?;
    let runtime = runtime::serving()?;
    let outcome = runtime.block_on(serve(observe));
    start::abandon(runtime);
    outcome.map_err(|error| start::failure(&observe.dir, &observe.dir.join(DATA), error))
}

async fn serve(observe: &Observe) -> Result<(), StartError> {
    logging::start(&observe.log, observe.log_format)?;
    start::guard_key(&observe.dir.join(OBSERVER_KEY_FILE));
    let Observe { genesis, peers, bootstrap, mdns, dir, api, listen, checked, reads, .. } = observe;
    let domains = observe.domains.iter().cloned().collect();
    let genesis = genesis.clone().unwrap_or_else(|| dir.join(GENESIS_FILE));
    let (peers, bootstrap, dir) = (peers.clone(), bootstrap.clone(), dir.clone());
    let (mdns, api, listen, checked, reads) = (*mdns, *api, listen.clone(), *checked, *reads);
    let options = Options { genesis, peers, bootstrap, mdns, dir, api, listen, domains, checked, reads };
    start::attend(async { Ok(Running::observe(options).await?) }).await
}

/// Genesis that a user trusts: the named one, else that of an observer's folder.
pub fn given_genesis(dir: &Path, named: Option<&Path>) -> Result<Genesis, Failure> {
    let own = dir.join(GENESIS_FILE);
    if named.is_none() && !own.exists() {
        let next = "give --genesis FILE with the genesis of the group: it is what you trust";
        return Err(Failure::usage(format!("{} has no {GENESIS_FILE}", dir.display())).next(next));
    }
    read_genesis(named.unwrap_or(&own)).map_err(Failure::usage)
}
