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
    for rules in [10, 11] {
        assert_eq!(merged(rules), (State::Conflict, Some(INDENTED.into())), "rules {rules}");
    }
}

const FUNCTIONS: &str =
    "fn one() {\n    wait(old);\n}\n\nfn two() {\n    wait(old);\n}\n\nfn three() {\n    wait(old);\n}\n";

/// State of a change that edits a word in three functions, in a group of these rules whose current version lacks one of them.
fn swept(rules: u32) -> State {
    let mut world = World::of(support::genesis_by(Some(rules)));
    world.does(0, &[write("a.rs", FUNCTIONS)]);
    let base = world.now();
    world.does(0, &[write("a.rs", &FUNCTIONS.replace("fn two() {\n    wait(old);\n}\n\n", ""))]);

    world.does_on(base, 1, &[write("a.rs", &FUNCTIONS.replace("old", "new"))]).state
}

#[test]
fn a_group_of_rules_12_merges_by_rules_23_of_merging() {
    assert_eq!([8, 11].map(swept), [State::Merged, State::Merged], "the edit of the function that is gone is lost");
    assert_eq!(swept(12), State::Conflict);
}

/// What a file says in a group of these rules once two authors have added an import each, one of them with a call behind it.
fn imported(rules: u32) -> String {
    let mut world = World::of(support::genesis_by(Some(rules)));
    world.does(0, &[write("a.py", "import a\n\nq()\n")]);
    let base = world.now();
    world.does(0, &[write("a.py", "import a\nimport os  # os.getcwd()\n\nq()\n")]);

    assert_eq!(world.does_on(base, 1, &[write("a.py", "import a\nimport z\n\nq()\n")]).state, State::Merged);
    world.text("a.py").expect("a file")
}

#[test]
fn a_group_of_rules_13_merges_by_rules_24_of_merging() {
    assert_eq!([8, 12].map(imported), ["import a\nimport z\n\nq()\n"; 2], "the import with a comment is lost");
    assert_eq!(imported(13), "import a\nimport os  # os.getcwd()\nimport z\n\nq()\n");
}

/// Verdict in a group of these rules on an entry that one author adds to an object, which the other put among arguments.
fn enclosed(rules: u32) -> State {
    let of = |entry: &str| format!("make({{\n  gas: 1,\n  pool: {{\n    order: 2,\n  }},\n{entry}}});\n");
    let among = "make(\n  {\n    gas: 1,\n    pool: {\n      order: 2,\n    },\n  },\n  log\n);\n";
    let mut world = World::of(support::genesis_by(Some(rules)));
    world.does(0, &[write("a.ts", &of(""))]);
    let base = world.now();
    world.does(0, &[write("a.ts", among)]);
    world.does_on(base, 1, &[write("a.ts", &of("  least: 3,\n"))]).state
}

#[test]
fn a_group_of_rules_15_merges_by_rules_25_of_merging() {
    assert_eq!([8, 14].map(enclosed), [State::Merged; 2], "the entry stands behind the object");
    assert_eq!(enclosed(15), State::Conflict);
}
