//! A small envelope cannot make every replica work for hours.

mod support;

use quorate_ledger::policy::{DomainPolicy, Format, PathRule};
use quorate_ledger::{Code, Mode, Principal, State, Why};
use support::digest;
use support::world::{Edit, World, write};

/// A text of a megabyte whose lines all differ from another one's.
fn large(letter: char) -> String {
    (0..40_000).map(|line| format!("{letter} line {line:06} of many\n")).collect()
}

fn again(path: &str, text: &str) -> Edit {
    Edit::Mode(path.into(), Mode::File, digest(text.as_bytes()))
}

#[test]
fn merging_stops_where_an_envelope_has_asked_for_enough() {
    let mut world = World::new();
    let (a, b) = (large('a'), large('b'));
    world.does(0, &[write("x", &a)]);
    world.does(0, &[write("x", &b)]);
    world.does(0, &[write("x", &a)]);
    let base = world.now();
    world.does_on(base, 1, &[write("x", &format!("{a}more\n"))]);
    let edits: Vec<Edit> = (0..250).map(|n| again("x", if n % 2 == 0 { &b } else { &a })).collect();
    let receipt = world.does_on(base, 0, &edits);
    assert_eq!(receipt.state, State::Conflict, "the rest is kept as a side");
}

#[test]
fn contents_are_searched_for_so_often_and_then_have_to_be_sent() {
    let mut world = World::new();
    world.does(0, &[write("x", "old")]);
    world.does(0, &[write("x", "new")]);
    let edits =
        |count| -> Vec<Edit> { (0..count).map(|n| again("x", if n % 2 == 0 { "old" } else { "new" })).collect() };
    assert_eq!(world.does(0, &edits(200)).state, State::Applied);
    let draft = world.draft(0, world.now(), &edits(600));
    assert!(matches!(world.slot(&[&draft]).unsettled[0].why, Why::Content(_)));
}

#[test]
fn checking_stops_where_an_envelope_has_asked_for_enough() {
    let rule = PathRule { pattern: "**".into(), format: Some(Format::Text), ..PathRule::default() };
    let policy = DomainPolicy { paths: vec![rule], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    let a = large('a');
    world.does(0, &[write("x", &a)]);
    let edits: Vec<Edit> = (0..400).map(|_| again("x", &a)).collect();
    assert_eq!(world.does(0, &edits).code, Some(Code::Validator));
    assert_eq!(world.does(0, &edits[..100]).state, State::Applied);
}
