//! Standing: what the ledger saw in order, and nothing else.

mod support;

use quorate_ledger::LockMode::X;
use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::reputation::Reputation;
use quorate_ledger::{Op, Receipt, State};
use quorate_pbft::Signer;
use support::author;
use support::locks::grab;
use support::world::{Edit, World, remove, write};

fn of(world: &World, who: u8) -> Reputation {
    world.view().reputation(&author(who).public_key()).expect("memory")
}

fn says(world: &World, who: u8, reason: &str) -> bool {
    of(world, who).reasons.iter().any(|known| known == reason)
}

fn with_rule(rule: &str) -> World {
    let mut world = World::new();
    let text = format!("{{\"writers\": [\"*\"], \"readers\": [\"*\"], \"paths\": [{rule}]}}");
    let policy: DomainPolicy = serde_json::from_str(&text).expect("a policy");
    world.decide("main", policy);
    world
}

fn attest(world: &mut World, who: u8, change: &Receipt, approve: bool) -> Receipt {
    world.does(who, &[Edit::Other(Op::Attest { envelope: change.id, approve })])
}

#[test]
fn changes_that_take_effect_raise_it_and_refused_ones_lower_it() {
    let mut world = World::new();
    assert_eq!(of(&world, 0), Reputation { score: 500, reasons: vec![] });
    world.does(0, &[write("a", "1")]);
    let good = of(&world, 0).score;
    assert!(good > 500);
    world.does(0, &[remove("nowhere")]);
    assert!(of(&world, 0).score < good);
    assert!(says(&world, 0, "changes that took effect: 1") && says(&world, 0, "changes refused: 1"));
}

#[test]
fn it_is_one_figure_over_all_domains() {
    let mut world = World::new();
    world.does(0, &[write("a", "1")]);
    world.does_in("other", 0, &[write("a", "1")]);
    assert!(says(&world, 0, "changes that took effect: 2"));
}

#[test]
fn a_number_that_was_used_twice_weighs_heavily() {
    let mut world = World::new();
    let first = world.draft(0, world.now(), &[write("a", "1")]);
    let mut second = first.clone();
    second.body.changes[0].message = "another".into();
    world.slot(&[&first, &second]);
    assert!(of(&world, 0).score < 200);
}

#[test]
fn who_attested_against_what_became_of_a_change_was_wrong_and_the_others_were_right() {
    let mut world = with_rule(r#"{"pattern": "b", "approvals": 2}"#);
    let change = world.does(3, &[write("b", "1")]);
    assert_eq!(change.state, State::Pending);
    attest(&mut world, 0, &change, false);
    attest(&mut world, 1, &change, true);
    attest(&mut world, 2, &change, true);
    assert!(says(&world, 0, "attestations that turned out wrong: 1"));
    assert!(says(&world, 1, "attestations that held: 1") && says(&world, 2, "attestations that held: 1"));
}

#[test]
fn who_approved_a_change_that_a_lock_refused_was_not_wrong() {
    let mut world = with_rule(r#"{"pattern": "b", "approvals": 1}"#);
    let change = world.does(3, &[write("b", "1")]);
    world.does(2, &[grab("b", X)]);
    attest(&mut world, 1, &change, true);
    let receipt = world.ledger.receipt(&world.store, &change.id).expect("memory").expect("a verdict");
    assert_eq!(receipt.state, State::Refused);
    assert!(!of(&world, 1).reasons.iter().any(|reason| reason.contains("wrong")));
}

#[test]
fn a_conflict_is_lost_by_whose_side_does_not_stand_unless_its_author_ended_it() {
    let mut world = World::new();
    world.does(0, &[write("a", "1")]);
    let before = world.now();
    world.does(1, &[write("a", "2")]);
    let conflict = world.does_on(before, 2, &[write("a", "3")]);
    assert_eq!(conflict.state, State::Conflict);
    world.does(1, &[write("a", "3")]);
    assert!(!of(&world, 1).reasons.iter().any(|reason| reason.contains("lost")), "it gave way by itself");
    let before = world.now();
    world.does(1, &[write("a", "4")]);
    world.does_on(before, 2, &[write("a", "5")]);
    world.does(0, &[write("a", "4")]);
    assert!(says(&world, 2, "conflicts lost: 1"));
    assert!(!of(&world, 1).reasons.iter().any(|reason| reason.contains("lost")));
}

#[test]
fn votes_and_approvals_are_counted_when_they_are_valid() {
    let world = with_rule(r#"{"pattern": "b"}"#);
    assert!(says(&world, 1, "votes and approvals: 1") && says(&world, 2, "votes and approvals: 1"));
    assert!(!of(&world, 3).reasons.iter().any(|reason| reason.contains("votes")));
}

#[test]
fn a_lane_answers_for_strangers_and_hardly_for_refusals() {
    let mut world = World::new();
    let good = world.draft(0, world.now(), &[write("a", "1")]);
    let stranger = world.draft(9, world.now(), &[write("a", "1")]);
    let refused = world.draft(1, world.now(), &[remove("nowhere")]);
    let [good, stranger, refused] = [&good, &stranger, &refused].map(|draft| world.item(draft));
    world.slot_of(vec![(0, vec![good]), (1, vec![stranger]), (2, vec![refused])]);
    let members = world.view().members().expect("memory");
    let scores: Vec<u32> = members.iter().map(|member| member.reputation.score).collect();
    assert!(scores[0] > 500 && scores[1] < 400 && scores[2] == 500 && scores[3] == 500, "{scores:?}");
    assert_eq!(members[1].reputation.reasons, ["envelopes of strangers let through: 1"]);
}
