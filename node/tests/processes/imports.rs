//! A git history that comes in over one connection.

use crate::governance::{author, says, text};
use crate::group::{Group, eventually};
use crate::http;
use crate::offers::{framed, lines, streamed};
use quorate_client::author::{Author, Draft, Outcome};
use quorate_client::content;
use quorate_client::http::Client;
use quorate_ledger::{Level, Mode, Op, State};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Commits of the history, a file each.
const COMMITS: u64 = 600;

/// A git repository, and the folder that it is in.
fn history() -> (tempfile::TempDir, PathBuf) {
    let (group, dir) = (Group::unpaced(), tempfile::tempdir().expect("a folder"));
    let envelopes: Vec<_> = (1..=COMMITS).map(|seq| group.envelope_at(seq, 1, &path(seq), &text_of(seq))).collect();
    let offered = lines(&streamed(&group, "*/*", &framed(&envelopes)));
    assert!(offered.values().all(|offered| offered.status == 200));
    let mirror = dir.path().join("mirror");
    says(&group, &author(&group, 0), 0, &["export", "--git", text(&mirror)], 0);
    (dir, mirror)
}

fn path(seq: u64) -> String {
    format!("folder-{}/f{seq}", seq % 7)
}

fn text_of(seq: u64) -> String {
    format!("content {seq}\n")
}

fn importing(group: &Group, mirror: &Path) -> Child {
    importing_within(group, mirror, "60")
}

fn importing_within(group: &Group, mirror: &Path, seconds: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args([
            "import",
            "--json",
            "--timeout",
            seconds,
            "--git",
            text(mirror),
            "--node",
            &format!("http://{}", group.api(0)),
            "--key",
        ])
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
    (1..=COMMITS).all(|seq| group.file(0, &path(seq), "sequential").text() == text_of(seq))
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

#[test]
fn an_import_ends_when_its_node_falls_silent() {
    let (_dir, mirror) = history();
    let group = Group::unpaced();
    let mut import = importing_within(&group, &mirror, "5");
    eventually("some are executed", || group.status(0)["executed_seq"].as_u64().filter(|seq| *seq >= 10));
    group.signal(0, "STOP");
    let code = eventually("it gives up", || import.try_wait().expect("a process"));
    group.signal(0, "CONT");
    assert_eq!(code.code(), Some(3));
}

/// Another machine of the author takes a number between the signing and the sending.
#[test]
fn a_stream_that_loses_a_number_to_another_machine_goes_on_with_the_next() {
    let group = Group::unpaced();
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let client = || Client::new(&format!("http://{}", group.api(0)), Duration::from_secs(20)).expect("an address");
    let draft = |path: &str| {
        let op = Op::Put { path: path.into(), mode: Mode::File, content: content::digest(path.as_bytes()) };
        Draft { base: None, ops: vec![op], contents: vec![path.into()], message: String::new() }
    };
    runtime.block_on(async {
        let mut author = Author::open(&self::author(&group, 0), client(), "main").await.expect("an author");
        let mut streaming = author.streaming().await.expect("a node");
        assert_eq!(group.offer(0, &group.envelope_at(1, 7, "theirs", "x")).status, 200);
        for path in ["a", "b", "c"] {
            streaming.send(&draft(path)).await.expect("it is sent");
        }
        streaming.send(&draft("d")).await.expect("it is sent");

        let receipts = streaming.finish().await.expect("all have verdicts");

        let numbers: Vec<_> = receipts.iter().map(|receipt| (receipt.from_seq, receipt.state)).collect();
        assert_eq!(numbers, (2..=5).map(|seq| (seq, State::Applied)).collect::<Vec<_>>());
        assert!(!author.has_unanswered());
    });
    for path in ["theirs", "a", "b", "c", "d"] {
        assert_eq!(group.file(0, path, "sequential").status, 200, "{path}");
    }
}

/// The stream has ended, so that the envelopes are posted one by one, and another machine has taken the first's number.
#[test]
fn a_number_that_is_lost_when_the_stream_has_ended_is_followed_by_the_next() {
    let mut group = Group::running(4);
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let client = Client::new(&format!("http://{}", group.api(0)), Duration::from_secs(20)).expect("an address");
    let draft = |path: &str| {
        let op = Op::Put { path: path.into(), mode: Mode::File, content: content::digest(path.as_bytes()) };
        Draft { base: None, ops: vec![op], contents: vec![path.into()], message: format!("makes {path}") }
    };
    let executed = |group: &Group, replica, path: &str| {
        eventually(path, || Some(group.file(replica, path, "causal")).filter(|found| found.status == 200))
    };
    let key = self::author(&group, 0);
    let mut author = runtime.block_on(Author::open(&key, client, "main")).expect("an author");
    let mut streaming = runtime.block_on(author.streaming()).expect("a node");
    runtime.block_on(streaming.send(&draft("first"))).expect("it is sent");
    executed(&group, 0, "first");
    group.signal(0, "STOP");
    for path in ["a", "b"] {
        runtime.block_on(streaming.send(&draft(path))).expect("it lies on the way");
    }
    let theirs = group.envelope_at(2, 7, "theirs", "x");
    let offer = || http::post(group.api(1), "/v1/envelopes?wait=sequential", &theirs).ok();
    eventually("three order", || offer().filter(|told| told.status == 200));
    group.kill(0);
    group.start(0);
    executed(&group, 0, "theirs");

    let receipts = runtime.block_on(streaming.finish()).expect("all have verdicts");

    let numbers: Vec<_> = receipts.iter().map(|receipt| (receipt.from_seq, receipt.state)).collect();
    assert_eq!(numbers, [1, 3, 4].map(|seq| (seq, State::Applied)));
    assert!(!author.has_unanswered());
    for path in ["first", "theirs", "a", "b"] {
        assert_eq!(group.file(0, path, "sequential").status, 200, "{path}");
    }
}

#[test]
fn a_change_that_the_gate_refuses_leaves_its_number_and_those_after_it_free() {
    let group = Group::unpaced();
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let client = || Client::new(&format!("http://{}", group.api(0)), Duration::from_secs(20)).expect("an address");
    let draft = |path: &str, bytes: usize| {
        let contents: Vec<_> = (0..4_u8).map(|byte| vec![byte; bytes]).collect();
        let put = |(i, bytes): (usize, &Vec<u8>)| Op::Put {
            path: format!("{path}{i}"),
            mode: Mode::File,
            content: content::digest(bytes),
        };
        Draft { base: None, ops: contents.iter().enumerate().map(put).collect(), contents, message: String::new() }
    };
    runtime.block_on(async {
        let mut author = Author::open(&self::author(&group, 0), client(), "main").await.expect("an author");
        let mut streaming = author.streaming().await.expect("a node");
        let drafts = [draft("a", 1), draft("too-large", 9 << 20), draft("b", 1), draft("c", 1)];
        let sends = async {
            for draft in &drafts {
                streaming.send(draft).await?;
            }
            streaming.finish().await.map(|_| ())
        };
        let refused = sends.await.expect_err("it is refused").to_string();
        assert!(refused.contains("too-large"), "{refused}");
        assert!(!author.has_unanswered());
        match author.submit(&draft("d", 1), Level::Sequential).await.expect("an answer") {
            Outcome::Verdict(receipt) => assert_eq!((receipt.from_seq, receipt.state), (2, State::Applied)),
            Outcome::Ticket(ticket) => panic!("{ticket:?}"),
        }
    });
}
