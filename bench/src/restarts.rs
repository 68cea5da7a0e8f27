//! All replicas killed at one moment under load, again and again: is anything gone that was acknowledged?
//!
//! Authors whose envelopes were under way send them again, so that each has its answer in the end. An author numbers its
//! changes without gaps, and a group that had lost one would refuse the next. Besides, each author reads its newest
//! files back from another replica after each time, and all its files from every replica at the end.

use crate::args::BenchArgs;
use crate::author::Author;
use crate::group::Group;
use crate::load::{self, Crew, Measured, Pace};
use anyhow::Context as _;
use serde::Serialize;
use std::fmt;
use std::time::{Duration, Instant};

/// Time under load before the replicas are killed.
const LOAD: Duration = Duration::from_secs(2);

/// Time for which authors would have gone on then.
const AFTER: Duration = Duration::from_millis(100);

/// Files that each author reads back after each time.
const LOOKS: u64 = 8;

/// What is asked of a start: the time until the replicas are ready, and until all vote.
const READY_MS_MAX: u64 = 1_000;
const ACTIVE_MS_MAX: u64 = 3_000;

/// Result of all times.
#[derive(Debug, Clone, Serialize)]
pub struct Restarts {
    /// Envelopes that were acknowledged while the replicas were killed again and again.
    pub acknowledged: u64,
    /// Files that were read back and were as acknowledged.
    pub read_back: u64,
    /// Times at which a replica was ready later than within a second.
    pub late_ready: usize,
    /// Times at which a replica voted later than within three seconds.
    pub late_active: usize,
    /// In order.
    pub restarts: Vec<Restart>,
}

/// One time that all replicas were killed.
#[derive(Debug, Clone, Serialize)]
pub struct Restart {
    /// Envelopes that were acknowledged before.
    pub acknowledged: u64,
    /// From the start of all replicas until the last was ready.
    pub ready_ms: u64,
    /// From the start of all replicas until the last could vote.
    pub active_ms: u64,
}

/// Loads the group, then kills it so many times under load.
pub async fn run(args: &BenchArgs, times: u64, group: &mut Group) -> anyhow::Result<(Measured, Restarts)> {
    let nodes: Vec<usize> = (0..group.nodes.len()).collect();
    let authors = load::authors(args, group, &nodes).await?;
    let (mut authors, measured) =
        load::run(args, group, authors, Pace::of(args), Duration::from_secs(args.warm_up)).await?;
    let (mut acknowledged, mut read, mut restarts) = (0, 0, Vec::new());
    for time in 1..=times {
        let (restart, answered);
        (authors, restart, answered) = once(args, group, authors).await?;
        eprintln!(
            "bench: killed {time} times, ready after {} ms, all vote after {}",
            restart.ready_ms, restart.active_ms
        );
        restarts.push(restart);
        acknowledged += answered;
        let last = if time == times { u64::MAX } else { LOOKS };
        let nodes = if time == times { 0..group.nodes.len() } else { 1..2 };
        for away in nodes {
            (authors, read) =
                read_back(group, authors, away, last).await.map(|(authors, now)| (authors, read + now))?;
        }
    }
    Ok((measured, Restarts::new(acknowledged, read, restarts)))
}

/// Kills all replicas under load, starts them, and waits until all is answered and all agree.
async fn once(
    args: &BenchArgs,
    group: &mut Group,
    authors: Vec<Author>,
) -> anyhow::Result<(Vec<Author>, Restart, u64)> {
    let begin = Instant::now();
    let crew = Crew::at_work(authors, Pace::of(args), begin + LOAD + AFTER);
    tokio::time::sleep(LOAD).await;
    let killed = Instant::now();
    group.kill_all()?;
    let started = Instant::now();
    let ready_ms = group.start_killed(args).await?.as_millis() as u64;
    group.await_active().await?;
    let active_ms = started.elapsed().as_millis() as u64;
    let (authors, asked) = crew.done().await.context("an author after all replicas were killed")?;
    group.await_agreement().await?;
    let answered = || asked.iter().filter(|asked| asked.state.is_some());
    let acknowledged = answered().filter(|asked| asked.at <= killed).count() as u64;
    Ok((authors, Restart { acknowledged, ready_ms, active_ms }, answered().count() as u64))
}

/// Lets each author read its newest files, at most so many, from the node so many after the one that numbers it.
async fn read_back(group: &Group, authors: Vec<Author>, away: usize, most: u64) -> anyhow::Result<(Vec<Author>, u64)> {
    let read = |(index, author): (usize, Author)| {
        let node = group.nodes[(index + away) % group.nodes.len()].clone();
        tokio::spawn(async move { author.read_back(&node, most).await.map(|read| (author, read)) })
    };
    let tasks: Vec<_> = authors.into_iter().enumerate().map(read).collect();
    let (mut authors, mut sum) = (Vec::new(), 0);
    for task in tasks {
        let (author, read) = task.await.context("an author panicked")??;
        authors.push(author);
        sum += read;
    }
    Ok((authors, sum))
}

impl Restarts {
    fn new(acknowledged: u64, read_back: u64, restarts: Vec<Restart>) -> Self {
        let late_ready = restarts.iter().filter(|restart| restart.ready_ms > READY_MS_MAX).count();
        let late_active = restarts.iter().filter(|restart| restart.active_ms > ACTIVE_MS_MAX).count();
        Self { acknowledged, read_back, late_ready, late_active, restarts }
    }

    /// Half and longest of a time, in milliseconds.
    pub fn spread(&self, time: fn(&Restart) -> u64) -> (u64, u64) {
        let mut times: Vec<u64> = self.restarts.iter().map(time).collect();
        times.sort_unstable();
        (times[times.len() / 2], times[times.len() - 1])
    }
}

impl fmt::Display for Restarts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, read_back, late_ready, late_active, restarts } = self;
        let (ready, ready_most) = self.spread(|restart| restart.ready_ms);
        let (active, active_most) = self.spread(|restart| restart.active_ms);
        writeln!(f, "killed all replicas {} times under load, {acknowledged} envelopes acknowledged", restarts.len())?;
        writeln!(f, "  all numbers follow, all states agree, {read_back} files read back as acknowledged")?;
        writeln!(
            f,
            "  ready after        {ready:>10} ms, {ready_most} at most; later than {READY_MS_MAX} ms: {late_ready}"
        )?;
        writeln!(
            f,
            "  all vote after     {active:>10} ms, {active_most} at most; later than {ACTIVE_MS_MAX} ms: {late_active}\n"
        )
    }
}
