//! A group merges by the rules that it is in, whatever newer ones its program knows.

mod support;

use quorate_ledger::State;
use support::world::{World, write};

const BASE: &str = "- a\n- b\n- c\n";
const INDENTED: &str = "- a\n  - b\n- c\n";
const EDITED: &str = "- a\n- b more\n- c\n";

/// State of a change that edits a line, in a group of these rules whose current version has the line deeper; and the file.
fn merged(rules: u32) -> (State, Option<String>) {
    let mut world = World::of(support::genesis_by(Some(rules)));
    world.does(0, &[write("a.md", BASE)]);
    let base = world.now();
    world.does(0, &[write("a.md", INDENTED)]);

    let receipt = world.does_on(base, 1, &[write("a.md", EDITED)]);

    (receipt.state, world.text("a.md"))
}

#[test]
fn a_group_of_older_rules_goes_on_to_merge_as_they_do() {
    for rules in [8, 9] {
        assert_eq!(merged(rules), (State::Merged, Some(EDITED.into())), "rules {rules}: the indentation is lost");
    }
}

#[test]
fn a_group_of_rules_10_merges_by_rules_22_of_merging() {
    assert_eq!(merged(10), (State::Conflict, Some(INDENTED.into())));
}
