//! Transactions over several groups, through the commands: two groups of one replica each.

use crate::governance::{author, new_key, run, says, text, word};
use crate::group::{Group, QUORATE, eventually};
use quorate_ledger::BranchState;
use quorate_ledger::proof::BranchProof;
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

/// Two groups that know each other.
pub struct Pair {
    pub home: Group,
    pub other: Group,
}

impl Pair {
    pub fn running() -> Self {
        let pair = Self { home: Group::running(1), other: Group::running(1) };
        for (group, known) in [(&pair.home, &pair.other), (&pair.other, &pair.home)] {
            let genesis = known.dir().join("genesis.json");
            let know = ["groups", "know", text(&genesis), "--name", "partner"];
            assert_eq!(word(&says(group, &author(group, 0), 0, &know, 0), "proposal_state"), "effective");
        }
        pair
    }

    /// Adds a file at this path for each group.
    pub fn add(&self, path: &str) {
        for group in [&self.home, &self.other] {
            let key = author(group, 0);
            says(group, &key, 0, &["tx", "begin"], 0);
            says(group, &key, 0, &["tx", "add", path, text(&group.dir().join("genesis.json"))], 0);
        }
    }

    fn with(&self, node: &str) -> String {
        format!("{}={node}", text(&author(&self.other, 0)))
    }

    /// Commits at these nodes, which may stand before those of the groups.
    fn command(&self, home: &str, other: &str) -> Command {
        let mut command = Command::new(QUORATE);
        command.args(["tx", "commit", "--json", "--node", home, "--with", &self.with(other)]);
        command.env("QUORATE_KEY", author(&self.home, 0)).env_remove("QUORATE_DOMAIN");
        command
    }

    pub fn commit(&self) -> Output {
        self.command(&url(self.home.api(0)), &url(self.other.api(0))).output().expect("quorate runs")
    }

    /// Whether each group has a file at this path.
    pub fn have(&self, path: &str) -> [bool; 2] {
        [&self.home, &self.other].map(|group| group.file(0, path, "sequential").status == 200)
    }

    /// State of each group's branch; none where it was not prepared.
    pub fn states(&self, id: &str) -> [Option<String>; 2] {
        [&self.home, &self.other].map(|group| {
            let answer = group.get(0, &format!("/v1/transactions/{id}?level=sequential"));
            (answer.status == 200).then(|| word(&answer.json(), "state").to_owned())
        })
    }

    /// Commits by a command that is killed once the branches stand so, as nodes take only so many envelopes of it.
    pub fn killed(&self, [home, other]: [isize; 2], states: [Option<&str>; 2]) -> String {
        let [(home, home_left), (other, other_left)] =
            [taking(home, self.home.api(0)), taking(other, self.other.api(0))];
        let mut child =
            self.command(&home, &other).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
        let key = author(&self.home, 0);
        let id = eventually("the terms are kept", || {
            let shown = run(&self.home, &key, 0, &["tx", "show"]);
            let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
            shown.split_once("a branch of ").and_then(|(_, rest)| Some(rest.split_once(',')?.0.to_owned()))
        });
        let wanted = states.map(|state| state.map(str::to_owned));
        eventually(&format!("the branches are {states:?}"), || (self.states(&id) == wanted).then_some(()));
        let is_cut = || [&home_left, &other_left].iter().any(|left| left.load(Ordering::SeqCst) < 0);
        eventually("the next envelope is signed", || is_cut().then_some(()));
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
        id
    }
}

/// Folder of a key's open transaction.
fn desk(key: &Path) -> PathBuf {
    key.with_added_extension("tx")
}

/// List of parts of a key's open transaction, as it is kept.
fn parts(key: &Path) -> Value {
    serde_json::from_slice(&fs::read(desk(key).join("tx.json")).expect("it is open")).expect("JSON")
}

/// Files of a folder.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    paths.map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn url(api: SocketAddr) -> String {
    format!("http://{api}")
}

/// Address of a server before a node that hands on everything but envelopes beyond so many: their connections end.
/// The count that is left is negative once there was one.
fn taking(count: isize, node: SocketAddr) -> (String, Arc<AtomicIsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, left) = (url(listener.local_addr().expect("it is bound")), Arc::new(AtomicIsize::new(count)));
    let counted = left.clone();
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let (mut node, left) = (TcpStream::connect(node).expect("it listens"), left.clone());
            let (mut from, mut to) = (node.try_clone().expect("a handle"), client.try_clone().expect("a handle"));
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            std::thread::spawn(move || {
                let mut piece = [0; 4_096];
                while let Ok(count @ 1..) = client.read(&mut piece) {
                    let is_envelope = piece[..count].starts_with(b"POST /v1/envelopes");
                    if is_envelope && left.fetch_sub(1, Ordering::SeqCst) <= 0 {
                        let _ = client.shutdown(Shutdown::Both);
                        return;
                    }
                    node.write_all(&piece[..count]).expect("it listens");
                }
            });
        }
    });
    (address, counted)
}

fn said(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"))
}

/// Another author of the group's organisation.
fn colleague(group: &Group) -> PathBuf {
    let key = new_key(group, "colleague.key");
    says(group, &author(group, 0), 0, &["identities", "enrol", text(&key)], 0);
    key
}

#[test]
fn files_of_two_groups_are_written_together() {
    let pair = Pair::running();
    pair.add("a");

    let committed = pair.commit();

    assert!(committed.status.success(), "{}", String::from_utf8_lossy(&committed.stderr));
    let committed = said(&committed);
    let states: Vec<_> = committed["branches"].as_array().expect("a list").iter().map(|b| word(b, "state")).collect();
    assert_eq!((word(&committed, "state"), states), ("committed", vec!["committed"; 2]));
    assert_eq!(pair.have("a"), [true; 2]);
    let shown = says(&pair.other, &author(&pair.other, 0), 0, &["tx", "show", word(&committed, "id")], 0);
    assert_eq!(
        (word(&shown, "state"), &shown["home"], &shown["paths"]),
        ("committed", &false.into(), &Value::Array(vec![]))
    );
    for group in [&pair.home, &pair.other] {
        let (file, genesis) = (group.dir().join("branch"), group.dir().join("genesis.json"));
        let proof = group.get(0, &format!("/v1/transactions/{}?proof=true", word(&committed, "id")));
        std::fs::write(&file, &proof.body).expect("a file");
        let verified = says(group, &author(group, 0), 0, &["verify", text(&file), "--genesis", text(&genesis)], 0);
        assert_eq!((word(&verified, "kind"), word(&verified, "state")), ("branch", "committed"));
        let elsewhere = pair.home.dir().join("branch");
        let other = ["verify", text(&elsewhere), "--genesis", text(&genesis)];
        says(group, &author(group, 0), 0, &other, if group.dir() == pair.home.dir() { 0 } else { 1 });
        assert_eq!(
            run(group, &author(group, 0), 0, &["tx", "show"]).status.code(),
            Some(1),
            "nothing is open any more"
        );
    }
}

#[test]
fn a_commit_over_groups_that_was_killed_goes_on_where_it_was() {
    let pair = Pair::running();
    let stops = [
        ([1, 0], [Some("prepared"), None]),
        ([1, 1], [Some("prepared"), Some("prepared")]),
        ([2, 1], [Some("committed"), Some("prepared")]),
    ];
    for (number, (taken, states)) in stops.into_iter().enumerate() {
        let path = format!("file-{number}");
        pair.add(&path);
        let id = pair.killed(taken, states);

        let committed = pair.commit();

        assert!(committed.status.success(), "{states:?}: {}", String::from_utf8_lossy(&committed.stderr));
        assert_eq!((word(&said(&committed), "id"), pair.have(&path)), (&id[..], [true; 2]), "{states:?}");
    }
}

#[test]
fn a_group_that_refuses_its_branch_leaves_all_groups_as_they_were() {
    let pair = Pair::running();
    pair.add("a");
    let holder = colleague(&pair.other);
    says(&pair.other, &holder, 0, &["lock", "acquire", "a", "--lease", "600"], 0);

    let refused = pair.commit();

    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && told.contains("aborted in every group"), "{told}");
    let refused = said(&refused);
    assert_eq!((word(&refused, "state"), &refused["branches"][1]), ("aborted", &Value::Null));
    assert_eq!(pair.have("a"), [false; 2]);
    let key = author(&pair.home, 0);
    assert_eq!(says(&pair.home, &key, 0, &["lock", "list"], 0)["items"], Value::Array(vec![]));
    says(&pair.other, &holder, 0, &["lock", "release", "a"], 0);
    assert!(pair.commit().status.success(), "what was added is kept");
    assert_eq!(pair.have("a"), [true; 2]);
}

/// A pair of which one group refuses its branch, and the command with which its author is told to go on.
fn refused() -> (Pair, PathBuf, String) {
    let pair = Pair::running();
    pair.add("a");
    let holder = colleague(&pair.other);
    says(&pair.other, &holder, 0, &["lock", "acquire", "a", "--lease", "600"], 0);
    let words = told(&pair.commit());
    let command = words.split('`').find(|words| words.starts_with("quorate tx commit")).expect("a command").to_owned();
    (pair, holder, command)
}

#[test]
fn what_was_refused_over_groups_is_committed_with_all_of_them_or_not_at_all() {
    let (pair, holder, command) = refused();
    for group in [&pair.home, &pair.other] {
        let alone = run(group, &author(group, 0), 0, &["tx", "commit"]);
        let words = told(&alone);
        assert!(alone.status.code() == Some(2) && words.contains(&command), "{words}");
    }
    assert_eq!(pair.have("a"), [false; 2]);
    says(&pair.other, &holder, 0, &["lock", "release", "a"], 0);

    let typed = command.replacen("quorate", QUORATE, 1);
    let ended = Command::new("sh").args(["-c", &typed]).output().expect("a shell");

    assert!(ended.status.success(), "{typed}: {}", told(&ended));
    assert_eq!(pair.have("a"), [true; 2]);
}

#[test]
fn what_was_refused_over_groups_binds_nothing_that_is_begun_anew() {
    let (pair, ..) = refused();
    let key = author(&pair.home, 0);
    says(&pair.home, &key, 0, &["tx", "abort"], 0);
    says(&pair.home, &key, 0, &["tx", "begin"], 0);
    says(&pair.home, &key, 0, &["tx", "add", "a", text(&key)], 0);

    says(&pair.home, &key, 0, &["tx", "commit"], 0);

    assert_eq!(pair.have("a"), [true, false]);
}

#[test]
fn anybody_carries_the_decision_of_the_home_to_a_group_that_waits() {
    let pair = Pair::running();
    pair.add("a");
    let (stranger, home) = (colleague(&pair.other), url(pair.home.api(0)));
    let id = pair.killed([2, 1], [Some("committed"), Some("prepared")]);
    let key = author(&pair.home, 0);
    let put = ["put", "a", text(&stranger)];
    assert_eq!(word(&says(&pair.other, &stranger, 0, &put, 1), "code"), "lock", "others wait for the decision");

    says(&pair.other, &stranger, 0, &["tx", "decide", &id, "--home", &home], 0);

    assert_eq!(pair.have("a"), [true; 2]);
    says(&pair.other, &stranger, 0, &["tx", "decide", &id, "--home", &home], 0);
    says(&pair.other, &stranger, 0, &put, 0);
    assert_eq!(
        word(&says(&pair.home, &key, 0, &["tx", "decide", &id], 0), "state"),
        "committed",
        "nothing is left to do"
    );
    assert!(pair.commit().status.success(), "its author's command ends too");
}

#[test]
fn a_branch_that_may_be_prepared_is_ended_at_its_home_before_it_is_thrown_away() {
    let pair = Pair::running();
    pair.add("a");
    let id = pair.killed([1, 0], [Some("prepared"), None]);
    let (key, file) = (author(&pair.home, 0), author(&pair.home, 0));
    for refused in [&["tx", "commit"][..], &["tx", "abort"], &["tx", "add", "b", text(&file)]] {
        let said = run(&pair.home, &key, 0, refused);
        let told = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.code() == Some(1) && told.contains(&id), "{refused:?}: {told}");
    }

    says(&pair.home, &key, 0, &["tx", "decide", &id, "--abort"], 0);
    let ended = pair.commit();

    assert_eq!((ended.status.code(), word(&said(&ended), "state")), (Some(1), "aborted"));
    assert!(
        pair.states(&id).iter().flatten().all(|state| state == "aborted"),
        "also where the killed command had signed more"
    );
    says(&pair.home, &key, 0, &["tx", "abort"], 0);
    assert_eq!(pair.have("a"), [false; 2]);
}

#[test]
fn a_branch_whose_home_is_forgotten_ends_as_its_own_organisations_settle_it() {
    let pair = Pair::running();
    pair.add("a");
    let id = pair.killed([1, 1], [Some("prepared"), Some("prepared")]);
    let key = author(&pair.other, 0);
    says(&pair.other, &key, 0, &["groups", "forget", "partner"], 0);

    says(&pair.other, &key, 0, &["groups", "settle", &id, "abort"], 0);
    says(&pair.other, &key, 0, &["tx", "decide", &id], 0);

    assert_eq!(pair.states(&id)[1].as_deref(), Some("aborted"));
    assert_eq!(says(&pair.other, &key, 0, &["groups", "list"], 0)["items"], Value::Array(vec![]));
}

#[test]
fn a_group_that_does_not_know_the_home_takes_no_part() {
    let pair = Pair { home: Group::running(1), other: Group::running(1) };
    pair.add("a");

    let refused = pair.commit();

    assert!(String::from_utf8_lossy(&refused.stderr).contains("is not known here"), "{refused:?}");
    assert_eq!((refused.status.code(), pair.have("a")), (Some(1), [false; 2]));
}

#[test]
fn what_can_be_no_other_group_is_told_before_anything_is_signed() {
    let pair = Pair { home: Group::running(1), other: Group::running(1) };
    let (key, own, other) = (author(&pair.home, 0), pair.home.dir().join("genesis.json"), pair.other.dir());
    for (args, why) in [
        (["groups", "know", text(&own), "--name", "us"], "is the group's own"),
        (["groups", "know", text(&other.join("genesis.json")), "--name", "two mills"], "give --name NAME"),
    ] {
        let refused = run(&pair.home, &key, 0, &args);
        let words = told(&refused);
        assert!(
            refused.status.code() == Some(2) && words.contains(why) && words.contains("nothing was signed"),
            "{words}"
        );
    }
}

#[test]
fn a_draft_that_is_no_branch_of_the_terms_is_left_alone() {
    let pair = Pair::running();
    let (home, other) = (author(&pair.home, 0), author(&pair.other, 0));
    pair.add("a");
    pair.killed([2, 1], [Some("committed"), Some("prepared")]);
    let kept = files(&desk(&home));
    assert!(pair.commit().status.success());
    fs::create_dir(desk(&home)).expect("it was removed");
    kept.iter().for_each(|(path, bytes)| fs::write(path, bytes).expect("as it was, had the command been killed"));
    says(&pair.other, &other, 0, &["tx", "begin"], 0);
    says(&pair.other, &other, 0, &["tx", "add", "b", text(&home)], 0);

    let refused = pair.commit();

    assert!(refused.status.code() == Some(1) && told(&refused).contains(text(&other)), "{}", told(&refused));
    let left = parts(&other);
    assert_eq!((left["across"].is_null(), word(&left["parts"][0], "path")), (true, "b"));
}

#[test]
fn a_branch_that_was_settled_otherwise_than_its_home_keeps_its_draft() {
    let pair = Pair::running();
    let (home, other, colleague) = (author(&pair.home, 0), author(&pair.other, 0), colleague(&pair.other));
    pair.add("a");
    let id = pair.killed([2, 1], [Some("committed"), Some("prepared")]);
    says(&pair.other, &colleague, 0, &["groups", "forget", "partner"], 0);
    says(&pair.other, &colleague, 0, &["groups", "settle", &id, "abort"], 0);
    says(&pair.other, &colleague, 0, &["tx", "decide", &id], 0);

    let ended = pair.commit();

    let group = word(&pair.other.status(0), "group").to_owned();
    assert!(ended.status.code() == Some(1) && told(&ended).contains(&group[..8]), "{}", told(&ended));
    assert!(!desk(&home).exists(), "it took effect");
    let left = parts(&other);
    assert_eq!((left["across"].is_null(), word(&left["parts"][0], "path")), (true, "a"));
}

#[test]
fn whoever_carries_a_decision_to_a_branch_that_was_settled_otherwise_is_told_of_both_ends() {
    let pair = Pair::running();
    let (colleague, home) = (colleague(&pair.other), url(pair.home.api(0)));
    pair.add("a");
    let id = pair.killed([2, 1], [Some("committed"), Some("prepared")]);
    says(&pair.other, &colleague, 0, &["groups", "forget", "partner"], 0);
    says(&pair.other, &colleague, 0, &["groups", "settle", &id, "abort"], 0);
    says(&pair.other, &colleague, 0, &["tx", "decide", &id], 0);

    let refused = run(&pair.other, &colleague, 0, &["tx", "decide", &id, "--home", &home]);

    let words = told(&refused);
    assert!(words.contains("committed by its home, and aborted here") && words.contains("made anew"), "{words}");
    assert_eq!(refused.status.code(), Some(1));
    let nobody = ["tx", "decide", &id, "--home", "http://127.0.0.1:1", "--timeout", "1"];
    assert_eq!(
        word(&says(&pair.other, &colleague, 0, &nobody, 0), "state"),
        "aborted",
        "it has an end without its home"
    );
}

#[test]
fn a_branch_whose_preparation_is_on_its_way_is_not_thrown_away() {
    let pair = Pair::running();
    let home = author(&pair.home, 0);
    pair.add("a");
    let id = pair.killed([0, 0], [None, None]);

    let refused = run(&pair.home, &home, 0, &["tx", "abort"]);

    assert!(refused.status.code() == Some(1) && told(&refused).contains(&id), "{}", told(&refused));
    assert_eq!((pair.states(&id)[0].as_deref(), parts(&home)["parts"].is_array()), (Some("prepared"), true));
    says(&pair.home, &home, 0, &["tx", "decide", &id, "--abort"], 0);
    says(&pair.home, &home, 0, &["tx", "add", "b", text(&home)], 0);
    assert!(parts(&home)["across"].is_null(), "its home has aborted it");
}

#[test]
fn the_draft_of_a_branch_that_took_effect_is_removed_as_such() {
    let pair = Pair::running();
    let home = author(&pair.home, 0);
    pair.add("a");
    let id = pair.killed([2, 1], [Some("committed"), Some("prepared")]);

    let removed = says(&pair.home, &home, 0, &["tx", "abort"], 0);

    let decided = word(&says(&pair.home, &home, 0, &["tx", "show", &id], 0), "decided").to_owned();
    assert_eq!((&removed["aborted"], word(&removed, "committed")), (&false.into(), &decided[..]));
    assert!(!desk(&home).exists());
}

#[test]
fn keys_at_nodes_of_each_others_groups_are_told_before_terms_are_kept() {
    let pair = Pair::running();
    let (home, other) = (author(&pair.home, 0), author(&pair.other, 0));
    pair.add("a");
    let mut swapped = pair.command(&url(pair.other.api(0)), &url(pair.home.api(0)));

    let refused = swapped.args(["--timeout", "3"]).output().expect("quorate runs");

    assert!(!refused.status.success());
    assert!([home, other].iter().all(|key| parts(key)["across"].is_null()), "{}", told(&refused));
    assert!(pair.commit().status.success());
}

#[test]
fn a_key_is_one_however_it_is_named() {
    let pair = Pair::running();
    pair.add("a");
    let home = author(&pair.home, 0);
    let link = pair.home.dir().join("link.key");
    std::os::unix::fs::symlink(&home, &link).expect("a link");
    let with = format!("{}={}", text(&link), url(pair.other.api(0)));

    let refused = run(&pair.home, &home, 0, &["tx", "commit", "--with", &with, "--timeout", "3"]);

    assert!(refused.status.code() == Some(2) && told(&refused).contains("a key of its own"), "{}", told(&refused));
}

#[test]
fn branches_that_wait_are_listed_up_to_their_decision() {
    let pair = Pair::running();
    pair.add("a");
    let id = pair.killed([1, 1], [Some("prepared"), Some("prepared")]);
    for group in [&pair.home, &pair.other] {
        let listed = says(group, &author(group, 0), 0, &["tx", "list"], 0);
        assert_eq!((word(&listed["items"][0], "id"), word(&listed["items"][0], "state")), (&id[..], "prepared"));
    }
    let locks = run(&pair.other, &author(&pair.other, 0), 0, &["lock", "list"]);
    assert!(String::from_utf8_lossy(&locks.stdout).contains(&id), "who is kept out reads by which transaction");

    assert!(pair.commit().status.success());

    for group in [&pair.home, &pair.other] {
        assert_eq!(says(group, &author(group, 0), 0, &["tx", "list"], 0)["items"], Value::Array(vec![]));
    }
}

#[test]
fn a_commit_over_groups_without_an_end_names_the_transaction() {
    let pair = Pair::running();
    pair.add("a");
    let ((home, _), (other, _)) = (taking(1, pair.home.api(0)), taking(0, pair.other.api(0)));

    let failed = pair.command(&home, &other).args(["--timeout", "3"]).output().expect("quorate runs");

    let id = word(&said(&failed), "transaction").to_owned();
    eventually("the home has prepared", || (pair.states(&id)[0].as_deref() == Some("prepared")).then_some(()));
}

#[test]
fn at_the_home_it_is_told_that_its_author_commits_and_its_lease_aborts() {
    let pair = Pair::running();
    pair.add("a");
    let (id, home) = (pair.killed([1, 0], [Some("prepared"), None]), author(&pair.home, 0));

    let refused = run(&pair.home, &home, 0, &["tx", "decide", &id]);

    let words = told(&refused);
    assert!(words.contains("is its home") && words.contains("is aborted by itself"), "{words}");
    assert!(says(&pair.home, &home, 0, &["tx", "show", &id], 0)["until"].is_number());
    says(&pair.home, &home, 0, &["tx", "decide", &id, "--abort"], 0);
    assert!(says(&pair.home, &home, 0, &["tx", "show", &id], 0)["until"].is_null(), "nothing is to come");
}

#[test]
fn the_proof_of_a_branch_is_kept_in_a_file() {
    let pair = Pair::running();
    pair.add("a");
    let committed = said(&pair.commit());
    let (id, key, proof) = (word(&committed, "id"), author(&pair.home, 0), pair.home.dir().join("proof"));
    let show = ["tx", "show", id, "--out", text(&proof)];

    says(&pair.home, &key, 0, &show, 0);

    let kept = BranchProof::decode(&fs::read(&proof).expect("it is written")).expect("a proof");
    let record = kept.record();
    assert_eq!((record.transaction.id().to_string(), record.state), (id.to_owned(), BranchState::Committed));
    says(&pair.home, &key, 0, &show, 0);
    says(&pair.home, &key, 0, &["tx", "show", id, "--out", text(&key)], 2);
}

#[test]
fn a_branch_that_others_overtook_is_begun_anew() {
    let pair = Pair::running();
    let colleague = colleague(&pair.other);
    pair.add("a");
    says(&pair.other, &colleague, 0, &["put", "a", text(&colleague)], 0);

    let refused = pair.commit();

    let words = told(&refused);
    assert!(words.contains("would-conflict") && words.contains("`quorate tx begin`"), "{words}");
}

#[test]
fn terms_that_are_over_everywhere_bind_no_draft() {
    let pair = Pair::running();
    let (home, other) = (author(&pair.home, 0), author(&pair.other, 0));
    pair.add("a");
    let id = pair.killed([1, 0], [Some("prepared"), None]);
    says(&pair.home, &home, 0, &["tx", "decide", &id, "--abort"], 0);
    says(&pair.other, &other, 0, &["put", "c", text(&other)], 0); // after what the killed command had signed
    says(&pair.other, &other, 0, &["tx", "decide", &id, "--home", &url(pair.home.api(0))], 0);
    says(&pair.home, &home, 0, &["tx", "add", "b", text(&home)], 0);

    let committed = pair.commit();

    assert!(committed.status.success(), "{}", told(&committed));
    assert_eq!((pair.have("a"), pair.have("b")), ([true; 2], [true, false]));
}

#[test]
fn what_ends_a_branch_away_from_its_home_is_told_there() {
    let pair = Pair::running();
    let other = author(&pair.other, 0);
    pair.add("a");
    let id = pair.killed([1, 1], [Some("prepared"), Some("prepared")]);
    let ends = format!("`quorate tx decide {id} --home URL`");

    let refused = told(&run(&pair.other, &other, 0, &["tx", "abort"]));
    let shown = run(&pair.other, &other, 0, &["tx", "show", &id]);

    assert!(refused.contains(&ends) && refused.contains("its home ends it"), "{refused}");
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains(&ends), "{shown}");
}

#[test]
fn a_transaction_that_is_under_way_is_named_where_a_node_is_down() {
    let pair = Pair::running();
    pair.add("a");
    let id = pair.killed([1, 1], [Some("prepared"), Some("prepared")]);

    let mut command = pair.command(&url(pair.home.api(0)), "http://127.0.0.1:1");
    let failed = command.args(["--timeout", "2"]).output().expect("quorate runs");

    let error = word(&said(&failed), "error").to_owned();
    assert_eq!((failed.status.code(), word(&said(&failed), "transaction")), (Some(3), &id[..]));
    assert!(!error.contains("neither signed nor sent") && told(&failed).contains("goes on from there"), "{error}");
    assert!(pair.commit().status.success());
}

#[test]
fn a_transaction_of_one_group_that_others_overtook_is_begun_anew() {
    let group = Group::running(1);
    let (key, colleague) = (author(&group, 0), colleague(&group));
    says(&group, &key, 0, &["tx", "begin"], 0);
    ["a", "b"].iter().for_each(|path| drop(says(&group, &key, 0, &["tx", "add", path, text(&key)], 0)));
    says(&group, &colleague, 0, &["put", "a", text(&colleague)], 0);

    let refused = told(&run(&group, &key, 0, &["tx", "commit"]));

    assert!(refused.contains("would-conflict") && refused.contains("`quorate tx begin` and add it anew"), "{refused}");
}
