//! The group's state in a file: written while the group goes on, checked offline, restored into a folder.

use crate::governance::text;
use crate::group::{Group, at_terminal, eventually};
use crate::http::Answer;
use crate::proxy;
use quorate_ledger::Genesis;
use quorate_service::observer::furnish;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn quorate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(args).env_remove("QUORATE_NODE").env_remove("QUORATE_TOKEN");
    command
}

fn says(args: &[&str]) -> Output {
    quorate(args).output().expect("quorate runs")
}

fn told(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn folder(group: &Group, replica: usize) -> PathBuf {
    group.dir().join(format!("replica-{replica}"))
}

fn genesis(group: &Group) -> PathBuf {
    group.dir().join("genesis.json")
}

fn node(group: &Group, replica: usize) -> String {
    format!("http://{}", group.api(replica))
}

fn export(group: &Group, from: usize, out: &Path) -> Child {
    let (node, genesis) = (node(group, from), genesis(group));
    let args = ["snapshot", "export", "--json", "--node", &node, "--genesis", text(&genesis), "--out", text(out)];
    quorate(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("quorate runs")
}

fn verify(group: &Group, file: &Path) -> Output {
    says(&["snapshot", "verify", text(file), "--json", "--genesis", text(&genesis(group))])
}

fn restore(file: &Path, dir: &Path) -> Output {
    says(&["restore", text(file), "--json", "--dir", text(dir)])
}

fn give_up_for(file: &Path, dir: &Path) -> Output {
    says(&["restore", text(file), "--json", "--dir", text(dir), "--give-up-vote"])
}

/// Snapshots of a node by one who waits so many seconds, each with something done to the answer of another question.
fn exported_with(timeout: &str, at_first: bool, done: fn(&mut Answer)) {
    let mut group = Group::running(4);
    (0..8).for_each(|number| drop(group.put(number % 4, &format!("file-{number}"), "kept")));
    let asked = Arc::new(AtomicUsize::new(0));
    for at in 1.. {
        let (out, counted) = (group.dir().join(format!("{at}.snapshot")), asked.clone());
        let proxy = proxy::before(group.api(1), move |number, answer| {
            counted.fetch_max(number, Ordering::SeqCst);
            if number == at {
                done(answer);
            }
        });
        let (genesis, proxy) = (genesis(&group), format!("http://{proxy}"));
        let exported = says(&[
            "snapshot",
            "export",
            "--timeout",
            timeout,
            "--node",
            &proxy,
            "--genesis",
            text(&genesis),
            "--out",
            text(&out),
        ]);
        assert_eq!(exported.status.success(), at > 1 || at_first, "{at}: {exported:?}");
        if exported.status.success() {
            told(&verify(&group, &out));
        }
        if at > asked.load(Ordering::SeqCst) {
            break;
        }
    }
    assert!(asked.load(Ordering::SeqCst) > 3, "questions of several kinds");
}

/// A node that never answered is none.
#[test]
fn a_snapshot_of_a_node_that_was_silent_for_a_while_is_whole() {
    exported_with("3", false, |_| std::thread::sleep(Duration::from_secs(7)));
}

/// A state may have no such domain yet; what the node began is begun again, and the file says both.
#[test]
fn a_snapshot_of_a_node_whose_state_stepped_back_for_a_moment_is_whole() {
    exported_with("20", true, |answer| {
        let body = r#"{"status":404,"stage":null,"code":"not-found","detail":"the domain is not there"}"#;
        (answer.status, answer.body) = (404, body.into());
    });
}

/// A group with files, and a snapshot of its state.
fn saved() -> (Group, PathBuf) {
    let mut group = Group::running(4);
    (0..8).for_each(|number| drop(group.put(number % 4, &format!("file-{number}"), &format!("kept {number}"))));
    let out = group.dir().join("state.snapshot");
    told(&export(&group, 1, &out).wait_with_output().expect("quorate runs"));
    (group, out)
}

#[test]
fn a_snapshot_without_a_genesis_is_said_to_be_unchecked_and_verifies_with_one() {
    let mut group = Group::running(4);
    group.put(0, "file", "kept");
    let (empty, out) = (tempfile::tempdir().expect("a folder"), group.dir().join("state.snapshot"));

    let mut export = quorate(&["snapshot", "export", "--json", "--node", &node(&group, 1), "--out", text(&out)]);
    let exported = export.current_dir(empty.path()).output().expect("quorate runs");

    assert!(String::from_utf8_lossy(&exported.stderr).contains("not checked"), "{exported:?}");
    assert_eq!(told(&exported)["verified"], false);
    assert_eq!(told(&verify(&group, &out))["verified"], true);
}

#[test]
fn a_snapshot_under_load_verifies_offline_and_fills_an_emptied_folder() {
    let mut group = Group::running(4);
    let (out, mut puts) = (group.dir().join("state.snapshot"), 0);
    group.put(0, "first", "kept");
    let mut exporting = export(&group, 1, &out);
    while exporting.try_wait().expect("our child").is_none() || puts < 20 {
        group.put(puts % 4, &format!("file-{puts}"), "kept");
        puts += 1;
    }
    let exported = told(&exporting.wait_with_output().expect("our child"));
    let listed = told(&says(&["snapshot", "list", "--json", "--node", &node(&group, 1)]));
    assert!(listed["items"][0]["seq"].as_u64() >= exported["seq"].as_u64(), "{listed} {exported}");
    let verified = told(&verify(&group, &out));
    assert_eq!(exported, verified);
    assert_eq!(fs::metadata(&out).map(|file| file.len()).ok(), verified["bytes"].as_u64());

    group.kill(3);
    fs::remove_dir_all(folder(&group, 3).join("data")).expect("it is there");
    let restored = told(&restore(&out, &folder(&group, 3)));
    assert_eq!(restored["state_root"], verified["state_root"]);
    group.start(3);
    let status = group.await_mode(3, "following");
    assert!(status["why"].as_str().is_some_and(|why| why.contains("does not vote until")), "{status}");
    group.put(0, "after", "new");
    eventually("it serves what was restored and what came since", || {
        let file = |path: &str| group.file(3, path, "sequential").text();
        (file("first") == "kept" && file("after") == "new").then_some(())
    });
    eventually("it stands at the root that the others certified", || {
        let [ours, theirs] = [3, 0].map(|replica| group.status(replica));
        let roots = |status: &Value| (status["stable_checkpoint"].clone(), status["state_root"].clone());
        (roots(&ours) == roots(&theirs)).then_some(())
    });
}

#[test]
fn a_changed_byte_is_found_where_it_is_and_nothing_of_the_file_is_restored() {
    let (mut group, out) = saved();
    group.kill(3);
    let (whole, data) = (fs::read(&out).expect("it was written"), folder(&group, 3).join("data"));
    fs::remove_dir_all(&data).expect("it is there");
    let cut = (whole[..whole.len() - 1].to_vec(), whole.len());
    let longer = ([&whole[..], b"!"].concat(), whole.len());
    let flipped = (0..24).map(|step| {
        let (mut changed, place) = (whole.clone(), step * (whole.len() - 1) / 23);
        changed[place] ^= 1 << (step % 8);
        (changed, place)
    });
    for (changed, place) in flipped.chain([cut, longer]) {
        fs::write(&out, changed).expect("our file");
        let verified = verify(&group, &out);
        assert_eq!(verified.status.code(), Some(1), "byte {place}: {verified:?}");
        let document: Value = serde_json::from_slice(&verified.stdout).expect("JSON");
        assert!(document["at"].as_u64().is_some_and(|at| at <= place as u64), "byte {place}: {document}");
        let restored = restore(&out, &folder(&group, 3));
        assert_eq!(restored.status.code(), Some(1), "byte {place}: {restored:?}");
        assert!(!data.exists() && !group.has(Path::new("replica-3/data.restore")), "byte {place}");
    }
}

#[test]
fn a_restore_that_was_killed_begins_anew_and_a_folder_in_use_is_left_alone() {
    let (mut group, out) = saved();
    let in_use = restore(&out, &folder(&group, 3));
    assert_eq!(in_use.status.code(), Some(2), "{in_use:?}");
    assert!(String::from_utf8_lossy(&in_use.stderr).contains("in use by another process"), "{in_use:?}");

    group.kill(3);
    let dir = folder(&group, 3);
    let (growing, before) = (dir.join("data.restore"), dir.join("data.before-copy"));
    for tries in 0.. {
        assert!(tries < 50, "each was over before it was killed");
        let args = ["restore", text(&out), "--json", "--dir", text(&dir), "--give-up-vote"];
        let mut restoring = quorate(&args).stdout(Stdio::null()).spawn().expect("quorate runs");
        while !growing.exists() && restoring.try_wait().expect("our child").is_none() {
            std::thread::yield_now();
        }
        restoring.kill().expect("our child");
        restoring.wait().expect("our child");
        if growing.exists() {
            break;
        }
        fs::remove_dir_all(&before).expect("it was quicker than we");
    }
    told(&give_up_for(&out, &folder(&group, 3)));
    assert!(before.is_dir() && !growing.exists());
    group.start(3);
    group.await_mode(3, "following");
}

#[test]
fn a_backup_with_its_key_makes_a_replica_from_nothing() {
    let mut group = Group::running(4);
    group.put(0, "before", "kept");
    let (out, dir) = (group.dir().join("backup"), folder(&group, 3));
    let saved = told(&says(&["backup", "--json", "--with-key", "--dir", text(&dir), "--out", text(&out)]));
    assert_eq!(told(&verify(&group, &out))["state_root"], saved["state_root"]);
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&out).expect("a file").permissions()) & 0o77, 0);
    group.kill(3);
    fs::remove_dir_all(&dir).expect("it is there");

    let nothing = restore(&out, &dir);
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("--genesis"), "{nothing:?}");
    told(&says(&["restore", text(&out), "--json", "--dir", text(&dir), "--genesis", text(&genesis(&group))]));

    group.start(3);
    group.await_mode(3, "following");
    group.put(1, "after", "new");
    eventually("it serves both", || {
        let file = |path: &str| group.file(3, path, "sequential").text();
        (file("before") == "kept" && file("after") == "new").then_some(())
    });
}

#[test]
fn a_backup_is_of_the_replica_in_whose_folder_it_is_asked_for() {
    let mut group = Group::running(1);
    group.put(0, "kept", "1");
    let out = group.dir().join("backup");
    let saved = quorate(&["backup", "--json", "--out", text(&out)]).current_dir(folder(&group, 0)).output();
    let verified = told(&verify(&group, &out));
    assert_eq!(told(&saved.expect("quorate runs")), verified);
}

#[test]
fn a_backup_whose_configuration_leads_out_of_the_folder_is_refused_and_leaves_nothing() {
    let mut group = Group::init(1);
    let (dir, elsewhere, out) = (folder(&group, 0), group.dir().join("elsewhere"), group.dir().join("backup"));
    fs::rename(dir.join("data"), &elsewhere).expect("it is there");
    let config = fs::read_to_string(dir.join("config.toml")).expect("a configuration");
    let lines = config.lines().filter(|line| !line.starts_with("data"));
    let lines: Vec<&str> = lines.collect();
    fs::write(dir.join("config.toml"), format!("data = {:?}\n{}", text(&elsewhere), lines.join("\n")))
        .expect("our file");
    group.start(0);
    group.put(0, "before", "kept");
    told(&says(&["backup", "--json", "--with-key", "--dir", text(&dir), "--out", text(&out)]));
    assert_eq!(group.stop(0), Some(0));

    let (fresh, genesis) = (group.dir().join("fresh"), genesis(&group));
    let restored = says(&["restore", text(&out), "--json", "--dir", text(&fresh), "--genesis", text(&genesis)]);
    assert_eq!(restored.status.code(), Some(2), "{restored:?}");
    assert!(String::from_utf8_lossy(&restored.stderr).contains("keeps the database in"), "{restored:?}");
    assert_eq!(fs::read_dir(&fresh).expect("a folder").count(), 0);
    assert!(!elsewhere.with_extension("before-copy").exists());
    group.start(0);
    assert_eq!(group.file(0, "before", "sequential").text(), "kept");
}

/// A slip of the keyboard must not cost a key.
#[test]
fn a_snapshot_or_backup_takes_the_place_of_no_file_but_an_older_one() {
    let (group, out) = saved();
    let key = folder(&group, 3).join("replica.key");
    let before = fs::read(&key).expect("a key");

    let backup = says(&["backup", "--dir", text(&folder(&group, 3)), "--out", text(&key)]);
    let exported = export(&group, 1, &key).wait_with_output().expect("quorate runs");

    assert_eq!((backup.status.code(), exported.status.code()), (Some(2), Some(2)), "{backup:?} {exported:?}");
    assert_eq!(fs::read(&key).expect("a key"), before);
    told(&export(&group, 1, &out).wait_with_output().expect("quorate runs"));
}

#[test]
fn a_folder_that_is_being_restored_is_left_to_the_first_who_does() {
    let (mut group, out) = saved();
    assert_eq!(group.stop(3), Some(0));
    let dir = folder(&group, 3);
    let first = fs::File::open(&dir).expect("a folder");
    first.lock().expect("nobody holds it");

    let second = give_up_for(&out, &dir);

    let words = String::from_utf8_lossy(&second.stdout).into_owned();
    assert!(second.status.code() == Some(2) && words.contains("at work"), "{second:?}");
    drop(first);
    told(&give_up_for(&out, &dir));
}

#[test]
fn a_backup_without_the_key_holds_no_key() {
    let mut group = Group::running(4);
    group.put(0, "before", "kept");
    let (out, dir) = (group.dir().join("backup"), folder(&group, 0));
    told(&says(&["backup", "--json", "--dir", text(&dir), "--out", text(&out)]));
    let (file, key) = (fs::read(&out).expect("it was written"), fs::read_to_string(dir.join("replica.key")));
    let seed = key.expect("a key").lines().nth(1).expect("a seed").to_owned();
    assert!(!file.windows(seed.len()).any(|bytes| bytes == seed.as_bytes()));
}

/// E7: a new database in a folder that a copy has filled would forget what the copy could not tell.
#[test]
fn a_new_database_after_a_restored_one_does_not_vote_either() {
    let (mut group, out) = saved();
    group.kill(3);
    fs::remove_dir_all(folder(&group, 3).join("data")).expect("it is there");
    told(&restore(&out, &folder(&group, 3)));
    fs::remove_dir_all(folder(&group, 3).join("data")).expect("it is there");
    group.start_with(3, &["--new-database"]);
    let status = group.await_mode(3, "following");
    assert!(status["why"].as_str().is_some_and(|why| why.contains("copied from other members")), "{status}");
}

#[test]
fn a_sound_database_that_votes_is_not_restored_over_unasked_at_a_terminal() {
    let (mut group, out) = saved();
    assert_eq!(group.stop(3), Some(0));

    let dir = folder(&group, 3);
    if let Some((told, code)) = at_terminal(&["restore", text(&out), "--dir", text(&dir)], None) {
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("votes on it") && told.contains("--give-up-vote"), "{told}");
    }
    group.start(3);
    group.await_mode(3, "active");
}

#[test]
fn a_database_that_a_snapshot_took_the_place_of_votes_again_when_it_is_put_back() {
    let (mut group, out) = saved();
    group.put(0, "after", "the snapshot");
    assert_eq!(group.file(3, "after", "strong").status, 200, "replica 3 has executed it");
    assert_eq!(group.stop(3), Some(0));
    let restored = told(&give_up_for(&out, &folder(&group, 3)));
    assert!(restored["before_seq"].as_u64() > restored["seq"].as_u64(), "{restored}");
    group.start(3);
    group.await_mode(3, "following");
    assert_eq!(group.stop(3), Some(0));

    let data = folder(&group, 3).join("data");
    fs::remove_dir_all(&data).expect("it is there");
    fs::rename(data.with_extension("before-copy"), &data).expect("it was kept");
    fs::remove_file(data.with_extension("copied")).expect("the mark");
    group.start(3);

    group.await_mode(3, "active");
}

#[test]
fn an_observers_folder_is_neither_restored_nor_backed_up_and_the_reason_names_it() {
    let (group, out) = saved();
    let observer = group.dir().join("observer");
    let trusted = Genesis::parse(&fs::read(genesis(&group)).expect("a file")).expect("a genesis");
    furnish(&observer, &trusted, true).expect("an observer's folder");

    let (backup, other) = (group.dir().join("observer.backup"), restore(&out, &observer));
    let saved = says(&["backup", "--dir", text(&observer), "--out", text(&backup)]);

    for (refused, word) in [(&other, "has no config.toml"), (&saved, "is an observer's folder")] {
        let told = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{told}");
        assert!(told.contains(word) && !told.contains("restore.new"), "{told}");
    }
}
