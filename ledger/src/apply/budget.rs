//! Bounds on an envelope's cost of execution. Counted in bytes and searches, so every replica stops alike.
//!
//! Operations may name contents that are there already, so a small envelope could ask for the same large merge thousands
//! of times.

use crate::policy::{self, Costs};

/// Bytes that one envelope may have merged or checked, all inputs counted: some of the largest files, or thousands of
/// usual ones.
const BYTES_MAX: u64 = 256 << 20;
/// Steps of merging for one envelope, as the merge layer counts them: that of the dearest two merges. Each merge has its
/// own limit, so that what becomes of a file does not depend on the files before it; the last one may go over this.
const STEPS_MAX: u64 = 2 * quorate_semantic::STEPS_MAX;
/// Contents of one envelope that are searched for among the versions and sides of their paths.
const SEARCHES_MAX: u32 = 256;

/// Files of renamed folders that one envelope may have looked at, to find where its files belong: some hundreds of the
/// largest folders. Later files stay where their author put them. Versions of paths that its files leave count as well (rules 15).
const LOOKS_MAX: usize = 65_536;
/// Sides of conflicts that one envelope may have looked at where it joins them (rules 16): those of a conflict for each of
/// its operations.
const SIDES_MAX: u32 = 65_536;
/// Locks that one envelope asks for or gives back: each is a look at a whole line.
const LOCKS_MAX: u32 = 16;

/// Principals of policies that one envelope may have looked up, to count who has a voice: those of the largest policy some
/// times. No single operation needs as many.
const VOICES_MAX: usize = 16_384;

/// Regular expressions of schemas that one envelope may have compiled: those of the largest policy where it is proposed and
/// where it takes effect, and of as many small ones.
const PATTERNS_MAX: u64 = 4 * policy::PATTERNS_MAX;
/// Bytes of the places of these schemas' parts, in the same way.
const PLACES_BYTES_MAX: u64 = 4 * policy::PLACES_BYTES_MAX;

/// Rest of the budget.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: u64,
    steps: u64,
    searches: u32,
    looks: usize,
    sides: u32,
    locks: u32,
    voices: usize,
    schemas: (u64, u64),
    pub(super) costs: Costs,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            bytes: BYTES_MAX,
            steps: STEPS_MAX,
            searches: SEARCHES_MAX,
            looks: LOOKS_MAX,
            sides: SIDES_MAX,
            locks: LOCKS_MAX,
            voices: VOICES_MAX,
            schemas: (PATTERNS_MAX, PLACES_BYTES_MAX),
            costs: Costs::default(),
        }
    }
}

impl Budget {
    /// Takes bytes, if there are enough.
    pub(super) fn take_bytes(&mut self, bytes: u64) -> bool {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.unwrap_or(self.bytes);
        left.is_some()
    }

    /// Whether no further merge may begin.
    pub(super) fn is_out_of_steps(&self) -> bool {
        self.steps == 0
    }

    /// Counts what a merge took.
    pub(super) fn count_steps(&mut self, steps: u64) {
        self.steps = self.steps.saturating_sub(steps);
    }

    /// Takes a search, if one is left.
    pub(super) fn take_search(&mut self) -> bool {
        let left = self.searches.checked_sub(1);
        self.searches = left.unwrap_or(0);
        left.is_some()
    }

    /// Takes looks at files of renamed folders or at versions of a path, if there are enough.
    pub(super) fn take_looks(&mut self, looks: usize) -> bool {
        let left = self.looks.checked_sub(looks);
        self.looks = left.unwrap_or(self.looks);
        left.is_some()
    }

    /// Takes a look at a side of a conflict, if one is left.
    pub(super) fn take_side(&mut self) -> bool {
        let left = self.sides.checked_sub(1);
        self.sides = left.unwrap_or(0);
        left.is_some()
    }

    /// Takes principals that are looked up, if there are enough.
    pub(super) fn take_voices(&mut self, principals: usize) -> bool {
        let left = self.voices.checked_sub(principals);
        self.voices = left.unwrap_or(self.voices);
        left.is_some()
    }

    /// Takes regular expressions and places of schemas that are made ready, if there are enough.
    pub(super) fn take_schemas(&mut self, (patterns, places): (u64, u64)) -> bool {
        let left = self.schemas.0.checked_sub(patterns).zip(self.schemas.1.checked_sub(places));
        self.schemas = left.unwrap_or(self.schemas);
        left.is_some()
    }

    /// Takes a look at a line of locks, if one is left.
    pub(super) fn take_lock(&mut self) -> bool {
        let left = self.locks.checked_sub(1);
        self.locks = left.unwrap_or(0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_that_took_the_steps_of_its_merges_begins_no_further_one() {
        let mut budget = Budget::default();
        budget.count_steps(quorate_semantic::STEPS_MAX);
        assert!(!budget.is_out_of_steps());
        budget.count_steps(quorate_semantic::STEPS_MAX);
        assert!(budget.is_out_of_steps());
        budget.count_steps(1);
        assert!(budget.is_out_of_steps());
    }
}
