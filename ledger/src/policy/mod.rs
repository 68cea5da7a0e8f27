//! Policies: who may do what, where, and what must be true of what they do.

pub(crate) mod attestation;
#[cfg(feature = "execution")]
mod check;
#[cfg(feature = "execution")]
mod content;
pub mod glob;
mod rate;
pub mod reputation;
mod format;
mod schema;
mod strategy;
#[cfg(feature = "execution")]
mod tally;

#[cfg(feature = "execution")]
pub use check::{BadPolicy, Fault};
#[cfg(feature = "execution")]
pub(crate) use content::{Checks, share, was_behind_others};
pub use format::{DOCUMENT_BYTES_MAX, Format};
pub(crate) use rate::{Load, TooMuch};
pub use rate::{Rate, Rates, Taken};
pub use schema::{SCHEMA_BYTES_MAX, Schema};
pub use strategy::{Principle, Step, Strategy, Takeover};
#[cfg(feature = "execution")]
pub use tally::Tally;
#[cfg(feature = "execution")]
pub(crate) use tally::{Costs, PATTERNS_MAX, PLACES_BYTES_MAX};

use crate::policy::attestation::Requirement;
use crate::vocabulary::bounds::OPERATIONS_MAX;
use crate::vocabulary::name::Principal;
use borsh::io::{self, Read};
use borsh::{BorshDeserialize, BorshSerialize};
use core::cell::Cell;
use quorate_pbft::{PublicKey, bounded};
use serde::{Deserialize, Serialize};

/// The releases that decide what parses and what fits a schema. Replicas that differ here could answer differently.
pub const VERSION: &str = "policy rules 4, serde_json 1.0.154, toml 1.2.1+spec-1.1.0, toml_parser 1.1.5+spec-1.1.0, \
    saphyr-parser 0.3.3, jsonschema 0.60.2, regex 1.13.1, regex-automata 0.4.18, regex-syntax 0.8.11";

/// Rules for paths in one policy.
const RULES_MAX: usize = 256;
/// Principals in one list.
const PRINCIPALS_MAX: usize = 1_024;
/// Forbidden texts of one rule.
const FORBIDDEN_MAX: usize = 64;
/// Strategies of one rule.
const STRATEGIES_MAX: usize = 32;
/// Validators of one rule.
const VALIDATORS_MAX: usize = 256;

/// Policy of a domain: rights of its members. Changed by proposals that need the approvals that it names itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DomainPolicy {
    /// Principals that may change files.
    #[borsh(deserialize_with = "bounded::list::<PRINCIPALS_MAX, _, _>")]
    pub writers: Vec<Principal>,
    /// Principals that may read. Writers may as well.
    #[borsh(deserialize_with = "bounded::list::<PRINCIPALS_MAX, _, _>")]
    pub readers: Vec<Principal>,
    /// Approvals that a change of this policy takes.
    #[serde(default)]
    pub approvals: Approvals,
    /// Rules for paths; the first whose pattern fits decides.
    #[serde(default)]
    #[borsh(deserialize_with = "rules")]
    pub paths: Vec<PathRule>,
    /// Quota of the domain.
    #[serde(default)]
    pub quota: Quota,
    /// Rates at which it takes changes.
    #[serde(default)]
    pub rates: Rates,
}

/// Approvals: how many organisations must agree, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Approvals {
    /// Organisations that must agree, the proposer's included; none: [`crate::Electorate::quorum`] of those that have a voice.
    pub organisations: Option<u32>,
    /// Principals that may speak for an organisation; empty: every author that it has enrolled.
    #[borsh(deserialize_with = "bounded::list::<PRINCIPALS_MAX, _, _>")]
    pub by: Vec<Principal>,
}

/// Rule for paths that fit a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PathRule {
    /// See [`glob`].
    pub pattern: String,
    /// Principals that may change them; empty: every writer.
    #[borsh(deserialize_with = "bounded::list::<PRINCIPALS_MAX, _, _>")]
    pub owners: Vec<Principal>,
    /// Once a file stands there it may not be changed, moved or deleted.
    pub write_once: bool,
    /// Bytes of a file.
    pub size_max: Option<u64>,
    /// Format as which the content must parse.
    pub format: Option<Format>,
    /// Texts that the content may not have, compared by bytes.
    #[borsh(deserialize_with = "bounded::list::<FORBIDDEN_MAX, _, _>")]
    pub forbidden: Vec<String>,
    /// Organisations other than the author's that must approve before a change takes effect.
    pub approvals: u32,
    /// Validators, of whom ⌊2n/3⌋ + 1 must attest before a change takes effect; empty: nobody need.
    #[borsh(deserialize_with = "bounded::list::<VALIDATORS_MAX, _, _>")]
    pub validators: Vec<Principal>,
    /// Strategies where two changes meet, in order; empty: merge, then any author who has seen all sides, or a vote.
    #[borsh(deserialize_with = "bounded::list::<STRATEGIES_MAX, _, _>")]
    pub strategies: Vec<Step>,
    /// Whether edits of different words of one line may be merged.
    pub same_line: bool,
    /// Whether the newer of two bumps of one version wins.
    pub newest_version: bool,
    /// Schema of the document; its format is JSON, TOML or YAML.
    pub schema: Option<Schema>,
}

/// Bounds on the content of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Files that are served.
    pub files_max: Option<u64>,
    /// Bytes of the files that are served.
    pub bytes_max: Option<u64>,
}

/// Policy for decisions that concern the whole group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GroupPolicy {
    /// Approvals that it takes to change this policy, to make domains, and to add organisations and their first
    /// authors.
    pub approvals: Approvals,
    /// Rates at which the group's own domain takes changes.
    #[serde(default)]
    pub rates: Rates,
}

/// A policy proposed in an envelope counts towards the operations of that envelope, so no larger one is read.
fn rules<R: Read>(reader: &mut R) -> io::Result<Vec<PathRule>> {
    let mut room = OPERATIONS_MAX;
    bounded::list_of(RULES_MAX, reader, |reader| {
        let rule = PathRule::deserialize_reader(reader)?;
        let entries = rule.entries();
        room = room.checked_sub(entries).ok_or_else(|| bounded::too_many("more entries than one policy holds"))?;
        Ok(rule)
    })
}

impl DomainPolicy {
    /// Entries of all its lists.
    pub(crate) fn entries(&self) -> usize {
        let principals = self.writers.len() + self.readers.len() + self.approvals.by.len();
        principals + self.paths.iter().map(PathRule::entries).sum::<usize>()
    }

    /// Principals of all its lists and rules.
    pub(crate) fn principals(&self) -> impl Iterator<Item = &Principal> {
        let members = self.writers.iter().chain(&self.readers).chain(&self.approvals.by);
        members.chain(self.paths.iter().flat_map(PathRule::principals))
    }

    /// Only who may write and read; the rest as it is by default.
    pub fn new(writers: Vec<Principal>, readers: Vec<Principal>) -> Self {
        let (approvals, paths, quota, rates) = Default::default();
        Self { writers, readers, approvals, paths, quota, rates }
    }

    /// Whether it names somebody to attest changes, or to speak for an organisation.
    pub(crate) fn names(&self, key: &PublicKey, organisation: &str) -> bool {
        let attests = |rule: &PathRule| covers(&rule.validators, key, organisation);
        covers(&self.approvals.by, key, organisation) || self.paths.iter().any(attests)
    }

    /// Whether somebody's word counts as that of their organisation: of members, and of those whom the policy names to
    /// speak. A validator who is no member attests, and has no say in anything else.
    pub fn hears(&self, key: &PublicKey, organisation: &str) -> bool {
        let is_member = covers(&self.writers, key, organisation) || covers(&self.readers, key, organisation);
        let is_named = covers(&self.approvals.by, key, organisation);
        is_named || (is_member && self.approvals.by.is_empty())
    }

    /// The rule for a path.
    pub fn rule(&self, path: &str) -> Option<&PathRule> {
        let mut unbounded = u64::MAX;
        self.rule_within(path, &mut unbounded).flatten()
    }

    /// The rule for a path, within the steps that are left; none where they are used up. The last pattern may go over them.
    pub(crate) fn rule_within(&self, path: &str, left: &mut u64) -> Option<Option<&PathRule>> {
        for rule in &self.paths {
            if *left == 0 {
                return None;
            }
            let steps = Cell::new(0);
            let fits = glob::fits_counted(&rule.pattern, path, &steps);
            *left = left.saturating_sub(steps.get());
            if fits {
                return Some(Some(rule));
            }
        }
        Some(None)
    }
}

impl PathRule {
    /// Entries of its lists, and itself.
    fn entries(&self) -> usize {
        1 + self.owners.len() + self.forbidden.len() + self.validators.len() + self.strategies.len()
    }

    fn principals(&self) -> impl Iterator<Item = &Principal> {
        let deciders = self.strategies.iter().filter_map(|step| step.strategy.principal());
        self.owners.iter().chain(&self.validators).chain(deciders)
    }

    /// Approvals and attestations that it asks for before a change takes effect.
    pub(crate) fn requirement(&self) -> Option<Requirement> {
        let (approvals, validators) = (self.approvals, self.validators.clone());
        let asks = approvals > 0 || !validators.is_empty();
        asks.then(|| Requirement { pattern: self.pattern.clone(), approvals, validators })
    }

    /// Whether it asks anything of contents.
    pub(crate) fn reads_content(&self) -> bool {
        self.size_max.is_some() || self.format.is_some() || !self.forbidden.is_empty()
    }

    /// Whether somebody may change the paths of this rule.
    pub fn is_owner(&self, key: &PublicKey, organisation: &str) -> bool {
        self.owners.is_empty() || covers(&self.owners, key, organisation)
    }
}

impl Approvals {
    /// Organisations of `n` that must vote for one side of a conflict.
    pub fn needed(&self, n: u32) -> u32 {
        self.organisations.unwrap_or(2 * n / 3 + 1)
    }

    /// Whether somebody speaks for their organisation.
    pub fn speaks(&self, key: &PublicKey, organisation: &str) -> bool {
        self.by.is_empty() || covers(&self.by, key, organisation)
    }
}

/// Whether one of these is that author.
pub(crate) fn covers(who: &[Principal], key: &PublicKey, organisation: &str) -> bool {
    who.iter().any(|who| who.covers(key, organisation))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(rule: PathRule) -> DomainPolicy {
        DomainPolicy { paths: vec![rule], ..DomainPolicy::new(vec![], vec![]) }
    }

    #[test]
    fn the_version_names_the_releases_that_are_locked() {
        let lock = include_str!("../../../Cargo.lock");
        for release in VERSION.split(", ").skip(1) {
            let (name, version) = release.trim().split_once(' ').expect("a name and a version");
            assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"")), "{release}");
        }
    }

    /// Faults of documents are named by their first place, and a schema is kept as it is spelled again: `preserve_order`, which any
    /// dependency may turn on for all, would change both.
    #[test]
    fn keys_of_an_object_come_out_sorted() {
        let object: serde_json::Value = serde_json::from_str(r#"{"b": 1, "c": 2, "a": 3}"#).expect("JSON");
        assert_eq!(object.to_string(), r#"{"a":3,"b":1,"c":2}"#);
    }

    #[test]
    fn votes_are_a_quorum_of_organisations_unless_said_otherwise() {
        let default = Approvals::default();
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(|n| default.needed(n)), [1, 2, 3, 3, 4, 5, 5]);
        assert_eq!(Approvals { organisations: Some(2), by: vec![] }.needed(7), 2);
    }

    #[test]
    fn approvals_that_can_never_be_reached_are_refused() {
        for (needed, good) in [(0, false), (1, true), (4, true), (5, false)] {
            assert_eq!(Approvals { organisations: Some(needed), by: vec![] }.check(4).is_ok(), good, "{needed} of 4");
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rule = |pattern: &str| PathRule { pattern: pattern.into(), ..PathRule::default() };
        let policy = DomainPolicy { paths: vec![rule("a/*"), rule("**")], ..DomainPolicy::new(vec![], vec![]) };
        assert_eq!(policy.rule("a/b").map(|rule| rule.pattern.as_str()), Some("a/*"));
        assert_eq!(policy.rule("a/b/c").map(|rule| rule.pattern.as_str()), Some("**"));
    }

    #[test]
    fn a_policy_reads_as_it_was_written_and_takes_no_unknown_words() {
        let rule = PathRule { pattern: "**/*.json".into(), format: Some(Format::Json), ..PathRule::default() };
        let json = serde_json::to_string(&policy(rule.clone())).expect("a policy is JSON");
        assert_eq!(serde_json::from_str::<DomainPolicy>(&json).ok(), Some(policy(rule)));
        assert!(serde_json::from_str::<DomainPolicy>(r#"{"writers": ["*"], "readers": [], "wirters": []}"#).is_err());
        let short = serde_json::from_str::<DomainPolicy>(r#"{"writers": ["*"], "readers": []}"#);
        assert_eq!(short.ok(), Some(DomainPolicy::new(vec![Principal::Everyone], vec![])));
    }

    #[test]
    fn a_rule_without_a_pattern_is_refused() {
        assert_eq!(policy(PathRule::default()).check(4), Err(BadPolicy::Pattern(String::new())));
    }
}
