//! Many seeds on two threads, and a summary for people and scripts.

use crate::plan::Plan;
use crate::presets::Preset;
use crate::run::{Outcome, Stats, run};
use crate::shrink::{describe, shrink};
use quorate_client::verify::kind_name;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Limits that a summary for people names: those that came nearest.
const NEAREST_SHOWN: usize = 6;

/// Runs at a time: the cores of the machine that CI has.
const THREADS: usize = 2;

/// Time for making failures smaller, over the whole campaign.
const SHRINKING: Duration = Duration::from_secs(60);

/// A seed that failed.
#[derive(Debug, Clone, Serialize)]
pub struct FailedSeed {
    /// The seed.
    pub seed: u64,
    /// The preset that it ran with.
    pub preset: String,
    /// Oracle that found it.
    pub oracle: String,
    /// Finding of the oracle.
    pub what: String,
    /// The command that runs it again.
    pub replay: String,
    /// Plan after shrinking, of the first failure of each oracle.
    pub shrunk: Option<String>,
}

/// Results of a campaign.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Runs.
    pub seeds: u64,
    /// Runs by preset.
    pub presets: BTreeMap<String, u64>,
    /// Runs by group size.
    pub sizes: BTreeMap<usize, u64>,
    /// Runs by the kind of signatures.
    pub signatures: BTreeMap<String, u64>,
    /// Attackers by name.
    pub attackers: BTreeMap<String, u64>,
    /// Faults by name.
    pub faults: BTreeMap<String, u64>,
    /// Counts of the tricks that dishonest authors tried, by name.
    pub tricks: BTreeMap<String, u64>,
    /// Counts of their fates, in the words of the oracle `authors`.
    pub tallies: BTreeMap<String, u64>,
    /// Seeds that failed, ascending.
    pub failures: Vec<FailedSeed>,
    /// Views beyond the first that some honest replica reached, over all runs.
    pub view_changes: u64,
    /// Slots executed by honest replicas.
    pub executed: u64,
    /// Decisions learned by n Prepares (N5).
    pub fast_commits: u64,
    /// Decisions learned by q Commits.
    pub slow_commits: u64,
    /// Processes started again.
    pub restarts: u64,
    /// Messages that arrived.
    pub messages: u64,
    /// Virtual seconds, whole ones of all runs together.
    pub virtual_seconds: u64,
    #[serde(skip)]
    virtual_millis: u64,
    /// Evidence recorded, by kind.
    pub evidence: BTreeMap<String, u64>,
    /// Values nearest to each limit that an oracle watches.
    pub extremes: BTreeMap<String, Nearest>,
    /// Real seconds.
    pub seconds: f64,
}

/// The run in which something came nearest to its limit.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Nearest {
    /// Largest value.
    pub value: u64,
    /// Limit in that run.
    pub limit: u64,
    /// The seed.
    pub seed: u64,
}

impl Nearest {
    /// Percentage of the limit that was used.
    pub fn percent(&self) -> u64 {
        self.value.saturating_mul(100) / self.limit.max(1)
    }
}

/// Runs all seeds; `tell` hears how many are done.
pub fn simulate(seeds: Range<u64>, preset: Option<Preset>, tell: impl Fn(u64, usize) + Sync) -> Summary {
    let mut summary = play(seeds, preset, |_| false, tell);
    let begin = Instant::now();
    shrink_firsts(&mut summary.failures, preset);
    summary.seconds += begin.elapsed().as_secs_f64();
    summary
}

/// Runs seeds until one fails, and makes nothing smaller. The first failure is that of the lowest seed that fails.
pub fn simulate_until_failure(seeds: Range<u64>, preset: Option<Preset>, tell: impl Fn(u64, usize) + Sync) -> Summary {
    play(seeds, preset, |summary| !summary.failures.is_empty(), tell)
}

/// Runs seeds until all are done or `enough` says so; those that were begun come to their end.
fn play(
    seeds: Range<u64>,
    preset: Option<Preset>,
    enough: impl Fn(&Summary) -> bool + Sync,
    tell: impl Fn(u64, usize) + Sync,
) -> Summary {
    let begin = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let summary = Mutex::new(Summary::default());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let plan = Plan::of(seed, preset);
                    let outcome = run(&plan, false);
                    let mut summary = summary.lock().expect("nobody panics with the summary in hand");
                    summary.add(&plan, &outcome, preset);
                    tell(summary.seeds, summary.failures.len());
                    if enough(&summary) {
                        next.store(seeds.end, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut summary = summary.into_inner().expect("nobody panics with the summary in hand");
    summary.failures.sort_by_key(|failure| failure.seed);
    summary.seconds = begin.elapsed().as_secs_f64();
    summary
}

/// Makes the first failure of each oracle smaller, all of them within [`SHRINKING`].
fn shrink_firsts(failures: &mut [FailedSeed], preset: Option<Preset>) {
    let deadline = Instant::now() + SHRINKING;
    let mut oracles = BTreeSet::new();
    for failure in failures {
        if oracles.insert(failure.oracle.clone()) {
            let patience = deadline.saturating_duration_since(Instant::now());
            let small = shrink(&Plan::of(failure.seed, preset), &failure.oracle, patience);
            failure.shrunk = Some(describe(&small));
        }
    }
}

impl Summary {
    fn add(&mut self, plan: &Plan, outcome: &Outcome, preset: Option<Preset>) {
        self.seeds += 1;
        *self.presets.entry(plan.preset.to_string()).or_default() += 1;
        *self.sizes.entry(plan.n).or_default() += 1;
        *self.signatures.entry(plan.signatures.to_string()).or_default() += 1;
        for fault in &plan.faults {
            *self.faults.entry(fault.kind.name().to_owned()).or_default() += 1;
        }
        for extreme in &outcome.stats.extremes {
            let nearest = Nearest { value: extreme.value, limit: extreme.limit, seed: outcome.seed };
            let known = self.extremes.entry(extreme.what.to_owned()).or_insert(nearest);
            // The lower seed where two are as near, whichever thread came first.
            if (nearest.percent(), known.seed) > (known.percent(), nearest.seed) {
                *known = nearest;
            }
        }
        for request in &plan.requests {
            if let Some(trick) = request.kind.trick_name() {
                *self.tricks.entry(trick.to_owned()).or_default() += 1;
            }
        }
        for (_, attack) in &plan.attackers {
            *self.attackers.entry(attack.to_string()).or_default() += 1;
        }
        self.count(&outcome.stats);
        if let Some(failure) = &outcome.failure {
            self.failures.push(FailedSeed {
                seed: outcome.seed,
                preset: outcome.preset.to_string(),
                oracle: failure.oracle.clone(),
                what: failure.what.clone(),
                replay: replay_command(outcome.seed, preset),
                shrunk: None,
            });
        }
    }

    fn count(&mut self, stats: &Stats) {
        self.view_changes += stats.view_changes;
        self.executed += stats.executed;
        self.fast_commits += stats.fast_commits;
        self.slow_commits += stats.slow_commits;
        self.restarts += stats.restarts;
        self.messages += stats.messages;
        self.virtual_millis += stats.virtual_millis;
        self.virtual_seconds = self.virtual_millis / 1_000;
        for (what, count) in &stats.tallies {
            *self.tallies.entry((*what).to_owned()).or_default() += count;
        }
        for (kind, count) in &stats.evidence {
            *self.evidence.entry(kind_name(*kind).to_owned()).or_default() += count;
        }
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} seeds in {:.1} s, {} virtual s", self.seeds, self.seconds, self.virtual_seconds)?;
        writeln!(f, "presets: {}", counts(&self.presets))?;
        writeln!(f, "group sizes: {}", counts(&self.sizes))?;
        writeln!(f, "signatures: {}", counts(&self.signatures))?;
        writeln!(f, "attackers: {}", counts(&self.attackers))?;
        writeln!(f, "authors who lie: {}", counts(&self.tricks))?;
        writeln!(f, "what came of it: {}", counts(&self.tallies))?;
        writeln!(f, "faults: {}", counts(&self.faults))?;
        writeln!(f, "evidence: {}", counts(&self.evidence))?;
        let Self { messages, executed, restarts, view_changes, fast_commits, slow_commits, .. } = self;
        write!(
            f,
            "{messages} messages, {executed} slots executed, {restarts} restarts, {view_changes} view changes, "
        )?;
        writeln!(f, "{fast_commits} fast and {slow_commits} slow commits")?;
        writeln!(f, "nearest to a limit: {}", self.nearest())?;
        for FailedSeed { seed, preset, oracle, what, replay, .. } in &self.failures {
            writeln!(f, "FAILED seed {seed} ({preset}), oracle {oracle}: {what}")?;
            writeln!(f, "  {replay}")?;
        }
        write!(f, "{} failures", self.failures.len())
    }
}

impl Summary {
    /// Names of the values that used most of their limits, with the seeds.
    fn nearest(&self) -> String {
        let mut extremes: Vec<_> = self.extremes.iter().collect();
        extremes.sort_by_key(|(_, nearest)| std::cmp::Reverse(nearest.percent()));
        let words = extremes
            .iter()
            .take(NEAREST_SHOWN)
            .map(|(what, nearest)| format!("{what} {} of {} (seed {})", nearest.value, nearest.limit, nearest.seed));
        words.collect::<Vec<_>>().join(", ")
    }
}

/// Names with their counts.
pub(crate) fn counts<K: Display>(counts: &BTreeMap<K, u64>) -> String {
    let words: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// The one command that runs a seed again.
pub fn replay_command(seed: u64, preset: Option<Preset>) -> String {
    let preset = preset.map(|preset| format!(" --preset {preset}")).unwrap_or_default();
    format!("cargo run --release -p quorate-tests -- replay {seed}{preset} --trace")
}
