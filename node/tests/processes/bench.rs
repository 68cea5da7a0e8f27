//! `quorate bench`: short loads of real groups, and what it says of them.

use crate::group::{QUORATE, free_ports};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs it on four replicas with eight authors.
fn bench(args: &[&str]) -> Value {
    bench_beside(Path::new("no-such-program"), args)
}

/// Runs it with a program that loads other systems.
fn bench_beside(peers: &Path, args: &[&str]) -> Value {
    let output = output_beside(peers, args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn output_beside(peers: &Path, args: &[&str]) -> Output {
    let port = free_ports(10).to_string();
    let load = ["bench", "--json", "--authors", "8", "--warm-up", "0", "--base-port", &port];
    Command::new(QUORATE).args(load).args(args).env("QUORATE_BENCH_PEERS", peers).output().expect("quorate runs")
}

/// Runs it with a fault; a machine that is too busy to measure one is given longer, twice.
fn bench_with(fault: &str) -> Value {
    let is_too_busy = |output: &Output| {
        let errors = String::from_utf8_lossy(&output.stderr);
        errors.contains("too busy to measure") || errors.contains("no commit before or none after the fault")
    };
    let try_for = |seconds| output_beside(Path::new("no-such-program"), &["--seconds", seconds, fault]);
    let mut output = try_for("2");
    for seconds in ["10", "20"] {
        if is_too_busy(&output) {
            output = try_for(seconds);
        }
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_bench_tells_what_a_load_cost_beside_what_the_machine_can_do() {
    let report = bench(&["--seconds", "4"]); // a tenth of it is more than what is read between the two looks at processor times

    for name in ["changes_per_second", "p50_ms", "p99_ms", "cpu_us_per_change"] {
        assert!(number(&report[name]) > 0.0, "{name} in {report}");
    }
    for name in ["changes_per_second", "verify_us", "sync_us", "hop_us"] {
        assert!(number(&report["ceilings"][name]) > 0.0, "{name} in {report}");
    }
    let by_thread: f64 = report["cpu_by_thread"].as_array().unwrap().iter().map(|s| number(&s["us_per_change"])).sum();
    assert!(by_thread <= 1.1 * number(&report["cpu_us_per_change"]), "{report}");
}

#[test]
fn authors_who_edit_one_file_at_a_time_are_merged_and_the_page_says_how_often() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("report.html");
    let report = bench(&["--seconds", "2", "--contention", "50", "--report", page.to_str().unwrap()]);

    let outcomes = &report["outcomes"];
    assert!(number(&outcomes["merged"]) > 0.0, "{outcomes}");
    assert_eq!(number(&outcomes["conflict"]), 0.0, "each edits a member of its own: {outcomes}");
    assert!(read(&page).contains(&format!("{} merged", outcomes["merged"])));
}

#[test]
fn a_bench_kills_a_replica_and_tells_how_long_nothing_was_committed() {
    let report = bench_with("--kill-replica");

    assert_eq!(report["fault"], "kill-replica");
    assert_eq!(report["struck"].as_array().unwrap().len(), 1);
    assert!(number(&report["resumed_after_ms"]) > 0.0 && number(&report["commits_per_second_after"]) > 0.0, "{report}");
}

#[test]
fn a_load_that_loses_its_primary_counts_the_view_that_begins_then() {
    let report = bench_with("--kill-primary");

    assert!(number(&report["view_changes"]) >= 1.0, "{report}");
}

#[test]
fn a_ramp_ends_at_a_rate_that_held_below_one_that_did_not() {
    let report = bench(&["--seconds", "1", "--ramp", "--rate", "20", "--p99-ms", "1000"]);

    let ramp = &report["ramp"];
    let best = number(&ramp["best_rate"]);
    let steps = ramp["steps"].as_array().expect("steps");
    assert!(steps.iter().any(|step| step["held"] == false && number(&step["rate"]) > best), "{ramp}");
    assert!(steps.iter().any(|step| step["held"] == true && number(&step["rate"]) == best), "{ramp}");
}

#[test]
fn groups_of_several_sizes_take_the_same_load_one_after_the_other() {
    let report = bench(&["--seconds", "1", "--replicas", "1,4"]);

    let sizes = report["sizes"].as_array().expect("sizes");
    let replicas: Vec<f64> = sizes.iter().map(|size| number(&size["replicas"])).collect();
    assert_eq!(replicas, [1.0, 4.0]);
    assert!(sizes.iter().all(|size| number(&size["cpu_us_per_replica"]) > 0.0), "{report}");
}

#[test]
fn groups_with_several_numbers_of_files_take_the_same_load_one_after_the_other() {
    let report = bench(&["--seconds", "1", "--replicas", "1", "--files", "10,3000"]);

    let sizes = report["sizes"].as_array().expect("sizes");
    let files: Vec<f64> = sizes.iter().map(|size| number(&size["files"])).collect();
    assert_eq!(files, [10.0, 3_000.0]);
    assert!(sizes.iter().all(|size| number(&size["changes"]) > 0.0), "{report}");
}

/// Program in place of the one that loads other systems: tells of one that is a hundred changes a second faster each time.
fn other_system(folder: &Path) -> PathBuf {
    let figures = r#""p50_ms": 2.0, "p99_ms": 3.0, "cpu_us_per_change": 4.0, "leaves_out": ["all"]"#;
    let system = format!(r#"[{{"name": "other", "version": "1", "changes_per_second": %d00, {figures}}}]"#);
    let script = format!("#!/bin/sh\necho >>\"$0.turns\"\nprintf '{system}' $(wc -l <\"$0.turns\")\n");
    let program = folder.join("other");
    fs::write(&program, script).expect("a script");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("a program");
    program
}

#[test]
fn systems_take_turns_for_as_many_rounds_as_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = other_system(folder.path());

    let report = bench_beside(&other, &["--seconds", "1", "--replicas", "1", "--peers", "--rounds", "3"]);

    let rounds = &report["rounds"];
    assert_eq!((number(&rounds["rounds"]), rounds["systems"].as_array().map(Vec::len)), (3.0, Some(2)), "{report}");
    let (own, other) = (&rounds["systems"][0], &rounds["systems"][1]);
    assert_eq!((&own["name"], &other["name"]), (&"quorate".into(), &"other".into()));
    assert!(number(&own["changes_per_second"]["least"]) > 0.0 && own["times_quorate"].is_null(), "{own}");
    let rate = &other["changes_per_second"];
    assert_eq!(["least", "median", "greatest"].map(|of| number(&rate[of])), [100.0, 200.0, 300.0], "{other}");
    assert!(number(&other["times_quorate"]["changes_per_second"]["median"]) > 0.0, "{other}");
}

#[test]
fn a_single_round_tells_each_other_system_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = bench_beside(&other_system(folder.path()), &["--seconds", "1", "--replicas", "1", "--peers"]);

    assert_eq!(number(&report["peers"][0]["changes_per_second"]), 100.0, "{report}");
    assert!(report["rounds"].is_null(), "{report}");
}

#[test]
fn all_replicas_are_killed_at_once_again_and_again_and_all_that_was_acknowledged_is_read_back() {
    let report = bench(&["--seconds", "1", "--files", "400", "--kill-all", "2"]);

    let restarts = report["restarts"]["restarts"].as_array().expect("restarts");
    assert_eq!(restarts.len(), 2);
    assert!(restarts.iter().all(|restart| number(&restart["active_ms"]) >= number(&restart["ready_ms"])), "{report}");
    assert!(number(&report["restarts"]["acknowledged"]) > 0.0, "{report}");
    assert_eq!(number(&report["restarts"]["read_back"]), 8.0 * 8.0 + 4.0 * 400.0, "each file of each replica");
}

fn read(page: &Path) -> String {
    fs::read_to_string(page).expect("a page")
}
