//! A stopped replica whose disk has changed bits: each damage is named, and made good from the others.

use crate::doctor::{detail, faults};
use crate::governance::{author, says, text};
use crate::group::{Group, copy_folder, eventually, eventually_within};
use crate::members::{agreed, await_epoch};
use crate::proxy;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// First byte of the name of a file's entry.
const OF_A_FILE: u8 = b'f';

fn folder(group: &Group, replica: usize) -> PathBuf {
    group.dir().join(format!("replica-{replica}"))
}

/// Findings of a repair, and its exit code.
fn repair(group: &Group, replica: usize, from: &[usize]) -> (Value, Option<i32>) {
    repair_from(group, replica, &from.iter().map(|from| group.api(*from)).collect::<Vec<_>>())
}

fn repair_from(group: &Group, replica: usize, from: &[SocketAddr]) -> (Value, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["repair", "--json", "--dir", text(&folder(group, replica))]);
    for from in from {
        command.args(["--from", &format!("http://{from}")]);
    }
    let output = command.output().expect("quorate runs");
    let told = serde_json::from_slice(&output.stdout);
    (told.unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&output.stderr))), output.status.code())
}

/// Names of the files that are damaged.
fn named(found: &Value) -> Vec<&str> {
    let damages = found["damaged"].as_array().expect("a list").iter();
    damages.filter(|damage| damage["kind"] == "file").map(|damage| damage["name"].as_str().expect("a path")).collect()
}

fn content(name: &str) -> String {
    format!("the content of {name}, ").repeat(400)
}

/// Bytes of a row, and the byte of it that is changed.
struct Target {
    bytes: Vec<u8>,
    at: usize,
    /// The length that stands before them in the row that is meant, or in the one that is not.
    length: u32,
    is_meant: bool,
}

/// The row of a content, and not the envelope that brought it.
fn content_of(name: &str) -> Target {
    let bytes = content(name).into_bytes();
    Target { at: bytes.len() / 2, length: bytes.len() as u32, bytes, is_meant: false }
}

/// The value of a file's entry.
fn entry_of(path: &str) -> Target {
    let bytes = [&[OF_A_FILE], path.as_bytes()].concat();
    Target { at: bytes.len() + 3, length: bytes.len() as u32, bytes, is_meant: true }
}

impl Target {
    fn places(&self, database: &[u8]) -> Vec<usize> {
        let found = database.windows(self.bytes.len()).enumerate().filter(|(_, found)| *found == self.bytes);
        let is_meant = |at: &usize| (database[at - 4..*at] == self.length.to_le_bytes()) == self.is_meant;
        found.map(|(at, _)| at).filter(is_meant).collect()
    }
}

/// Stops a replica, and flips a bit of each target, once its database has them all.
fn stop_and_damage(group: &mut Group, replica: usize, targets: &[Target]) {
    let database = folder(group, replica).join("data/quorate.redb");
    let mut round = 0;
    eventually("the state is folded", || {
        round += 1;
        group.put(0, &format!("round-{replica}-{round}"), "so that there is a checkpoint to fold");
        std::thread::sleep(Duration::from_millis(1_500)); // the state is folded once a second
        assert_eq!(group.stop(replica), Some(0));
        let mut bytes = fs::read(&database).expect("a database");
        let places: Vec<Vec<usize>> = targets.iter().map(|target| target.places(&bytes)).collect();
        if places.iter().any(Vec::is_empty) {
            group.start(replica);
            return None;
        }
        for (target, places) in targets.iter().zip(places) {
            places.iter().for_each(|place| bytes[place + target.at] ^= 1);
        }
        fs::write(&database, bytes).expect("our file");
        Some(())
    });
}

/// Puts a change through while another replica is down: the repaired one must vote.
fn votes(group: &mut Group, repaired: usize) {
    group.start(repaired);
    group.await_mode(repaired, "active");
    group.kill(0);
    group.put(1, "afterwards", "ordered by three");
    eventually("the repaired replica has it", || {
        (group.file(repaired, "afterwards", "sequential").text() == "ordered by three").then_some(())
    });
}

#[test]
fn damaged_contents_are_named_and_put_back_and_the_replica_votes() {
    let mut group = Group::running(4);
    (0..6).for_each(|n| drop(group.put(n % 4, &format!("file-{n}"), &content(&n.to_string()))));
    stop_and_damage(&mut group, 3, &[content_of("1"), content_of("4")]);
    let looked = says(&group, &author(&group, 0), 0, &["doctor", "--dir", text(&folder(&group, 3))], 1);
    assert_eq!(faults(&looked), ["integrity"]);
    assert!(detail(&looked, "integrity").contains("file-1"), "{looked}");

    let (told, code) = repair(&group, 3, &[]);
    assert_eq!((code, &told["whole"], &told["found"]), (Some(1), &Value::Bool(false), &told["left"]), "{told}");

    let (told, code) = repair(&group, 3, &[1]);
    assert_eq!(code, Some(0), "{told}");
    let mut files = named(&told["found"]);
    files.sort_unstable();
    assert_eq!((files, &told["anew"]), (vec!["file-1", "file-4"], &Value::Null), "{told}");
    assert_eq!(repair(&group, 3, &[]).1, Some(0), "a second look finds nothing");
    votes(&mut group, 3);
    assert_eq!(group.file(3, "file-4", "sequential").text(), content("4"));
}

/// The first node changes the content that ends its answer.
#[test]
fn contents_before_a_wrong_one_stay_and_the_next_node_gives_the_rest() {
    let mut group = Group::running(4);
    (0..4).for_each(|n| drop(group.put(n % 4, &format!("file-{n}"), &content(&n.to_string()))));
    stop_and_damage(&mut group, 3, &[content_of("1"), content_of("3")]);

    let liar = proxy::before(group.api(1), |_, answer| *answer.body.last_mut().expect("an answer") ^= 1);
    let (told, code) = repair_from(&group, 3, &[liar, group.api(2)]);

    assert_eq!((code, &told["anew"], &told["whole"]), (Some(0), &Value::Null, &Value::Bool(true)), "{told}");
    assert!(told["failures"][0].as_str().is_some_and(|why| why.contains("another hash")), "{told}");
}

#[test]
fn a_node_whose_own_disk_has_changed_a_content_gives_those_before_it_and_is_not_said_to_lie() {
    let mut group = Group::running(4);
    (0..4).for_each(|n| drop(group.put(n % 4, &format!("file-{n}"), &content(&n.to_string()))));
    stop_and_damage(&mut group, 1, &[content_of("3")]); // asked for behind that of file-1: by their hashes
    group.start(1);
    stop_and_damage(&mut group, 3, &[content_of("1"), content_of("3")]);

    let (told, code) = repair(&group, 3, &[1, 2]);

    assert_eq!((code, &told["anew"], &told["whole"]), (Some(0), &Value::Null, &Value::Bool(true)), "{told}");
    assert_eq!(told["answers"], 2, "one of each: {told}");
    let why = told["failures"][0].as_str().expect("words");
    assert!(why.contains("the disk failed") && !why.contains("another hash"), "{told}");
}

#[test]
fn a_damaged_entry_is_named_and_the_state_made_anew_with_all_promises() {
    let mut group = Group::running(4);
    (0..6).for_each(|n| drop(group.put(n % 4, &format!("file-{n}"), &content(&n.to_string()))));
    stop_and_damage(&mut group, 3, &[entry_of("file-2")]);
    group.put(1, "while", "stopped");

    let (told, code) = repair(&group, 3, &[0, 1, 2]);
    assert_eq!((code, named(&told["found"])), (Some(0), vec!["file-2"]), "{told}");
    assert_eq!((&told["anew"]["votes"], &told["whole"]), (&Value::Bool(true), &Value::Bool(true)), "{told}");
    assert!(told["anew"]["before"].as_str().is_some_and(|path| Path::new(path).is_dir()), "{told}");
    votes(&mut group, 3);
    for (path, content) in [("file-2", content("2")), ("while", "stopped".to_owned())] {
        assert_eq!(group.file(3, path, "sequential").text(), content);
    }
}

#[test]
fn a_replica_whose_promises_are_damaged_is_repaired_and_does_not_vote() {
    let mut group = Group::running(4);
    (0..4).for_each(|n| drop(group.put(n % 4, &format!("file-{n}"), &content(&n.to_string()))));
    assert_eq!(group.stop(3), Some(0));
    for journal in ["journal-0", "journal-1", "journal-2"] {
        let path = folder(&group, 3).join("data").join(journal);
        let mut bytes = fs::read(&path).expect("a journal");
        let written = bytes.iter().rposition(|byte| *byte != 0).unwrap_or_default();
        bytes[..written].fill(0x55);
        fs::write(&path, bytes).expect("our file");
    }
    let (told, code) = repair(&group, 3, &[0, 1]);
    assert!(told["found"]["promises"].as_str().is_some_and(|why| why.contains("journal")), "{told}");
    assert_eq!((code, &told["anew"]["votes"]), (Some(0), &Value::Bool(false)), "{told}");
    group.start(3);
    group.await_mode(3, "following");
    eventually("it serves what the others have", || {
        (group.file(3, "file-1", "sequential").text() == content("1")).then_some(())
    });

    fs::remove_dir_all(folder(&group, 3).join("data.before-repair")).expect("our folder");
    stop_and_damage(&mut group, 3, &[entry_of("file-2")]);
    let (told, code) = repair(&group, 3, &[0, 1]);
    assert_eq!((code, &told["found"]["promises"]), (Some(0), &Value::Null), "{told}");
    assert_eq!(told["anew"]["votes"], false, "another repair gives no vote back: {told}");
}

#[test]
fn damage_that_nobody_makes_good_is_told_with_what_is_left() {
    let mut group = Group::running(4);
    group.put(0, "file-1", &content("1"));
    stop_and_damage(&mut group, 3, &[content_of("1")]);
    group.kill(2);

    let (told, code) = repair(&group, 3, &[2]);

    assert_eq!((code, named(&told["left"])), (Some(1), vec!["file-1"]), "{told}");
    assert!(!told["failures"].as_array().expect("a list").is_empty(), "{told}");
    assert!(!folder(&group, 3).join("data.repair").exists(), "nothing half-done is left");
}

/// Exit code of a look.
fn looked(group: &Group, replica: usize) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["repair", "--dir", text(&folder(group, replica))]).output().expect("quorate runs").status.code()
}

/// Renames a database beside the one that stands there.
fn moved(group: &Group, from: &str, to: &str) {
    fs::rename(folder(group, 3).join(from), folder(group, 3).join(to)).expect("our folders");
}

/// Killed before the first of the two renames by which the state made anew takes its place, between them, after both.
#[test]
fn a_repair_that_is_killed_at_its_swap_is_finished_by_the_next() {
    let mut group = Group::running(4);
    (0..6).for_each(|n| drop(group.put(n % 4, &format!("file-{n}"), &content(&n.to_string()))));
    stop_and_damage(&mut group, 3, &[entry_of("file-2")]);
    assert_eq!(repair(&group, 3, &[0, 1]).1, Some(0));

    moved(&group, "data", "data.repair");
    moved(&group, "data.before-repair", "data");
    let (told, code) = repair(&group, 3, &[0, 1]);
    assert_eq!((code, named(&told["found"])), (Some(0), vec!["file-2"]), "before the first: {told}");
    assert_eq!(told["anew"]["votes"], true, "{told}");

    moved(&group, "data", "data.repair");
    assert_eq!(looked(&group, 3), Some(2), "nothing is looked at");
    let (told, code) = repair(&group, 3, &[0, 1]);
    assert_eq!((code, &told["whole"]), (Some(0), &Value::Bool(true)), "between: {told}");
    assert_eq!(told["anew"]["votes"], true, "what was ended is told: {told}");
    assert!(folder(&group, 3).join("data/quorate.redb").exists() && !folder(&group, 3).join("data.repair").exists());

    let (told, code) = repair(&group, 3, &[0, 1]);
    assert_eq!((code, &told["anew"]), (Some(0), &Value::Null), "after both: {told}");
    votes(&mut group, 3);
    assert_eq!(group.file(3, "file-2", "sequential").text(), content("2"));
}

/// Bytes of all files of a replica's folder, by name; of the tables' file the name alone, for the library notes in it that
/// it was opened.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let bytes = |path: &Path| if path.ends_with("quorate.redb") { vec![] } else { fs::read(path).expect("a file") };
    let here = files.into_iter().map(|path| (path.clone(), bytes(&path)));
    here.chain(folders.iter().flat_map(|folder| self::files(folder))).collect()
}

#[test]
fn a_database_that_is_missing_or_of_another_member_is_an_error_that_touches_nothing() {
    let mut group = Group::running(4);
    (0..4).for_each(|n| drop(group.put(n % 4, &format!("file-{n}"), &content(&n.to_string()))));
    assert_eq!((group.stop(2), group.stop(3)), (Some(0), Some(0)));
    let data = folder(&group, 3).join("data");
    let refused = |what: &str| {
        let before = files(&folder(&group, 3));
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command.args(["repair", "--dir", text(&folder(&group, 3)), "--from", &format!("http://{}", group.api(0))]);
        let output = command.output().expect("quorate runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{what}: {error}");
        assert!(files(&folder(&group, 3)) == before, "{what}: {error}");
        error
    };
    fs::rename(&data, folder(&group, 3).join("away")).expect("our folder");
    fs::create_dir(&data).expect("our folder");
    assert!(refused("missing").contains("there is no database"));
    copy_folder(&folder(&group, 2).join("data"), &data);
    assert!(refused("of another member").contains("another member"));
}

/// A state below the one that was damaged would be execution that goes back: the node that is behind is no help.
#[test]
fn a_repair_never_ends_below_the_state_that_was_damaged() {
    let mut group = Group::running(4);
    (0..6).for_each(|n| drop(group.put(n % 4, &format!("file-{n}"), &content(&n.to_string()))));
    assert_eq!(group.stop(2), Some(0));
    group.put(1, "later", "than replica 2 knows");
    stop_and_damage(&mut group, 3, &[entry_of("file-2")]);
    group.kill(1);
    group.kill(0);
    group.start(2);

    let (told, code) = repair(&group, 3, &[2]);

    assert_eq!((code, &told["anew"], &told["whole"]), (Some(1), &Value::Null, &Value::Bool(false)), "{told}");
    assert!(!folder(&group, 3).join("data.repair").exists());
    group.start(0);
    let (told, code) = repair(&group, 3, &[2, 0]);
    assert_eq!((code, &told["anew"]["votes"]), (Some(0), &Value::Bool(true)), "{told}");
}

/// Puts changes through until the nodes named have forgotten the slot that a stopped replica executes next.
fn until_forgotten(group: &mut Group, replica: usize, from: &[usize]) -> Value {
    let mut round = 0;
    eventually_within(Duration::from_secs(240), "the slot is forgotten", || {
        (0..20).for_each(|n| drop(group.put(from[n % from.len()], &format!("forgotten-{round}-{n}"), "a slot more")));
        round += 1;
        let (told, code) = repair(group, replica, from);
        told["forgotten"].is_u64().then(|| {
            assert_eq!((code, &told["whole"], &told["anew"]), (Some(1), &Value::Bool(true), &Value::Null), "{told}");
            told
        })
    })
}

/// A group that keeps decided slots for a second.
fn forgetful() -> Group {
    let group = Group::init(4);
    for replica in 0..4 {
        let file = folder(&group, replica).join("config.toml");
        let config = fs::read_to_string(&file).expect("a configuration");
        let others = config.lines().filter(|line| !line.starts_with("history"));
        let lines: Vec<&str> = ["history = \"1s\""].into_iter().chain(others).collect();
        fs::write(&file, lines.join("\n")).expect("our file");
    }
    group
}

/// Takes the newest state of a node, with the replica's promises.
fn catch_up(group: &Group, replica: usize, from: usize) -> (Value, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["repair", "--catch-up", "--json", "--dir", text(&folder(group, replica)), "--from"])
        .arg(format!("http://{}", group.api(from)))
        .output()
        .expect("quorate runs");
    (serde_json::from_slice(&output.stdout).expect("JSON"), output.status.code())
}

#[test]
fn a_replica_whose_slots_the_others_have_forgotten_goes_on_from_their_state_and_votes() {
    let mut group = forgetful();
    group.start_all();
    group.put(0, "before", "what all have");
    assert_eq!(group.stop(3), Some(0));
    until_forgotten(&mut group, 3, &[1, 2]);

    let (told, code) = catch_up(&group, 3, 1);

    assert_eq!((code, &told["anew"]["votes"]), (Some(0), &Value::Bool(true)), "{told}");
    votes(&mut group, 3);
}

/// Members speak for their own epoch and the one before: who was away for longer hears nobody.
#[test]
fn a_replica_that_was_away_over_two_boundaries_goes_on_from_the_others_state_and_votes() {
    let mut group = Group::running(4);
    group.put(0, "before", "what all have");
    assert_eq!(group.stop(3), Some(0));
    for (epoch, order) in [(1, ["1", "2", "0", "3"]), (2, ["2", "0", "1", "3"])] {
        agreed(&group, 0, &[&["order"], &order[..]].concat());
        await_epoch(&group, 0, epoch);
    }

    let (told, code) = catch_up(&group, 3, 1);

    assert_eq!((code, &told["anew"]["votes"]), (Some(0), &Value::Bool(true)), "{told}");
    votes(&mut group, 3);
}

#[test]
fn a_replica_that_has_all_that_the_others_have_takes_no_state_from_them() {
    let mut group = Group::running(4);
    group.put(3, "before", "what all have");
    assert_eq!(group.stop(3), Some(0));
    (0..3).for_each(|replica| assert_eq!(group.stop(replica), Some(0)));
    group.start(1);

    let (told, code) = catch_up(&group, 3, 1);

    assert_eq!((code, &told["anew"], &told["whole"]), (Some(1), &Value::Null, &Value::Bool(true)), "{told}");
    assert!(!folder(&group, 3).join("data.repair").exists());
}

/// An older disk lacks promises that the others remember: no newer state makes up for them (E7).
#[test]
fn a_disk_that_was_set_back_does_not_vote_for_having_a_newer_state() {
    let mut group = Group::running(4);
    group.put(0, "before", "what all have");
    assert_eq!(group.stop(3), Some(0));
    let (data, older) = (folder(&group, 3).join("data"), group.dir().join("older"));
    copy_folder(&data, &older);
    group.start(3);
    group.await_mode(3, "active");
    (0..20).for_each(|n| drop(group.put(n % 3, &format!("file-{n}"), "signed by all, in no bundle of replica 3")));
    assert_eq!(group.stop(3), Some(0));
    fs::remove_dir_all(&data).expect("our folder");
    copy_folder(&older, &data);
    group.put(0, "afterwards", "ordered by three");

    let (told, code) = catch_up(&group, 3, 1);

    assert_eq!((code, &told["left"]["promises"]), (Some(0), &Value::Null), "no other has been asked: {told}");
    group.start(3);
    group.await_mode(3, "following");
}

#[test]
fn a_disk_that_was_set_back_to_before_its_own_bundles_follows_without_a_question() {
    let mut group = Group::running(4);
    group.put(3, "before", "what all have");
    assert_eq!(group.stop(3), Some(0));
    let (data, older) = (folder(&group, 3).join("data"), group.dir().join("older"));
    copy_folder(&data, &older);
    group.start(3);
    group.await_mode(3, "active");
    (0..5).for_each(|n| drop(group.put(3, &format!("file-{n}"), "bundled by replica 3")));
    assert_eq!(group.stop(3), Some(0));
    fs::remove_dir_all(&data).expect("our folder");
    copy_folder(&older, &data);
    group.put(0, "afterwards", "ordered by three");

    let (told, code) = catch_up(&group, 3, 1);

    assert_eq!((code, &told["anew"]["votes"]), (Some(0), &Value::Bool(false)), "{told}");
    group.start(3);
    group.await_mode(3, "following");
}
