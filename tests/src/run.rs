//! Run of one seed, with its outcome. A panic inside is the run's failure.

use crate::oracles::Extreme;
use crate::plan::Plan;
use crate::presets::Preset;
use crate::trace::Trace;
use crate::world::World;
use quorate_pbft::EvidenceKind;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// Failure of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Oracle that found it; `invariant` for a panic.
    pub oracle: String,
    /// Finding of the oracle.
    pub what: String,
}

/// Counts of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events of the queue.
    pub events: u64,
    /// Messages that arrived.
    pub messages: u64,
    /// Virtual time.
    pub virtual_millis: u64,
    /// The highest view that an honest replica reached.
    pub view_changes: u64,
    /// Slots that honest replicas executed.
    pub executed: u64,
    /// Decisions that a replica learned by n Prepares (N5).
    pub fast_commits: u64,
    /// Decisions that a replica learned by q Commits.
    pub slow_commits: u64,
    /// Processes started again.
    pub restarts: u64,
    /// Evidence recorded, by kind.
    pub evidence: BTreeMap<EvidenceKind, u64>,
    /// Counts of the events that oracles are there for.
    pub tallies: BTreeMap<&'static str, u64>,
    /// Distances to the oracles' limits.
    pub extremes: Vec<Extreme>,
}

/// The end of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Its preset.
    pub preset: Preset,
    /// Failure of the run, if there is one.
    pub failure: Option<Failure>,
    /// Counts; zero after a panic.
    pub stats: Stats,
    /// The lines, if they were wanted.
    pub trace: String,
}

/// Plays a plan.
pub fn run(plan: &Plan, trace: bool) -> Outcome {
    let lines = if trace { Trace::on() } else { Trace::default() };
    let mut world = None;
    let panicked = catch(|| world.insert(World::new(plan, lines)).play()).err();
    let (failure, stats, lines) = world.map(World::into_parts).unwrap_or_default();
    let failure = panicked.map(|what| Failure { oracle: "invariant".to_owned(), what }).or(failure);
    Outcome { seed: plan.seed, preset: plan.preset, failure, stats, trace: lines.text().to_owned() }
}

thread_local! {
    /// Words of the panic that is being caught on this thread.
    static CAUGHT: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}

/// The panic's words and place, if there is one.
pub(crate) fn catch(play: impl FnOnce()) -> Result<(), String> {
    install_hook();
    CAUGHT.set(Some(None));
    let result = panic::catch_unwind(AssertUnwindSafe(play));
    let said = CAUGHT.take().flatten();
    result.map_err(|_| said.unwrap_or_else(|| "a panic without words".to_owned()))
}

/// Panics inside a run are kept; all others are printed as ever.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let kept = CAUGHT.with_borrow_mut(|caught| match caught {
                Some(said) => {
                    *said = Some(info.to_string());
                    true
                }
                None => false,
            });
            if !kept {
                usual(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_run_is_caught_with_its_words() {
        let said = catch(|| panic!("I4: prepared, not accepted")).expect_err("it panics");
        assert!(said.contains("I4: prepared, not accepted"), "{said}");
        assert_eq!(catch(|| ()), Ok(()));
    }

    #[test]
    fn a_panic_while_the_group_is_made_is_the_failure_of_its_run() {
        let nobody = Plan { n: 0, attackers: Vec::new(), ..Plan::of(0, None) };
        let failure = run(&nobody, false).failure.expect("there is no group of nobody");
        assert_eq!(failure.oracle, "invariant");
    }

    #[test]
    fn a_seed_gives_the_same_trace_to_the_byte() {
        for seed in 0..12 {
            let plan = Plan::of(seed, None);
            let (first, second) = (run(&plan, true), run(&plan, true));
            assert!(!first.trace.is_empty());
            assert_eq!(first.trace, second.trace, "seed {seed}");
            assert_eq!(first.stats, run(&plan, false).stats, "seed {seed}: tracing changes the run");
        }
    }
}
