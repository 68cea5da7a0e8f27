//! Changes of the member list: plans made by hand, and the real core in the simulated world (M1 to M3).

use quorate_pbft::{Constants, ReplicaId};
use quorate_tests::attackers::Attack;
use quorate_tests::campaign::simulate;
use quorate_tests::clients::CHANGER;
use quorate_tests::plan::{Clock, Fault, FaultKind, Plan, Request, RequestKind};
use quorate_tests::presets::{MILLI, Preset, SECOND};
use quorate_tests::run::{Outcome, run};
use quorate_tests::weather::{Micros, Weather};

fn places(list: &[u16]) -> Vec<ReplicaId> {
    list.iter().map(|place| ReplicaId::new(*place)).collect()
}

fn write(at: Micros, author: u16, to: &[u16]) -> Request {
    Request { at, kind: RequestKind::Write { author, to: places(to), bytes: 100 } }
}

/// Four founders in good weather, with the constants of a new genesis: after half a second a change is asked for, and `busy`
/// means forty changes of files a second.
fn plan(lists: &[&[u16]], busy: bool) -> Plan {
    let calm_at = 10 * SECOND;
    let mut requests: Vec<Request> =
        (0..lists.len() as u64).map(|at| write((500 + 4_500 * at) * MILLI, CHANGER, &[1])).collect();
    if busy {
        requests.extend((0..400).map(|at| write(at * 25 * MILLI, (at % 4) as u16, &[1 + (at % 3) as u16])));
    }
    requests.sort_by_key(|request| request.at);
    let lists: Vec<_> = lists.iter().map(|list| places(list)).collect();
    let people = lists.iter().flatten().map(|place| place.index() + 1).max().unwrap_or(4).max(4);
    let (weather, constants, n) = (Weather::CALM, Constants::default(), 4);
    let (attackers, faults, clocks) = (Vec::new(), Vec::new(), vec![Clock::default(); people]);
    let own = Plan::of(1, Some(Preset::Epochs));
    Plan { n, lists, constants, weather, attackers, faults, requests, clocks, calm_at, ..own }
}

fn extreme(outcome: &Outcome, what: &str) -> u64 {
    let found = outcome.stats.extremes.iter().find(|extreme| extreme.what == what);
    found.unwrap_or_else(|| panic!("no epoch began: {:?}", outcome.stats)).value
}

fn epochs(outcome: &Outcome) -> u64 {
    outcome.stats.tallies.get("epochs that a replica began").copied().unwrap_or_default()
}

/// M1: an idle group has nothing to put into the slots up to the end.
#[test]
fn an_idle_group_is_in_the_next_epoch_within_five_seconds() {
    let outcome = run(&plan(&[&[0, 1, 2, 4]], false), false);
    assert_eq!(outcome.failure, None);
    assert_eq!((epochs(&outcome), outcome.stats.view_changes), (5, 0));
    assert!(
        extreme(&outcome, "ms from the name of an epoch to its first slot") <= 5_000,
        "{:?}",
        outcome.stats.extremes
    );
}

#[test]
fn a_busy_group_stands_still_for_less_than_a_second_between_two_epochs() {
    let outcome = run(&plan(&[&[0, 1, 2, 4], &[5, 1, 2, 4]], true), false);
    assert_eq!(outcome.failure, None);
    assert_eq!((epochs(&outcome), outcome.stats.view_changes), (6 + 6, 0));
    assert!(extreme(&outcome, "ms between two epochs") <= 1_000, "{:?}", outcome.stats.extremes);
}

#[test]
fn a_group_grows_from_four_to_seven_and_shrinks_back() {
    let lists: [&[u16]; 6] = [
        &[0, 1, 2, 3, 4],
        &[0, 1, 2, 3, 4, 5],
        &[0, 1, 2, 3, 4, 5, 6],
        &[1, 2, 3, 4, 5, 6],
        &[1, 3, 4, 5, 6],
        &[1, 3, 4, 6],
    ];
    let small = Constants { checkpoint_period: 8, window: 16, ..Constants::default() };
    let mut plan = Plan { constants: small, ..plan(&lists, true) };
    plan.requests.retain(|request| !matches!(request.kind, RequestKind::Write { author: CHANGER, .. }));
    plan.requests.extend((0..6).map(|at| write((500 + at * 1_500) * MILLI, CHANGER, &[1])));
    plan.requests.sort_by_key(|request| request.at);
    let outcome = run(&plan, false);
    assert_eq!(outcome.failure, None);
    assert_eq!(epochs(&outcome), 6 * 7);
}

/// V1 c: everything else of it goes on, so that only the end that does not come can tell.
#[test]
fn a_primary_that_never_fills_the_epoch_is_left() {
    let liar = (ReplicaId::new(0), Attack::BoundaryIdler);
    let outcome = run(&Plan { attackers: vec![liar], ..plan(&[&[0, 1, 2, 4]], false) }, false);
    assert_eq!(outcome.failure, None);
    assert!(epochs(&outcome) >= 4 && outcome.stats.view_changes >= 1, "{:?}", outcome.stats);
}

/// E, M3: by epoch.
#[test]
fn votes_of_another_epoch_and_of_one_that_is_over_change_nothing() {
    for attack in [Attack::Straddler, Attack::Ghost] {
        for list in [[0, 1, 2, 4], [4, 1, 2, 3]] {
            let liar = (ReplicaId::new(0), attack);
            let outcome = run(&Plan { attackers: vec![liar], ..plan(&[&list], true) }, false);
            assert_eq!(outcome.failure, None, "{attack}, {list:?}");
        }
    }
}

/// M3: what they certify is void, so that nobody takes the proposals of the first primary of the next epoch; repair brings the
/// contents that it votes for.
#[test]
fn a_primary_that_cuts_lanes_by_certificates_of_the_epoch_before_holds_nobody_up() {
    let liar = (ReplicaId::new(0), Attack::OldCertificates);
    let outcome = run(&Plan { attackers: vec![liar], ..plan(&[&[0, 1, 2, 4]], true) }, true);
    assert_eq!(outcome.failure, None);
    let of_last_second = outcome.trace.lines().filter(|line| line.starts_with("  9.") && line.contains(" executes "));
    assert!(epochs(&outcome) >= 4 && of_last_second.count() >= 50, "{:?}", outcome.stats);
}

/// f of the list that it joins.
#[test]
fn a_joiner_that_lies_once_it_is_a_member_is_borne() {
    for attack in [Attack::Equivocator, Attack::TwoFaced, Attack::Silent, Attack::CheckpointLiar] {
        for list in [&[0, 1, 2, 4][..], &[4, 1, 2, 3], &[0, 1, 2, 3, 4]] {
            let liar = (ReplicaId::new(4), attack);
            let outcome = run(&Plan { attackers: vec![liar], ..plan(&[list], true) }, false);
            assert_eq!(outcome.failure, None, "{attack}, {list:?}");
            assert!(epochs(&outcome) >= 3, "{attack}, {list:?}: {:?}", outcome.stats);
        }
    }
}

/// N9: it hears of the end from those who have gone on, and fetches what it lacks from their disks.
#[test]
fn a_member_that_was_away_over_two_ends_comes_after() {
    let away = Fault { at: 400 * MILLI, lasts: 9 * SECOND, kind: FaultKind::Crash(ReplicaId::new(2)) };
    let outcome = run(&Plan { faults: vec![away], ..plan(&[&[0, 1, 2, 4], &[5, 1, 2, 4]], true) }, false);
    assert_eq!(outcome.failure, None);
    assert_eq!(epochs(&outcome), 6 + 6);
}

#[test]
fn the_first_seeds_with_changes_find_nothing() {
    let summary = simulate(0..150, Some(Preset::Epochs), |_, _| ());
    assert!(summary.failures.is_empty(), "{:?}", summary.failures);
}
