//! Figures of a load: what authors felt and what the replicas' processes cost.

use crate::args::BenchArgs;
use crate::author::Asked;
use crate::failure::Failure;
use crate::load::Measured;
use crate::threads;
use crate::times::percentile_ms;
use anyhow::ensure;
use quorate_ledger::State;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Figures of a load.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Seconds that counted.
    pub seconds: f64,
    /// Changes executed and durable, answered to their authors.
    pub changes: u64,
    /// Their rate.
    pub changes_per_second: f64,
    /// Envelopes that were due; the times below are theirs, whenever their answers came.
    pub due: u64,
    /// Those of them that were never sent; they count as waiting until their authors stopped.
    pub unsent: u64,
    /// Half of them were answered within.
    pub p50_ms: f64,
    /// 99 of 100 were.
    pub p99_ms: f64,
    /// Processor time of all replicas for one change, or of those that a fault left alive.
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
        let changes = seen.answered().count() as u64 * args.changes;
        let cpu_seconds = threads::seconds(&seen.before, &seen.after);
        let count = |state| seen.answered().filter(|asked| asked.state == Some(state)).count() as u64;
        Self {
            seconds,
            changes,
            changes_per_second: changes as f64 / seconds,
            due: times.len() as u64,
            unsent: seen.due().filter(|asked| asked.state.is_none()).count() as u64,
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
    /// Envelopes that were due in the time that counts.
    fn due(&self) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(|asked| self.counts(asked.due))
    }

    /// Envelopes that were answered in it.
    fn answered(&self) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(|asked| asked.state.is_some() && self.counts(asked.at))
    }

    /// Fails where nothing was answered: figures of nothing would look fast.
    pub fn ensure_answered(&self) -> anyhow::Result<()> {
        let nothing = || Failure::Verdict("nothing was answered in the time that counts".to_owned());
        ensure!(self.answered().next().is_some() && self.due().next().is_some(), nothing());
        Ok(())
    }

    fn counts(&self, at: Instant) -> bool {
        (self.begin..self.begin + self.elapsed).contains(&at)
    }

    /// Times of those that were due, sorted.
    pub fn times(&self) -> Vec<Duration> {
        let mut times: Vec<Duration> = self.due().map(|asked| asked.at - asked.due).collect();
        times.sort_unstable();
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counted second, with envelopes due, and answered or given up, so many milliseconds after its begin.
    fn measured(asked: impl IntoIterator<Item = (i64, i64, bool)>) -> Measured {
        let first = Instant::now();
        let begin = first + Duration::from_secs(1);
        let at = |ms: i64| first + Duration::from_millis((1_000 + ms) as u64);
        let asked = asked.into_iter().map(|(due, ended, is_sent)| {
            let state = is_sent.then_some(State::Applied);
            Asked { due: at(due), at: at(ended), state }
        });
        let (elapsed, (before, after, minutes)) = (Duration::from_secs(1), Default::default());
        Measured { begin, elapsed, asked: asked.collect(), before, after, view_changes: 0, minutes }
    }

    fn figures(asked: impl IntoIterator<Item = (i64, i64, bool)>) -> Figures {
        Figures::of(&BenchArgs::of_line("bench").expect("defaults"), &measured(asked))
    }

    #[test]
    fn a_load_to_which_nothing_is_answered_in_time_has_no_figures_but_a_verdict() {
        let verdict = measured([(500, 1_500, true), (600, 1_500, false)]).ensure_answered().unwrap_err();
        assert!(matches!(verdict.downcast_ref(), Some(Failure::Verdict(_))), "{verdict}");
        assert!(measured([(500, 600, true)]).ensure_answered().is_ok());
    }

    #[test]
    fn an_outage_that_reaches_the_end_of_a_run_is_in_its_p99() {
        let served = (0..60).map(|number| (10 * number, 10 * number + 5, true));
        let late = [(600, 1_700, true)];
        let unsent = (61..100).map(|number| (10 * number, 1_700, false));

        let figures = figures(served.chain(late).chain(unsent));

        assert_eq!((figures.due, figures.unsent, figures.changes), (100, 39, 60));
        assert!(figures.p99_ms >= 1_000.0, "{figures:?}");
    }

    #[test]
    fn an_answer_counts_when_it_comes_and_its_time_when_it_was_due() {
        let figures = figures([(-900, 100, true), (-20, -10, true), (500, 503, true), (1_000, 1_001, true)]);

        assert_eq!((figures.changes, figures.due, figures.p99_ms), (2, 1, 3.0));
    }
}
