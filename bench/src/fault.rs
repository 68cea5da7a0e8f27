//! The primary is killed under load: how long is nothing committed?
//!
//! Authors wait at the other replicas only, several at each, so that every lane but the dead one always has a waiting
//! bundle. Commits are counted as authors see them: an envelope is committed when its author holds the receipt.

use crate::args::BenchArgs;
use crate::group::Group;
use crate::load::{self, Answered};
use crate::timeline::{self, Step};
use anyhow::{Context as _, ensure};
use quorate_client::api::Status;
use quorate_client::http::Client;
use serde::Serialize;
use std::fmt;
use std::time::{Duration, Instant};

/// Part of the time line before the kill.
const BEFORE: Duration = Duration::from_secs(1);

/// Part of the time line after it.
const AFTER: Duration = Duration::from_secs(4);

/// Time that a question about the group may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Base time-outs within which commits must go on.
const TIMEOUTS: u64 = 2;

/// Result of a run with a kill.
#[derive(Debug, Clone, Serialize)]
pub struct Outage {
    /// Replicas before the kill.
    pub replicas: u16,
    /// Closed-loop authors at the replicas that stay.
    pub authors: usize,
    /// The primary that was killed.
    pub killed: u16,
    /// The view then.
    pub view_before: u64,
    /// The view at the end.
    pub view_after: u64,
    /// Envelopes a second before the kill.
    pub commits_per_second_before: f64,
    /// Envelopes a second after the silence.
    pub commits_per_second_after: f64,
    /// The longest time without a commit that touches what comes after the kill.
    pub silence_ms: u64,
    /// From the kill to the end of that silence.
    pub resumed_after_ms: u64,
    /// Two base time-outs of this group.
    pub bound_ms: u64,
    /// Whether commits went on within them.
    pub within_bound: bool,
    /// Commits in steps of 100 ms, from one second before the kill to four after it.
    pub timeline: Vec<Step>,
}

/// Loads the group, kills its primary, goes on, and looks at what was committed when.
pub async fn run(args: &BenchArgs, group: &mut Group) -> anyhow::Result<Outage> {
    ensure!(args.replicas >= 4, "a group of {} stops without its primary; at least 4 replicas", args.replicas);
    let before = status(group, 0).await?;
    let killed = before.primary.context("a replica knows its primary")?;
    let others: Vec<usize> = (0..group.nodes.len()).filter(|node| *node != usize::from(killed)).collect();
    ensure!(args.authors >= 2 * others.len(), "at least two authors for each replica that stays: {}", 2 * others.len());

    let begin = Instant::now();
    let kill_at = begin + Duration::from_secs(args.warm_up).max(BEFORE);
    let end = kill_at + args.counted().max(AFTER);
    let tasks: Vec<_> =
        load::authors(args, group, &others)?.into_iter().map(|author| tokio::spawn(author.work(end))).collect();
    tokio::time::sleep_until(kill_at.into()).await;
    let primary = status(group, others[0]).await?;
    ensure!(primary.primary == Some(killed), "the view changed before the kill; the machine is too busy to measure");
    eprintln!("bench: killing replica {killed}, the primary");
    let moment = Instant::now();
    group.kill(killed.into())?;

    let mut answered = Vec::new();
    for task in tasks {
        answered.extend(task.await.context("an author panicked")??);
    }
    let after = status(group, others[0]).await?;
    let bound_ms = TIMEOUTS * group.genesis.constants().base_timeout_ms;
    let seen = Seen { answered, begin, moment, end };
    seen.outage(args, killed, (primary.view, after.view), bound_ms)
}

async fn status(group: &Group, node: usize) -> anyhow::Result<Status> {
    Ok(Client::new(&group.nodes[node], ANSWER_LIMIT)?.status().await?)
}

/// Answers that the authors got, with their times.
struct Seen {
    answered: Vec<Answered>,
    begin: Instant,
    moment: Instant,
    end: Instant,
}

impl Seen {
    fn outage(
        &self,
        args: &BenchArgs,
        killed: u16,
        (view_before, view_after): (u64, u64),
        bound_ms: u64,
    ) -> anyhow::Result<Outage> {
        let commits: Vec<Instant> = self.answered.iter().map(|answered| answered.at).collect();
        let (silent, resumed) =
            timeline::silence(&commits, self.moment).context("no commit before or none after the kill")?;
        let resumed_after = resumed.duration_since(self.moment);
        Ok(Outage {
            replicas: args.replicas,
            authors: args.authors,
            killed,
            view_before,
            view_after,
            commits_per_second_before: rate(&commits, self.begin, self.moment),
            commits_per_second_after: rate(&commits, resumed, self.end),
            silence_ms: millis(resumed - silent),
            resumed_after_ms: millis(resumed_after),
            bound_ms,
            within_bound: millis(resumed_after) <= bound_ms,
            timeline: timeline::steps(&commits, self.moment, BEFORE, AFTER),
        })
    }
}

fn rate(commits: &[Instant], from: Instant, until: Instant) -> f64 {
    let count = commits.iter().filter(|commit| **commit >= from && **commit < until).count();
    count as f64 / (until - from).as_secs_f64()
}

/// Milliseconds, begun ones too: a bound is not met by rounding.
fn millis(time: Duration) -> u64 {
    time.as_micros().div_ceil(1_000) as u64
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} replicas, {} authors at the {} that stay", self.replicas, self.authors, self.replicas - 1)?;
        writeln!(f, "replica {}, the primary of view {}, killed at 0 ms\n", self.killed, self.view_before)?;
        timeline::draw(&self.timeline, f)?;
        writeln!(f)?;
        writeln!(f, "  before             {:>10.0} commits a second", self.commits_per_second_before)?;
        writeln!(f, "  silence            {:>10} ms", self.silence_ms)?;
        writeln!(f, "  commits again after{:>10} ms, in view {}", self.resumed_after_ms, self.view_after)?;
        writeln!(f, "  after              {:>10.0} commits a second", self.commits_per_second_after)?;
        let verdict = if self.within_bound { "within" } else { "LATER than" };
        write!(f, "{verdict} two base time-outs, {} ms", self.bound_ms)
    }
}
