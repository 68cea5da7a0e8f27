//! The states of two nodes side by side.

use crate::governance::text;
use crate::group::{Group, copy_folder, eventually, free_ports};
use serde_json::Value;
use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder(group: &Group) -> PathBuf {
    group.dir().join("replica-0")
}

fn genesis(group: &Group) -> PathBuf {
    group.dir().join("genesis.json")
}

fn node(group: &Group, replica: usize) -> String {
    format!("http://{}", group.api(replica))
}

fn diff_state(nodes: [&str; 2], genesis: &Path) -> (Option<i32>, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["diff-state", nodes[0], nodes[1], "--json", "--timeout", "60", "--genesis", text(genesis)]);
    let output = command.output().expect("quorate runs");
    let document = serde_json::from_slice(&output.stdout);
    (output.status.code(), document.unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

#[test]
fn two_nodes_of_a_group_that_goes_on_have_the_same_state_at_a_common_checkpoint() {
    let mut group = Group::running(4);
    group.put(0, "first", "kept");
    let genesis = genesis(&group);
    let nodes = [0, 2].map(|replica| node(&group, replica));
    let comparing = std::thread::spawn(move || diff_state([&nodes[0], &nodes[1]], &genesis));
    let mut puts = 0;
    while !comparing.is_finished() || puts < 8 {
        group.put(puts % 4, &format!("file-{puts}"), "kept");
        puts += 1;
    }
    let (exit, told) = comparing.join().expect("it compares");
    assert_eq!((exit, told["equal"].as_bool()), (Some(0), Some(true)), "{told}");
    let signed = |side: usize| {
        told["nodes"][side]["signed"] == "quorum" && told["nodes"][side]["seq"] == told["common_checkpoint"]
    };
    assert!(signed(0) && signed(1), "{told}");
}

/// The newest slot of a group whose newest state is certified.
fn at_rest(group: &Group) -> Option<u64> {
    let status = group.status(0);
    let executed = status["executed_seq"].as_u64();
    executed.filter(|executed| status["stable_checkpoint"]["seq"].as_u64() == Some(*executed))
}

/// The keys of a group, used by two groups that do not know of each other: more than f members lie.
#[test]
fn two_nodes_whose_states_part_are_told_with_the_first_path() {
    let mut group = Group::init(1);
    let twin_dir = tempfile::tempdir().expect("a folder");
    let twin_port = free_ports(2);
    let (from, to) = (folder(&group), twin_dir.path().join("group/replica-0"));
    copy_folder(&from.join("data"), &to.join("data"));
    for file in ["config.toml", "genesis.json", "replica.key"] {
        fs::copy(from.join(file), to.join(file)).expect("a file");
    }
    fs::copy(genesis(&group), twin_dir.path().join("group/genesis.json")).expect("a file");
    fs::copy(group.dir().join("author-org-0.key"), twin_dir.path().join("group/author-org-0.key")).expect("a file");
    let config = fs::read_to_string(to.join("config.toml")).expect("a configuration");
    let ports = [(group.api(0).port(), twin_port + 1), (group.api(0).port() - 1, twin_port)];
    let config = ports.iter().fold(config, |text, (old, new)| text.replace(&old.to_string(), &new.to_string()));
    fs::write(to.join("config.toml"), config).expect("our file");
    let mut twin = Group::of(twin_dir, twin_port + 1, 1);
    group.start_all();
    twin.start_all();
    for number in 0..4 {
        group.put(0, &format!("file-{number}"), "the same");
        twin.put(0, &format!("file-{number}"), if number == 2 { "another" } else { "the same" });
    }
    let (exit, told) = eventually("both stand at one slot", || {
        let (ours, theirs) = (at_rest(&group)?, at_rest(&twin)?);
        match ours.cmp(&theirs) {
            Ordering::Less => drop(group.put(0, &format!("more-{ours}"), "more")),
            Ordering::Greater => drop(twin.put(0, &format!("more-{theirs}"), "more")),
            Ordering::Equal => {
                let told = diff_state([&node(&group, 0), &node(&twin, 0)], &genesis(&group));
                return Some(told).filter(|(exit, _)| *exit != Some(3));
            }
        }
        None
    });

    assert_eq!((exit, told["equal"].as_bool()), (Some(1), Some(false)), "{told}");
    assert_eq!(
        (told["first"]["domain"].as_str(), told["first"]["path"].as_str()),
        (Some("main"), Some("file-2")),
        "{told}"
    );
    assert_eq!((told["first"]["sure"].as_bool(), &told["common_checkpoint"]), (Some(true), &Value::Null), "{told}");
}
