//! Enrolled observers: by the group's decision, under rules 9 alone, and under a bound for each organisation.

mod support;

use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::{
    Act, Code, GROUP_DOMAIN, Genesis, GenesisFile, OBSERVERS_SINCE, Observer, ObserverAct, ObserverEntry, Op,
    Principal, ProposalId, Receipt, Reconfiguration,
};
use quorate_pbft::{PublicKey, Signature, Signer};
use support::replica;
use support::world::{Edit, World};

/// A day of ledger time, in milliseconds.
const DAY: u64 = 86_400_000;

/// A group that begins by these rules.
fn world(rules: Option<u32>) -> World {
    let file = support::genesis(4).file().clone();
    World::of(Genesis::build(GenesisFile { rules, ..file }).expect("a good genesis"))
}

fn today() -> World {
    let mut world = world(Some(OBSERVERS_SINCE));
    world.slot(&[]);
    world
}

fn key(n: u8) -> PublicKey {
    replica(100 + n).public_key()
}

/// An observer that its key has signed for the group of this world.
fn observer(world: &World, n: u8) -> Observer {
    let (organisation, until, proof) = ("org-1".into(), world.time + DAY, Signature([0; 64]));
    signed(world, n, Observer { key: key(n), organisation, domains: vec![], until, proof })
}

fn signed(world: &World, n: u8, observer: Observer) -> Observer {
    let proof = replica(100 + n).sign(&observer.signed_bytes(&world.genesis.group()));
    Observer { proof, ..observer }
}

fn propose(world: &mut World, act: Act) -> Receipt {
    world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(Op::Propose { act })])
}

fn agreed(world: &mut World, act: Act) {
    let receipt = propose(world, act);
    assert_eq!(receipt.code, None, "{receipt:?}");
    let proposal = ProposalId::of(&receipt.id, 0);
    for who in [1, 2] {
        let receipt = world.does_in(GROUP_DOMAIN, who, &[Edit::Other(Op::Approve { proposal })]);
        assert_eq!(receipt.code, None, "{receipt:?}");
    }
}

fn enrolled(world: &mut World, observer: Observer) {
    agreed(world, ObserverAct::Enrol(observer).act());
}

fn refused(world: &mut World, act: &ObserverAct) -> String {
    let receipt = propose(world, act.act());
    assert_eq!(receipt.code, Some(Code::BadAct), "{receipt:?}");
    receipt.detail.expect("a reason")
}

fn found(world: &World, n: u8) -> Option<ObserverEntry> {
    world.view().observer(&key(n)).expect("memory")
}

#[test]
fn an_observer_is_enrolled_by_the_group_until_its_time_is_over() {
    let mut world = today();
    let wanted = observer(&world, 1);
    enrolled(&mut world, wanted.clone());
    let entry = found(&world, 1).expect("enrolled");
    assert_eq!((entry.organisation.as_str(), entry.until, entry.is_over), ("org-1", wanted.until, false));
    world.time = wanted.until;
    world.slot(&[]);
    assert_eq!(found(&world, 1), None);
    assert_eq!(world.view().observers().expect("memory").iter().map(|entry| entry.is_over).collect::<Vec<_>>(), [true]);
}

#[test]
fn rules_8_know_no_act_about_observers() {
    let mut world = world(None);
    world.slot(&[]);
    let act = ObserverAct::Enrol(observer(&world, 1));
    assert_eq!(refused(&mut world, &act), "rules 8, by which the group executes, know no act with the number 1");
}

#[test]
fn observers_are_enrolled_from_the_epoch_on_that_rules_9_begin_with() {
    let mut world = world(None);
    world.slot(&[]);
    let rules = Reconfiguration { rules: Some(OBSERVERS_SINCE), ..Reconfiguration::default() };
    agreed(&mut world, Act::Reconfigure { change: rules });
    let act = ObserverAct::Enrol(observer(&world, 1));
    assert!(refused(&mut world, &act).starts_with("rules 8,"), "up to the boundary");
    world.fill();
    assert_eq!(world.ledger.rules(), 8);
    let first = observer(&world, 1);
    enrolled(&mut world, first);
    assert_eq!(world.ledger.rules(), OBSERVERS_SINCE);
    assert!(found(&world, 1).is_some());
}

#[test]
fn an_enrolment_waits_for_the_organisation_that_it_names() {
    let mut world = today();
    let wanted = signed(&world, 1, Observer { organisation: "org-3".into(), ..observer(&world, 1) });
    enrolled(&mut world, wanted.clone());
    assert_eq!(found(&world, 1), None, "three of four organisations claim a key for the fourth");
    let open = world.view().proposals(Some(GROUP_DOMAIN), true, None, 2).expect("memory").items;
    let proposal = open.first().expect("it waits").id;
    let receipt = world.does_in(GROUP_DOMAIN, 3, &[Edit::Other(Op::Approve { proposal })]);
    assert_eq!(receipt.code, None, "{receipt:?}");
    assert_eq!(found(&world, 1).map(|entry| entry.organisation), Some(wanted.organisation));
}

#[test]
fn a_revoked_observer_is_none_and_gives_its_place_back() {
    let mut world = today();
    for n in 0..64 {
        let observer = observer(&world, n);
        enrolled(&mut world, observer);
    }
    let one_more = ObserverAct::Enrol(observer(&world, 64));
    assert!(refused(&mut world, &one_more).contains("has 64 observers: revoke one first"));
    let elsewhere = signed(&world, 64, Observer { organisation: "org-2".into(), ..observer(&world, 64) });
    enrolled(&mut world, elsewhere);
    agreed(&mut world, ObserverAct::Revoke(key(7)).act());
    assert_eq!(found(&world, 7), None);
    assert!(refused(&mut world, &ObserverAct::Revoke(key(7))).contains("is no enrolled observer"));
    let observer = observer(&world, 65);
    enrolled(&mut world, observer);
    assert_eq!(world.view().observers().expect("memory").len(), 65);
    assert_eq!(world.view().observers_count(), Ok(65));
}

#[test]
fn an_enrolment_is_renewed_by_its_own_organisation_and_counts_once() {
    let mut world = today();
    let first = observer(&world, 1);
    enrolled(&mut world, first.clone());
    let longer = Observer { until: first.until + DAY, domains: vec!["main".into()], ..first.clone() };
    let longer = signed(&world, 1, longer);
    enrolled(&mut world, longer);
    let entry = found(&world, 1).expect("enrolled");
    assert_eq!((entry.until, entry.domains), (first.until + DAY, vec!["main".to_owned()]));
    let taken = ObserverAct::Enrol(signed(&world, 1, Observer { organisation: "org-2".into(), ..first }));
    assert!(refused(&mut world, &taken).contains("is an observer of \"org-1\""));
}

#[test]
fn an_enrolment_names_a_sound_key_a_known_organisation_known_domains_and_a_time_to_come() {
    let mut world = today();
    let good = observer(&world, 1);
    let cases = [
        (Observer { key: PublicKey([0; 32]), ..good.clone() }, "small order"),
        (Observer { organisation: "org-9".into(), ..good.clone() }, "no organisation \"org-9\""),
        (Observer { domains: vec!["nowhere".into()], ..good.clone() }, "no domain \"nowhere\""),
        (Observer { domains: vec!["other".into(), "main".into()], ..good.clone() }, "ascending"),
        (Observer { until: world.time, ..good }, "would be over"),
    ];
    for (observer, why) in cases {
        let observer = signed(&world, 1, observer);
        let detail = refused(&mut world, &ObserverAct::Enrol(observer));
        assert!(detail.contains(why), "{detail}");
    }
    let receipt = propose(&mut world, Act::Later { number: 1, body: vec![9] });
    assert!(receipt.detail.is_some_and(|detail| detail.contains("not the encoding")));
}

#[test]
fn an_enrolment_that_its_key_has_not_signed_is_refused() {
    let mut world = today();
    let good = observer(&world, 1);
    let elsewhere = support::genesis(7).group();
    assert_ne!(elsewhere, world.genesis.group());
    let of_another_group = replica(101).sign(&good.signed_bytes(&elsewhere));
    let cases = [
        ("another key's", Observer { proof: observer(&world, 2).proof, ..good.clone() }),
        ("of another group", Observer { proof: of_another_group, ..good.clone() }),
        ("of another organisation", Observer { organisation: "org-2".into(), ..good.clone() }),
        ("of other domains", Observer { domains: vec!["main".into()], ..good.clone() }),
        ("of an end that is over", Observer { until: good.until + 1, ..good.clone() }),
        ("none", Observer { proof: Signature([0; 64]), ..good.clone() }),
    ];
    for (whose, observer) in cases {
        let detail = refused(&mut world, &ObserverAct::Enrol(observer));
        assert!(detail.contains("has not signed this enrolment"), "{whose}: {detail}");
    }
    enrolled(&mut world, good);
    assert!(found(&world, 1).is_some());
}

#[test]
fn a_closed_domain_is_closed_to_observers_whose_organisation_may_not_read_it_or_that_do_not_follow_it() {
    let mut world = today();
    for (n, organisation, domains) in
        [(1, "org-1", vec![]), (2, "org-2", vec![]), (3, "org-1", vec!["other".to_owned()])]
    {
        let observer = Observer { organisation: organisation.into(), domains, ..observer(&world, n) };
        let observer = signed(&world, n, observer);
        enrolled(&mut world, observer);
    }
    let closed = |world: &World, n: u8| {
        let entry = found(world, n).expect("enrolled");
        world.view().closed_to(&entry).map(str::to_owned)
    };
    assert_eq!([1, 2, 3].map(|n| closed(&world, n)), [None, None, None], "everyone may read");
    let organisation = |name: &str| Principal::Organisation(name.into());
    let policy = DomainPolicy::new(vec![organisation("org-0"), organisation("org-1")], vec![organisation("org-1")]);
    world.decide("main", policy);
    let main = Some("main".to_owned());
    assert_eq!([1, 2, 3].map(|n| closed(&world, n)), [None, main.clone(), main]);
}
