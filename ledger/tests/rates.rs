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
    let mut world = world(Rates { author: Some(per_minute(3)), ..Rates::default() });
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
    let mut world = world(Rates { organisation: Some(per_minute(2)), ..Rates::default() });
    assert_eq!(world.does(10, &[write("a", "x")]).state, State::Applied);
    assert_eq!(world.does(11, &[write("b", "x")]).state, State::Applied);
    assert_eq!(world.does(0, &[write("c", "x")]).code, Some(Code::Rate));
    assert_eq!(world.does(1, &[write("c", "x")]).state, State::Applied);
}

#[test]
fn bytes_are_counted_as_changes_are() {
    let rate = Rate { per_ms: 60_000, changes: None, bytes: Some(2_000) };
    let mut world = world(Rates { author: Some(rate), ..Rates::default() });
    assert_eq!(world.does(0, &[write("a", &"x".repeat(1_000))]).state, State::Applied);
    assert_eq!(world.does(0, &[write("a", &"y".repeat(1_000))]).code, Some(Code::Rate));
    world.time += 60_000;
    assert_eq!(world.does(0, &[write("a", &"y".repeat(1_000))]).state, State::Applied);
}

/// The horizon of all moves by old contents that an author names again: that costs as much as sending them.
#[test]
fn old_contents_that_are_named_again_count_as_bytes_that_are_sent() {
    let rate = Rate { per_ms: 60_000, changes: None, bytes: Some(10_000) };
    let mut world = world(Rates { author: Some(rate), ..Rates::default() });
    world.does(0, &[write("a", &"x".repeat(4_000))]);
    let base = world.now();
    world.does(1, &[write("a", "y")]);
    let mut name_again = || {
        let mut draft = world.draft(2, base, &[write("a", &"x".repeat(4_000))]);
        draft.contents.clear();
        world.verdict(&draft).code
    };
    assert_eq!([name_again(), name_again(), name_again()], [None, None, Some(Code::Rate)]);
}

#[test]
fn what_is_refused_takes_nothing_of_the_rate() {
    let mut world = world(Rates { author: Some(per_minute(1)), ..Rates::default() });
    for _ in 0..5 {
        assert_eq!(world.does(0, &[support::world::remove("nothing")]).code, Some(Code::MissingPath));
    }
    assert_eq!(world.does(0, &[write("a", "x")]).state, State::Applied);
    assert_eq!(world.does(0, &[write("a", "y")]).code, Some(Code::Rate));
}

#[test]
fn the_rate_counts_what_the_same_slot_took_before() {
    let mut world = world(Rates { organisation: Some(per_minute(1)), ..Rates::default() });
    let drafts = [10, 11].map(|who| world.draft(who, world.now(), &[write(&format!("file-{who}"), "x")]));
    let outcome = world.slot(&drafts.iter().collect::<Vec<_>>());
    let codes: Vec<_> = outcome.receipts.iter().map(|receipt| receipt.code).collect();
    assert_eq!(codes, [None, Some(Code::Rate)]);
}

#[test]
fn a_change_that_waits_for_others_is_counted_once_when_it_is_ordered() {
    let paths = vec![PathRule { pattern: "reviewed/**".into(), approvals: 1, ..PathRule::default() }];
    let rates = Rates { author: Some(per_minute(1)), ..Rates::default() };
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
    let mut world = world(Rates { author: Some(per_minute(1)), ..Rates::default() });
    world.does(0, &[write("a", "x")]);
    world.ledger = Ledger::open(&world.store, &world.genesis).expect("it was written");
    assert_eq!(world.does(0, &[write("a", "y")]).code, Some(Code::Rate));
}

/// The gate holds back what may come later, by its own clock; what never fits is ordered, and so refused with a receipt.
#[test]
fn the_gate_says_when_to_come_again() {
    let mut world = world(Rates { author: Some(per_minute(2)), ..Rates::default() });
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

/// A world in which this many changes of an author in a minute are taken at the standing of somebody new.
fn by_standing(changes: u32) -> World {
    world(Rates { author: Some(per_minute(changes)), by_standing: true, ..Rates::default() })
}

/// Count of an author's changes that are taken before the first is too many.
fn taken(world: &mut World, who: u8, domain: &str) -> u32 {
    for count in 0.. {
        let receipt = world.does_in(domain, who, &[write(&format!("by-{who}"), &format!("{} {count}", world.time))]);
        match receipt.code {
            None => (),
            Some(Code::Rate) => return count,
            Some(other) => panic!("{other}: {receipt:?}"),
        }
    }
    unreachable!("a rate ends it")
}

fn standing(world: &World, who: u8, domain: &str) -> quorate_ledger::AuthorEntry {
    world.view().author(domain, &author(who).public_key()).expect("known")
}

#[test]
fn an_authors_rate_grows_with_good_deeds_up_to_twice_what_it_was() {
    let mut world = by_standing(20);
    assert_eq!(standing(&world, 3, "main").rate.and_then(|rate| rate.changes), Some(20), "somebody new");
    let first = taken(&mut world, 3, "main");
    assert!(first > 20, "{first}: what is taken counts at once");
    for _ in 0..20 {
        world.time += 60_000;
        taken(&mut world, 3, "main");
    }
    world.time += 60_000;
    let (score, later) = (standing(&world, 3, "main").score_here, taken(&mut world, 3, "main"));
    assert!(score > 900 && later > first && later <= 40, "{later} at {score}");
}

#[test]
fn an_authors_rate_shrinks_with_misdeeds_and_never_to_nothing() {
    let mut world = by_standing(20);
    for _ in 0..200 {
        assert_eq!(world.does(3, &[support::world::remove("nothing")]).code, Some(Code::MissingPath));
    }
    let known = standing(&world, 3, "main");
    assert_eq!((known.score_here, known.rate.and_then(|rate| rate.changes)), (45, Some(1)));
    assert_eq!(taken(&mut world, 3, "main"), 1);
    assert!(taken(&mut world, 0, "main") > 15, "others have their own");
}

#[test]
fn the_rate_goes_by_deeds_in_the_domain_and_not_by_those_in_another() {
    let mut world = by_standing(20);
    for n in 0..100 {
        world.does_in("other", 3, &[write("mine", &n.to_string())]);
    }
    let known = standing(&world, 3, "main");
    assert!(known.reputation.score > 800, "in the whole group");
    assert_eq!((known.score_here, known.rate.and_then(|rate| rate.changes)), (500, Some(20)));
}

#[test]
fn a_rate_that_does_not_go_by_standing_stays_as_it_is() {
    let mut world = world(Rates { author: Some(per_minute(5)), ..Rates::default() });
    for _ in 0..3 {
        assert_eq!(taken(&mut world, 3, "main"), 5);
        world.time += 60_000;
    }
}

#[test]
fn a_refusal_for_coming_too_fast_names_the_standing_and_the_gate_goes_by_it_too() {
    let mut world = by_standing(2);
    for _ in 0..200 {
        world.does(3, &[support::world::remove("nothing")]);
    }
    world.does(3, &[write("a", "1")]);
    let draft = world.draft(3, world.now(), &[write("a", "2")]);
    let bytes = world.sign(&draft).encode();
    let admission = world.ledger.admit(&world.store, &bytes).expect("memory").expect("admitted");
    let asked = world.ledger.comes_too_fast(&world.store, &admission, bytes.len(), Time::new(world.time));
    assert!(asked.expect("memory").is_some_and(|too_fast| too_fast.wait_ms.is_some()), "one a minute");
    let refused = world.verdict(&draft);
    let detail = refused.detail.expect("a reason");
    assert!(detail.contains("1 changes in 60000 ms") && detail.contains("standing is 49"), "{detail}");
}
