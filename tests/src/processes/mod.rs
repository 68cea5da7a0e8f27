//! Real processes: four `quorate start`, each in a network of its own, behind a switch that delays, loses and cuts.
//!
//! While authors write and read through all of them, the group is troubled in every way that needs no lie: see
//! [`faults::Fault`]. At the end all replicas must agree, nothing that was confirmed may be lost, what the authors saw must
//! be linearizable, and nobody may be accused. `docs/testing.md` says what was seen.
//!
//! The run leaves no trace on any way out: processes die with the thread that started them (`PR_SET_PDEATHSIG`), and
//! namespaces, devices and mounts are anonymous (see [`kernel`]).

pub mod clients;
pub mod clocks;
pub mod conductor;
pub mod faults;
pub mod group;
pub mod history;
pub mod judge;
pub mod kernel;
pub mod levels;
pub mod linearizable;
pub mod links;
pub mod place;
pub mod replica;
pub mod summary;
pub mod switch;
pub mod trouble;

use crate::dice::Dice;
use clients::Shared;
use conductor::{Conductor, Halt};
use faults::Fault;
use group::{GroupError, REPLICAS};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use summary::{Operations, Summary};

/// Time that authors may go on asking for verdicts at the end.
const FINISH_LIMIT: Duration = Duration::from_secs(30);

/// Plan of a run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The `quorate` to run.
    pub program: PathBuf,
    /// Another round of all faults begins as long as this time is not over; at least one is played.
    pub time: Duration,
    /// Seeds the clients and the switch. Processes and the machine have a will of their own, so it repeats nothing exactly.
    pub seed: u64,
    /// Faults of a round.
    pub faults: Vec<Fault>,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum NoVerdict {
    /// SIGINT or SIGTERM; everything is stopped.
    #[error("interrupted; everything that was started is stopped")]
    Interrupted,
    /// Part of the machinery that is missing or fails.
    #[error("{0}")]
    Broken(String),
}

/// Plays the plan; `tell` hears what is done next.
pub fn run(plan: &Plan, tell: impl Fn(&str) + Sync) -> Result<Summary, NoVerdict> {
    let interrupted = Arc::new(AtomicBool::new(false));
    on_signals(interrupted.clone()).map_err(|error| NoVerdict::Broken(format!("signals: {error}")))?;
    let folder = tempfile::tempdir().map_err(|error| NoVerdict::Broken(format!("no temporary folder: {error}")))?;
    // A thread of its own, which may move to another network, and with which the replicas die.
    let played = std::thread::scope(|scope| scope.spawn(|| play(plan, folder.path(), interrupted, &tell)).join());
    let summary = played.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    if !summary.failures.is_empty() {
        tell(&format!("the group's folder is kept: {}", folder.keep().display()));
    }
    Ok(summary)
}

fn play(
    plan: &Plan,
    folder: &Path,
    interrupted: Arc<AtomicBool>,
    tell: &(impl Fn(&str) + Sync),
) -> Result<Summary, NoVerdict> {
    let begin = Instant::now();
    let mut summary = Summary { seed: plan.seed, ..Summary::default() };
    let mut conductor = match Conductor::start(&plan.program, folder, &Dice::new(plan.seed), interrupted) {
        Ok(conductor) => conductor,
        Err(skipped @ GroupError::NoPlaces(_)) => {
            summary.skip(format!("everything: {skipped}"));
            return Ok(summary);
        }
        Err(GroupError::Broken(what)) => return Err(NoVerdict::Broken(what)),
    };
    match rounds(plan, &mut conductor, &mut summary, tell, begin) {
        Ok(()) => (),
        Err(Halt::Interrupted) => return Err(NoVerdict::Interrupted),
        Err(Halt::Broken(what)) => summary.failures.push(what),
    }
    tell("judging");
    end(conductor, &mut summary);
    summary.seconds = begin.elapsed().as_secs_f64();
    Ok(summary)
}

fn rounds(
    plan: &Plan,
    conductor: &mut Conductor,
    summary: &mut Summary,
    tell: &impl Fn(&str),
    begin: Instant,
) -> Result<(), Halt> {
    conductor.await_start()?;
    let faults = possible(plan, conductor, summary);
    loop {
        for fault in &faults {
            tell(&format!("{:>4.0} s  {fault}", begin.elapsed().as_secs_f64()));
            summary.episodes.push(conductor.episode(*fault)?);
        }
        if faults.is_empty() || begin.elapsed() >= plan.time {
            return Ok(());
        }
    }
}

/// The plan's faults without those that cannot be made here, which are counted as skipped.
fn possible(plan: &Plan, conductor: &Conductor, summary: &mut Summary) -> Vec<Fault> {
    let why = match &conductor.group.clocks {
        Err(why) => Some(why.clone()),
        Ok(clocks) if (0..REPLICAS).all(|replica| clocks.is_used_by(replica)) => None,
        Ok(_) => Some("the program does not read its clock through the C library".to_owned()),
    };
    let (clocks, mut faults): (Vec<_>, Vec<_>) = plan.faults.iter().copied().partition(|fault| fault.needs_clocks());
    match why {
        None => faults.clone_from(&plan.faults),
        Some(why) => clocks.iter().for_each(|fault| summary.skip(format!("{fault}: {why}"))),
    }
    faults
}

/// Lets the authors finish, judges, and stops the replicas, which must end well.
fn end(mut conductor: Conductor, summary: &mut Summary) {
    summary.failures.append(&mut conductor.failures);
    let Conductor { runtime, load, mut group, .. } = conductor;
    let shared: Arc<Shared> = runtime.block_on(load.finish(FINISH_LIMIT));
    let verdict = runtime.block_on(judge::judge(&shared));
    summary.failures.extend(verdict.failures);
    summary.operations = Operations::of(&shared.history, shared.refused());
    summary.confirmed = shared.confirmed().len();
    summary.linearizable = verdict.explained;
    summary.accusations = verdict.accusations;
    summary.executed_seq = verdict.agreed.as_ref().map(|status| status.executed_seq);
    summary.state_root = verdict.agreed.as_ref().map(|status| status.state_root.to_string());
    summary.view = verdict.agreed.as_ref().map(|status| status.view);
    summary.packets = group.switch.packets();
    let Operations { applied, disputed, unknown, .. } = summary.operations;
    summary.expect(applied > 0 && disputed > 0, "the authors did not meet: nothing was applied, or nothing disputed");
    summary.expect(unknown == 0, "some writes have no verdict although all faults are over");
    for replica in 0..REPLICAS {
        if let Err(what) = group.take(replica).and_then(replica::Replica::stop) {
            summary.failures.push(format!("replica {replica}, asked to stop: {what}"));
        }
    }
}

impl Summary {
    fn skip(&mut self, why: String) {
        self.skipped += 1;
        self.skip_reasons.push(why);
    }

    fn expect(&mut self, fine: bool, otherwise: &str) {
        if !fine {
            self.failures.push(otherwise.to_owned());
        }
    }
}

/// SIGINT and SIGTERM ask for an end; a second one ends the process, and with it all that it started.
fn on_signals(interrupted: Arc<AtomicBool>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () }
                if interrupted.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
            }
        });
    })?;
    Ok(())
}
