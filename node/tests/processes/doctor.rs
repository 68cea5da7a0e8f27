//! `quorate doctor`: what is wrong with a folder or a node, and what to do about it.

use crate::governance::{author, run, says, text};
use crate::group::{Group, eventually};
use crate::http;
use quorate_ledger::Genesis;
use quorate_service::observer::furnish;
use serde_json::Value;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

fn of_folder(group: &Group, replica: usize, code: i32) -> Value {
    let folder = group.dir().join(format!("replica-{replica}"));
    says(group, &author(group, 0), 0, &["doctor", "--dir", text(&folder)], code)
}

/// Names of the checks that found a fault.
pub fn faults(found: &Value) -> Vec<&str> {
    let items = found["items"].as_array().expect("a list");
    items.iter().filter(|item| item["ok"] == false).map(|item| item["check"].as_str().expect("a name")).collect()
}

pub fn detail<'a>(found: &'a Value, check: &str) -> &'a str {
    let items = found["items"].as_array().expect("a list");
    let item = items.iter().find(|item| item["check"] == check).unwrap_or_else(|| panic!("no {check}: {found}"));
    item["detail"].as_str().expect("words")
}

#[test]
fn a_folder_without_a_fault_is_called_well_and_its_contents_are_counted() {
    let mut group = Group::running(4);
    group.put(0, "a.txt", "a");
    group.put(0, "b.txt", "b");
    group.file(0, "b.txt", "strong");
    assert_eq!(group.stop(0), Some(0));

    let found = of_folder(&group, 0, 0);

    assert_eq!(faults(&found), Vec::<&str>::new());
    assert!(detail(&found, "integrity").contains("contents of 2 files"), "{found}");
    assert!(detail(&found, "durable-write").contains("ms, at worst"), "{found}");
    assert!(!group.has(Path::new("replica-0/data/doctor.write")));
    assert!(detail(&found, "free-addresses").contains(&format!("api {}", group.api(0))), "{found}");
}

#[test]
fn a_database_in_use_is_left_alone_and_nothing_is_said_of_addresses_that_its_node_has() {
    let group = Group::running(1);
    let found = of_folder(&group, 0, 0);
    assert!(detail(&found, "integrity").contains("in use"));
    assert!(!found.to_string().contains("free-addresses"), "{found}");
}

#[test]
fn an_address_that_another_program_has_is_the_fault_of_a_replica_that_does_not_run() {
    let group = Group::init(1);
    let _holder = TcpListener::bind(group.api(0)).expect("nobody has it");

    let found = of_folder(&group, 0, 1);

    assert_eq!(faults(&found), ["free-addresses"]);
    assert_eq!(detail(&found, "free-addresses"), format!("api: {} is in use", group.api(0)));
}

#[test]
fn a_folder_with_another_members_key_is_not_told_that_its_database_is_damaged() {
    let mut group = Group::running(4);
    assert_eq!(group.stop(3), Some(0));
    fs::copy(group.dir().join("replica-2/replica.key"), group.dir().join("replica-3/replica.key")).expect("our files");

    let found = of_folder(&group, 3, 1);

    let items = found["items"].as_array().expect("a list");
    let item = items.iter().find(|item| item["check"] == "integrity").expect("it was looked at");
    assert!(detail(&found, "integrity").contains("another member"), "{found}");
    assert!(!item["advice"].as_str().expect("words").contains("repair"), "{found}");
}

#[test]
fn a_key_that_others_read_and_a_stranger_among_the_peers_are_named() {
    let group = Group::init(4);
    let folder = group.dir().join("replica-1");
    fs::set_permissions(folder.join("replica.key"), Permissions::from_mode(0o644)).expect("our file");
    let config = fs::read_to_string(folder.join("config.toml")).expect("a file");
    fs::write(folder.join("config.toml"), config + "9 = \"/ip4/127.0.0.1/tcp/1\"\n").expect("our file");

    assert_eq!(faults(&of_folder(&group, 1, 1)), ["key-secrecy", "addresses"]);
}

#[test]
fn a_replica_that_joins_needs_no_addresses_of_founders_and_its_key_is_no_fault() {
    let group = Group::init(4);
    let folder = group.dir().join("replica-1");
    let config = fs::read_to_string(folder.join("config.toml")).expect("a file");
    let (settings, _) = config.split_once("[peers]").expect("peers at the end");
    let follow = "follow = [\"/ip4/127.0.0.1/tcp/1\"]\n";
    fs::write(folder.join("config.toml"), format!("{follow}{settings}")).expect("our file");
    fs::copy(author(&group, 0), folder.join("replica.key")).expect("our files");

    assert_eq!(faults(&of_folder(&group, 1, 0)), Vec::<&str>::new());
}

#[test]
fn a_configuration_with_an_unknown_key_is_the_only_fault_of_its_folder() {
    let group = Group::init(1);
    let file = group.dir().join("replica-0/config.toml");
    let config = fs::read_to_string(&file).expect("a file");
    fs::write(&file, format!("lisen = 1\n{config}")).expect("our file");

    let found = of_folder(&group, 0, 1);

    assert_eq!(faults(&found), ["config"]);
    assert!(detail(&found, "config").contains("lisen"), "{found}");
}

/// Number of a user who owns nothing.
const NOBODY: u32 = 65_534;

#[test]
fn who_may_not_read_a_folder_is_told_so_and_of_no_damage() {
    let group = Group::init(1);
    let folder = group.dir().join("replica-0");
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_quorate"));
    doctor.args(["doctor", "--json", "--dir", text(&folder)]);
    fs::set_permissions(&folder, Permissions::from_mode(0o000)).expect("our folder");
    if fs::metadata(group.dir()).expect("our folder").uid() == 0 {
        doctor.uid(NOBODY).current_dir("/");
    }

    let output = doctor.output();
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("our folder");
    if matches!(&output, Err(error) if error.kind() == ErrorKind::PermissionDenied) {
        return eprintln!("SKIPPED: only the owner of this build may run it");
    }

    let output = output.expect("quorate runs");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(faults(&found), ["access"], "{found}");
    assert!(detail(&found, "access").contains("nothing was looked at"), "{found}");
}

#[test]
fn a_sound_folder_of_an_observer_is_called_well() {
    let group = Group::init(1);
    let folder = group.dir().join("observer");
    let genesis = Genesis::parse(&fs::read(group.dir().join("genesis.json")).expect("a file")).expect("a genesis");
    furnish(&folder, &genesis, true).expect("an observer's folder");

    let found = says(&group, &author(&group, 0), 0, &["doctor", "--dir", text(&folder)], 0);

    assert_eq!(faults(&found), Vec::<&str>::new());
    assert!(detail(&found, "integrity").contains("are as written"), "{found}");
}

#[test]
fn a_node_without_a_quorum_is_ill_by_its_own_words() {
    let mut group = Group::running(4);
    let key = author(&group, 0);
    group.await_mode(0, "active");
    await_order(&group, &key, true);
    group.kill(2);
    group.kill(3);
    await_order(&group, &key, false);
}

/// Waits until the node says, or no longer says, that nothing can be ordered.
fn await_order(group: &Group, key: &Path, is_possible: bool) {
    eventually("the doctor tells", || {
        let output = run(group, key, 0, &["doctor", "--json"]);
        let found: Value = serde_json::from_slice(&output.stdout).ok()?;
        (found.to_string().contains("nothing can be ordered") != is_possible).then_some(())
    });
}

/// Bytes of a page of the database, each of which begins with its kind.
const PAGE: usize = 4_096;

#[test]
fn a_database_whose_structure_is_damaged_is_told_in_a_line_and_never_by_a_panic() {
    let mut group = Group::init(1);
    group.start(0);
    (0..20).for_each(|n| drop(group.put(0, &format!("{n}.txt"), "x")));
    assert_eq!(group.stop(0), Some(0));
    let folder = group.dir().join("replica-0");
    let file = folder.join("data/quorate.redb");
    let sound = fs::read(&file).expect("our database");
    let quorate = |word: &str, seconds: &str| {
        let mut command = Command::new("timeout");
        command.args([seconds, env!("CARGO_BIN_EXE_quorate"), word, "--dir", text(&folder)]);
        let done = command.output().expect("quorate runs");
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (mut looks, mut starts) = (0, 0);
    for at in (PAGE..sound.len()).step_by(PAGE).filter(|at| matches!(sound[*at], 1 | 2)).take(24) {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x55;
        fs::write(&file, damaged).expect("our file");
        let (code, said) = quorate("doctor", "60");
        assert!(matches!(code, Some(0 | 1)) && !said.contains("panicked"), "page at {at}: {code:?} {said}");
        if code == Some(1) {
            looks += 1;
            let (code, said) = quorate("start", "5");
            if code == Some(124) {
                continue; // it ran: damage that matters to readers alone
            }
            let in_a_line = said.contains(text(&folder)) && said.contains("new database") && !said.contains("panicked");
            assert!(code == Some(2) && in_a_line, "page at {at}: {code:?} {said}");
            starts += 1;
        }
    }
    assert!(looks > 0 && starts > 0, "no page mattered");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "redb reads every page at the opening in a debug build: none is left to be met")]
fn a_replica_whose_database_is_damaged_while_it_runs_ends_with_exit_code_74() {
    let mut group = Group::init(1);
    group.start(0);
    (0..40).for_each(|n| drop(group.put(0, &format!("{n}.txt"), "x")));
    assert_eq!(group.stop(0), Some(0));
    group.start(0);
    let database = group.dir().join("replica-0/data/quorate.redb");
    let mut bytes = fs::read(&database).expect("our database");
    let pages = bytes.chunks_mut(PAGE).skip(1).filter(|page| matches!(page[0], 1 | 2));
    pages.for_each(|page| page[0] ^= 0x55);
    fs::write(&database, bytes).expect("our file");

    let envelope = group.envelope("late.txt", "y");
    let _ = http::post(group.api(0), "/v1/envelopes", &envelope);

    assert_eq!(group.ended(0), Some(74));
}
