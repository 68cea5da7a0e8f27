//! A replica whose disk was lost, filled again from the others.

use crate::governance::text;
use crate::group::{Group, eventually};
use crate::{http, proxy};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

fn copy(group: &Group, replica: usize, from: &[usize]) -> Output {
    command(group, replica, from).output().expect("quorate runs")
}

fn command(group: &Group, replica: usize, from: &[usize]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["copy", "--json", "--dir", text(&folder(group, replica))]).env_remove("QUORATE_NODE");
    for from in from {
        command.args(["--from", &format!("http://{}", group.api(*from))]);
    }
    command
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
    group.kill(3);
    group.start(3);
    group.await_mode(3, "following");
    let before = group.status(0)["executed_seq"].clone();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(group.status(0)["executed_seq"], before, "three are there, and one of them does not vote");
}

#[test]
fn a_replica_of_a_test_group_is_copied_from_those_in_the_folders_beside_its_own() {
    let mut group = Group::running(4);
    group.put(0, "before", "1");
    group.kill(3);
    remove(&folder(&group, 3).join("data"));
    group.put(1, "while", "2");

    let told = copied(&copy(&group, 3, &[]));

    assert!(told["seq"].as_u64().is_some_and(|seq| seq > 0), "{told}");
    assert_eq!(told["refused"].as_array().map(Vec::len), Some(0), "{told}");
}

#[test]
fn neighbours_are_asked_at_their_own_addresses_whatever_the_variable_of_this_replicas_address_says() {
    let mut group = Group::running(4);
    group.put(0, "before", "1");
    group.kill(3);
    remove(&folder(&group, 3).join("data"));

    let own = group.api(3).to_string();
    let output = command(&group, 3, &[]).env("QUORATE_API", own).output().expect("quorate runs");

    assert!(copied(&output)["seq"].as_u64().is_some_and(|seq| seq > 0), "{output:?}");
}

#[test]
fn an_old_database_that_gives_up_its_vote_is_brought_up_to_date_and_kept_aside() {
    let mut group = Group::running(4);
    group.put(0, "before", "1");
    assert_eq!(group.stop(3), Some(0));
    group.put(1, "while", "2");

    let output = copy(&group, 3, &[1]);

    assert!(String::from_utf8_lossy(&output.stderr).contains("the replica votes on it"), "{output:?}");
    let told = copied(&output);

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

#[test]
fn a_copy_is_made_while_the_node_that_it_comes_from_executes_and_folds() {
    let mut group = Group::running(4);
    let large = "kept ".repeat(40_000);
    (0..12).for_each(|number| drop(group.put(number % 4, &format!("file-{number}"), &format!("{number} {large}"))));
    group.kill(3);
    remove(&folder(&group, 3).join("data"));
    let changes: Vec<_> = (0..40).map(|number| group.envelope(&format!("while-{number}"), "went on")).collect();
    let told = std::thread::scope(|scope| {
        let (group, changes) = (&group, &changes);
        scope.spawn(move || {
            for change in changes {
                assert_eq!(group.offer(0, change).status, 200);
                std::thread::sleep(Duration::from_millis(75)); // three seconds of them: folds come once a second
            }
        });
        std::thread::sleep(Duration::from_millis(500));
        copied(&copy(group, 3, &[0]))
    });
    assert_eq!(told["refused"].as_array().map(Vec::len), Some(0), "{told}");
    group.start(3);
    group.await_mode(3, "following");
    eventually("it serves what was copied and what came since", || {
        let file = |path: &str| group.file(3, path, "sequential").text();
        (file("file-7") == format!("7 {large}") && file("while-39") == "went on").then_some(())
    });
}

#[test]
fn a_copy_whose_nodes_have_gone_silent_says_so_and_ends() {
    let mut group = Group::running(4);
    (0..8).for_each(|number| drop(group.put(number % 4, &format!("file-{number}"), "kept")));
    group.kill(3);
    remove(&folder(&group, 3).join("data"));
    let silent = |number, _: &mut http::Answer| {
        if number > 2 {
            std::thread::sleep(Duration::from_secs(600));
        }
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["copy", "--now", "--timeout", "3", "--dir", text(&folder(&group, 3))]);
    for node in [0, 1] {
        command.args(["--from", &format!("http://{}", proxy::before(group.api(node), silent))]);
    }
    let ended = command.output().expect("quorate runs");
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("no node is left to copy from"), "{ended:?}");
}

#[test]
fn a_node_that_lied_to_a_copy_is_named_among_the_peers_of_the_replica_that_starts_on_it() {
    let mut group = Group::running(4);
    group.put(0, "file", "kept");
    group.kill(3);
    remove(&folder(&group, 3).join("data"));
    let liar = proxy::before(group.api(0), |_, answer| {
        answer.body.last_mut().into_iter().for_each(|byte| *byte ^= 1);
    });
    let liar = format!("http://{liar}");

    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["copy", "--json", "--dir", text(&folder(&group, 3)), "--from", &liar]);
    let told = copied(&command.args(["--from", &format!("http://{}", group.api(1))]).output().expect("quorate runs"));
    assert_eq!(told["refused"][0]["peer"], liar.as_str(), "{told}");
    group.start(3);
    group.await_mode(3, "following");

    let peers = http::get(group.api(3), "/v1/peers").expect("an answer").json();
    let named = peers["items"].as_array().and_then(|peers| peers.iter().find(|peer| peer["source"] == "copy"));
    let named = named.unwrap_or_else(|| panic!("{peers}"));
    assert_eq!(named["address"], liar.as_str());
    assert_eq!(named["lie"], told["refused"][0]["why"]);
}
