//! Parts of rules of execution: the rules of merging and of policies that belong to a number, and its name in the state.

use crate::format::rules::{RULES, RULES_FIRST};
use quorate_semantic::Rules as Merging;

/// Rules of policies, of which all rules so far have the same.
const POLICIES_4: &str = "policy rules 4, serde_json 1.0.154, toml 1.2.1+spec-1.1.0, toml_parser 1.1.5+spec-1.1.0, \
     saphyr-parser 0.3.3, jsonschema 0.60.2, regex 1.13.1, regex-automata 0.4.18, regex-syntax 0.8.11";

/// Rules of merging and of policies, by the first number of rules that has them. Their names stand in the state, so those of
/// a number never change: a release that answers otherwise has a number of its own, and goes on to answer older ones as
/// before.
const PARTS: &[(u32, Merging, &str)] = &[
    (RULES_FIRST, Merging::V21, POLICIES_4),
    (10, Merging::V22, POLICIES_4),
    (12, Merging::V23, POLICIES_4),
    (13, Merging::V24, POLICIES_4),
    (15, Merging::V25, POLICIES_4),
    (16, Merging::V26, POLICIES_4),
];

/// Rules of merging and of policies that belong to a number; none of one that this program cannot execute.
fn parts(rules: u32) -> Option<(Merging, &'static str)> {
    let (_, merging, policies) =
        PARTS.iter().rev().find(|(first, ..)| *first <= rules).filter(|_| RULES.contains(rules))?;
    Some((*merging, policies))
}

/// Rules by which a group of these rules merges.
pub(crate) fn merging(rules: u32) -> Merging {
    parts(rules).expect("a group is in rules that its program executes").0
}

/// Name of rules in the state, with everything that decides how they answer; none of rules that this program cannot execute.
pub fn rules_name(rules: u32) -> Option<String> {
    let (merging, policies) = parts(rules)?;
    Some(format!("quorate-ledger rules {rules}; {}; {policies}", merging.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_and_policies_that_answer_otherwise_have_rules_of_a_number_of_their_own() {
        let newest = rules_name(RULES.newest).expect("its own");
        let (merging, policies) = (Merging::NEWEST.name(), crate::policy::VERSION);
        assert!(
            newest.ends_with(&format!("; {merging}; {policies}")),
            "merging or policies have changed since {newest}: raise `RULES.newest`, and name them for that number in `PARTS`"
        );
    }

    #[test]
    fn every_number_that_is_executed_has_a_name_and_no_other() {
        let named: Vec<u32> = (0..100).filter(|rules| rules_name(*rules).is_some()).collect();
        assert_eq!(named, (RULES.oldest..=RULES.newest).collect::<Vec<_>>());
        assert!(PARTS.is_sorted_by(|left, right| left.0 < right.0));
    }
}
