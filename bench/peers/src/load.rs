//! Closed loop of all authors against a running system, and what counts of it.

use crate::Args;
use crate::process::Processes;
use crate::report::{Peer, percentile_ms};
use std::future::Future;
use std::time::{Duration, Instant};

/// Time that the members may take until they answer.
pub const START_LIMIT: Duration = Duration::from_secs(30);

/// Times at which a request was sent and answered.
pub type Answered = (Instant, Instant);

/// Observations while counting.
pub struct Load {
    /// Times from a request to its answer, sorted.
    pub times: Vec<Duration>,
    /// Microseconds of processor time of all members.
    pub cpu_us: f64,
}

/// Lets every author work until its end, and counts after a time of warming up.
pub async fn run<F>(args: &Args, members: &Processes, work: impl Fn(usize, Instant) -> F) -> anyhow::Result<Load>
where
    F: Future<Output = anyhow::Result<Vec<Answered>>> + Send + 'static,
{
    let begin = Instant::now() + Duration::from_secs(args.warm_up);
    let end = begin + Duration::from_secs(args.seconds);
    let tasks: Vec<_> = (0..args.authors).map(|index| tokio::spawn(work(index, end))).collect();
    tokio::time::sleep_until(begin.into()).await;
    let before = members.cpu_seconds()?;
    tokio::time::sleep_until(end.into()).await;
    let cpu_us = (members.cpu_seconds()? - before) * 1e6;
    let mut times = Vec::new();
    for task in tasks {
        let counts = task.await??.into_iter().filter(|(_, at)| (begin..end).contains(at));
        times.extend(counts.map(|(sent, at)| at - sent));
    }
    times.sort_unstable();
    Ok(Load { times, cpu_us })
}

impl Load {
    /// Figures of a system that was loaded so.
    pub fn figures(&self, args: &Args, name: &str, version: String, leaves_out: &[&str]) -> Peer {
        let changes = (self.times.len() as u64 * args.changes) as f64;
        Peer {
            name: name.into(),
            version,
            changes_per_second: changes / args.seconds as f64,
            p50_ms: percentile_ms(&self.times, 50),
            p99_ms: percentile_ms(&self.times, 99),
            cpu_us_per_change: self.cpu_us / changes.max(1.0),
            leaves_out: leaves_out.iter().map(|left_out| (*left_out).to_owned()).collect(),
        }
    }
}
