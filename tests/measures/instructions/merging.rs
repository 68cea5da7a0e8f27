//! A JSON file that two sides have edited.

use quorate_semantic::{Input, Options, Outcome, Rung, merge};
use std::hint::black_box;

/// Members of the file, and those that each side edits.
const MEMBERS: usize = 60;
const EDITS: usize = 10;

/// Merges the file, whose sides also add a member at the same place, so that lines alone do not answer.
pub fn documents(_: usize, times: usize) {
    let (base, ours, theirs) = (document(None), document(Some(0)), document(Some(MEMBERS / EDITS / 2)));
    let options = Options::default();
    let input = Input {
        base: Some(base.as_bytes()),
        ours: ours.as_bytes(),
        theirs: theirs.as_bytes(),
        path: "settings.json",
        options: &options,
    };
    assert!(matches!(merge(&input), Outcome::Clean { rung: Rung::Data, .. }), "merged by keys");
    for _ in 0..times {
        black_box(&merge(black_box(&input)));
    }
}

/// The file, or a side of it that edits each sixth member, from the one named on, and adds one.
fn document(side: Option<usize>) -> String {
    let member = |at: usize| {
        let is_edited = side.is_some_and(|first| at % (MEMBERS / EDITS) == first);
        format!("  \"member {at}\": {{ \"value\": {}, \"list\": [1, 2, 3] }}", if is_edited { at + 1 } else { at })
    };
    let added = side.map(|first| format!("  \"added by {first}\": true"));
    let members: Vec<String> = (0..MEMBERS).map(member).chain(added).collect();
    format!("{{\n{}\n}}\n", members.join(",\n"))
}
