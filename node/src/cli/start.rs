//! `quorate start`: one replica in the foreground.

use super::failure::{Exit, Failure, Outcome};
use super::notify::Notify;
use super::{print, runtime};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use quorate_client::keys;
use quorate_ledger::answers::DIGEST;
use quorate_service::answers;
use quorate_service::config::{ADMIN_TOKEN_FILE, Config, ConfigError, DATA, GENESIS_FILE, Overrides, REPLICA_KEY_FILE};
use quorate_service::copying::DISK_FULL;
use quorate_service::init::{InitError, TEST_WORDS, create_database};
use quorate_service::logging::{self, LogError, LogFormat};
use quorate_service::replica::{LaunchError, Options, Running, Stopped, read_genesis};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Time that a graceful stop may take before it becomes a sudden one.
const STOPS_WITHIN: Duration = Duration::from_secs(9);

/// Run a replica in the foreground
#[derive(Debug, clap::Args)]
pub struct Start {
    /// The replica's folder, as `quorate init` makes it
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Multiaddr on which the other replicas reach this one
    #[arg(long, value_name = "MULTIADDR")]
    listen: Option<String>,
    /// Address of the HTTP API
    #[arg(long, value_name = "ADDRESS")]
    api: Option<SocketAddr>,
    /// Certificate of the API in PEM: with it and its key the API speaks TLS
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// Key of the certificate, in PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Folder of the database
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Make the empty database of the genesis and key in the folder first; refused where one is. The replica then
    /// replays everything from the others, and follows without a vote if they know what it signed before
    #[arg(long)]
    new_database: bool,
    /// Address of another replica; may stand several times
    #[arg(long = "peer", value_name = "NUMBER=MULTIADDR")]
    peers: Vec<String>,
    /// Filter of the log: a tracing filter such as info or warn,quorate_service=debug
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// For people or for programs
    #[arg(long, value_name = "FORMAT", value_parser = log_format())]
    log_format: Option<LogFormat>,
}

/// Parses a log format, and names both where it is none.
fn log_format() -> impl TypedValueParser<Value = LogFormat> {
    PossibleValuesParser::new(LogFormat::NAMES).try_map(|name| name.parse::<LogFormat>())
}

/// Why a replica did not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log filter is wrong.
    #[error(transparent)]
    Log(#[from] LogError),
    /// No new database could be made.
    #[error(transparent)]
    NewDatabase(#[from] InitError),
    /// Requirement that the replica did not find.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The operating system said no.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The core stopped: the disk failed, or a promise would have been broken.
    #[error("the replica stopped: {0}")]
    Stopped(Stopped),
}

/// Runs until a signal comes.
pub fn run(start: &Start) -> Outcome {
    let runtime = runtime::serving()?;
    let outcome = runtime.block_on(serve(start));
    abandon(runtime);
    outcome.map_err(|error| failure(&start.dir, &data_folder(&start.dir, start.overrides()), error))
}

/// Ends a node's runtime without its threads that wait for a name server or read the disk: what is on disk is whole rounds.
pub(super) fn abandon(runtime: Runtime) {
    runtime.shutdown_background();
}

/// The failure of a node in a folder, whose database may stand on another disk.
pub(super) fn failure(dir: &Path, data: &Path, error: StartError) -> Failure {
    match error {
        StartError::Stopped(why) if why.to_string().contains(DISK_FULL) => {
            let what = format!("the disk of {} is full; the replica stopped: {why}", data.display());
            let failure = Failure::new(Exit::Disk, what);
            failure.next("make room and start it again: whatever was confirmed is kept, and it catches up by itself")
        }
        StartError::Stopped(Stopped::Engine(why)) if why.is_of_disk() => {
            let folder = dir.display();
            let what = format!(
                "the disk of {} failed, or its database is damaged; the replica stopped: {why}",
                data.display()
            );
            let next = format!(
                "`quorate doctor --dir {folder}` says more; `quorate repair --dir {folder} --from URL` puts back what is damaged"
            );
            Failure::new(Exit::Disk, what).next(next)
        }
        StartError::Stopped(why) => Failure::new(Exit::Internal, StartError::Stopped(why)),
        _ => Failure::met(error),
    }
}

/// Folder of a replica's database, as its configuration and these options have it.
pub(super) fn data_folder(dir: &Path, options: Overrides) -> PathBuf {
    Config::load(dir, options).map_or_else(|_| dir.join(DATA), |config| config.data)
}

async fn serve(start: &Start) -> Result<(), StartError> {
    let dir = start.dir.clone();
    let config = Config::load(&dir, start.overrides())?;
    logging::start(&config.log, config.log_format)?;
    attend(async {
        if start.new_database {
            make_database(&dir, &config)?;
        }
        guard_key(&dir.join(REPLICA_KEY_FILE));
        Ok(Running::launch(Options { dir, config, interceptor: None, answers: DIGEST }).await?)
    })
    .await
}

/// Launches a node, tells that it is ready, and runs it until a signal comes or it stops by itself.
pub(super) async fn attend(launch: impl Future<Output = Result<Running, StartError>>) -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = tokio::select! {
        launched = launch => Some(launched?),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    let Some(mut running) = running else {
        tracing::info!(event = "stopped-early", "stopped before it was ready");
        return Ok(());
    };
    if running.name().contains(TEST_WORDS) {
        tracing::warn!(
            event = "test-keys",
            name = running.name(),
            "TEST KEYS: one command has held all keys of this group; use it for tests only"
        );
    }
    tracing::info!(
        event = "started",
        version = env!("CARGO_PKG_VERSION"),
        replica = running.replica(),
        group = running.name(),
        api = running.api_url(),
        peer = running.peer_id(),
        "started"
    );
    let _ = print::say(format!("ready {} {}", running.api_url(), running.peer_id())); // to a file on a full disk, perhaps

    let notify = Notify::from_environment();
    let node = running.replica().map_or_else(|| "observer".to_owned(), |number| format!("replica {number}"));
    notify.tell(&format!("READY=1\nSTATUS={node} of {}", running.name()));
    let mut pulse = tokio::time::interval(notify.pulse().unwrap_or(STOPS_WITHIN));
    loop {
        tokio::select! {
            _ = terminate.recv() => break tracing::info!(event = "sigterm", "SIGTERM: stopping"),
            _ = interrupt.recv() => break tracing::info!(event = "sigint", "SIGINT: stopping"),
            stopped = running.core_stopped() => return stopped.map_err(StartError::Stopped),
            _ = pulse.tick() => if running.is_alive() { notify.tell("WATCHDOG=1") },
        }
    }
    notify.tell("STOPPING=1\nSTATUS=finishing what was taken");
    let stop = async {
        running.drain().await;
        running.stop().await
    };
    tokio::select! {
        stopped = tokio::time::timeout(STOPS_WITHIN, stop) => match stopped {
            Ok(outcome) => {
                tracing::info!(event = "stopped", "stopped");
                outcome.map_err(StartError::Stopped)
            }
            Err(_) => at_once("stopping took too long"),
        },
        _ = terminate.recv() => at_once("second signal"),
        _ = interrupt.recv() => at_once("second signal"),
    }
}

impl Start {
    fn overrides(&self) -> Overrides {
        Overrides {
            listen: self.listen.clone(),
            api: self.api,
            tls_certificate: self.tls_certificate.clone(),
            tls_key: self.tls_key.clone(),
            data: self.data.clone(),
            log: self.log.clone(),
            log_format: self.log_format,
            peers: self.peers.clone(),
            ..Overrides::default()
        }
    }
}

/// Makes an empty database, if this program's answers are those of its rules: one that may not vote leaves no trace.
fn make_database(dir: &Path, config: &Config) -> Result<(), StartError> {
    answers::check(&DIGEST).map_err(LaunchError::from)?;
    create_database(&config.data, &read_genesis(&dir.join(GENESIS_FILE))?)?;
    tracing::info!(event = "new-database", data = %config.data.display(), "a new database: everything is replayed from the others");
    Ok(())
}

/// Warns of a node's key that others can read, and of such an `admin.token` beside it, and keeps a locked key out of core dumps.
pub(super) fn guard_key(key: &Path) {
    [key, &key.with_file_name(ADMIN_TOKEN_FILE)].into_iter().for_each(tell_readable);
    keep_out_of_dumps(key);
}

/// Keeps the secret of a locked key out of core dumps.
fn keep_out_of_dumps(key: &Path) {
    if keys::is_locked(key).unwrap_or_default()
        && let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::warn!(event = "key-dumpable", %error, "a core dump of this process would hold the node's key");
    }
}

/// Warns of a secret that others of this machine can read.
fn tell_readable(secret: &Path) {
    if let Some(mode) = keys::open_to_others(secret) {
        tracing::warn!(event = "key-readable", file = %secret.display(), mode = %format!("{mode:o}"), "other users can read the node's secret; chmod 600 it");
    }
}

/// Whatever is on disk is whole rounds; nothing else needs an end.
fn at_once(why: &str) -> ! {
    tracing::warn!(event = "stopping-at-once", why, "stopping at once");
    process::exit(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_ledger::StoreError;
    use quorate_service::engine::EngineError;
    use std::future::pending;

    #[tokio::test]
    async fn a_node_that_is_told_to_stop_before_it_is_ready_ends_in_order() {
        let pid = process::id().to_string();
        let told = attend(async {
            assert!(process::Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
            pending().await
        });

        let ended = tokio::time::timeout(STOPS_WITHIN, told).await;

        assert!(matches!(ended, Ok(Ok(()))), "{ended:?}");
    }

    #[test]
    fn a_replica_that_its_disk_stops_says_so_with_its_folder_and_what_to_do() {
        for (words, advice) in [("Input/output error", "quorate repair --dir home"), (DISK_FULL, "make room")] {
            let stopped = Stopped::from(EngineError::from(StoreError(words.to_owned())));

            let failure = failure(Path::new("home"), Path::new("home/data"), StartError::Stopped(stopped));

            assert_eq!(failure.exit(), Exit::Disk, "{failure}");
            assert!(failure.to_string().contains("disk of home"), "{failure}");
            assert!(format!("{failure:?}").contains(advice), "{failure:?}");
        }
    }

    #[test]
    fn a_full_disk_is_named_by_the_folder_of_the_database() {
        let stopped = Stopped::from(EngineError::from(StoreError(DISK_FULL.to_owned())));

        let failure = failure(Path::new("home"), Path::new("/elsewhere/db"), StartError::Stopped(stopped));

        assert!(failure.to_string().contains("disk of /elsewhere/db is full"), "{failure}");
    }
}
