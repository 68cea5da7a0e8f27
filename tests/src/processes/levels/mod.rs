//! Levels on real processes: four replicas on loopback that are killed, stopped and frozen, clients with sessions that write,
//! read and hand tokens on at every level over HTTP, and the checkers of [`crate::levels`] on what they saw.

mod client;
mod ending;
mod trouble;

use crate::attacks::group::Group;
use crate::dice::Dice;
use crate::levels::{self, History, Operation};
use crate::plan::{FILES_EACH, SESSIONS, WRITERS};
use client::Client;
use quorate_ledger::Level;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use trouble::Trouble;

/// Replicas of the group.
pub const REPLICAS: usize = 4;

/// Time after which clients that are still busy are left alone.
const FINISH_LIMIT: Duration = Duration::from_secs(60);

/// Plan of a run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The `quorate` to run.
    pub program: PathBuf,
    /// Time of trouble.
    pub time: Duration,
    /// Seeds clients and trouble; processes have a will of their own.
    pub seed: u64,
}

/// Summary of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Seed of the dice.
    pub seed: u64,
    /// By the clock.
    pub seconds: f64,
    /// Answered operations, by level.
    pub operations: BTreeMap<&'static str, u64>,
    /// Operations without an answer.
    pub unanswered: usize,
    /// Troubles, by kind.
    pub troubles: BTreeMap<&'static str, u64>,
    /// Slot at which all replicas stand in the end.
    pub executed_seq: Option<u64>,
    /// Failures found.
    pub failures: Vec<String>,
}

/// State that the clients of a run share.
pub(super) struct Shared {
    begin: Instant,
    operations: Mutex<Vec<Operation>>,
    failures: Mutex<Vec<String>>,
    versions: AtomicU64,
    stop: AtomicBool,
}

impl Shared {
    fn now(&self) -> u64 {
        self.begin.elapsed().as_micros() as u64
    }

    fn record(&self, operation: Operation) {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
    }

    fn fail(&self, what: String) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    fn next_version(&self) -> u64 {
        self.versions.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Plays a plan; in words, why there is no verdict.
pub fn run(plan: &Plan, tell: impl Fn(&str)) -> Result<Summary, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let mut group = Group::start_whole(&plan.program, folder.path())?;
    let shared = Arc::new(Shared {
        begin: Instant::now(),
        operations: Mutex::default(),
        failures: Mutex::default(),
        versions: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    });
    let mut clients = clients(&group, folder.path(), &Dice::new(plan.seed), &shared);
    runtime.block_on(begin(&mut clients))?;
    let tasks: Vec<_> = clients.into_iter().map(|client| runtime.spawn(client.work())).collect();
    let mut trouble = Trouble::new(Dice::new(plan.seed).fork(1));
    while shared.begin.elapsed() < plan.time {
        trouble.make(&mut group, &tell)?;
    }
    group.revive()?;
    tell("all replicas are up; the clients finish");
    shared.stop.store(true, Ordering::Relaxed);
    runtime.block_on(finish(tasks, &shared));
    tell("judging");
    let mut summary = runtime.block_on(judge(&group, &shared));
    (summary.seed, summary.troubles, summary.seconds) = (plan.seed, trouble.made, shared.begin.elapsed().as_secs_f64());
    if !summary.failures.is_empty() {
        drop(group);
        tell(&format!("the group's folder is kept: {}", folder.keep().display()));
    }
    Ok(summary)
}

fn clients(group: &Group, folder: &Path, dice: &Dice, shared: &Arc<Shared>) -> Vec<Client> {
    let sessions: Arc<[PathBuf]> = (0..SESSIONS).map(|number| folder.join(format!("session-{number}"))).collect();
    let client = |number| Client {
        number,
        nodes: (0..REPLICAS).map(|replica| group.target().node(replica)).collect(),
        key: (number < WRITERS).then(|| group.target().author_key(number)),
        sessions: sessions.clone(),
        dice: dice.fork(10 + number as u64),
        shared: shared.clone(),
    };
    (0..SESSIONS).map(client).collect()
}

/// The first version of each file stands before anybody reads.
async fn begin(clients: &mut [Client]) -> Result<(), String> {
    for (number, client) in clients.iter_mut().enumerate().take(WRITERS) {
        for file in number * FILES_EACH..(number + 1) * FILES_EACH {
            client.write(file, Level::Sequential, number).await;
        }
    }
    let operations = clients[0].shared.operations.lock().unwrap_or_else(PoisonError::into_inner);
    let all = operations.iter().all(|operation| operation.ended.is_some());
    if all { Ok(()) } else { Err("the group did not confirm the first changes".to_owned()) }
}

async fn finish(tasks: Vec<tokio::task::JoinHandle<()>>, shared: &Shared) {
    let end = tokio::time::Instant::now() + FINISH_LIMIT;
    for task in tasks {
        match tokio::time::timeout_at(end, task).await {
            Ok(Ok(())) => (),
            Ok(Err(error)) => shared.fail(format!("a client: {error}")),
            Err(_) => shared.fail(format!("a client did not finish within {} s", FINISH_LIMIT.as_secs())),
        }
    }
}

async fn judge(group: &Group, shared: &Shared) -> Summary {
    let mut summary = Summary::default();
    let operations = shared.operations.lock().unwrap_or_else(PoisonError::into_inner).clone();
    summary.unanswered = operations.iter().filter(|operation| operation.ended.is_none()).count();
    let mut history = History { operations, ..History::default() };
    match ending::look(group, &mut history).await {
        Ok(slot) => summary.executed_seq = Some(slot),
        Err(why) => summary.failures.push(why),
    }
    summary.operations = history.counts();
    let failures =
        levels::CHECKERS.iter().filter_map(|(name, check)| Some(format!("{name}: {}", check(&history).err()?)));
    summary.failures.extend(failures);
    summary.failures.append(&mut shared.failures.lock().unwrap_or_else(PoisonError::into_inner));
    summary
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.operations.iter().try_for_each(|(what, count)| writeln!(f, "{count:>8} {what}"))?;
        writeln!(f, "{:>8} operations without an answer", self.unanswered)?;
        self.troubles.iter().try_for_each(|(what, count)| writeln!(f, "{count:>8} replicas {what}"))?;
        self.failures.iter().try_for_each(|what| writeln!(f, "FAILED {what}"))?;
        let slot = self.executed_seq.map_or_else(|| "no slot".to_owned(), |slot| format!("slot {slot}"));
        let Self { seed, failures, seconds, .. } = self;
        write!(f, "all replicas at {slot}; {} failures, {seconds:.0} s, seed {seed}", failures.len())
    }
}
