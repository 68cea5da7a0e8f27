//! A small envelope cannot make every replica work for hours.

mod support;

use quorate_ledger::keys::{Purpose, prove_possession};
use quorate_ledger::policy::{Approvals, DomainPolicy, Format, GroupPolicy, PathRule};
use quorate_ledger::{Act, Code, DeferReason, GROUP_DOMAIN, Mode, Op, Principal, ProposalId, State};
use quorate_pbft::{PublicKey, Signer};
use support::world::{Edit, World, write};
use support::{author, digest};

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
    assert!(matches!(world.slot(&[&draft]).deferred[0].why, DeferReason::Content(_)));
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

/// The four organisations, and a thousand keys that nobody has enrolled.
fn crowd() -> Vec<Principal> {
    let organisations = (0..4).map(|n| Principal::Organisation(format!("org-{n}")));
    let keys = (0..1_000_u16).map(|n| {
        let mut key = [9; 32];
        key[..2].copy_from_slice(&n.to_be_bytes());
        Principal::Author(PublicKey(key))
    });
    organisations.chain(keys).collect()
}

fn proposed(world: &mut World, domain: &str, act: Act) -> ProposalId {
    let receipt = world.does_in(domain, 0, &[Edit::Other(Op::Propose { act })]);
    assert_eq!(receipt.state, State::Applied);
    ProposalId::of(&receipt.id, 0)
}

fn approve(proposal: ProposalId) -> Edit {
    Edit::Other(Op::Approve { proposal })
}

#[test]
fn who_has_a_voice_is_counted_once_for_an_envelope_that_enrols_nobody() {
    let mut world = World::new();
    let policy = DomainPolicy::new(crowd(), vec![]);
    world.decide("main", policy.clone());
    let id = proposed(&mut world, "main", Act::SetPolicy { policy });
    let approvals: Vec<Edit> = (0..64).map(|_| approve(id)).collect();
    assert_eq!(world.does_in("main", 1, &approvals).state, State::Applied);
}

#[test]
fn an_envelope_has_the_voices_of_a_large_policy_counted_so_often_and_no_more() {
    let mut world = World::new();
    let approvals = Approvals { organisations: None, by: crowd() };
    let policy = GroupPolicy { approvals, ..GroupPolicy::default() };
    let id = proposed(&mut world, GROUP_DOMAIN, Act::SetGroupPolicy { policy });
    for who in [1, 2] {
        world.does_in(GROUP_DOMAIN, who, &[approve(id)]);
    }
    let id = proposed(&mut world, GROUP_DOMAIN, Act::AddOrganisation { name: "org-9".into() });
    let edits = |from: u8, count: u8| -> Vec<Edit> {
        let enrol = |n: u8| {
            let proof = prove_possession(Purpose::Author, "org-1", &author(n));
            Edit::Other(Op::Enrol { key: author(n).public_key(), organisation: "org-1".into(), proof })
        };
        (from..from + count).flat_map(|n| [enrol(n), approve(id)]).collect()
    };
    assert_eq!(world.does_in(GROUP_DOMAIN, 1, &edits(10, 32)).code, Some(Code::BadAct));
    assert_eq!(world.does_in(GROUP_DOMAIN, 1, &edits(10, 12)).state, State::Applied);
}

/// Of the three that are left two agree, and the third leaves: two of two are enough.
#[test]
fn voices_are_counted_as_they_are_after_everything_before_in_the_envelope() {
    let mut world = World::new();
    let revoke = |n| Edit::Other(Op::Revoke { key: author(n).public_key() });
    assert_eq!(world.does_in(GROUP_DOMAIN, 3, &[revoke(3)]).state, State::Applied);
    let id = proposed(&mut world, GROUP_DOMAIN, Act::AddOrganisation { name: "org-9".into() });
    let is_open = |world: &World| world.view().proposal(&id).expect("memory").expect("made").proposal.end.is_none();
    assert_eq!(world.does_in(GROUP_DOMAIN, 1, &[approve(id)]).state, State::Applied);
    assert!(is_open(&world), "three must agree");
    let other = Edit::Other(Op::Propose { act: Act::AddOrganisation { name: "org-8".into() } });
    assert_eq!(world.does_in(GROUP_DOMAIN, 2, &[other, revoke(2), approve(id)]).state, State::Applied);
    assert!(!is_open(&world));
}
