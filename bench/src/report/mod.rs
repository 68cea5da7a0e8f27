//! Report of a run: the measured figures beside what this machine can do at best.

use crate::args::BenchArgs;
use crate::ceilings::Ceilings;
use crate::load::{Measured, Minute};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Results of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Replicas.
    pub replicas: u16,
    /// Closed-loop authors.
    pub authors: usize,
    /// Envelopes of an author under way at a time.
    pub under_way: u64,
    /// Changes in one envelope.
    pub changes_per_envelope: u64,
    /// Bytes of one file.
    pub bytes: usize,
    /// Seconds that counted.
    pub seconds: f64,
    /// Changes executed and durable, answered to their authors.
    pub changes: u64,
    /// History that the replicas kept.
    pub history: String,
    /// Space at the end of each minute, with `--minutes`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub minutes: Vec<Minute>,
    /// Their rate.
    pub changes_per_second: f64,
    /// Half of the envelopes were answered within.
    pub p50_ms: f64,
    /// 99 of 100 were.
    pub p99_ms: f64,
    /// Processor time of all replicas for one change.
    pub cpu_us_per_change: f64,
    /// The machine alone.
    pub ceilings: Ceilings,
    /// Rate as a share of the ceiling for one signature a change.
    pub share_of_ceiling: f64,
}

impl Report {
    pub(crate) fn new(args: &BenchArgs, measured: &Measured, ceilings: &Ceilings) -> Self {
        let changes = measured.latencies.len() as u64 * args.changes;
        let seconds = measured.elapsed.as_secs_f64();
        let changes_per_second = changes as f64 / seconds;
        Self {
            replicas: args.replicas,
            authors: args.authors,
            under_way: args.stream.unwrap_or(1),
            changes_per_envelope: args.changes,
            bytes: args.bytes,
            seconds,
            changes,
            history: args.history.clone(),
            minutes: measured.minutes.clone(),
            changes_per_second,
            p50_ms: percentile_ms(&measured.latencies, 50),
            p99_ms: percentile_ms(&measured.latencies, 99),
            cpu_us_per_change: measured.cpu_seconds * 1e6 / (changes.max(1) as f64),
            ceilings: ceilings.clone(),
            share_of_ceiling: changes_per_second / ceilings.changes_per_second,
        }
    }
}

/// Of sorted times; 0 of none.
fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ceilings = &self.ceilings;
        writeln!(f, "{} replicas, {} authors, files of {} bytes", self.replicas, self.authors, self.bytes)?;
        writeln!(f, "{} changes in an envelope, {:.1} s counted", self.changes_per_envelope, self.seconds)?;
        writeln!(f)?;
        writeln!(f, "  changes a second   {:>10.0}", self.changes_per_second)?;
        writeln!(f, "  latency p50        {:>10.1} ms", self.p50_ms)?;
        writeln!(f, "  latency p99        {:>10.1} ms", self.p99_ms)?;
        writeln!(f, "  CPU for a change   {:>10.0} µs, all replicas together", self.cpu_us_per_change)?;
        writeln!(f)?;
        if !self.minutes.is_empty() {
            writeln!(f, "history {}; at the end of each minute, all replicas together", self.history)?;
        }
        for Minute { minute, disk_bytes, memory_bytes } in &self.minutes {
            writeln!(
                f,
                "  {minute:>3} {:>8} MiB on the disk {:>8} MiB of memory",
                disk_bytes >> 20,
                memory_bytes >> 20
            )?;
        }
        writeln!(f, "this machine alone, in the same run ({} cores)", ceilings.cores)?;
        writeln!(f, "  verify             {:>10.1} µs", ceilings.verify_us)?;
        writeln!(f, "  append and sync    {:>10.1} µs", ceilings.sync_us)?;
        writeln!(f, "  hop over loopback  {:>10.1} µs", ceilings.hop_us)?;
        writeln!(
            f,
            "  ceiling            {:>10.0} changes a second with one signature each",
            ceilings.changes_per_second
        )?;
        writeln!(f, "  floor              {:>10.2} ms to an executed change", ceilings.latency_ms)?;
        write!(f, "measured / ceiling   {:>10.3}", self.share_of_ceiling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_hundred_times_are_the_times_in_their_places() {
        let times: Vec<Duration> = (0..100).map(Duration::from_millis).collect();
        assert_eq!((percentile_ms(&times, 50), percentile_ms(&times, 99)), (50.0, 99.0));
    }

    #[test]
    fn percentiles_of_nothing_are_zero() {
        assert_eq!(percentile_ms(&[], 99), 0.0);
    }
}
