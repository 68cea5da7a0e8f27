//! `quorate copy`: a stopped replica's folder filled with the group's state.

use super::beside;
use super::failure::{Exit, Failure, Outcome};
use super::print::{self, plain};
use super::reach::{client, patience};
use crate::idle;
use quorate_client::keys;
use quorate_ledger::Genesis;
use quorate_service::config::{Config, DATA, GENESIS_FILE, Overrides, REPLICA_KEY_FILE};
use quorate_service::copying::{self, Copied, CopyError, Plan, Progress, Tell};
use quorate_service::observer::{OBSERVER_KEY_FILE, is_observers};
use quorate_service::replica::read_genesis;
use serde_json::json;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, io};

/// Time for which a node may be silent, unless a flag says otherwise: one that does not answer holds a copy from others up.
pub(super) const SILENT_MAX: Duration = Duration::from_secs(10);

/// Time after which a copy that waits for the processor says so.
const PATIENCE: Duration = Duration::from_secs(20);

const STARVED: &str = "other programs keep the processor busy, and the copy waits for them most of the time: with --now it takes \
                       its share, and goes on from here";

/// Fill the folder of a stopped replica or observer with the group's state, checked against its genesis
///
/// Takes what differs from the nodes named, from several at once; a wrong answer is refused and its sender named. Killed
/// and run again it goes on. The replica then follows the group: a copy does not tell what its key has signed before, so
/// it votes again only with a new key. An observer goes on from the copy.
#[derive(Debug, clap::Args)]
pub struct Copy {
    /// The replica's or observer's folder: configuration, key and genesis; its database may be lost, damaged or old
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// API address of a node to copy from; may stand several times [default: those of the folders beside this one, as
    /// `quorate init` makes them, else http://127.0.0.1:8700]
    #[arg(long, env = "QUORATE_NODE", value_name = "URL", value_delimiter = ',')]
    from: Vec<String>,
    /// File with the secret of the nodes' `admin.token`
    #[arg(long, env = "QUORATE_TOKEN", value_name = "FILE")]
    token: Option<PathBuf>,
    /// PEM file with the authorities to trust with https:// nodes, instead of the system's
    #[arg(long, env = "QUORATE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    vote: Vote,
    /// Take a share of the processor beside other programs; without it the copy gets what they leave, which may be nothing
    #[arg(long)]
    now: bool,
    /// Afterwards load the same rows into a fresh database too, and tell how long that takes: no copy is faster
    #[arg(long)]
    floor: bool,
    /// Seconds for which a node may be silent
    #[arg(long, default_value_t = SILENT_MAX.as_secs_f64(), value_name = "SECONDS")]
    timeout: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Vote of a database that stands in the folder.
#[derive(Debug, clap::Args)]
pub(super) struct Vote {
    /// Put a sound database of the replica aside too: it votes no more, and the group has one fault less to spare
    #[arg(long)]
    give_up_vote: bool,
}

impl Vote {
    /// Puts no database aside unasked on which the replica votes.
    pub fn guard(&self, data: &Path, genesis: &Genesis, member: &[u8; 32]) -> Outcome {
        if self.give_up_vote {
            return Ok(());
        }
        let seq = copying::voting(data, genesis, member).map_err(|error| match error.is_of_another() {
            true => failed(error).next(NOT_OURS),
            false => failed(error),
        })?;
        seq.map_or(Ok(()), |seq| {
            let what =
                format!("the database in {} is sound, at slot {seq}, and the replica votes on it", data.display());
            Failure::no(what).next(KEEP_VOTE).unless_scripted()
        })
    }
}

/// Advice where a database may vote, for this replica or another one.
const NOT_OURS: &str = "nothing was changed: are configuration, key, genesis and program those of the database? With \
                        --give-up-vote it is put aside all the same";

/// Advice where a database votes.
const KEEP_VOTE: &str = "nothing was changed: `quorate start` goes on with it, and asks the others for what it lacks; with \
                         --give-up-vote it is put aside, and the replica votes again only with a new key";

/// Runs the command.
pub async fn run(args: &Copy) -> Outcome {
    if !args.now {
        idle::give_way(); // replicas of this machine have authors who wait
    }
    let from = if args.from.is_empty() { beside::nodes(&args.dir) } else { args.from.clone() };
    let plan = plan(&args.dir, &from, (args.ca.as_deref(), args.token.as_deref()), patience(args.timeout)?)?;
    if !is_observers(&args.dir) {
        args.vote.guard(&plan.data, &plan.genesis, &plan.member)?;
    }
    let (begun, data, genesis) = (Instant::now(), plan.data.clone(), plan.genesis.clone());
    let starves = starving(begun, args.now);
    let copied = copying::run(plan, watch(starves.clone())).await.map_err(|error| not_copied(error, starves()))?;
    let took = begun.elapsed();
    let floor = args.floor.then(|| floor(&data, &genesis)).transpose();
    print((&args.dir, args.json), "copied", &copied, took, floor.as_ref().ok().copied().flatten())?;
    floor.map(drop)
}

/// Fills the folder of a replica that joins.
pub(super) async fn fill(dir: &Path, from: &[String], secrets: (Option<&Path>, Option<&Path>)) -> Outcome {
    let plan = Plan { is_joiner: true, ..plan(dir, from, secrets, SILENT_MAX)? };
    copying::run(plan, teller()).await.map(drop).map_err(|error| not_copied(error, false))
}

/// Plan to fill the database of a folder from nodes, reached with an authority to trust and a token, each silent for so long at most.
pub(super) fn plan(
    dir: &Path,
    from: &[String],
    secrets: (Option<&Path>, Option<&Path>),
    silent_max: Duration,
) -> Result<Plan, Failure> {
    let (data, key) = place(dir)?;
    let genesis = read_genesis(&dir.join(GENESIS_FILE)).map_err(Failure::usage)?;
    let member = keys::public(&key).map_err(Failure::usage)?.0;
    let from = from.iter().map(|node| client(node, silent_max, secrets)).collect::<Result<_, _>>()?;
    Ok(Plan { data, genesis, member, from, is_joiner: false })
}

/// Database and key of a folder.
pub(super) fn place(dir: &Path) -> Result<(PathBuf, PathBuf), Failure> {
    if is_observers(dir) {
        return Ok((dir.join(DATA), dir.join(OBSERVER_KEY_FILE)));
    }
    let config = Config::load(dir, Overrides::default()).map_err(Failure::usage)?;
    Ok((config.data, dir.join(REPLICA_KEY_FILE)))
}

/// Tells progress on standard error, once a second.
pub(super) fn teller() -> Tell {
    each_second(say)
}

/// Tells progress, and once that others leave the copy too little of the processor.
fn watch(starves: impl Fn() -> bool + Send + Sync + 'static) -> Tell {
    let told = AtomicBool::new(false);
    each_second(move |progress| {
        say(progress);
        if starves() && !told.swap(true, Ordering::Relaxed) {
            tell!("quorate: {STARVED}");
        }
    })
}

/// Whether others leave a copy that takes what they leave, and has gone on for a while, too little of the processor.
fn starving(begun: Instant, now: bool) -> impl Fn() -> bool + Clone + Send + Sync + 'static {
    move || !now && begun.elapsed() > PATIENCE && idle::is_starved(begun.elapsed())
}

fn each_second(tell: impl Fn(&Progress) + Send + Sync + 'static) -> Tell {
    let told = Mutex::new(Instant::now());
    Arc::new(move |progress| {
        let mut told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if told.elapsed() >= Duration::from_secs(1) {
            *told = Instant::now();
            tell(progress);
        }
    })
}

fn say(progress: &Progress) {
    let Progress { entries, entries_of_group, bytes, nodes, .. } = progress;
    let megabytes = bytes / 1_000_000;
    tell!("quorate: {entries} of about {entries_of_group} entries, {megabytes} MB, from {nodes} nodes");
}

fn floor(data: &Path, genesis: &Genesis) -> Result<Duration, Failure> {
    let scratch = data.with_extension("floor");
    let failed_at = |error: io::Error| Failure::file(&scratch, error);
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(failed_at)?; // of a run that was cut off
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&scratch).map_err(failed_at)?;
    let took = copying::floor(data, &scratch, genesis).map_err(failed);
    fs::remove_dir_all(&scratch).map_err(failed_at)?;
    took
}

fn not_copied(error: CopyError, starves: bool) -> Failure {
    let next = "name more nodes with --from; run again it goes on from where it was";
    match error {
        CopyError::NobodyLeft(_) => {
            let failure = Failure::new(Exit::Unreachable, plain(&error.to_string()));
            failure.next(if starves { format!("{next}\n  {STARVED}") } else { next.to_owned() })
        }
        error => failed(error),
    }
}

pub(super) fn failed(error: CopyError) -> Failure {
    match error {
        CopyError::NobodyLeft(_) => {
            Failure::new(Exit::Unreachable, plain(&error.to_string())).next("run again, or ask another node")
        }
        CopyError::Refused(_) => Failure::no(plain(&error.to_string()))
            .next("--token names the file with a token, where the node asks for one"),
        CopyError::Unsound { .. } => Failure::no(plain(&error.to_string())),
        error => Failure::met(error),
    }
}

/// Prints the state that a folder holds now.
pub(super) fn print(
    (dir, as_json): (&Path, bool),
    done: &str,
    copied: &Copied,
    took: Duration,
    floor: Option<Duration>,
) -> Outcome {
    let Copied { progress, seq, state_root, before, before_seq } = copied;
    if as_json {
        let refused = progress.refused.iter().map(|(peer, why)| json!({ "peer": peer, "why": why.to_string() }));
        return Ok(print::json(&json!({
            "bytes": progress.bytes,
            "answers": progress.answers,
            "refused": refused.collect::<Vec<_>>(),
            "seconds": took.as_secs_f64(),
            "floor_seconds": floor.map(|floor| floor.as_secs_f64()),
            "seq": seq.get(),
            "state_root": state_root.to_string(),
            "before": before,
            "before_seq": before_seq.map(|seq| seq.get()),
        }))?);
    }
    let (seconds, bytes, answers) = (took.as_secs_f64(), progress.bytes, progress.answers);
    print::say(format!("{done} the state of slot {seq}: {bytes} bytes in {answers} answers, {seconds:.1} s"))?;
    print::say(format!("state root {state_root}"))?;
    for (peer, why) in &progress.refused {
        print::say(format!("refused {}: {why}", plain(peer)))?;
    }
    if let Some(floor) = floor {
        print::say(format!("loading the same rows takes {:.1} s", floor.as_secs_f64()))?;
    }
    if let Some(before) = before {
        let slot = before_seq.map(|seq| format!(", of slot {seq},")).unwrap_or_default();
        let before = before.display();
        print::say(match is_observers(dir) {
            true => format!("the database before{slot} is in {before}; remove it when you need it no more"),
            false => format!(
                "the database before{slot} is in {before}; if it was sound, it can be put back (docs/copies.md)"
            ),
        })?;
    }
    print::say(match (is_observers(dir), dir.display()) {
        (true, dir) => format!("next: quorate observe --dir {dir} as before; it goes on after slot {seq}"),
        (false, dir) => format!("next: quorate start --dir {dir}; it follows the group and does not vote"),
    })?;
    Ok(())
}
