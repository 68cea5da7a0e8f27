//! Ledgers that are thrown away at random slots and made anew from a copy of their own state: whole, in two goes, or from
//! what an older copy lacks. Each agrees with a ledger that never was, on root, receipts and events of every slot; and so
//! does one that forgets all history.

mod story;
#[path = "../../../ledger/tests/support/mod.rs"]
mod support;

use crate::run::catch;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Instant;
use story::Story;

/// Results of some seeds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RebuiltSummary {
    /// Seeds played.
    pub seeds: u64,
    /// Slots executed, by each of the three ledgers.
    pub slots: u64,
    /// Places at which a ledger was made anew.
    pub places: u64,
    /// Answers that authors got, and how many of each.
    pub answers: BTreeMap<String, u64>,
    /// Failures: the seed, and the fault.
    pub failures: Vec<(u64, String)>,
    /// Real seconds.
    pub seconds: f64,
}

impl fmt::Display for RebuiltSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, slots, places, seconds, .. } = self;
        writeln!(f, "{seeds} seeds in {seconds:.1} s, {slots} slots, made anew at {places} places")?;
        self.answers.iter().try_for_each(|(answer, count)| writeln!(f, "{count:>8} {answer}"))?;
        self.failures.iter().try_for_each(|(seed, what)| writeln!(f, "FAILED seed {seed}: {what}"))?;
        write!(f, "{} failures", self.failures.len())
    }
}

/// Plays so many slots of each of the seeds.
pub fn rebuilt(seeds: Range<u64>, slots: u64) -> RebuiltSummary {
    let begin = Instant::now();
    let mut summary = RebuiltSummary::default();
    for seed in seeds {
        let mut story = Story::new(seed);
        let panicked = catch(|| (0..slots).for_each(|_| story.slot())).err();
        summary.seeds += 1;
        summary.slots += story.slots();
        summary.places += (1..=story.slots()).filter(|slot| support::twin::is_place(*slot)).count() as u64;
        for (answer, count) in story.answers {
            *summary.answers.entry(answer).or_default() += count;
        }
        summary.failures.extend(panicked.map(|what| (seed, what)));
    }
    summary.seconds = begin.elapsed().as_secs_f64();
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_made_anew_from_copies_agrees_whatever_authors_do() {
        let summary = rebuilt(1..3, 200);

        assert_eq!(summary.failures, []);
        assert!(summary.places > 40, "{summary:?}");
        for answer in
            ["Applied", "Conflict", "Merged", "Pending", "Refused", "deferred", "event settled", "event decided"]
        {
            assert!(summary.answers.keys().any(|told| told.starts_with(answer)), "no {answer}: {summary:?}");
        }
    }
}
