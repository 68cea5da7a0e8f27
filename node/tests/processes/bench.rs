//! `quorate bench`: short loads of real groups, and what it says of them.

use crate::group::{QUORATE, free_ports};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs it on four replicas with eight authors.
fn bench(args: &[&str]) -> Value {
    let port = free_ports(10).to_string();
    let load = ["bench", "--json", "--authors", "8", "--warm-up", "0", "--base-port", &port];
    let output = Command::new(QUORATE).args(load).args(args).output().expect("quorate runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_bench_tells_what_a_load_cost_beside_what_the_machine_can_do() {
    let report = bench(&["--seconds", "1"]);

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
    let report = bench(&["--seconds", "2", "--kill-replica"]);

    assert_eq!(report["fault"], "kill-replica");
    assert_eq!(report["struck"].as_array().unwrap().len(), 1);
    assert!(number(&report["resumed_after_ms"]) > 0.0 && number(&report["commits_per_second_after"]) > 0.0, "{report}");
}

#[test]
fn a_load_that_loses_its_primary_counts_the_view_that_begins_then() {
    let report = bench(&["--seconds", "2", "--kill-primary"]);

    assert!(number(&report["view_changes"]) >= 1.0, "{report}");
}

#[test]
fn a_ramp_ends_at_a_rate_that_held_below_one_that_did_not() {
    let report = bench(&["--seconds", "1", "--ramp", "--rate", "50", "--p99-ms", "300"]);

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
