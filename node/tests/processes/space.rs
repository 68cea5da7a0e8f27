//! Space on the disk: a replica without room for new changes, and compaction.

use crate::group::{Group, eventually};
use quorate_service::health::NoRoom;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Sets a replica's quota, or another one, before its start.
fn set_quota(group: &Group, replica: usize, quota: &str) {
    let file = group.dir().join(format!("replica-{replica}/config.toml"));
    let text = fs::read_to_string(&file).expect("a configuration");
    let rest = text.lines().filter(|line| !line.starts_with("space_quota")).collect::<Vec<_>>().join("\n");
    fs::write(&file, format!("space_quota = \"{quota}\"\n{rest}\n")).expect("our file");
}

fn issues(group: &Group, replica: usize) -> Vec<String> {
    let told = group.get(replica, "/v1/issues").json();
    let ids = told["items"].as_array().expect("a list").iter();
    ids.map(|issue| issue["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn a_replica_over_its_quota_takes_no_new_change_and_goes_on_with_all_else() {
    let mut group = Group::init(4);
    set_quota(&group, 3, "1MiB");
    group.start_all();
    group.put(0, "before", "1");
    eventually("the issue", || issues(&group, 3).contains(&"disk-full".to_owned()).then_some(()));

    let envelope = group.envelope("a", "1");
    let refused = group.offer(3, &envelope);
    assert_eq!(refused.status, 507, "{}", refused.text());
    let problem = refused.json();
    assert_eq!(problem["code"], "disk-full");
    assert!(problem["detail"].as_str().is_some_and(|words| words.contains(NoRoom::ADVICE)), "{problem}");

    assert_eq!(group.offer(0, &envelope).status, 200, "another replica takes the same bytes");
    eventually("it executes what others take", || (group.file(3, "a", "sequential").status == 200).then_some(()));
    assert_eq!(group.offer(3, &envelope).status, 200, "the receipt of a change that has one");
    assert_eq!(group.status(3)["mode"], "active");
    group.kill(0);
    let other = group.envelope("b", "1");
    assert_eq!(group.offer(1, &other).status, 200, "its vote is one of the three that are left");

    assert_eq!(group.stop(3), Some(0));
    set_quota(&group, 3, "1GiB");
    group.start(3);
    group.await_mode(3, "active");
    group.put(3, "c", "1");
}

fn compact(dir: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["compact", "--json", "--dir"]).arg(dir).output().expect("quorate runs")
}

#[test]
fn a_stopped_replica_is_compacted_and_a_running_one_is_not() {
    let mut group = Group::running(1);
    (0..20).for_each(|file| drop(group.put(0, &format!("file-{file}"), &"text".repeat(1_000))));
    let dir = group.dir().join("replica-0");
    let refused = compact(&dir);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stdout).contains("in use"), "{refused:?}");

    assert_eq!(group.stop(0), Some(0));
    let compacted = compact(&dir);
    let told: Value = serde_json::from_slice(&compacted.stdout).expect("JSON");
    let bytes = |name: &str| told[name].as_u64().expect("bytes");
    assert!(bytes("after_bytes") <= bytes("before_bytes") && bytes("after_bytes") > 0, "{told}");

    group.start(0);
    group.await_mode(0, "active");
    (0..20).for_each(|file| assert_eq!(group.file(0, &format!("file-{file}"), "sequential").status, 200));
}
