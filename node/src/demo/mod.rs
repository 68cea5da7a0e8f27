//! The main job on one machine: a real git history through real replicas, one of which lies.
//!
//! Three replicas of four are `quorate start` processes; the fourth, the [`liar`], runs in this process. [`replay`]
//! walks a plan of `git` and signs what it says; [`judgement`] looks at what came out; [`summary`] tells it.

mod args;
mod author;
mod books;
mod cluster;
mod domain;
mod failure;
mod judgement;
mod ports;
mod progress;
mod reaper;
mod replay;
mod source;
mod summary;

pub use args::{Args, Byzantine};
pub use failure::DemoError;
pub use summary::Summary;

use cluster::Cluster;
use progress::Progress;
use replay::Replay;
use source::Source;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the demo to its end, or to a signal; no process that it started outlives it.
pub fn run(args: &Args) -> Result<Summary, DemoError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(DemoError::System)?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(DemoError::System)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(DemoError::System)?;
        tokio::select! {
            outcome = play(args) => outcome,
            _ = terminate.recv() => Err(DemoError::Interrupted),
            _ = interrupt.recv() => Err(DemoError::Interrupted),
        }
    })
}

async fn play(args: &Args) -> Result<Summary, DemoError> {
    let started = Instant::now();
    let dir = folder(args)?;
    let byzantine = args.byzantine()?;
    let progress = Progress::new();
    if args.byzantine.is_none() && byzantine == Byzantine::None {
        progress.say(format_args!("a group of {} bears no liar: nobody lies", args.replicas));
    }
    let source = Source::find(args, &dir)?;
    progress.say(format_args!("{} replicas in {}", args.replicas, dir.display()));
    let cluster = Cluster::start(args.replicas, byzantine, &source.domains(), &dir).await?;
    let mut books = books::Books::default();
    for branch in source.branches() {
        let replay = Replay::new(source.repository(), &cluster, branch, args.commits)?;
        books.add(replay.run(&progress).await?);
    }
    progress.say(format_args!("looking at what came out"));
    let verdict = judgement::judge(&cluster, &source, &books).await?;
    let summary = Summary::new(&cluster, &books, verdict, started.elapsed());
    progress.end();
    cluster.stop().await?;
    Ok(summary)
}

/// The folder for the group: the one that was asked for, if it is empty, else a fresh temporary one.
fn folder(args: &Args) -> Result<PathBuf, DemoError> {
    let Some(dir) = &args.dir else {
        let base = std::env::temp_dir();
        let fresh = |attempt: u32| base.join(format!("quorate-demo-{}-{attempt}", std::process::id()));
        return (0..).map(fresh).find_map(|dir| make(&dir).transpose()).unwrap_or(Err(DemoError::Interrupted));
    };
    std::fs::create_dir_all(dir).map_err(|error| DemoError::file(dir, error))?;
    let mut entries = std::fs::read_dir(dir).map_err(|error| DemoError::file(dir, error))?;
    if entries.next().is_some() {
        return Err(DemoError::NotEmpty(dir.clone()));
    }
    std::fs::canonicalize(dir).map_err(|error| DemoError::file(dir, error))
}

/// Makes a folder that was not there; none if it was.
fn make(dir: &Path) -> Result<Option<PathBuf>, DemoError> {
    match std::fs::create_dir(dir) {
        Ok(()) => Ok(Some(dir.to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(DemoError::file(dir, error)),
    }
}
