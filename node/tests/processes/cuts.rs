//! Cuts of two groups, through the commands: taken while they run, checked, and gone on from.

use crate::governance::{author, run, says, text, word};
use crate::group::{Group, QUORATE, eventually};
use crate::groups::{Pair, url};
use crate::restart::Left;
use crate::tokens::guarded;
use quorate_ledger::Genesis;
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn quorate(args: &[&str]) -> Output {
    Command::new(QUORATE).args(args).output().expect("quorate runs")
}

fn told(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a document")
}

/// Asserts that a command has said no, with these words.
fn is_no(output: &Output, words: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && told.contains(words), "{words}: {told}");
}

fn genesis(group: &Group) -> PathBuf {
    group.dir().join("genesis.json")
}

fn id(group: &Group) -> String {
    let bytes = fs::read(genesis(group)).expect("a genesis");
    Genesis::parse(&bytes).expect("a genesis").group().to_string()
}

fn take_at(pair: &Pair, out: &Path, other: &str) -> Command {
    let mut command = Command::new(QUORATE);
    command.args(["cut", "take", "--json", "--out", text(out)]);
    for (group, node) in [(&pair.home, &url(pair.home.api(0))[..]), (&pair.other, other)] {
        command.args(["--of", &format!("{}={node}", text(&genesis(group)))]);
    }
    command
}

fn take(pair: &Pair, out: &Path) -> Output {
    take_at(pair, out, &url(pair.other.api(0))).output().expect("quorate runs")
}

fn verify(out: &Path) -> Output {
    quorate(&["cut", "verify", text(out), "--json"])
}

#[test]
fn a_cut_of_two_groups_is_sealed_and_whatever_is_changed_in_it_is_named() {
    let pair = Pair::running();
    pair.add("a");
    let transaction = pair.killed([1, 0], [Some("prepared"), None]);
    let (out, home) = (pair.home.dir().join("cut"), id(&pair.home));

    let late = take_at(&pair, &out, &url(pair.other.api(0))).args(["--timeout", "0"]).output().expect("quorate runs");
    assert_eq!(late.status.code(), Some(3), "no node gave a state in time");
    assert!(!out.exists() && !out.with_extension("new").exists(), "nothing is left of it");

    let taken = told(&take(&pair, &out.join("")));

    assert_eq!(taken["under_way"][&transaction][&home]["state"], "prepared");
    assert_eq!(told(&verify(&out)), taken, "the same is read out of the files");
    assert_eq!(take(&pair, &out).status.code(), Some(2), "a cut that is there stays");
    let unnamed = quorate(&["cut", "plan", text(&out)]);
    assert_eq!(unnamed.status.code(), Some(2), "nobody is taken as restarted who is not named");

    let [snapshot, document] = [format!("{home}.snapshot"), "cut.json".into()].map(|name| out.join(name));
    for (file, from, to, words) in [
        (&snapshot, None, None, "byte "),
        (&document, Some(word(&taken, "seal")), Some(&home[..]), "\"seal\" is "),
        (&document, Some("\"prepared\""), Some("\"aborted\""), "\"under_way\" is "),
        (&document, Some("\"seq\": "), Some("\"seq\": 1"), "\"groups\" is "),
    ] {
        let kept = fs::read(file).expect("it is there");
        let mut bytes = kept.clone();
        match (from, to) {
            (Some(from), Some(to)) => bytes = String::from_utf8(bytes).expect("text").replace(from, to).into_bytes(),
            _ => bytes[kept.len() / 2] ^= 1,
        }
        fs::write(file, bytes).expect("our file");
        is_no(&verify(&out), words);
        fs::write(file, kept).expect("our file");
    }
    fs::remove_file(out.join(format!("{}.snapshot", id(&pair.other)))).expect("it is there");
    is_no(&verify(&out), &format!("group {}: ", id(&pair.other)));
}

/// Hands on between a client and a node, both ways.
fn hand_on(client: TcpStream, node: SocketAddr) {
    let node = TcpStream::connect(node).expect("it listens");
    let handles = || (client.try_clone().expect("a handle"), node.try_clone().expect("a handle"));
    let ((mut client, mut to), (mut back, mut from)) = (handles(), handles());
    std::thread::spawn(move || std::io::copy(&mut client, &mut to));
    std::thread::spawn(move || std::io::copy(&mut from, &mut back));
}

/// Address of a server before a node that lets nothing through before it is opened.
fn gate(node: SocketAddr) -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, opened) = (url(listener.local_addr().expect("it is bound")), Arc::new(AtomicBool::new(false)));
    let is_open = opened.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            while !is_open.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(10));
            }
            hand_on(client, node);
        }
    });
    (address, opened)
}

#[test]
fn a_state_that_another_one_has_seen_beyond_is_taken_anew_and_no_mixture_of_cuts_verifies() {
    let pair = Pair::running();
    let out = pair.home.dir().join("cut");
    let (node, opened) = gate(pair.other.api(0));
    let mut taking = take_at(&pair, &out, &node);
    let taking = taking.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("quorate runs");
    let name = format!("{}.snapshot", id(&pair.home));
    let first = eventually("the home's state is taken", || fs::read(pair.home.dir().join("cut.new").join(&name)).ok());

    pair.add("a");
    assert!(pair.commit().status.success());
    opened.store(true, Ordering::SeqCst);
    let taken = taking.wait_with_output().expect("it ends");

    let said = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(said.contains(" lies behind that of ") && said.contains("it is taken anew"), "{said}");
    assert_eq!(told(&taken), told(&verify(&out)));
    fs::write(out.join(&name), first).expect("our folder");
    is_no(&verify(&out), " of it was seen there, and its state is of slot ");
}

#[test]
fn a_node_that_fails_once_ends_no_cut_and_one_that_stays_silent_ends_it_with_its_own_exit() {
    let pair = Pair::running();
    let (out, linked) = (pair.home.dir().join("cut"), pair.home.dir().join("linked"));
    fs::create_dir(&linked).expect("our folder");
    std::os::unix::fs::symlink(&linked, &out).expect("our folder");
    let [silent, failing] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let place = |listener: &TcpListener| url(listener.local_addr().expect("it is bound"));
    let address = place(&silent);
    let silent = take_at(&pair, &out, &address).args(["--timeout", "2"]).output().expect("quorate runs");
    let said = String::from_utf8_lossy(&silent.stderr);
    assert_eq!(silent.status.code(), Some(3), "{said}");
    assert!(said.contains(&format!("quorate test group: {address} gave no state in time")), "{said}");

    let (node, place) = (pair.other.api(0), place(&failing));
    std::thread::spawn(move || {
        let mut clients = failing.incoming().map_while(Result::ok);
        let none = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        // The question whose node it is, and that about the state.
        for mut client in clients.by_ref().take(2) {
            assert!(client.read(&mut [0; 4_096]).expect("a question") > 0);
            client.write_all(none.as_bytes()).expect("it waits");
        }
        clients.for_each(|client| hand_on(client, node));
    });
    let taking = take_at(&pair, &out, &place).output().expect("quorate runs");

    let said = String::from_utf8_lossy(&taking.stderr);
    assert!(said.contains("it is taken anew"), "{said}");
    assert_eq!(told(&taking), told(&verify(&out)));
    assert!(linked.join("cut.json").exists(), "the folder that the link names is the cut");
}

#[test]
fn a_node_that_refuses_its_state_ends_a_cut_at_once() {
    let group = guarded();
    let (out, genesis) = (group.dir().join("cut"), genesis(&group));
    let of = format!("{}={}", text(&genesis), url(group.api(0)));
    let take = ["cut", "take", "--json", "--out", text(&out), "--of", &of, "--timeout", "10"];

    is_no(&quorate(&take), "--token names the file");

    let token = format!("{}={}", text(&genesis), text(&group.dir().join("replica-0/admin.token")));
    let taken = told(&quorate(&[&take[..], &["--token", &token]].concat()));
    assert_eq!(told(&verify(&out)), taken);
}

#[test]
fn a_settled_branch_is_told_alike_by_a_cut_by_its_proof_and_by_its_node() {
    let pair = Pair::running();
    pair.add("a");
    let transaction = pair.killed([1, 1], [Some("prepared"), Some("prepared")]);
    let (key, other) = (author(&pair.other, 0), genesis(&pair.other));
    says(&pair.other, &key, 0, &["groups", "forget", "partner"], 0);
    says(&pair.other, &key, 0, &["groups", "settle", &transaction, "abort"], 0);
    let (out, proof) = (pair.home.dir().join("cut"), pair.home.dir().join("proof"));

    let shown = says(&pair.other, &key, 0, &["tx", "show", &transaction, "--out", text(&proof)], 0);
    let taken = told(&take(&pair, &out));
    let proved = ["verify", text(&proof), "--genesis", text(&other)];

    let in_cut = &taken["under_way"][&transaction][&id(&pair.other)];
    for branch in [in_cut, &shown, &told(&quorate(&[&proved[..], &["--json"]].concat()))] {
        assert_eq!((word(branch, "state"), &branch["settled"]), ("settled", &false.into()), "{branch}");
    }
    let show = run(&pair.other, &key, 0, &["tx", "show", &transaction]);
    for said in [show, quorate(&proved), quorate(&["cut", "verify", text(&out)])] {
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.contains("settled, to be aborted"), "{said}");
    }
}

/// Words of a command, as a shell takes them.
fn words(command: &str) -> Vec<String> {
    let said = Command::new("sh").args(["-c", &format!("printf '%s\\n' {command}")]).output().expect("a shell");
    String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect()
}

/// The group that goes on from its state in a cut; its new genesis.
fn restarted(mut group: Group, cut: &Path) -> (Group, String) {
    let snapshot = cut.join(format!("{}.snapshot", id(&group)));
    fs::copy(snapshot, group.dir().join("last")).expect("our folder");
    group.stop(0);
    let left = Left(group);
    let genesis = left.genesis("new", &["last"], "org-0");
    left.init("new", None);
    let mut group = left.0;
    let key = author(&group, 0);
    fs::rename(key.with_extension("key.outbox"), group.dir().join("old.outbox")).expect("it was used");
    fs::remove_file(group.dir().join("session")).expect("it was used");
    group.start(0);
    (group, genesis)
}

/// Takes a cut of groups whose branches were left so, restarts both from it and gives the commands of the plan.
fn ended_after_a_restart(left: [&str; 2], taken: [isize; 2], end: &str) {
    let pair = Pair::running();
    pair.add("a");
    let transaction = pair.killed(taken, left.map(Some));
    let folder = tempfile::tempdir().expect("a folder");
    let (out, ids) = (folder.path().join("cut"), [id(&pair.home), id(&pair.other)]);
    told(&take(&pair, &out));
    let Pair { home, other } = pair;

    let [(home, home_genesis), (other, other_genesis)] = [home, other].map(|group| restarted(group, &out));
    let [home_genesis, other_genesis] =
        [("home's new", home_genesis), ("other's new", other_genesis)].map(|(name, made)| {
            fs::copy(made, folder.path().join(name)).expect("our folder");
            text(&folder.path().join(name)).to_owned()
        });

    let of = |group: &Group, new: &str| format!("{}={new}", text(&genesis(group)));
    let mixed = quorate(&["cut", "plan", text(&out), "--restarted", &of(&home, &other_genesis)]);
    is_no(&mixed, "does not go on from slot ");
    let plan = ["cut", "plan", text(&out), "--json", "--restarted", &of(&home, &home_genesis)];
    let twice = quorate(&[&plan[..], &["--restarted", &of(&home, &home_genesis)]].concat());
    assert_eq!(twice.status.code(), Some(2), "a group is restarted once: {}", String::from_utf8_lossy(&twice.stderr));
    let one = told(&quorate(&plan));
    let settle = |step: &&Value| word(step, "command").starts_with("quorate groups settle");
    let settle = one["steps"].as_array().expect("a list").iter().find(settle).expect("the home is over");
    assert!(word(settle, "note").contains("in every living group first"), "{settle}");
    let both = [of(&home, &home_genesis), of(&other, &other_genesis)];
    let plan = quorate(&["cut", "plan", text(&out), "--json", "--restarted", &both[0], "--restarted", &both[1]]);
    for step in told(&plan)["steps"].as_array().expect("a list") {
        let group = if word(step, "group") == ids[0] { &home } else { &other };
        let args = words(word(step, "command"));
        says(group, &author(group, 0), 0, &args[1..].iter().map(String::as_str).collect::<Vec<_>>(), 0);
    }
    let pair = Pair { home, other };
    assert_eq!(pair.states(&transaction), [Some(end.to_owned()), Some(end.to_owned())]);
    assert_eq!(pair.have("a"), [end == "committed"; 2]);
    for group in [&pair.home, &pair.other] {
        let known = says(group, &author(group, 0), 0, &["groups", "list"], 0);
        let known: Vec<&str> =
            known["items"].as_array().expect("a list").iter().map(|one| word(one, "group")).collect();
        assert!(known.len() == 1 && ids.iter().all(|id| id != known[0]), "the other group as it goes on: {known:?}");
    }
}

#[test]
fn groups_that_go_on_from_a_cut_commit_what_its_home_had_committed_by_the_commands_of_the_plan() {
    ended_after_a_restart(["committed", "prepared"], [2, 1], "committed");
}

#[test]
fn groups_that_go_on_from_a_cut_abort_what_its_home_had_only_prepared_by_the_commands_of_the_plan() {
    ended_after_a_restart(["prepared", "prepared"], [1, 1], "aborted");
}

#[test]
fn a_cut_keeps_the_epochs_that_were_given_and_refuses_those_of_another_group() {
    let pair = Pair::running();
    let (out, epochs) = (pair.home.dir().join("cut"), pair.home.dir().join("epochs"));
    says(&pair.home, &author(&pair.home, 0), 0, &["epochs", "export", "--out", text(&epochs)], 0);
    let take = |group: &Group| {
        let mut command = take_at(&pair, &out, &url(pair.other.api(0)));
        command.args(["--epochs", &format!("{}={}", text(&genesis(group)), text(&epochs))]);
        command.output().expect("quorate runs")
    };

    is_no(&take(&pair.other), "epochs");
    let taken = told(&take(&pair.home));

    assert_eq!(fs::read(out.join(format!("{}.epochs", id(&pair.home)))).ok(), fs::read(&epochs).ok());
    assert_eq!(told(&verify(&out)), taken);
    fs::remove_file(out.join(format!("{}.epochs", id(&pair.home)))).expect("it is there");
    is_no(&verify(&out), "\"groups\" is ");
}
