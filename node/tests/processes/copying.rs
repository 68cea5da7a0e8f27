//! A replica whose disk was lost, filled again from the others.

use crate::governance::text;
use crate::group::{Group, eventually};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn copy(group: &Group, replica: usize, from: &[usize]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["copy", "--json", "--dir", text(&folder(group, replica))]);
    for from in from {
        command.args(["--from", &format!("http://{}", group.api(*from))]);
    }
    command.output().expect("quorate runs")
}

fn folder(group: &Group, replica: usize) -> std::path::PathBuf {
    group.dir().join(format!("replica-{replica}"))
}

fn copied(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn remove(path: &Path) {
    std::fs::remove_dir_all(path).expect("it is there");
}

#[test]
fn a_replica_that_lost_its_disk_is_copied_follows_and_never_votes() {
    let mut group = Group::running(4);
    (0..8).for_each(|number| drop(group.put(number % 4, &format!("file-{number}"), "kept")));
    group.kill(3);
    remove(&folder(&group, 3).join("data"));
    group.put(0, "while", "away");

    let told = copied(&copy(&group, 3, &[0, 1, 2]));
    assert!(told["seq"].as_u64().is_some_and(|seq| seq > 0), "{told}");
    assert_eq!(told["refused"].as_array().map(Vec::len), Some(0), "{told}");
    group.start(3);

    let status = group.await_mode(3, "following");
    assert!(status["why"].as_str().is_some_and(|why| why.contains("does not vote until")), "{status}");
    group.put(1, "after", "new");
    eventually("it serves what was copied and what came since", || {
        let file = |path: &str| group.file(3, path, "sequential").text();
        (file("file-3") == "kept" && file("after") == "new").then_some(())
    });
    eventually("it stands at the root that the others certified", || {
        let [ours, theirs] = [3, 0].map(|replica| group.status(replica));
        let roots = |status: &Value| (status["stable_checkpoint"].clone(), status["state_root"].clone());
        (roots(&ours) == roots(&theirs)).then_some(())
    });

    group.kill(2);
    let refused = group.envelope("without a quorum", "x");
    assert_eq!(crate::http::post(group.api(0), "/v1/envelopes", &refused).expect("an answer").status, 202);
    group.await_mode(0, "read-only"); // three are there, and one of them does not vote
    group.kill(3);
    group.start(3);
    group.await_mode(3, "following");
}

#[test]
fn an_old_database_is_brought_up_to_date_and_kept_aside() {
    let mut group = Group::running(4);
    group.put(0, "before", "1");
    assert_eq!(group.stop(3), Some(0));
    group.put(1, "while", "2");

    let told = copied(&copy(&group, 3, &[1]));

    assert!(told["before"].as_str().is_some_and(|path| Path::new(path).is_dir()), "{told}");
    group.start(3);
    group.await_mode(3, "following");
    eventually("it serves both", || {
        let file = |path: &str| group.file(3, path, "sequential").text();
        (file("before") == "1" && file("while") == "2").then_some(())
    });
}

#[test]
fn nobody_copies_into_a_folder_in_use_or_from_nobody() {
    let mut group = Group::running(4);
    group.put(0, "before", "1");

    let in_use = copy(&group, 3, &[0]);
    assert_eq!(in_use.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&in_use.stderr).contains("in use by another process"), "{in_use:?}");

    group.kill(3);
    group.kill(2);
    remove(&folder(&group, 3).join("data"));
    let nobody = copy(&group, 3, &[2]);
    assert_eq!(nobody.status.code(), Some(3), "{nobody:?}");
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("no node is left to copy from"), "{nobody:?}");
}

fn says(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate")).args(args).output().expect("quorate runs")
}

#[test]
fn a_snapshot_verifies_offline_and_fills_a_folder() {
    let mut group = Group::running(4);
    (0..4).for_each(|number| drop(group.put(number, &format!("file-{number}"), "kept")));
    let (out, genesis) = (group.dir().join("state.snapshot"), folder(&group, 0).join("genesis.json"));
    let node = format!("http://{}", group.api(1));

    let exported =
        says(&["snapshot", "export", "--json", "--from", &node, "--genesis", text(&genesis), "--out", text(&out)]);
    let verified = says(&["snapshot", "verify", text(&out), "--json", "--genesis", text(&genesis)]);
    assert_eq!(copied(&exported)["state_root"], copied(&verified)["state_root"]);

    group.kill(3);
    remove(&folder(&group, 3).join("data"));
    let restored = copied(&says(&["restore", text(&out), "--json", "--dir", text(&folder(&group, 3))]));
    assert_eq!(restored["state_root"], copied(&verified)["state_root"]);
    group.start(3);
    group.await_mode(3, "following");
    group.put(0, "after", "new");
    eventually("it serves what was restored and what came since", || {
        let file = |path: &str| group.file(3, path, "sequential").text();
        (file("file-2") == "kept" && file("after") == "new").then_some(())
    });
}

#[test]
fn a_snapshot_that_was_changed_does_not_verify() {
    let mut group = Group::running(4);
    group.put(0, "a", "kept");
    let (out, genesis) = (group.dir().join("state.snapshot"), folder(&group, 0).join("genesis.json"));
    let node = format!("http://{}", group.api(0));
    copied(&says(&["snapshot", "export", "--json", "--from", &node, "--genesis", text(&genesis), "--out", text(&out)]));
    let whole = std::fs::read(&out).expect("it was written");

    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for changed in [flipped, whole[..whole.len() - 1].to_vec(), [&whole[..], b"!"].concat()] {
        std::fs::write(&out, changed).expect("it is written");
        let verified = says(&["snapshot", "verify", text(&out), "--genesis", text(&genesis)]);
        assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    }
}
