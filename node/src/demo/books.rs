//! Counts of a replay.

use quorate_git::{Counts, Skipped, Tree};
use quorate_ledger::{ConflictId, Rung};
use std::collections::BTreeMap;
use std::time::Duration;

/// Replay of one branch.
pub struct Replayed {
    /// Its domain.
    pub domain: String,
    /// The commit that it ends at.
    pub tip: quorate_git::ObjectId,
    /// The tree that the domain must hold now.
    pub tree: Tree,
    /// Counts of the plan.
    pub counts: Counts,
    /// Counts of the outcomes.
    pub tally: Tally,
}

/// Counts of one branch or of all.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Envelopes ordered.
    pub changes: usize,
    /// Commits that went in as several envelopes.
    pub split: usize,
    /// Paths that both the domain and a side had changed when a merge began.
    pub both_sides: usize,
    /// Of these, merged without a conflict.
    pub clean: usize,
    /// Of these, in conflict.
    pub conflicts: usize,
    /// These by class.
    pub classes: BTreeMap<String, usize>,
    /// Conflict to look at, for an example.
    pub example: Option<ConflictId>,
    /// Of the clean ones, as git's merge commit has it.
    pub clean_equal: usize,
    /// Paths that merges' own changes had to set.
    pub corrected: usize,
    /// Clean merges by the rung that answered.
    pub rungs: BTreeMap<Rung, usize>,
    /// Paths in git that the group cannot hold.
    pub skipped: Vec<Skipped>,
    /// Latency of each envelope to its verdict.
    pub latencies: Vec<Duration>,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.changes += other.changes;
        self.split += other.split;
        self.both_sides += other.both_sides;
        self.clean += other.clean;
        self.conflicts += other.conflicts;
        for (class, count) in &other.classes {
            *self.classes.entry(class.clone()).or_default() += count;
        }
        self.example = other.example.or(self.example);
        self.clean_equal += other.clean_equal;
        self.corrected += other.corrected;
        for (rung, count) in &other.rungs {
            *self.rungs.entry(*rung).or_default() += count;
        }
        self.skipped.extend(other.skipped.iter().cloned());
        self.latencies.extend(&other.latencies);
    }
}

/// Replays of the branches.
#[derive(Default)]
pub struct Books {
    replayed: Vec<Replayed>,
}

impl Books {
    pub fn add(&mut self, replayed: Replayed) {
        self.replayed.push(replayed);
    }

    pub fn branches(&self) -> &[Replayed] {
        &self.replayed
    }

    /// Over all branches.
    pub fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        self.replayed.iter().for_each(|replayed| sum.add(&replayed.tally));
        sum.latencies.sort_unstable();
        sum
    }

    /// Over all branches.
    pub fn counts(&self) -> Counts {
        let add = |sum: Counts, next: Counts| Counts {
            line: sum.line + next.line,
            sides: sum.sides + next.sides,
            merges: sum.merges + next.merges,
            folded: sum.folded + next.folded,
        };
        self.replayed.iter().map(|replayed| replayed.counts).fold(Counts::default(), add)
    }
}
