//! Rates: so much in so much ledger time, for an author and summed for an organisation.

mod support;

use quorate_ledger::keys::{Purpose, prove_possession};
use quorate_ledger::policy::{DomainPolicy, PathRule, Rate, Rates};
use quorate_ledger::{Code, Ledger, Op, Principal, Stage, State};
use quorate_pbft::{Signer, Time};
use support::author;
use support::world::{Edit, World, write};

/// Time between two slots of the world.
const SLOT_MS: u64 = 2;

fn per_minute(changes: u32) -> Rate {
    Rate { per_ms: 60_000, changes: Some(changes), bytes: None }
}

/// A world in which two more authors belong to organisation 0, and the domain `main` has these rates.
fn world(rates: Rates) -> World {
    world_of(DomainPolicy { rates, ..DomainPolicy::new(vec![Principal::Everyone], vec![]) })
}

fn world_of(policy: DomainPolicy) -> World {
    let mut world = World::new();
    for who in [10, 11] {
        let proof = prove_possession(Purpose::Author, "org-0", &author(who));
        let enrol = Op::Enrol { key: author(who).public_key(), organisation: "org-0".into(), proof };
        assert_eq!(world.does_in("@group", 0, &[Edit::Other(enrol)]).state, State::Applied);
    }
    world.decide("main", policy);
    world
}

#[test]
fn an_author_is_refused_above_the_rate_and_taken_again_as_time_passes() {
    let mut world = world(Rates { author: Some(per_minute(3)), organisation: None });
    for n in 0..3 {
        assert_eq!(world.does(0, &[write("a", &n.to_string())]).state, State::Applied);
    }
    let refused = world.does(0, &[write("a", "x")]);
    assert_eq!((refused.stage, refused.code), (Some(Stage::Access), Some(Code::Rate)));
    assert_eq!(world.does(1, &[write("b", "x")]).state, State::Applied, "others have their own");
    world.time += 20_000;
    assert_eq!(world.does(0, &[write("a", "x")]).state, State::Applied);
    assert_eq!(world.does(0, &[write("a", "y")]).code, Some(Code::Rate));
}

#[test]
fn an_organisation_is_counted_over_its_authors() {
    let mut world = world(Rates { author: None, organisation: Some(per_minute(2)) });
    assert_eq!(world.does(10, &[write("a", "x")]).state, State::Applied);
    assert_eq!(world.does(11, &[write("b", "x")]).state, State::Applied);
    assert_eq!(world.does(0, &[write("c", "x")]).code, Some(Code::Rate));
    assert_eq!(world.does(1, &[write("c", "x")]).state, State::Applied);
}

#[test]
fn bytes_are_counted_as_changes_are() {
    let rate = Rate { per_ms: 60_000, changes: None, bytes: Some(2_000) };
    let mut world = world(Rates { author: Some(rate), organisation: None });
    assert_eq!(world.does(0, &[write("a", &"x".repeat(1_000))]).state, State::Applied);
    assert_eq!(world.does(0, &[write("a", &"y".repeat(1_000))]).code, Some(Code::Rate));
    world.time += 60_000;
    assert_eq!(world.does(0, &[write("a", &"y".repeat(1_000))]).state, State::Applied);
}

#[test]
fn what_is_refused_takes_nothing_of_the_rate() {
    let mut world = world(Rates { author: Some(per_minute(1)), organisation: None });
    for _ in 0..5 {
        assert_eq!(world.does(0, &[support::world::remove("nothing")]).code, Some(Code::MissingPath));
    }
    assert_eq!(world.does(0, &[write("a", "x")]).state, State::Applied);
    assert_eq!(world.does(0, &[write("a", "y")]).code, Some(Code::Rate));
}

#[test]
fn the_rate_counts_what_the_same_slot_took_before() {
    let mut world = world(Rates { author: None, organisation: Some(per_minute(1)) });
    let drafts = [10, 11].map(|who| world.draft(who, world.now(), &[write(&format!("file-{who}"), "x")]));
    let outcome = world.slot(&drafts.iter().collect::<Vec<_>>());
    let codes: Vec<_> = outcome.receipts.iter().map(|receipt| receipt.code).collect();
    assert_eq!(codes, [None, Some(Code::Rate)]);
}

#[test]
fn a_change_that_waits_for_others_is_counted_once_when_it_is_ordered() {
    let paths = vec![PathRule { pattern: "reviewed/**".into(), approvals: 1, ..PathRule::default() }];
    let rates = Rates { author: Some(per_minute(1)), organisation: None };
    let policy = DomainPolicy { rates, paths, ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = world_of(policy);
    let pending = world.does(10, &[write("reviewed/a", "x")]);
    assert_eq!(pending.state, State::Pending);
    assert_eq!(world.does(10, &[write("b", "x")]).code, Some(Code::Rate));
    let attest = Edit::Other(Op::Attest { envelope: pending.id, approve: true });
    assert_eq!(world.does(1, &[attest]).state, State::Applied);
    assert_eq!(world.text("reviewed/a").as_deref(), Some("x"));
}

#[test]
fn what_was_taken_survives_a_restart() {
    let mut world = world(Rates { author: Some(per_minute(1)), organisation: None });
    world.does(0, &[write("a", "x")]);
    world.ledger = Ledger::open(&world.store, &world.genesis).expect("it was written");
    assert_eq!(world.does(0, &[write("a", "y")]).code, Some(Code::Rate));
}

/// The gate holds back what may come later, by its own clock; what never fits is ordered, and so refused with a receipt.
#[test]
fn the_gate_says_when_to_come_again() {
    let mut world = world(Rates { author: Some(per_minute(2)), organisation: None });
    world.does(0, &[write("a", "x")]);
    world.does(0, &[write("a", "y")]);
    let now = world.time;
    let draft = world.draft(0, world.now(), &[write("a", "z")]);
    let bytes = world.sign(&draft).encode();
    let admission = world.ledger.admit(&world.store, &bytes).expect("memory").expect("admitted");
    let too_fast = |now| {
        let asked = world.ledger.comes_too_fast(&world.store, &admission, bytes.len(), Time::new(now));
        asked.expect("memory").map(|too_fast| (too_fast.refusal.code, too_fast.wait_ms))
    };
    assert_eq!(too_fast(now), Some((Code::Rate, Some(30_000 - SLOT_MS))));
    assert_eq!(too_fast(0), too_fast(now), "ledger time counts where it is ahead");
    assert_eq!(too_fast(now + 30_000), None);

    let mut many = world.draft(0, world.now(), &[write("a", "z")]);
    many.body.changes = vec![many.body.changes[0].clone(); 3];
    many.body.to_seq += 2;
    let bytes = world.sign(&many).encode();
    let admission = world.ledger.admit(&world.store, &bytes).expect("memory").expect("admitted");
    let asked = world.ledger.comes_too_fast(&world.store, &admission, bytes.len(), Time::new(now));
    assert_eq!(asked, Ok(None));
}
