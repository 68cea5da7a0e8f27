//! Edits that follow what others moved: the rules of where they come to hold.

mod support;

use quorate_ledger::policy::{DomainPolicy, Format, PathRule};
use quorate_ledger::{Base, Op, PathOutcome, Principal, State};
use support::world::{Edit, World, remove, rename, write};

/// A world in which only organisation 3 may write `vault/**`, JSON once, and author 3 has moved `d` there.
fn vault() -> (World, Base) {
    let vault = PathRule {
        pattern: "vault/**".into(),
        owners: vec![Principal::Organisation("org-3".into())],
        write_once: true,
        format: Some(Format::Json),
        approvals: 1,
        ..PathRule::default()
    };
    let policy = DomainPolicy { paths: vec![vault], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    world.does(0, &[write("d/a", "[\n1,\n2,\n3\n]\n"), write("d/b", "{}\n")]);
    let base = world.now();
    let moved = world.does(3, &[rename("d/a", "vault/a"), rename("d/b", "vault/b")]);
    assert_eq!(moved.state, State::Pending);
    let word = Op::Attest { envelope: moved.id, approve: true };
    world.does(2, &[Edit::Other(word)]);
    assert!(world.text("vault/a").is_some());
    (world, base)
}

#[test]
fn an_edit_that_may_not_follow_a_move_is_kept_as_a_conflict_where_it_was_made() {
    let (mut world, base) = vault();
    assert_eq!(world.does(1, &[write("vault/a", "[]")]).state, State::Refused);
    let receipt = world.does_on(base, 1, &[write("d/a", "nothing of JSON\n")]);
    assert_eq!(receipt.state, State::Conflict);
    let changed: Vec<_> = receipt.changes.iter().map(|change| (change.path.as_str(), change.outcome)).collect();
    assert_eq!(changed, [("d/a", PathOutcome::Conflict)]);
    assert_eq!(world.text("vault/a").as_deref(), Some("[\n1,\n2,\n3\n]\n"), "it is org-3's, JSON and written once");
}

#[test]
fn a_deletion_that_may_not_follow_a_move_is_kept_as_a_conflict_where_it_was_made() {
    let (mut world, base) = vault();
    let receipt = world.does_on(base, 1, &[remove("d/a")]);
    assert_eq!(receipt.state, State::Conflict);
    assert_eq!(receipt.changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), ["d/a"]);
    assert!(world.text("vault/a").is_some());
}

#[test]
fn a_new_file_that_may_not_follow_its_folder_stays_where_its_author_put_it() {
    let (mut world, base) = vault();
    assert_eq!(world.does(1, &[write("vault/new", "[]")]).state, State::Refused);
    assert_eq!(world.does_on(base, 1, &[write("d/new", "nothing of JSON\n")]).state, State::Applied);
    assert_eq!(world.text("vault/new"), None, "only org-3 makes files there, and JSON, and another one approves");
    assert_eq!(world.text("d/new").as_deref(), Some("nothing of JSON\n"));
}

/// The owner of `vault/**`, where everything is JSON, is author 3.
fn json_vault() -> World {
    let vault = PathRule {
        pattern: "vault/**".into(),
        owners: vec![Principal::Organisation("org-3".into())],
        format: Some(Format::Json),
        ..PathRule::default()
    };
    let policy = DomainPolicy { paths: vec![vault], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    world.does(0, &[write("d/a", "[]\n")]);
    world
}

#[test]
fn what_others_added_to_a_folder_does_not_come_along_to_where_a_rule_is_against_it() {
    let mut world = json_vault();
    let base = world.now();
    world.does(1, &[write("d/slipped-in", "nothing of JSON\n")]);
    assert_eq!(world.does_on(base, 3, &[rename("d/a", "vault/a")]).state, State::Applied);
    assert_eq!(world.text("vault/a").as_deref(), Some("[]\n"));
    assert_eq!(world.text("vault/slipped-in"), None);
    assert_eq!(world.text("d/slipped-in").as_deref(), Some("nothing of JSON\n"));
}

#[test]
fn what_others_made_of_a_file_does_not_come_along_to_where_a_rule_is_against_it() {
    let mut world = json_vault();
    let base = world.now();
    world.does(1, &[write("d/a", "nothing of JSON\n")]);
    assert_eq!(world.does_on(base, 3, &[rename("d/a", "vault/a")]).state, State::Conflict);
    assert_eq!(world.text("vault/a"), None);
    assert_eq!(world.text("d/a").as_deref(), Some("nothing of JSON\n"));
}

#[test]
fn an_edit_follows_a_move_to_where_its_author_may_edit_as_well() {
    let mut world = json_vault();
    let base = world.now();
    world.does(3, &[rename("d/a", "vault/a")]);
    assert_eq!(world.does_on(base, 3, &[write("d/a", "[1]\n")]).state, State::Merged);
    assert_eq!(world.text("vault/a").as_deref(), Some("[1]\n"));
}

#[test]
fn who_approved_of_a_move_did_not_approve_of_what_others_do_meanwhile() {
    let reviewed = PathRule { pattern: "vault/**".into(), approvals: 1, ..PathRule::default() };
    let policy = DomainPolicy { paths: vec![reviewed], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    world.does(0, &[write("d/a", "known"), write("e/a", "known")]);
    let base = world.now();
    let moved = world.does_on(base, 3, &[rename("d/a", "vault/a")]);
    let other = world.does_on(base, 3, &[rename("e/a", "vault/b")]);
    assert_eq!((moved.state, other.state), (State::Pending, State::Pending));
    world.does(1, &[write("d/evil", "unseen"), write("e/a", "unseen")]);
    for envelope in [moved.id, other.id] {
        world.does(2, &[Edit::Other(Op::Attest { envelope, approve: true })]);
    }
    assert_eq!(world.text("vault/a").as_deref(), Some("known"));
    assert_eq!((world.text("vault/evil"), world.text("d/evil").as_deref()), (None, Some("unseen")));
    assert_eq!((world.text("vault/b"), world.text("e/a").as_deref()), (None, Some("unseen")), "a conflict");
}

#[test]
fn the_side_that_stood_elsewhere_when_a_conflict_was_opened_is_not_written_again() {
    let vault = PathRule {
        pattern: "vault/**".into(),
        owners: vec![Principal::Organisation("org-3".into())],
        ..PathRule::default()
    };
    let policy = DomainPolicy { paths: vec![vault], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    world.does(0, &[write("d/a", "a secret")]);
    let base = world.now();
    world.does(3, &[rename("d/a", "vault/a")]);
    let conflict = world.does_on(base, 1, &[write("d/a", "mine")]).conflicts[0];
    world.does(3, &[remove("vault/a")]);
    for who in [0, 1, 2] {
        world.does(who, &[Edit::Other(Op::Vote { conflict, side: 0 })]);
    }
    let entry = world.view().conflict(&conflict).expect("a healthy disk").expect("known");
    assert!(entry.record.settled.is_some());
    assert_eq!(world.text("vault/a"), None, "its owner took it away");
}

#[test]
fn a_rename_that_settles_a_conflict_brings_nothing_that_its_new_path_forbids() {
    let mut world = json_vault();
    let base = world.now();
    world.does_on(base, 0, &[write("d/a", "no JSON\n")]);
    let conflict = world.does_on(base, 1, &[write("d/a", "no JSON either\n")]);
    assert_eq!(conflict.state, State::Conflict);
    let seen = world.now();
    let chain = world.does_on(seen, 3, &[write("b", "x")]);
    world.does_on(Base::Envelope(chain.id), 3, &[rename("d/a", "vault/a")]);
    assert_eq!(world.text("vault/a"), None);
}

#[test]
fn nobody_makes_a_move_fail_by_adding_to_the_folder_that_moves() {
    let mut world = World::new();
    world.does(0, &[write("d/a", "x"), write("vault/x/1", "y")]);
    let base = world.now();
    world.does(1, &[write("d/x", "in the way")]);
    assert_eq!(world.does_on(base, 0, &[rename("d/a", "vault/a")]).state, State::Applied);
    assert_eq!((world.text("vault/a").as_deref(), world.text("d/x").as_deref()), (Some("x"), Some("in the way")));
}
