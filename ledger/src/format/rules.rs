//! Rules of execution by their number: those that a program knows, and those that a group is in.
//!
//! A group executes by the rules that the entry of its epoch names. Another number comes into force at the end of an epoch,
//! as another member list does, so that members can start a newer program one after the other before it.

use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Rules of a group whose genesis names none.
pub const RULES_FIRST: u32 = 8;

/// Rules that this program can execute: 8, and 9 which enrol observers and go up by one number at a time.
pub const RULES: RulesRange = RulesRange { oldest: RULES_FIRST, newest: 9 };

/// Rules from which on a proposal names no rules but those of the next number.
pub(crate) const NEXT_SINCE: u32 = 9;

/// Names of merging and of policies, by the first number of rules that has them. They stand in the state, so the names of a
/// number never change: a release that answers otherwise has a number of its own, and goes on to answer older ones as before.
const NAMES: &[(u32, &str, &str)] = &[(
    RULES_FIRST,
    "quorate-semantic 0.1.0 rules 21, imara-diff 0.2.0 myers, unicode-normalization 0.1.26",
    "policy rules 4, serde_json 1.0.154, toml 1.2.1+spec-1.1.0, toml_parser 1.1.5+spec-1.1.0, \
     saphyr-parser 0.3.3, jsonschema 0.60.2, regex 1.13.1, regex-automata 0.4.18, regex-syntax 0.8.11",
)];

/// Name of rules in the state, with everything that decides how they answer; none of rules that this program cannot execute.
pub fn rules_name(rules: u32) -> Option<String> {
    let (_, merging, policies) =
        NAMES.iter().rev().find(|(first, ..)| *first <= rules).filter(|_| RULES.contains(rules))?;
    Some(format!("quorate-ledger rules {rules}; {merging}; {policies}"))
}

/// Rules that a program can execute, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RulesRange {
    /// The lowest number.
    pub oldest: u32,
    /// The highest number.
    pub newest: u32,
}

impl RulesRange {
    /// Whether it can execute these.
    pub fn contains(self, rules: u32) -> bool {
        (self.oldest..=self.newest).contains(&rules)
    }
}

impl fmt::Display for RulesRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.oldest, self.newest) {
            (oldest, newest) if oldest == newest => write!(f, "rules {newest}"),
            (oldest, newest) => write!(f, "rules {oldest} to {newest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_and_policies_that_answer_otherwise_have_rules_of_a_number_of_their_own() {
        let newest = rules_name(RULES.newest).expect("its own");
        let (merging, policies) = (quorate_semantic::VERSION, crate::policy::VERSION);
        assert!(
            newest.ends_with(&format!("; {merging}; {policies}")),
            "merging or policies have changed since {newest}: raise `RULES.newest`, and name them for that number in `NAMES`"
        );
    }

    #[test]
    fn every_number_that_is_executed_has_a_name_and_no_other() {
        let named: Vec<u32> = (0..100).filter(|rules| rules_name(*rules).is_some()).collect();
        assert_eq!(named, (RULES.oldest..=RULES.newest).collect::<Vec<_>>());
        assert!(NAMES.is_sorted_by(|left, right| left.0 < right.0));
    }
}
