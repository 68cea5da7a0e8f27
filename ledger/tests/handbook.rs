//! The examples of `docs/policies.md` on a real ledger: each does what the text above it says.

mod support;

use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::{Code, Decider, Principal, State};
use support::world::{World, remove, write};

/// Example with this number, in force.
fn world(number: usize) -> World {
    let text = include_str!("../../docs/policies.md");
    let blocks: Vec<&str> = text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 6);
    let policy: DomainPolicy = serde_json::from_str(blocks[number]).expect("an example is a policy");
    assert_eq!(policy.faults(4).collect::<Vec<_>>(), []);
    let mut world = World::new();
    world.decide("main", policy);
    world
}

#[test]
fn the_open_example_lets_every_author_write() {
    let mut world = world(0);
    for who in 0..4 {
        assert_eq!(world.does(who, &[write(&format!("a-{who}"), "x")]).state, State::Applied);
    }
}

#[test]
fn the_owned_example_keeps_others_out_of_the_folder() {
    let mut world = world(1);
    assert_eq!(world.does(0, &[write("teams/org-1/a", "x")]).code, Some(Code::NotOwner));
    assert_eq!(world.does(1, &[write("teams/org-1/a", "x")]).state, State::Applied);
    assert_eq!(world.does(0, &[write("teams/b", "x")]).state, State::Applied);
}

#[test]
fn the_reviewed_example_holds_a_release_back() {
    let mut world = world(2);
    assert_eq!(world.does(0, &[write("releases/1", "x")]).state, State::Pending);
    assert_eq!(world.does(0, &[write("draft", "x")]).state, State::Applied);
}

#[test]
fn the_checked_example_reads_what_is_put() {
    let mut world = world(3);
    assert_eq!(world.does(0, &[write("ports/a.json", "{}")]).code, Some(Code::Schema));
    assert_eq!(world.does(0, &[write("ports/a.json", "{")]).code, Some(Code::DoesNotParse));
    assert_eq!(world.does(0, &[write("ports/a.json", r#"{"name": "a"}"#)]).state, State::Applied);
    assert_eq!(world.does(0, &[write("key", "-----BEGIN PRIVATE KEY-----")]).code, Some(Code::Validator));
}

#[test]
fn the_bounded_example_refuses_the_third_change_of_a_minute() {
    let mut world = world(4);
    let states = ["1", "2", "3"].map(|text| world.does(0, &[write("a", text)]).code);
    assert_eq!(states, [None, None, Some(Code::Rate)]);
    assert_eq!(world.does(1, &[remove("a")]).state, State::Applied);
}

#[test]
fn the_arbitrated_example_names_its_arbiter() {
    let mut world = world(5);
    world.does(0, &[write("limits/a", "1\n")]);
    let base = world.now();
    world.does_on(base, 1, &[write("limits/a", "2\n")]);
    let clash = world.does_on(base, 3, &[write("limits/a", "3\n")]);
    let conflict = world.view().conflict(&clash.conflicts[0]).expect("memory").expect("a conflict");
    assert_eq!(conflict.record.decider, Decider::Arbiter(Principal::Organisation("org-2".into())));
}
