//! The highest rate with a p99 under a bound: steps upwards until it breaks, then closer looks below.

use crate::args::BenchArgs;
use crate::author::Author;
use crate::figures::Figures;
use crate::group::Group;
use crate::load::{self, Measured, Pace};
use anyhow::Context as _;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Rate of the first step, in changes a second, unless one was asked for.
const FIRST_RATE: f64 = 100.0;

/// Factor from one step to the next.
const FACTOR: f64 = 1.5;

/// Closer looks between the best step and the first that broke.
const LOOKS: usize = 3;

/// Share of the rate that must be answered: less means that the backlog grows.
const ANSWERED_SHARE: f64 = 0.95;

/// Time between steps, in which what is left over is answered.
const REST: Duration = Duration::from_secs(1);

/// Time from the begin of a step until it counts.
const SETTLING: Duration = Duration::from_secs(1);

/// Steps of a ramp.
#[derive(Debug, Clone, Serialize)]
pub struct Ramp {
    /// Bound of the p99.
    pub p99_bound_ms: u64,
    /// The highest rate that kept it, in changes a second; 0 if none did.
    pub best_rate: f64,
    /// In order of their rates.
    pub steps: Vec<Step>,
}

/// Load at one rate.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// Changes a second that were to be sent.
    pub rate: f64,
    /// Whether the p99 was within the bound and nearly all was answered.
    pub held: bool,
    /// What came of it.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Climbs; the measurement is that of the best step.
pub async fn run(args: &BenchArgs, group: &Group) -> anyhow::Result<(Measured, Ramp)> {
    let nodes: Vec<usize> = (0..group.nodes.len()).collect();
    let authors = load::authors(args, group, &nodes).await?;
    let mut climb = Climb { args, group, authors, best: None, steps: Vec::new() };
    climb.search(args.rate.map_or(FIRST_RATE, |rate| rate as f64)).await?;
    let advice = "begin lower, by --rate, or allow more, by --p99-ms";
    let (best_rate, measured) = climb.best.with_context(|| format!("the first rate broke the bound: {advice}"))?;
    climb.steps.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    Ok((measured, Ramp { p99_bound_ms: args.p99_ms, best_rate, steps: climb.steps }))
}

struct Climb<'a> {
    args: &'a BenchArgs,
    group: &'a Group,
    authors: Vec<Author>,
    best: Option<(f64, Measured)>,
    steps: Vec<Step>,
}

impl Climb<'_> {
    async fn search(&mut self, first: f64) -> anyhow::Result<()> {
        let mut rate = first;
        while self.step(rate).await? {
            rate *= FACTOR;
        }
        let (mut held, mut broke) = (rate / FACTOR, rate);
        for _ in 0..LOOKS {
            let middle = f64::midpoint(held, broke);
            if self.step(middle).await? { held = middle } else { broke = middle }
        }
        Ok(())
    }

    /// Loads the group at a rate; whether it held.
    async fn step(&mut self, rate: f64) -> anyhow::Result<bool> {
        let pace = Pace { pause: self.args.pause(rate), under_way: None };
        let authors = std::mem::take(&mut self.authors);
        let (authors, measured) = load::run(self.args, self.group, authors, pace, SETTLING).await?;
        self.authors = authors;
        let figures = Figures::of(self.args, &measured);
        let is_answered = figures.changes_per_second >= ANSWERED_SHARE * rate;
        let held = figures.due > 0 && is_answered && figures.p99_ms <= self.args.p99_ms as f64;
        eprintln!("bench: {rate:.0} changes a second: p99 {:.0} ms, {}", figures.p99_ms, word(held));
        self.steps.push(Step { rate, held, figures });
        if held {
            self.best = Some((rate, measured));
        }
        tokio::time::sleep(REST).await;
        Ok(held)
    }
}

fn word(held: bool) -> &'static str {
    if held { "held" } else { "broken" }
}

impl fmt::Display for Ramp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "highest rate with a p99 of at most {} ms: {:.0} changes a second",
            self.p99_bound_ms, self.best_rate
        )?;
        for Step { rate, held, figures } in &self.steps {
            let Figures { changes_per_second, p50_ms, p99_ms, .. } = figures;
            let held = word(*held);
            writeln!(
                f,
                "  {rate:>7.0}/s: {changes_per_second:>7.0}/s, p50 {p50_ms:>7.1} ms, p99 {p99_ms:>8.1} ms, {held}"
            )?;
        }
        writeln!(f)
    }
}
