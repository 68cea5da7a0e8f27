//! A git history that comes in over one connection.

use crate::governance::{author, says, text};
use crate::group::{Group, eventually};
use crate::offers::{framed, lines, streamed};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Commits of the history, a file each.
const COMMITS: u64 = 600;

/// A git repository, and the folder that it is in.
fn history() -> (tempfile::TempDir, PathBuf) {
    let (group, dir) = (Group::unpaced(), tempfile::tempdir().expect("a folder"));
    let envelopes: Vec<_> = (1..=COMMITS).map(|seq| group.envelope_at(seq, 1, &path(seq), &content(seq))).collect();
    let offered = lines(&streamed(&group, "*/*", &framed(&envelopes)));
    assert!(offered.values().all(|offered| offered.status == 200));
    let mirror = dir.path().join("mirror");
    says(&group, &author(&group, 0), 0, &["export", "--git", text(&mirror)], 0);
    (dir, mirror)
}

fn path(seq: u64) -> String {
    format!("folder-{}/f{seq}", seq % 7)
}

fn content(seq: u64) -> String {
    format!("content {seq}\n")
}

fn importing(group: &Group, mirror: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["import", "--json", "--git", text(mirror), "--node", &format!("http://{}", group.api(0)), "--key"])
        .arg(author(group, 0))
        .stdout(Stdio::piped())
        .spawn()
        .expect("quorate runs")
}

fn imported(child: Child) -> Value {
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    serde_json::from_slice(&output.stdout).expect("a document")
}

fn has_all(group: &Group) -> bool {
    (1..=COMMITS).all(|seq| group.file(0, &path(seq), "sequential").text() == content(seq))
}

#[test]
fn every_commit_of_a_history_is_a_change_of_the_domain() {
    let (_dir, mirror) = history();
    let group = Group::unpaced();
    let told = imported(importing(&group, &mirror));
    assert_eq!((&told["commits"], &told["changes"], &told["conflicts"]), (&COMMITS.into(), &COMMITS.into(), &0.into()));
    assert!(has_all(&group));
}

#[test]
fn an_import_goes_on_when_its_node_was_killed_and_is_back() {
    let (_dir, mirror) = history();
    let mut group = Group::unpaced();
    let import = importing(&group, &mirror);
    eventually("some are executed", || group.status(0)["executed_seq"].as_u64().filter(|seq| *seq >= 10));
    group.kill(0);
    group.start(0);
    let told = imported(import);
    assert_eq!((&told["commits"], &told["changes"]), (&COMMITS.into(), &COMMITS.into()));
    assert!(has_all(&group));
}
