//! Merges of each language's own making: one that a careful person would write so, or one that stays in conflict.

use quorate_semantic::{Input, Options, Outcome, merge};

/// Tests of one file's merges, each a sentence: base, ours and theirs, and the merge where there is one.
macro_rules! merges {
    ($path:literal; $($sentence:ident: [$base:expr, $ours:expr, $theirs:expr] => $merged:expr;)*) => {
        $(#[test]
        fn $sentence() {
            crate::holds($path, [&$base[..], &$ours[..], &$theirs[..]], $merged)
        })*
    };
}

mod braces;
#[path = "../parsers/mod.rs"]
mod parsers;
mod directed;
mod ruby;
mod texts;

/// No merge where it stays in conflict.
const CONFLICT: Option<&str> = None;

#[track_caller]
fn holds(path: &str, [base, ours, theirs]: [&str; 3], merged: Option<&str>) {
    let there = outcome(path, base, ours, theirs);
    let back = outcome(path, base, theirs, ours);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(there.as_deref().map(sorted), back.as_deref().map(sorted), "the sides have no names");
    assert!(there.as_deref() == merged, "merged: {}", there.as_deref().unwrap_or("no"));
}

fn outcome(path: &str, base: &str, ours: &str, theirs: &str) -> Option<String> {
    let options = Options::default();
    let input = Input {
        base: Some(base.as_bytes()),
        ours: ours.as_bytes(),
        theirs: theirs.as_bytes(),
        path,
        options: &options,
    };
    let outcome = merge(&input);
    parsers::check(&input, &outcome);
    match outcome {
        Outcome::Clean { bytes, .. } => Some(String::from_utf8(bytes).expect("text")),
        Outcome::Conflict(_) => None,
    }
}

/// A text with `added` in the place of its mark.
fn at(text: &str, added: &str) -> String {
    text.replace('@', added)
}
