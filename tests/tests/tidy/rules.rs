//! The protocol's document names its tests: each of them exists, and no rule that is built is without a paragraph.

use crate::sources::{root, rust_files};
use std::collections::BTreeSet;
use std::fs;

/// Rules of lanes, views and the rest by letter, and how many there are.
const RULES: [(&str, std::ops::RangeInclusive<u32>); 9] = [
    ("E", 1..=7),
    ("L", 1..=7),
    ("N", 1..=9),
    ("T", 1..=3),
    ("C", 1..=3),
    ("V", 1..=7),
    ("S", 1..=1),
    ("M", 1..=5),
    ("G", 1..=2),
];

fn document() -> String {
    fs::read_to_string(root().join("docs/protocol.md")).expect("the document")
}

fn functions() -> BTreeSet<String> {
    let texts = rust_files("pbft").into_iter().map(|path| fs::read_to_string(path).expect("text"));
    let names = |text: String| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn ")?.split('(').next());
        lines.map(str::to_owned).collect()
    };
    texts.flat_map(names).collect()
}

/// Test names between backticks: `a_sentence_of_words`, with or without its file.
fn named_tests(document: &str) -> Vec<&str> {
    let quoted = document.split('`').skip(1).step_by(2);
    let names = quoted.map(|quoted| quoted.rsplit("::").next().unwrap_or(quoted));
    let is_plain = |name: &str| name.chars().all(|letter| letter == '_' || letter.is_ascii_alphanumeric());
    names.filter(|name| is_plain(name) && name.matches('_').count() >= 4).collect()
}

#[test]
fn every_test_that_the_protocols_document_names_exists() {
    let (document, there) = (document(), functions());
    let named = named_tests(&document);
    assert!(named.len() > 50, "{} names found: is this still how tests are named?", named.len());
    let missing: Vec<&str> = named.into_iter().filter(|name| !there.contains(*name)).collect();
    assert!(missing.is_empty(), "docs/protocol.md names tests that are not there: {missing:?}");
}

#[test]
fn every_rule_that_is_built_has_its_paragraph() {
    let document = document();
    let titles: Vec<&str> = document.split("**").skip(1).step_by(2).collect();
    let words = |title: &&str| title.split(|letter: char| !letter.is_ascii_alphanumeric()).map(str::to_owned).collect();
    let titled: BTreeSet<String> = titles.iter().flat_map(|title| -> Vec<String> { words(title) }).collect();
    let rules = RULES.into_iter().flat_map(|(letter, numbers)| numbers.map(move |number| format!("{letter}{number}")));
    let missing: Vec<String> = rules.filter(|rule| !titled.contains(rule)).collect();
    assert!(missing.is_empty(), "rules without a paragraph: {missing:?}");
}
