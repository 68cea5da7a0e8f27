//! `quorate join`: a replica that follows a group in the foreground, until the group makes it a member; then it votes.

use super::address::{door, multiaddr};
use super::failure::{Failure, Outcome};
use super::runtime;
use super::start::{self, StartError};
use super::{copy, join};
use quorate_ledger::answers::DIGEST;
use quorate_service::config::{Config, Overrides, REPLICA_KEY_FILE};
use quorate_service::joining::Plan;
use quorate_service::logging;
use quorate_service::replica::{Options, Running, read_genesis};
use quorate_service::seat::LISTEN;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};

/// Address of the API of a replica that joins, unless a flag, the environment or its folder names another.
const API: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8790));

/// Follow a group and become a member once it agrees
///
/// Makes the folder with what a replica needs, follows through the doors for observers that are named, and writes the
/// statement that `quorate members ready` takes. When the epoch begins that names its key, the same process votes. Later
/// `quorate start` runs it as any other.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<join::Command>,
    #[command(flatten)]
    join: Option<Join>,
    #[command(flatten)]
    around: Around,
}

/// Replica that joins.
#[derive(Debug, clap::Args)]
struct Join {
    /// Genesis of the group: what you trust
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// Address at which a member takes observers: its key `observers`; may stand several times
    #[arg(long = "peer", value_name = "MULTIADDR", required = true, value_parser = door)]
    peers: Vec<String>,
    /// The replica's folder; made where there is none
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Key file of the replica [default: replica.key in the folder]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Multiaddr on which the members reach this replica, as in its request [default: that of the folder, else
    /// /ip4/0.0.0.0/tcp/7700]
    #[arg(long, value_name = "MULTIADDR", value_parser = multiaddr)]
    listen: Option<String>,
    /// Address of the HTTP API [default: that of the folder, else 127.0.0.1:8790]
    #[arg(long, value_name = "ADDRESS")]
    api: Option<SocketAddr>,
    /// Multiaddr at which this replica takes observers [default: that of the folder, else none]
    #[arg(long, value_name = "MULTIADDR", value_parser = multiaddr)]
    observers: Option<String>,
    /// API address of a node to copy the state from, instead of following from the first slot; may stand several times
    #[arg(long, value_name = "URL")]
    from: Vec<String>,
}

/// Options that variables of the environment stand for. Apart from [`Join`]: a variable that is set does not ask to join.
#[derive(Debug, clap::Args)]
struct Around {
    /// File with the secret of those nodes' `admin.token`
    #[arg(long, env = "QUORATE_TOKEN", value_name = "FILE")]
    token: Option<PathBuf>,
    /// PEM file with the authorities to trust with https:// nodes, instead of the system's
    #[arg(long, env = "QUORATE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Filter of the log: a tracing filter such as info or warn,quorate_service=debug
    #[arg(long, value_name = "FILTER", env = "QUORATE_LOG")]
    log: Option<String>,
}

/// Runs until a signal comes, or writes a request.
pub fn run(args: &Args) -> Outcome {
    match (&args.command, &args.join) {
        (Some(command), _) => join::run(command),
        (None, Some(join)) => follow(join, &args.around),
        (None, None) => Err(Failure::usage("give --genesis, --peer and --dir")),
    }
}

fn follow(join: &Join, around: &Around) -> Outcome {
    let plan = Plan {
        dir: join.dir.clone(),
        genesis: read_genesis(&join.genesis).map_err(Failure::usage)?,
        key: join.key.clone(),
        listen: join.listen.clone().unwrap_or_else(|| LISTEN.to_owned()),
        api: join.api.unwrap_or(API),
        follow: join.peers.clone(),
        observers: join.observers.clone(),
    };
    plan.make().map_err(Failure::met)?;
    let runtime = runtime::serving()?;
    if join.from.is_empty() && plan.is_empty() && plan.genesis.restarted().is_some() {
        let why = "the group goes on from another one, whose state is not in its genesis";
        return Err(Failure::usage(why).next("give --from URL: the state is copied from a node that runs"));
    }
    if !join.from.is_empty() && plan.is_empty() {
        let secrets = (around.ca.as_deref(), around.token.as_deref());
        runtime.block_on(copy::fill(&join.dir, &join.from, secrets))?;
    }
    let flags = Overrides { log: around.log.clone(), ..join.overrides() };
    let outcome = runtime.block_on(serve(&join.dir, flags));
    start::abandon(runtime);
    let data = start::data_folder(&join.dir, join.overrides());
    outcome.map_err(|error| start::failure(&join.dir, &data, error))
}

impl Join {
    /// The flags that are given: each wins over the environment, and that over the file of a folder that was there.
    fn overrides(&self) -> Overrides {
        let (listen, observers, follow) = (self.listen.clone(), self.observers.clone(), Some(self.peers.clone()));
        Overrides { listen, api: self.api, observers, follow, ..Overrides::default() }
    }
}

async fn serve(dir: &Path, flags: Overrides) -> Result<(), StartError> {
    let config = Config::load(dir, flags)?;
    logging::start(&config.log, config.log_format)?;
    start::guard_key(&dir.join(REPLICA_KEY_FILE));
    let options = Options { dir: dir.to_owned(), config, interceptor: None, answers: DIGEST };
    start::attend(async { Ok(Running::launch(options).await?) }).await
}
