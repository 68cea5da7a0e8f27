//! Report of a run: the measured figures beside what this machine can do at best.

mod html;
mod page;
mod plot;
mod words;

pub use page::page;

use crate::args::BenchArgs;
use crate::ceilings::Ceilings;
use crate::fault::Outage;
use crate::figures::Figures;
use crate::load::{Measured, Minute};
use crate::machine::Machine;
use crate::peers::Peer;
use crate::ramp::Ramp;
use crate::restarts::Restarts;
use crate::rounds::Rounds;
use crate::threads::{self, Share};
use crate::timeline::{self, Span, Step};
use crate::times::{self, Percentile};
use serde::Serialize;
use std::time::Duration;

/// Results of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Replicas.
    pub replicas: u16,
    /// Authors.
    pub authors: usize,
    /// Envelopes of an author under way at a time.
    pub under_way: u64,
    /// Changes in one envelope.
    pub changes_per_envelope: u64,
    /// Bytes of one file.
    pub bytes: usize,
    /// Files that there were before the load, where a number was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Envelopes of a hundred that edit a file which others edit too.
    pub contention: u64,
    /// Levels at which authors waited for their answers, in turn.
    pub levels: Vec<String>,
    /// Changes a second that were to be sent; none where each author sends as soon as it has its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// History that the replicas kept.
    pub history: String,
    /// What came of the load.
    #[serde(flatten)]
    pub figures: Figures,
    /// Times of the envelopes that were due.
    pub percentiles: Vec<Percentile>,
    /// Processor time by thread.
    pub cpu_by_thread: Vec<Share>,
    /// Answers over the time that counted.
    pub over_time: Vec<Step>,
    /// Space at the end of each minute, with `--minutes`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub minutes: Vec<Minute>,
    /// Fault in the middle of the load.
    #[serde(flatten)]
    pub outage: Option<Outage>,
    /// All replicas killed at one moment, again and again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<Restarts>,
    /// Climb to the highest rate, of which the figures above are the best step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
    /// Groups of other sizes under the same load.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<Size>,
    /// Other systems under the same load.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Peer>,
    /// All systems over several rounds, of which the other figures are those of the middle one, by quorate's rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounds: Option<Rounds>,
    /// The machine alone.
    pub ceilings: Ceilings,
    /// Rate as a share of the ceiling for strict verification, one by one.
    pub share_of_ceiling: f64,
    /// The floor of the latency as a share of the p50.
    pub share_of_floor: f64,
    /// What measured and what was measured.
    pub machine: Machine,
}

/// Group of another size under the same load.
#[derive(Debug, Clone, Serialize)]
pub struct Size {
    /// Replicas.
    pub replicas: u16,
    /// Files that there were before the load, where a number was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Microseconds of processor time of one replica for a change.
    pub cpu_us_per_replica: f64,
    /// What came of the load.
    #[serde(flatten)]
    pub figures: Figures,
}

impl Size {
    /// A group with what came of its load.
    pub fn new(replicas: u16, files: Option<u64>, figures: Figures) -> Self {
        Self { replicas, files, cpu_us_per_replica: figures.cpu_us_per_change / f64::from(replicas), figures }
    }
}

impl Report {
    pub(crate) fn new(args: &BenchArgs, replicas: u16, seen: &Measured, ceilings: Ceilings, machine: Machine) -> Self {
        let figures = Figures::of(args, seen);
        let times = seen.times();
        let p50_ms = times::percentile_ms(&times, 50.0);
        Self {
            replicas,
            authors: args.authors,
            under_way: args.stream.unwrap_or(1),
            changes_per_envelope: args.changes,
            bytes: args.bytes,
            files: args.files.first().copied(),
            contention: args.contention,
            levels: args.level_names(),
            rate: args.rate.map(|rate| rate as f64),
            history: args.history.clone(),
            percentiles: times::percentiles(&times),
            cpu_by_thread: threads::shares(&seen.before, &seen.after, figures.changes),
            over_time: over_time(seen),
            minutes: seen.minutes.clone(),
            outage: None,
            restarts: None,
            ramp: None,
            sizes: Vec::new(),
            peers: Vec::new(),
            rounds: None,
            share_of_ceiling: figures.changes_per_second / ceilings.changes_per_second,
            share_of_floor: if p50_ms > 0.0 { ceilings.latency_ms / p50_ms } else { 0.0 },
            figures,
            ceilings,
            machine,
        }
    }
}

impl Report {
    /// With what belongs to the kind of load; the figures of a ramp are those of its best step.
    pub(crate) fn of_kind(self, outage: Option<Outage>, restarts: Option<Restarts>, ramp: Option<Ramp>) -> Self {
        let rate = ramp.as_ref().map_or(self.rate, |ramp| Some(ramp.best_rate));
        Self { outage, restarts, ramp, rate, ..self }
    }

    /// Replicas whose processor time is told: that of a process which is gone cannot be read.
    fn counted(&self) -> &'static str {
        let is_one_gone = self.outage.as_ref().is_some_and(|outage| outage.fault.kills());
        if is_one_gone { "the replicas left alive together" } else { "all replicas together" }
    }
}

fn over_time(seen: &Measured) -> Vec<Step> {
    let width = timeline::width(seen.elapsed);
    let span = Span { moment: seen.begin, before: Duration::ZERO, after: seen.elapsed, width };
    timeline::steps(&seen.asked, &span)
}
