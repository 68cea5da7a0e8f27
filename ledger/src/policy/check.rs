//! Checks of policies before they are in force: what is too long, or could never be met.

use super::{
    Approvals, DomainPolicy, FORBIDDEN_MAX, Format, GroupPolicy, PRINCIPALS_MAX, PathRule, RULES_MAX, Rate, Rates,
    STRATEGIES_MAX, Strategy, VALIDATORS_MAX, glob,
};
use crate::vocabulary::name::Principal;

/// Bytes of a forbidden text.
const FORBIDDEN_BYTES_MAX: usize = 256;
/// Bytes of all schemas of one policy: they are made ready anew for each envelope that needs them.
const SCHEMAS_BYTES_MAX: usize = 1 << 20;

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

impl DomainPolicy {
    /// Whether it can be used in a group of so many organisations.
    pub fn check(&self, organisations: u32) -> Result<(), BadPolicy> {
        let lists = [&self.writers, &self.readers].into_iter().chain(self.paths.iter().map(|rule| &rule.owners));
        if lists.into_iter().any(|list| list.len() > PRINCIPALS_MAX) {
            return Err(BadPolicy::TooLong("a list of principals"));
        }
        if self.paths.len() > RULES_MAX {
            return Err(BadPolicy::TooLong("the list of rules for paths"));
        }
        let schemas = self.paths.iter().filter_map(|rule| rule.schema.as_ref());
        if schemas.map(|schema| schema.text().len()).sum::<usize>() > SCHEMAS_BYTES_MAX {
            return Err(BadPolicy::TooLong("the text of all schemas"));
        }
        self.rates.check()?;
        self.approvals.check(organisations)?;
        self.paths.iter().try_for_each(|rule| rule.check(organisations))
    }
}

impl PathRule {
    fn check(&self, organisations: u32) -> Result<(), BadPolicy> {
        if self.approvals >= organisations {
            return Err(BadPolicy::Approvals(self.approvals));
        }
        if self.strategies.len() > STRATEGIES_MAX {
            return Err(BadPolicy::TooLong("a list of strategies"));
        }
        let votes = self.strategies.iter().filter_map(|step| match step.strategy {
            Strategy::Vote(organisations) => organisations,
            _ => None,
        });
        for needed in votes {
            Approvals { organisations: Some(needed), by: Vec::new() }.check(organisations)?;
        }
        if self.validators.len() > VALIDATORS_MAX || self.validators.contains(&Principal::Everyone) {
            return Err(BadPolicy::TooLong("a list of validators, who must be named,"));
        }
        if !glob::is_pattern(&self.pattern) {
            return Err(BadPolicy::Pattern(self.pattern.chars().take(100).collect()));
        }
        let too_long = |text: &String| text.is_empty() || text.len() > FORBIDDEN_BYTES_MAX;
        if self.forbidden.len() > FORBIDDEN_MAX || self.forbidden.iter().any(too_long) {
            return Err(BadPolicy::TooLong("a forbidden text, or their list,"));
        }
        self.check_schema().map_err(|why| BadPolicy::Schema { pattern: self.pattern.clone(), why })
    }

    fn check_schema(&self) -> Result<(), String> {
        match (&self.schema, self.format) {
            (None, _) => Ok(()),
            (Some(_), None | Some(Format::Text)) => Err("the format must be json, toml or yaml".into()),
            (Some(schema), Some(_)) => schema.compile().map(drop),
        }
    }
}

impl GroupPolicy {
    /// Whether it can be used in a group of so many organisations.
    pub fn check(&self, organisations: u32) -> Result<(), BadPolicy> {
        self.rates.check()?;
        self.approvals.check(organisations)
    }
}

impl Approvals {
    /// Whether they can be reached in a group of so many organisations.
    pub fn check(&self, organisations: u32) -> Result<(), BadPolicy> {
        if self.by.len() > PRINCIPALS_MAX {
            return Err(BadPolicy::TooLong("a list of principals"));
        }
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
}
