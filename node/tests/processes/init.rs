//! `quorate init`: a whole folder or none.

use crate::group::{Group, eventually, free_ports};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn init(out: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate"))
        .arg("init")
        .arg("--out")
        .arg(out)
        .args(more)
        .output()
        .expect("quorate runs")
}

#[test]
fn a_folder_has_the_layout_of_the_contract() {
    let group = Group::init(4);

    for replica in 0..4 {
        assert!(group.has(Path::new(&format!("replica-{replica}/genesis.json"))));
        assert!(group.has(Path::new(&format!("replica-{replica}/config.toml"))));
        assert!(group.has(Path::new(&format!("author-org-{replica}.key"))));
    }
    let genesis = std::fs::read_to_string(group.dir().join("genesis.json")).expect("a file");
    assert!(genesis.contains("TEST KEYS"));
}

#[test]
fn a_folder_with_a_group_is_left_as_it_is() {
    let group = Group::init(1);
    let before = std::fs::read(group.dir().join("genesis.json")).expect("a file");

    let again = init(&group.dir(), &[]);

    assert_eq!(again.status.code(), Some(2));
    assert_eq!(std::fs::read(group.dir().join("genesis.json")).expect("a file"), before);
}

/// The genesis may have been lost alone; the database holds what the key has signed.
#[test]
fn a_folder_that_lost_its_genesis_is_not_joined_with_over_its_database() {
    let group = Group::init(4);
    let (dir, genesis) = (group.dir().join("replica-3"), group.dir().join("genesis.json"));
    std::fs::remove_file(dir.join("genesis.json")).expect("it is there");
    let config = std::fs::read(dir.join("config.toml")).expect("a file");

    let joined = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["join", "--peer", "/ip4/127.0.0.1/tcp/1", "--genesis"])
        .arg(genesis)
        .arg("--dir")
        .arg(&dir)
        .output()
        .expect("quorate runs");

    assert_eq!(joined.status.code(), Some(2), "{joined:?}");
    assert!(dir.join("data/quorate.redb").exists());
    assert_eq!(std::fs::read(dir.join("config.toml")).expect("a file"), config);
}

#[test]
fn an_init_that_was_killed_can_be_run_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("group");
    for millis in [1, 5, 20, 60] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_quorate"))
            .args(["init", "--out"])
            .arg(&out)
            .stdout(Stdio::null())
            .spawn()
            .expect("quorate runs");
        std::thread::sleep(Duration::from_millis(millis));
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        if out.join("genesis.json").exists() {
            break;
        }
    }

    if !out.join("genesis.json").exists() {
        let whole = init(&out, &[]);
        assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    }
    assert!((0..4).all(|replica| out.join(format!("replica-{replica}/data/quorate.redb")).exists()));
}

#[test]
fn organisations_may_be_fewer_than_replicas() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_ports(10).to_string();
    let out = folder.path().join("group");

    let made = init(&out, &["--replicas", "4", "--orgs", "acme,beta", "--name", "ours", "--base-port", &port]);

    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(out.join("author-acme.key").exists() && out.join("author-beta.key").exists());
    let genesis = std::fs::read_to_string(out.join("genesis.json")).expect("a file");
    assert!(genesis.contains("\"ours\"") && !genesis.contains("TEST KEYS"));
    assert_eq!(genesis.matches("\"organisation\": \"acme\"").count(), 3, "two members and an author");
}

#[test]
fn wrong_ports_are_refused_before_anything_is_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("group");

    let refused = init(&out, &["--base-port", "9000", "--api-port", "9002"]);

    assert_eq!(refused.status.code(), Some(2));
    eventually("nothing is there", || (!out.exists()).then_some(()));
}
