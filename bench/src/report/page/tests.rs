//! Pages of reports: what they show, and what they cannot load.

use super::*;
use crate::args::Fault;
use crate::ceilings::Ceilings;
use crate::load::Minute;
use crate::machine::Machine;
use crate::threads::Share;
use crate::times::Percentile;

fn figures() -> Figures {
    let outcomes = Outcomes { applied: 90, merged: 9, conflict: 1 };
    let (changes_per_second, cpu_us_per_change, view_changes) = (100.0, 700.0, 3);
    let (seconds, changes, due, unsent, p50_ms, p99_ms) = (1.0, 100, 102, 2, 4.0, 9.0);
    Figures {
        seconds,
        changes,
        changes_per_second,
        due,
        unsent,
        p50_ms,
        p99_ms,
        cpu_us_per_change,
        view_changes,
        outcomes,
    }
}

fn report() -> Report {
    let step = |from_ms| Step { from_ms, commits: 10, p99_ms: Some(9.0) };
    let ceilings = Ceilings {
        verify_us: 36.0,
        sync_us: 140.0,
        hop_us: 30.0,
        cores: 2,
        changes_per_second: 14_000.0,
        latency_ms: 0.8,
    };
    Report {
        replicas: 4,
        authors: 8,
        under_way: 1,
        changes_per_envelope: 1,
        bytes: 256,
        files: None,
        contention: 10,
        levels: vec!["sequential".into()],
        rate: None,
        history: "all".into(),
        figures: figures(),
        percentiles: vec![Percentile { percent: 50.0, ms: 4.0 }, Percentile { percent: 100.0, ms: 12.0 }],
        cpu_by_thread: vec![Share { thread: "core".into(), us_per_change: 300.0 }],
        over_time: (0..10).map(|index| step(index * 100)).collect(),
        minutes: Vec::new(),
        outage: None,
        restarts: None,
        ramp: None,
        sizes: Vec::new(),
        peers: Vec::new(),
        rounds: None,
        ceilings,
        share_of_ceiling: 0.007,
        share_of_floor: 0.2,
        machine: Machine {
            processor: "<fast> & small".into(),
            cores: 2,
            memory_bytes: 1 << 30,
            kernel: "6.1".into(),
            curve_code: "avx2".into(),
            program: "quorate 0.1.0".into(),
            program_sha256: "00".repeat(32),
            build: "release".into(),
            began_at: 0,
        },
    }
}

fn drawn(report: &Report) -> String {
    page(report, "{}")
}

#[test]
fn a_page_has_the_figures_and_loads_nothing() {
    let page = drawn(&report());
    let outcomes = "90 applied, 9 merged, 1 left a conflict";
    for told in ["100, 0.007 of the ceiling", "<th>view changes<td>3", outcomes, "&lt;fast&gt; &amp; small"] {
        assert!(page.contains(told), "{told} is not in {page}");
    }
    for loads in ["http", "src=", "href=", "<script"] {
        assert!(!page.contains(loads), "{loads}");
    }
}

#[test]
fn a_page_shows_only_what_was_measured() {
    let plain = drawn(&report());
    for absent in ["A fault under load", "Highest rate", "Space of all", "Cost against", "Other systems"] {
        assert!(!plain.contains(absent), "{absent}");
    }
}

#[test]
fn a_page_shows_a_fault_with_its_moment_and_its_bound() {
    let outage = outage(Fault::PausePrimary);
    let page = drawn(&Report { outage: Some(outage), ..report() });
    assert!(page.contains("A fault under load: stopped the primary for three seconds"), "{page}");
    assert!(page.contains("1100 ms after the fault, within 2000 ms"), "{page}");
}

#[test]
fn processor_time_beside_a_killed_replica_is_said_to_be_that_of_the_others() {
    let told = [Fault::KillReplica, Fault::PauseReplica].map(|fault| {
        let report = Report { outage: Some(outage(fault)), ..report() };
        [drawn(&report), report.to_string()].map(|told| told.contains("the replicas left alive together"))
    });
    assert_eq!(told, [[true, true], [false, false]]);
}

fn outage(fault: Fault) -> Outage {
    let timeline = (-10..40).map(|index| Step { from_ms: index * 100, commits: 5, p99_ms: Some(1.0) }).collect();
    let (struck, within_bound) = (vec![0], true);
    let (silence_ms, resumed_after_ms, bound_ms) = (1_090, 1_100, 2_000);
    let (commits_per_second_before, commits_per_second_after, view_before, view_after) = (50.0, 50.0, 0, 1);
    Outage {
        fault,
        struck,
        view_before,
        view_after,
        commits_per_second_before,
        commits_per_second_after,
        silence_ms,
        resumed_after_ms,
        bound_ms,
        within_bound,
        timeline,
    }
}

#[test]
fn a_page_shows_the_steps_of_a_ramp_and_the_sizes_of_groups() {
    let step = |rate, held| crate::ramp::Step { rate, held, figures: figures() };
    let steps = vec![step(100.0, true), step(150.0, false)];
    let ramp = Some(Ramp { p99_bound_ms: 50, best_rate: 100.0, steps });
    let sizes = vec![Size::new(4, None, figures()), Size::new(7, None, figures())];
    let minutes = vec![Minute { minute: 1, disk_bytes: 1 << 30, memory_bytes: 1 << 28 }];
    let page = drawn(&Report { sizes, minutes, ..report() }.of_kind(None, None, ramp));
    for told in [
        "8 authors, 100 changes a second",
        "p99 of at most 50 ms: 100 changes a second",
        "<td class=\"n\">175",
        "Space of all replicas",
    ] {
        assert!(page.contains(told), "{told} is not in {page}");
    }
}

fn etcd(changes_per_second: f64) -> Peer {
    let (name, version, leaves_out) = ("etcd".into(), "3".into(), vec!["no proofs".into()]);
    let (p50_ms, p99_ms, cpu_us_per_change) = (2.0, 3.0, 4.0);
    Peer { name, version, changes_per_second, p50_ms, p99_ms, cpu_us_per_change, leaves_out }
}

#[test]
fn a_page_names_what_another_system_leaves_out() {
    let page = drawn(&Report { peers: vec![etcd(1.0)], ..report() });
    assert!(page.contains("no proofs") && page.contains("<td>etcd 3<td class=\"n\">1<"), "{page}");
}

#[test]
fn a_report_of_several_rounds_tells_medians_and_ratios_and_no_single_round_beside_them() {
    let own = || Peer::own(&report().machine, &figures());
    let rounds = Rounds::of(&[50.0, 75.0, 200.0].map(|rate| vec![own(), etcd(rate)]));
    let of_rounds = Report { peers: vec![etcd(75.0)], rounds: Some(rounds), ..report() };

    let (page, words) = (drawn(&of_rounds), of_rounds.to_string());

    assert!(page.contains("75 (50 to 200)") && page.contains("0.75 (0.50 to 2)"), "{page}");
    assert!(!page.contains("Other systems under"), "{page}");
    assert!(words.contains("etcd 3: 75 (50 to 200)/s"), "{words}");
    assert!(words.contains("0.75 (0.50 to 2.00) the rate") && words.contains("no proofs"), "{words}");
    assert!(!words.contains("etcd 3: 75/s"), "{words}");
}
