//! Checks of policies before they are in force: what is too long, or could never be met.

use super::{
    Approvals, Costs, DomainPolicy, FORBIDDEN_MAX, Format, GroupPolicy, PATTERNS_MAX, PLACES_BYTES_MAX, PRINCIPALS_MAX,
    PathRule, Principle, RULES_MAX, Rate, Rates, STRATEGIES_MAX, Schema, Strategy, Tally, VALIDATORS_MAX, glob,
};
use crate::vocabulary::name::Principal;
use crate::vocabulary::shelter::sheltered;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::iter::once_with;

/// Bytes of a forbidden text.
const FORBIDDEN_BYTES_MAX: usize = 256;
/// Bytes of all schemas of one policy: they are made ready anew for each envelope that needs them.
const SCHEMAS_BYTES_MAX: usize = 1 << 20;

/// Bytes of all patterns of one policy (rules 16): each path that is touched may be held against all of them.
const GLOBS_BYTES_MAX: usize = 64 << 10;

/// Milliseconds that a rate may look back: a day.
const PERIOD_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// Why a policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicy {
    /// A list or text is longer than it may be.
    #[error("{0} is longer than it may be")]
    TooLong(&'static str),
    /// Not a pattern.
    #[error("{0:?} is not a pattern of paths")]
    Pattern(String),
    /// A policy that nobody could ever change, or that would change by itself.
    #[error("approvals of {0} organisations can never be reached, or mean nothing")]
    Approvals(u32),
    /// An arbiter who may not write, so that nobody could end a conflict.
    #[error("{0} is to decide conflicts and may not change these paths")]
    Arbiter(Principal),
    /// A schema that cannot be used.
    #[error("the schema for {pattern:?}: {why}")]
    Schema {
        /// The rule's pattern.
        pattern: String,
        /// Fault and its place.
        why: String,
    },
    /// A rate of nothing, or of no time, or of more than a day.
    #[error("a rate is of at least one change or byte, per 1 to 86400000 ms")]
    Rate,
}

/// Fault of a policy, and its place in the JSON document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Field, or number of the rule.
    pub place: String,
    /// Reason for which it cannot be used.
    pub why: BadPolicy,
}

impl DomainPolicy {
    /// Whether it can be used in a group of so many organisations.
    pub fn check(&self, organisations: u32) -> Result<(), BadPolicy> {
        self.faults(organisations).next().map_or(Ok(()), |fault| Err(fault.why))
    }

    /// Whether it can take the place of a policy in force, from rules 15 on: its schemas may cost as much as those of that one,
    /// and those that are the same are known to be usable.
    pub(crate) fn check_after(&self, known: Option<&Self>, organisations: u32, costs: &Costs) -> Result<(), BadPolicy> {
        self.check_paths()?;
        let (cost, mut most) = (self.cost_by(costs), (PATTERNS_MAX, PLACES_BYTES_MAX));
        if within(cost, most).is_err()
            && let Some((patterns, places)) = known.map(|known| known.cost_by(costs))
        {
            most = (patterns.max(most.0), places.max(most.1));
        }
        within(cost, most)?;
        known.map_or(Cow::Borrowed(self), |known| Cow::Owned(self.without_schemas_of(known))).check(organisations)
    }

    /// Whether its patterns are no longer than those of a policy may be, or of the one in force are, from rules 16 on.
    pub fn check_patterns(&self, known: Option<&Self>) -> Result<(), BadPolicy> {
        let bytes = |policy: &Self| policy.paths.iter().map(|rule| rule.pattern.len()).sum::<usize>();
        match bytes(self) > known.map_or(0, bytes).max(GLOBS_BYTES_MAX) {
            true => Err(BadPolicy::TooLong("the text of all patterns")),
            false => Ok(()),
        }
    }

    /// Cost of the schemas that have to be made ready before it takes the place of a policy in force; none where there are too
    /// many of them to look at.
    pub(crate) fn cost_after(&self, known: Option<&Self>, costs: &Costs) -> (u64, u64) {
        match known {
            _ if self.check_paths().is_err() => (0, 0),
            Some(known) => self.without_schemas_of(known).cost_by(costs),
            None => self.cost_by(costs),
        }
    }

    fn without_schemas_of(&self, known: &Self) -> Self {
        let theirs: BTreeSet<_> = known.paths.iter().filter_map(PathRule::document).collect();
        let mut new = self.clone();
        for rule in new.paths.iter_mut().filter(|rule| rule.document().is_some_and(|of| theirs.contains(&of))) {
            rule.schema = None;
        }
        new
    }

    /// Regular expressions in its schemas, and bytes of the places of their parts; a fault where these are more than may be
    /// made ready (rules 14).
    pub fn schemas_cost(&self, tally: Tally) -> Result<(u64, u64), BadPolicy> {
        self.check_paths()?;
        within(sum(self.schemas().map(|schema| schema.cost(tally))), (PATTERNS_MAX, PLACES_BYTES_MAX))
    }

    fn cost_by(&self, costs: &Costs) -> (u64, u64) {
        sum(self.schemas().map(|schema| costs.of(schema)))
    }

    fn schemas(&self) -> impl Iterator<Item = &Schema> {
        self.paths.iter().filter_map(|rule| rule.schema.as_ref())
    }

    /// Faults in the order of their fields: later ones are looked for only when asked for.
    pub fn faults(&self, organisations: u32) -> impl Iterator<Item = Fault> + '_ {
        let whole = [
            ("writers", principals(&self.writers)),
            ("readers", principals(&self.readers)),
            ("paths", self.check_paths()),
            ("rates", self.rates.check()),
            ("approvals", self.approvals.check(organisations)),
        ];
        let whole = whole.into_iter().filter_map(|(place, checked)| Some((place.to_owned(), checked.err()?)));
        // Schemas are compiled only where there are not too many of them.
        let rules = self.paths.iter().take(if self.check_paths().is_ok() { RULES_MAX } else { 0 }).enumerate();
        let of_rules = rules.flat_map(move |(number, rule)| {
            rule.faults(organisations, &self.writers).map(move |why| (format!("paths[{number}]"), why))
        });
        whole.chain(of_rules).map(|(place, why)| Fault { place, why })
    }

    fn check_paths(&self) -> Result<(), BadPolicy> {
        if self.paths.len() > RULES_MAX {
            return Err(BadPolicy::TooLong("the list of rules for paths"));
        }
        match self.schemas().map(|schema| schema.text().len()).sum::<usize>() > SCHEMAS_BYTES_MAX {
            true => Err(BadPolicy::TooLong("the text of all schemas")),
            false => Ok(()),
        }
    }
}

fn sum(costs: impl Iterator<Item = (u64, u64)>) -> (u64, u64) {
    costs.fold((0, 0), |sum, cost| (sum.0 + cost.0, sum.1.saturating_add(cost.1)))
}

fn within(cost: (u64, u64), most: (u64, u64)) -> Result<(u64, u64), BadPolicy> {
    match cost {
        (patterns, _) if patterns > most.0 => Err(BadPolicy::TooLong("the list of all schemas' regular expressions")),
        (_, places) if places > most.1 => Err(BadPolicy::TooLong("the list of places of all schemas' keywords")),
        cost => Ok(cost),
    }
}

fn principals(list: &[Principal]) -> Result<(), BadPolicy> {
    if list.len() > PRINCIPALS_MAX { Err(BadPolicy::TooLong("a list of principals")) } else { Ok(()) }
}

impl PathRule {
    /// Faults in their order; a schema is compiled only once those before it were taken.
    fn faults<'r>(&'r self, organisations: u32, writers: &'r [Principal]) -> impl Iterator<Item = BadPolicy> + 'r {
        let first = [
            principals(&self.owners).err(),
            (self.approvals >= organisations).then_some(BadPolicy::Approvals(self.approvals)),
            (self.strategies.len() > STRATEGIES_MAX).then_some(BadPolicy::TooLong("a list of strategies")),
        ];
        let votes = self.strategies.iter().filter_map(move |step| match step.strategy {
            Strategy::Vote(needed) => Approvals { organisations: needed, by: vec![] }.check(organisations).err(),
            _ => None,
        });
        let are_bad = self.validators.len() > VALIDATORS_MAX || self.validators.contains(&Principal::Everyone);
        let too_long = |text: &String| text.is_empty() || text.len() > FORBIDDEN_BYTES_MAX;
        let are_long = self.forbidden.len() > FORBIDDEN_MAX || self.forbidden.iter().any(too_long);
        let pattern = || BadPolicy::Pattern(self.pattern.chars().take(100).collect());
        let last = [
            are_bad.then_some(BadPolicy::TooLong("a list of validators, who must be named,")),
            (!glob::is_pattern(&self.pattern)).then(pattern),
            are_long.then_some(BadPolicy::TooLong("a forbidden text, or their list,")),
        ];
        let schema = once_with(|| self.check_schema().err()).flatten();
        let schema = schema.map(|why| BadPolicy::Schema { pattern: self.pattern.clone(), why });
        let arbiters = self.idle_arbiters(writers).map(|who| BadPolicy::Arbiter(who.clone()));
        first.into_iter().flatten().chain(votes).chain(last.into_iter().flatten()).chain(schema).chain(arbiters)
    }

    /// Format and schema of its documents.
    fn document(&self) -> Option<(&'static str, &str)> {
        Some((self.format?.name(), self.schema.as_ref()?.text()))
    }

    /// Arbiters who may not write: their verdicts are changes.
    fn idle_arbiters<'r>(&'r self, writers: &'r [Principal]) -> impl Iterator<Item = &'r Principal> {
        let arbiters = self.strategies.iter().filter_map(|step| match &step.strategy {
            Strategy::Arbitrate(who) | Strategy::Rule(Principle::Regenerate(who)) => Some(who),
            _ => None,
        });
        arbiters.filter(|who| {
            let owns = self.owners.is_empty() || self.owners.iter().any(|owner| may_meet(owner, who));
            !(owns && writers.iter().any(|writer| may_meet(writer, who)))
        })
    }

    fn check_schema(&self) -> Result<(), String> {
        match (&self.schema, self.format) {
            (None, _) => Ok(()),
            (Some(_), None | Some(Format::Text)) => Err("the format must be json, toml or yaml".into()),
            (Some(schema), Some(_)) => usable(|| schema.compile()),
        }
    }
}

/// Whether a schema can be made ready for use; not if that panics (docs/adr/panics-of-merges.md).
fn usable<T>(compile: impl FnOnce() -> Result<T, String>) -> Result<(), String> {
    let mistake = || Err("making it ready for use fails, by a mistake in quorate".into());
    sheltered(compile).unwrap_or_else(mistake).map(drop)
}

/// Whether some author may be both: the organisation of a key is not known here.
fn may_meet(one: &Principal, other: &Principal) -> bool {
    match (one, other) {
        (Principal::Organisation(one), Principal::Organisation(other)) => one == other,
        (Principal::Author(one), Principal::Author(other)) => one == other,
        (Principal::Everyone | Principal::Organisation(_) | Principal::Author(_), _) => true,
    }
}

impl GroupPolicy {
    /// Whether it can be used in a group of so many organisations.
    pub fn check(&self, organisations: u32) -> Result<(), BadPolicy> {
        self.faults(organisations).next().map_or(Ok(()), |fault| Err(fault.why))
    }

    /// Faults in the order of their fields.
    pub fn faults(&self, organisations: u32) -> impl Iterator<Item = Fault> {
        let checked = [("rates", self.rates.check()), ("approvals", self.approvals.check(organisations))];
        checked.into_iter().filter_map(|(place, checked)| Some(Fault { place: place.to_owned(), why: checked.err()? }))
    }
}

impl Approvals {
    /// Whether they can be reached in a group of so many organisations.
    pub fn check(&self, organisations: u32) -> Result<(), BadPolicy> {
        principals(&self.by)?;
        match self.organisations {
            Some(needed) if needed == 0 || needed > organisations => Err(BadPolicy::Approvals(needed)),
            _ => Ok(()),
        }
    }
}

impl Rates {
    fn check(&self) -> Result<(), BadPolicy> {
        [self.author, self.organisation].iter().flatten().try_for_each(Rate::check)
    }
}

impl Rate {
    fn check(&self) -> Result<(), BadPolicy> {
        let known = (1..=PERIOD_MS_MAX).contains(&self.per_ms) && self.changes != Some(0) && self.bytes != Some(0);
        if known { Ok(()) } else { Err(BadPolicy::Rate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_mean_nothing_are_refused() {
        let rate = Rate { per_ms: 1_000, changes: Some(10), bytes: None };
        for bad in
            [Rate { per_ms: 0, ..rate }, Rate { per_ms: PERIOD_MS_MAX + 1, ..rate }, Rate { changes: Some(0), ..rate }]
        {
            assert_eq!(bad.check(), Err(BadPolicy::Rate));
        }
        assert_eq!(rate.check(), Ok(()));
    }

    #[test]
    fn a_schema_whose_compilation_panics_is_refused_and_ends_no_replica() {
        let why = usable::<()>(|| panic!("a mistake")).expect_err("not usable");
        assert!(why.ends_with("by a mistake in quorate"), "{why}");
    }
}
