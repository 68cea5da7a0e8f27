//! `quorate start`: one replica in the foreground.

use crate::config::{Config, ConfigError, Overrides};
use crate::init::TEST_WORDS;
use crate::logging::{self, LogError, LogFormat};
use crate::replica::{LaunchError, Options, Running};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long a graceful stop may take before it becomes a sudden one.
const STOPS_WITHIN: Duration = Duration::from_secs(9);

/// Which replica, and what its flags override.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Args {
    /// The replica's folder, as `quorate init` makes it
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Multiaddr on which the other replicas reach this one
    #[arg(long, value_name = "MULTIADDR")]
    pub listen: Option<String>,
    /// Address of the HTTP API
    #[arg(long, value_name = "ADDRESS")]
    pub api: Option<SocketAddr>,
    /// Folder of the database
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where another replica is; may stand several times
    #[arg(long = "peer", value_name = "NUMBER=MULTIADDR")]
    pub peers: Vec<String>,
    /// What is logged: a tracing filter such as info or warn,quorate_node=debug
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// Why a replica did not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log filter is wrong.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Something that it needs is not there.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The operating system said no.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The core stopped: the disk failed, or a promise would have been broken.
    #[error("the replica stopped: {0}")]
    Stopped(String),
}

/// Runs a replica until a signal stops it.
pub fn run(args: Args) -> Result<(), StartError> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(args))
}

async fn serve(args: Args) -> Result<(), StartError> {
    let Args { dir, listen, api, data, peers, log, log_format } = args;
    let config = Config::load(&dir, Overrides { listen, api, data, log, log_format, peers })?;
    logging::start(&config.log, config.log_format)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let mut running = Running::launch(Options { dir, config, liar: None }).await?;
    if running.name().contains(TEST_WORDS) {
        tracing::warn!(
            name = running.name(),
            "TEST KEYS: one command has held all keys of this group; use it for tests only"
        );
    }
    println!("ready {} {}", running.api_url(), running.peer_id());

    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
        why = running.core_stopped() => return Err(StartError::Stopped(why)),
    }
    tokio::select! {
        stopped = tokio::time::timeout(STOPS_WITHIN, running.stop()) => match stopped {
            Ok(outcome) => outcome.map_err(StartError::Stopped),
            Err(_) => at_once("stopping took too long"),
        },
        _ = terminate.recv() => at_once("second signal"),
        _ = interrupt.recv() => at_once("second signal"),
    }
}

/// Whatever is on disk is whole rounds; nothing else needs an end.
fn at_once(why: &str) -> ! {
    tracing::warn!(why, "stopping at once");
    process::exit(0)
}
