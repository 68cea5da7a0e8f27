//! Figures of a load: what authors felt and what the replicas' processes cost.

use crate::args::BenchArgs;
use crate::load::Measured;
use crate::threads;
use crate::times::percentile_ms;
use quorate_ledger::State;
use serde::Serialize;
use std::time::Duration;

/// Figures of a load.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Seconds that counted.
    pub seconds: f64,
    /// Changes executed and durable, answered to their authors.
    pub changes: u64,
    /// Their rate.
    pub changes_per_second: f64,
    /// Half of the envelopes were answered within.
    pub p50_ms: f64,
    /// 99 of 100 were.
    pub p99_ms: f64,
    /// Processor time of all replicas for one change.
    pub cpu_us_per_change: f64,
    /// Views that were begun meanwhile.
    pub view_changes: u64,
    /// Envelopes by what became of them.
    pub outcomes: Outcomes,
}

/// Envelopes by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// Took effect as they were.
    pub applied: u64,
    /// Took effect, merged with what others did meanwhile.
    pub merged: u64,
    /// Left a conflict.
    pub conflict: u64,
}

impl Figures {
    /// Figures of what was seen.
    pub fn of(args: &BenchArgs, seen: &Measured) -> Self {
        let (times, seconds) = (seen.times(), seen.elapsed.as_secs_f64());
        let changes = times.len() as u64 * args.changes;
        let cpu_seconds = threads::seconds(&seen.before, &seen.after);
        let count = |state| seen.answered.iter().filter(|answered| answered.state == state).count() as u64;
        Self {
            seconds,
            changes,
            changes_per_second: changes as f64 / seconds,
            p50_ms: percentile_ms(&times, 50.0),
            p99_ms: percentile_ms(&times, 99.0),
            cpu_us_per_change: cpu_seconds * 1e6 / changes.max(1) as f64,
            view_changes: seen.view_changes,
            outcomes: Outcomes {
                applied: count(State::Applied),
                merged: count(State::Merged),
                conflict: count(State::Conflict),
            },
        }
    }
}

impl Measured {
    /// Times of the answers, sorted.
    pub fn times(&self) -> Vec<Duration> {
        let mut times: Vec<Duration> = self.answered.iter().map(|answered| answered.at - answered.sent).collect();
        times.sort_unstable();
        times
    }
}
