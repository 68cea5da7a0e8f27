//! A fault under load: how long is nothing committed?
//!
//! Authors wait at the replicas that the fault leaves alone, several at each, so that every lane but the struck ones
//! always has a waiting bundle. Commits are counted as authors see them: an envelope is committed when its author holds
//! the receipt.

use crate::args::{BenchArgs, Fault};
use crate::author::Asked;
use crate::failure::Failure;
use crate::group::Group;
use crate::load::{self, Crew, Measured, Pace};
use crate::timeline::{self, STEP, Span, Step};
use anyhow::{Context as _, ensure};
use quorate_client::api::Status;
use quorate_client::http::Client;
use serde::Serialize;
use std::fmt;
use std::time::{Duration, Instant};

/// Part of the time line before the fault.
const BEFORE: Duration = Duration::from_secs(1);

/// Part of the time line after it, at least.
const AFTER: Duration = Duration::from_secs(4);

/// Time that a paused process stands still.
const PAUSE: Duration = Duration::from_secs(3);

/// Time that a question about the group may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Base time-outs within which commits must go on.
const TIMEOUTS: u64 = 2;

/// Result of a run with a fault.
#[derive(Debug, Clone, Serialize)]
pub struct Outage {
    /// What was done.
    pub fault: Fault,
    /// Replicas to which it was done.
    pub struck: Vec<usize>,
    /// The view then.
    pub view_before: u64,
    /// The view at the end.
    pub view_after: u64,
    /// Envelopes a second in the second before the fault.
    pub commits_per_second_before: f64,
    /// Envelopes a second after the silence.
    pub commits_per_second_after: f64,
    /// The longest time without a commit that touches what comes after the fault; under 100 ms that about the fault itself.
    pub silence_ms: u64,
    /// From the fault to the end of that silence.
    pub resumed_after_ms: u64,
    /// Two base time-outs of this group, after the time in which there is no quorum.
    pub bound_ms: u64,
    /// Whether commits went on within them.
    pub within_bound: bool,
    /// Commits in steps of 100 ms, from one second before the fault to at least four after it.
    pub timeline: Vec<Step>,
}

/// Loads the group, does the fault in the middle, goes on, and looks at what was committed when.
pub async fn run(args: &BenchArgs, fault: Fault, group: &mut Group) -> anyhow::Result<(Measured, Outage)> {
    let before = status(group, 0).await?;
    let primary = before.primary.context("a replica knows its primary")?.into();
    let struck = struck(fault, primary, group.nodes.len())?;
    let others: Vec<usize> = (0..group.nodes.len()).filter(|node| !struck.contains(node)).collect();
    let few = || format!("at least two authors for each replica that stays: {}", 2 * others.len());
    ensure!(args.authors >= 2 * others.len(), Failure::Usage(few()));

    let authors = load::authors(args, group, &others).await?;
    let due = Instant::now() + Duration::from_secs(args.warm_up).max(BEFORE);
    let end = due + args.counted().max(AFTER);
    let crew = Crew::at_work(authors, Pace::of(args), end);
    tokio::time::sleep_until((due - BEFORE).into()).await;
    let (begin, usage) = (Instant::now(), group.usage()?);
    tokio::time::sleep_until(due.into()).await;
    let view = status(group, others[0]).await?;
    ensure!(view.primary == before.primary, "the view changed before the fault; the machine is too busy to measure");
    eprintln!("bench: {}, {struck:?}", fault.words());
    let moment = Instant::now();
    strike(fault, &struck, group).await?;
    tokio::time::sleep_until(end.into()).await;
    let (after, elapsed) = (group.usage()?, begin.elapsed());

    let (_, asked) = crew.done().await?;
    let views = (view.view, status(group, others[0]).await?.view);
    let seen = Seen { fault, struck, views, moment, end, asked };
    let outage = seen.outage(group.genesis.constants().base_timeout_ms)?;
    let (asked, view_changes) = (seen.asked, outage.view_after - view.view);
    Ok((Measured { begin, elapsed, asked, before: usage, after, view_changes, minutes: Vec::new() }, outage))
}

/// Replicas that a fault strikes.
fn struck(fault: Fault, primary: usize, replicas: usize) -> anyhow::Result<Vec<usize>> {
    let liars = (replicas - 1) / 3;
    let few = || format!("a group of {replicas} stops with any of its replicas; a fault takes at least 4");
    ensure!(liars > 0, Failure::Usage(few()));
    let next = |after: usize| (primary + after) % replicas;
    Ok(match fault {
        Fault::KillPrimary | Fault::PausePrimary => vec![primary],
        Fault::KillReplica | Fault::PauseReplica => vec![next(2)], // not the one whose view comes next
        Fault::PauseQuorum => (1..=liars + 1).map(next).collect(),
    })
}

async fn strike(fault: Fault, struck: &[usize], group: &mut Group) -> anyhow::Result<()> {
    for &replica in struck {
        if fault.kills() { group.kill(replica)? } else { group.pause(replica, true)? }
    }
    if !fault.kills() {
        tokio::time::sleep(PAUSE).await;
        struck.iter().try_for_each(|replica| group.pause(*replica, false))?;
    }
    Ok(())
}

async fn status(group: &Group, node: usize) -> anyhow::Result<Status> {
    Ok(Client::new(&group.nodes[node], ANSWER_LIMIT)?.status().await?)
}

impl Fault {
    /// Whether the struck replicas do not come back.
    pub fn kills(self) -> bool {
        matches!(self, Self::KillPrimary | Self::KillReplica)
    }

    /// Deed in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::KillPrimary => "killed the primary",
            Self::KillReplica => "killed a replica",
            Self::PausePrimary => "stopped the primary for three seconds",
            Self::PauseReplica => "stopped a replica for three seconds",
            Self::PauseQuorum => "stopped so many replicas for three seconds that no quorum was left",
        }
    }

    /// Time in which no replica can commit anything.
    fn without_quorum(self) -> Duration {
        if self == Self::PauseQuorum { PAUSE } else { Duration::ZERO }
    }
}

/// Answers that the authors got, with their times.
struct Seen {
    fault: Fault,
    struck: Vec<usize>,
    views: (u64, u64),
    moment: Instant,
    end: Instant,
    asked: Vec<Asked>,
}

impl Seen {
    fn outage(&self, base_timeout_ms: u64) -> anyhow::Result<Outage> {
        let answered = self.asked.iter().filter(|asked| asked.state.is_some());
        let commits: Vec<Instant> = answered.map(|asked| asked.at).collect();
        let (silent, resumed) =
            timeline::silence(&commits, self.moment).context("no commit before or none after the fault")?;
        let resumed_after_ms = millis(resumed.duration_since(self.moment));
        let bound_ms = millis(self.fault.without_quorum()) + TIMEOUTS * base_timeout_ms;
        let (view_before, view_after) = self.views;
        let span = Span { moment: self.moment, before: BEFORE, after: self.end - self.moment, width: STEP };
        Ok(Outage {
            fault: self.fault,
            struck: self.struck.clone(),
            view_before,
            view_after,
            commits_per_second_before: rate(&commits, self.moment - BEFORE, self.moment),
            commits_per_second_after: rate(&commits, resumed, self.end),
            silence_ms: millis(resumed - silent),
            resumed_after_ms,
            bound_ms,
            within_bound: resumed_after_ms <= bound_ms,
            timeline: timeline::steps(&self.asked, &span),
        })
    }
}

fn rate(commits: &[Instant], from: Instant, until: Instant) -> f64 {
    let count = commits.iter().filter(|commit| (from..until).contains(commit)).count();
    count as f64 / (until - from).as_secs_f64()
}

/// Milliseconds, begun ones too: a bound is not met by rounding.
fn millis(time: Duration) -> u64 {
    time.as_micros().div_ceil(1_000) as u64
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {:?}, in view {}, at 0 ms\n", self.fault.words(), self.struck, self.view_before)?;
        timeline::draw(&self.timeline, f)?;
        writeln!(f)?;
        writeln!(f, "  before             {:>10.0} commits a second", self.commits_per_second_before)?;
        writeln!(f, "  silence            {:>10} ms", self.silence_ms)?;
        writeln!(f, "  commits again after{:>10} ms, in view {}", self.resumed_after_ms, self.view_after)?;
        writeln!(f, "  after              {:>10.0} commits a second", self.commits_per_second_after)?;
        let verdict = if self.within_bound { "within" } else { "LATER than" };
        writeln!(f, "{verdict} {} ms, two base time-outs after there is a quorum\n", self.bound_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_ledger::State;

    #[test]
    fn the_rate_before_a_fault_is_that_of_the_last_second_and_not_of_the_warm_up() {
        let moment = Instant::now() + Duration::from_secs(10);
        let answered = |ms_before: u64| {
            let at = moment + Duration::from_millis(1) - Duration::from_millis(ms_before);
            Asked { due: at, at, state: Some(State::Applied) }
        };
        let (warm_up, steady) = ((1_100..5_000).step_by(100), (0..1_000).step_by(10));
        let asked = warm_up.chain(steady).map(answered).collect();
        let (fault, struck, views, end) = (Fault::KillReplica, vec![2], (0, 0), moment + AFTER);

        let outage = Seen { fault, struck, views, moment, end, asked }.outage(1_000).unwrap();

        assert_eq!(outage.commits_per_second_before, 99.0);
    }

    #[test]
    fn no_quorum_is_left_when_one_more_than_the_liars_of_a_group_stand_still() {
        for (replicas, left) in [(4, 2), (7, 4), (10, 6)] {
            let struck = struck(Fault::PauseQuorum, 1, replicas).unwrap();
            assert_eq!(replicas - struck.len(), left);
            assert!(left < 2 * replicas / 3 + 1 && !struck.contains(&1), "{struck:?}");
        }
    }

    #[test]
    fn a_group_that_tolerates_no_fault_is_not_struck() {
        assert!(struck(Fault::KillReplica, 0, 3).is_err());
    }
}
