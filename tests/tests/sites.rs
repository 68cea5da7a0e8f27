//! A small audience in five regions holds the bounds of `docs/scale.md`, and one seed plays one run.

use quorate_tests::sites::{Plan, Shape, Summary, sites};

fn plan() -> Plan {
    Plan {
        voters: 7,
        observers: 120,
        regions: true,
        liars: 10,
        sybils: 50,
        seconds: 15,
        change_every_ms: 500,
        shapes: vec![Shape::Halves, Shape::Regions, Shape::Hermits],
        seed: 1,
    }
}

#[test]
fn a_hundred_and_twenty_followers_hold_every_bound() {
    let summary = sites(&plan(), |_| ());
    assert!(summary.failures.is_empty(), "{summary}");
    assert_eq!(summary.sybils.inside_late, 0, "{summary}");
    let cut: Vec<bool> = summary.healed.iter().map(|healed| healed.behind > 0).collect();
    assert_eq!(cut, [true, false, true], "no region has a quorum: {summary}");
    assert!(summary.healed[1].stood_still && summary.healed[1].next_ms > Some(0), "{summary}");
}

#[test]
fn liars_cost_followers_of_one_network_no_time() {
    let near = Plan { voters: 4, observers: 60, regions: false, shapes: Vec::new(), ..plan() };
    let summary = sites(&near, |_| ());
    assert!(summary.failures.is_empty(), "{summary}");
}

#[test]
fn one_seed_plays_one_run() {
    let small = Plan { observers: 16, seconds: 4, shapes: Vec::new(), ..plan() };
    let play = || Summary { seconds: 0.0, ..sites(&small, |_| ()) };
    assert_eq!(play(), play());
}
