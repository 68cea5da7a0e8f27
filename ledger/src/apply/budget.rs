//! Bounds on an envelope's cost of execution. Counted in bytes and searches, so every replica stops alike.
//!
//! Operations may name contents that are there already, so a small envelope could ask for the same large merge thousands
//! of times.

use crate::format::envelope::Envelope;
use crate::policy::{self, Costs, DomainPolicy, PathRule};
use crate::vocabulary::bounds::OPERATIONS_MAX;
use core::time::Duration;
use quorate_pbft::Constants;
use quorate_semantic::Work;

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

/// Steps of looking for the rules of paths, as [`policy::glob`] counts them: four to six seconds at the worst. Where 256 rules begin
/// with other folders, 16,384 operations take less than a hundredth of it.
const RULE_STEPS_MAX: u64 = 1 << 31;
/// Bytes that are searched for forbidden texts, once for each text: what one envelope carries, for as many as a rule
/// has, or the largest file and what a merge makes of it.
const FORBIDDEN_BYTES_MAX: u64 = 2 << 30;
/// Requests for locks that are held against those which wait, in search of circles: the whole line of a domain for each that
/// stands in it, as often as an envelope may ask for locks, and once more.
const CIRCLE_STEPS_MAX: u64 = 1 << 24;

/// Part of each bound that an envelope has whatever its organisation has used of the slot before.
const SHARES: u64 = 4_096;

/// Time that a whole bound of bytes, steps or schemas takes at the worst. By rules 16 an organisation's part of a slot is counted in
/// it: another time is another rule.
const LONG: Duration = Duration::from_secs(5);
/// Time that a whole bound of looks, which are at rows, takes at the worst.
const SHORT: Duration = Duration::from_millis(500);

/// Rest of the budget. What waited has operations and bytes, as many as one envelope may have.
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
    rule_steps: u64,
    forbidden_bytes: u64,
    circle_steps: u64,
    waited: (usize, usize),
    /// Whether it was a share from the start.
    pub(super) is_share: bool,
    /// Whether something was asked for that was not left.
    pub(super) is_short: bool,
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
            rule_steps: RULE_STEPS_MAX,
            forbidden_bytes: FORBIDDEN_BYTES_MAX,
            circle_steps: CIRCLE_STEPS_MAX,
            waited: (OPERATIONS_MAX, Constants::ITEM_BYTES_MAX),
            is_share: false,
            is_short: false,
            costs: Costs::default(),
        }
    }
}

impl Budget {
    /// Budget of an envelope whose organisation has used its work: small changes need no more.
    pub(super) fn share() -> Self {
        Self {
            bytes: BYTES_MAX / SHARES,
            steps: STEPS_MAX / SHARES,
            searches: 0,
            looks: LOOKS_MAX / SHARES as usize,
            sides: SIDES_MAX / SHARES as u32,
            voices: VOICES_MAX / SHARES as usize,
            schemas: (PATTERNS_MAX / SHARES, PLACES_BYTES_MAX / SHARES),
            rule_steps: RULE_STEPS_MAX / SHARES,
            forbidden_bytes: FORBIDDEN_BYTES_MAX / SHARES,
            circle_steps: CIRCLE_STEPS_MAX / SHARES,
            is_share: true,
            ..Self::default()
        }
    }

    /// Takes bytes, if there are enough.
    pub(super) fn take_bytes(&mut self, bytes: u64) -> bool {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.unwrap_or(self.bytes);
        self.has(left.is_some())
    }

    /// Whether no further merge may begin.
    pub(super) fn is_out_of_steps(&mut self) -> bool {
        !self.has(self.steps > 0)
    }

    /// Work of the next merge. In a share it has what is left, and is cut off there; a merge that is not goes as with all steps.
    pub(super) fn work(&self) -> Work {
        if self.is_share { Work::of(self.steps) } else { Work::default() }
    }

    /// Counts what a merge took.
    pub(super) fn count_work(&mut self, work: &Work) {
        self.count_steps(work.taken());
        self.is_short |= self.is_share && work.is_spent();
    }

    fn count_steps(&mut self, steps: u64) {
        self.steps = self.steps.saturating_sub(steps);
    }

    /// Takes a search, if one is left.
    pub(super) fn take_search(&mut self) -> bool {
        let left = self.searches.checked_sub(1);
        self.searches = left.unwrap_or(0);
        self.has(left.is_some())
    }

    /// Takes looks at files of renamed folders or at versions of a path, if there are enough.
    pub(super) fn take_looks(&mut self, looks: usize) -> bool {
        let left = self.looks.checked_sub(looks);
        self.looks = left.unwrap_or(self.looks);
        self.has(left.is_some())
    }

    /// Whether no further look at a folder may begin.
    pub(super) fn is_out_of_looks(&mut self) -> bool {
        !self.has(self.looks > 0)
    }

    /// Counts looks that were made in any case.
    pub(super) fn count_looks(&mut self, looks: usize) {
        self.looks = self.looks.saturating_sub(looks);
    }

    /// Takes a look at a side of a conflict, if one is left.
    pub(super) fn take_side(&mut self) -> bool {
        let left = self.sides.checked_sub(1);
        self.sides = left.unwrap_or(0);
        self.has(left.is_some())
    }

    /// Takes principals that are looked up, if there are enough.
    pub(super) fn take_voices(&mut self, principals: usize) -> bool {
        let left = self.voices.checked_sub(principals);
        self.voices = left.unwrap_or(self.voices);
        self.has(left.is_some())
    }

    /// Takes regular expressions and places of schemas that are made ready, if there are enough.
    pub(super) fn take_schemas(&mut self, (patterns, places): (u64, u64)) -> bool {
        let left = self.schemas.0.checked_sub(patterns).zip(self.schemas.1.checked_sub(places));
        self.schemas = left.unwrap_or(self.schemas);
        self.has(left.is_some())
    }

    /// The rule for a path, if there are steps left to look for it.
    pub(super) fn rule<'p>(&mut self, policy: &'p DomainPolicy, path: &str) -> Option<Option<&'p PathRule>> {
        let found = policy.rule_within(path, &mut self.rule_steps);
        self.has(found.is_some());
        found
    }

    /// Takes bytes that are searched for each of so many forbidden texts, if there are enough.
    pub(super) fn take_forbidden(&mut self, bytes: u64, texts: usize) -> bool {
        let left = self.forbidden_bytes.checked_sub(bytes.saturating_mul(texts as u64));
        self.forbidden_bytes = left.unwrap_or(self.forbidden_bytes);
        self.has(left.is_some())
    }

    /// Steps in search of circles of locks.
    pub(super) fn circle_steps(&self) -> u64 {
        self.circle_steps
    }

    /// Keeps what a search for circles has left of the steps; it took all where they were not enough.
    pub(super) fn keep_circle_steps(&mut self, left: u64) {
        self.circle_steps = left;
        self.has(left > 0);
    }

    /// Takes a change that waited, of so many bytes, if there is room for another one.
    pub(super) fn take_change(&mut self, envelope: &Envelope, bytes: usize) -> bool {
        let operations: usize = envelope.body.changes.iter().map(|change| change.ops.len()).sum();
        let left = self.waited.0.checked_sub(operations).zip(self.waited.1.checked_sub(bytes));
        self.waited = left.unwrap_or(self.waited);
        left.is_some()
    }

    /// Time that what was taken takes at the worst. A lock takes looks at its line, and its search of circles.
    pub(super) fn time(&self) -> Duration {
        let long = [
            (self.bytes, BYTES_MAX),
            (self.steps, STEPS_MAX),
            (self.schemas.0, PATTERNS_MAX),
            (self.schemas.1, PLACES_BYTES_MAX),
            (self.rule_steps, RULE_STEPS_MAX),
            (self.forbidden_bytes, FORBIDDEN_BYTES_MAX),
            (self.circle_steps, CIRCLE_STEPS_MAX),
        ];
        let short = [
            (self.looks as u64, LOOKS_MAX as u64),
            (self.sides.into(), SIDES_MAX.into()),
            (self.searches.into(), SEARCHES_MAX.into()),
            (self.voices as u64, VOICES_MAX as u64),
        ];
        long.map(|bound| policy::share(LONG, bound)).iter().chain(&short.map(|bound| policy::share(SHORT, bound))).sum()
    }

    fn has(&mut self, has: bool) -> bool {
        self.is_short |= !has;
        has
    }

    /// Takes a look at a line of locks, if one is left.
    pub(super) fn take_lock(&mut self) -> bool {
        let left = self.locks.checked_sub(1);
        self.locks = left.unwrap_or(0);
        self.has(left.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_for_rules_stop_where_their_steps_are_used_up_and_a_policy_without_rules_takes_none() {
        let rule = PathRule { pattern: "**/a*b".into(), ..PathRule::default() };
        let policy = DomainPolicy { paths: vec![rule], ..DomainPolicy::new(vec![], vec![]) };
        let mut budget = Budget { rule_steps: 8, ..Budget::default() };
        assert_eq!(budget.rule(&policy, "x/aab"), Some(policy.paths.first()), "the last look may go over it");
        assert!(!budget.is_short);
        assert_eq!((budget.rule(&policy, "x/aab"), budget.is_short), (None, true));
        assert_eq!(budget.rule(&DomainPolicy::new(vec![], vec![]), "x/aab"), Some(None));
    }

    #[test]
    fn as_many_operations_as_an_envelope_may_have_look_at_256_usual_patterns() {
        for pattern in
            ["docs-{}/**", "services/team-alpha/component-{}/src/**", "**/*.ext{}", "**/*part-{}*", "**/name-{}/**"]
        {
            let pattern = |number: usize| pattern.replace("{}", &number.to_string());
            let rule = |number| PathRule { pattern: pattern(number), ..PathRule::default() };
            let paths = (1_000..1_256).map(rule).collect();
            let (policy, mut budget) = (DomainPolicy { paths, ..DomainPolicy::new(vec![], vec![]) }, Budget::default());
            assert_eq!(budget.rule(&policy, "services/team-alpha/component-7/src/main/file.rs"), Some(None));
            let steps = RULE_STEPS_MAX - budget.rule_steps;
            assert!(steps * (OPERATIONS_MAX as u64) < RULE_STEPS_MAX, "{}: {steps} steps", pattern(0));
        }
    }

    #[test]
    fn the_largest_file_is_searched_for_as_many_texts_as_a_rule_has_and_only_once() {
        let mut budget = Budget::default();
        assert!(budget.take_forbidden(32 << 20, 64));
        assert!(!budget.take_forbidden(1, 1) && budget.is_short);
        assert!(budget.take_forbidden(1, 0));
    }

    #[test]
    fn the_whole_of_a_bound_takes_seconds_and_a_part_of_it_that_part() {
        let mut budget = Budget::default();
        assert_eq!(budget.time(), Duration::ZERO);
        assert!(budget.take_forbidden(32 << 20, 64));
        assert_eq!(budget.time(), LONG);
        assert!(budget.take_looks(LOOKS_MAX / 2));
        budget.count_steps(STEPS_MAX / 4);
        assert_eq!(budget.time(), LONG + SHORT / 2 + LONG / 4);
    }

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
