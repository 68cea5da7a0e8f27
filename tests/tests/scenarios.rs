//! Named scenarios: a plan made by hand for one rule, and the real core in the simulated world.

use quorate_pbft::{Constants, ReplicaId};
use quorate_tests::attackers::Attack;
use quorate_tests::campaign::simulate;
use quorate_tests::plan::{Fault, FaultKind, Plan, Request, RequestKind};
use quorate_tests::presets::{MILLI, Preset, SECOND};
use quorate_tests::run::run;
use quorate_tests::weather::Weather;
use std::collections::BTreeSet;

/// Four replicas in good weather; each is handed twenty changes a second for `seconds`.
fn busy(seconds: u64) -> Plan {
    let write = |at: u64| {
        let to = ReplicaId::new((at % 4) as u16);
        let kind = RequestKind::Write { author: (at % 4) as u16, to: vec![to], bytes: 100 };
        Request { at: 100 * MILLI + at * 12_500, kind }
    };
    let requests = (0..80 * seconds).map(write).collect();
    let calm_at = seconds * SECOND;
    let (weather, constants) = (Weather::CALM, Constants::default());
    let (attackers, faults) = (Vec::new(), Vec::new());
    Plan { constants, weather, attackers, faults, requests, calm_at, ..Plan::of(1, Some(Preset::Short)) }
}

/// Virtual seconds until somebody asks for another primary than the first, who lies.
fn left_at(attack: Attack) -> f64 {
    let outcome = run(&Plan { attackers: vec![(ReplicaId::new(0), attack)], ..busy(6) }, true);
    assert_eq!(outcome.failure, None);
    let asked = outcome.trace.lines().find(|line| line.contains("ViewChange by")).expect("the first primary is left");
    asked.split_whitespace().next().and_then(|at| at.parse().ok()).expect("a time")
}

/// V1 a: the clock runs from the oldest certified bundle that is in no committed cut.
#[test]
fn a_primary_that_lets_bundles_trickle_into_its_cuts_is_left() {
    let at = left_at(Attack::Trickler);
    assert!(at < 3.1, "the first bundle is there after 1.1 s: two time-outs, {at} s");
}

/// V1 a: a decided slot whose content is missing excuses a primary once.
#[test]
fn a_primary_that_keeps_each_empty_slot_from_another_backup_is_left() {
    let at = left_at(Attack::Excluder);
    assert!(at < 3.1, "a time-out, and the fetch of what was missing then: {at} s");
}

/// V1, V7: nobody honest is left in good weather.
#[test]
fn an_honest_primary_under_load_is_not_left() {
    let outcome = run(&busy(6), false);
    assert_eq!(outcome.failure, None);
    assert_eq!(outcome.stats.view_changes, 0);
}

/// L5, N9: slots that are executed meanwhile call for no bundle again.
#[test]
fn a_replica_that_was_away_is_sent_each_bundle_once() {
    let kind = FaultKind::Crash(ReplicaId::new(3));
    let write = |at: u64| {
        let kind = RequestKind::Write { author: (at % 4) as u16, to: vec![ReplicaId::new(1)], bytes: 100 };
        Request { at: 100 * MILLI + at * 4 * MILLI, kind }
    };
    let faults = vec![Fault { at: SECOND, lasts: 3 * SECOND, kind }];
    let outcome = run(&Plan { faults, requests: (0..2_000).map(write).collect(), ..busy(8) }, true);
    assert_eq!(outcome.failure, None);
    let sent = |line: &'_ str| line.split_once("3 <- 1: Bundle").map(|(_, bundle)| bundle.to_owned());
    let bundles: Vec<String> = outcome.trace.lines().filter_map(sent).collect();
    let different = bundles.iter().collect::<BTreeSet<_>>().len();
    assert!(different > 1_000, "{different} bundles");
    assert_eq!(bundles.len(), different);
}

#[test]
fn the_first_seeds_find_nothing() {
    let summary = simulate(0..400, None, |_, _| ());
    assert!(summary.failures.is_empty(), "{:?}", summary.failures);
}
