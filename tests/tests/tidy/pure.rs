//! Names that the pure rooms may not use, and the opening of every file.

use crate::sources::{rooms, rust_files};

/// Rooms that are functions of their inputs: the same bytes on every replica.
const PURE: &[&str] = &["pbft/src", "spread/src", "semantic/src", "ledger/src"];

/// Words for clocks, unordered maps, floating point, threads and the world outside.
const FORBIDDEN: &[&str] = &[
    "Instant",
    "SystemTime",
    "HashMap",
    "HashSet",
    "RandomState",
    "async fn",
    "f32",
    "f64",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::time",
];

#[test]
fn pure_rooms_name_no_clock_no_unordered_map_no_float_and_nothing_outside() {
    for file in PURE.iter().flat_map(|room| rust_files(room)) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let found = FORBIDDEN.iter().find(|word| names(code, word));
            assert!(found.is_none(), "{}:{}: names `{}`", file.display(), number + 1, found.unwrap_or(&""));
        }
    }
}

#[test]
fn every_file_says_first_what_it_is_for() {
    for room in rooms() {
        for file in rust_files(&room) {
            let text = std::fs::read_to_string(&file).expect("a source file");
            assert!(text.starts_with("//!"), "{}: does not open with //!", file.display());
        }
    }
}

/// Whether `word` stands in `code` as a word of its own.
pub fn names(code: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back().is_none_or(|c| !inside(c));
        let after = code[at + word.len()..].chars().next().is_none_or(|c| !inside(c));
        before && after
    })
}
