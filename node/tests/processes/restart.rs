//! A group that goes on from another one, as those who begin it meet it: a group of one here, whose disk is replaced.

use crate::governance::text;
use crate::group::{Group, eventually};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Remains of a group: its genesis, an early snapshot and the last one. Its replica has stopped.
pub struct Left(pub Group);

impl Left {
    fn new() -> Self {
        let (mut group, mut signed) = (Group::running(1), 0);
        for file in ["early", "last"] {
            group.put(0, file, "kept");
            let (node, out) = (format!("http://{}", group.api(0)), group.dir().join(file));
            let genesis = group.dir().join("genesis.json");
            signed = eventually("a later state is at hand", || {
                let from = ["--json", "--node", &node, "--genesis", text(&genesis), "--out", text(&out)];
                let exported = said(&[&["snapshot", "export"], &from[..]].concat());
                let told: Value = serde_json::from_slice(&exported.stdout).ok()?;
                told["seq"].as_u64().filter(|seq| *seq > signed)
            });
        }
        group.stop(0);
        Self(group)
    }

    pub fn file(&self, name: &str) -> String {
        text(&self.0.dir().join(name)).to_owned()
    }

    /// Genesis of the group that goes on from the newest of these files, with one replica of this organisation.
    pub fn genesis(&self, name: &str, from: &[&str], org: &str) -> String {
        let [old, draft, key, entry, genesis] = ["genesis.json", "draft", "key", "entry", "genesis"]
            .map(|part| self.file(&if part == "genesis.json" { part.into() } else { format!("{name}.{part}") }));
        let files: Vec<String> = from.iter().map(|file| self.file(file)).collect();
        let files: Vec<&str> = files.iter().flat_map(|file| ["--from", file]).collect();
        run(&[&["genesis", "restart", "--genesis", &old, "--out", &draft], &files[..]].concat(), 0);
        run(&["keys", "new", "--out", &key], 0);
        let replica = format!("{key}=/ip4/127.0.0.1/tcp/{}", self.0.api(0).port() - 1);
        run(&["genesis", "entry", "--org", org, "--replica", &replica, "--out", &entry], 0);
        run(&["genesis", "add", &draft, &entry], 0);
        run(&["genesis", "build", &draft, "--out", &genesis], 0);
        genesis
    }

    /// Makes the replica's folder anew, with what it lays beside the database first.
    pub fn init(&self, name: &str, copied: Option<&str>) -> Output {
        let folder = self.0.dir().join("replica-0");
        fs::remove_dir_all(&folder).expect("the disk that was lost");
        fs::create_dir(&folder).expect("our folder");
        if let Some(mark) = copied {
            fs::write(folder.join("data.copied"), mark).expect("our folder");
        }
        let [genesis, key, draft] = ["genesis", "key", "draft"].map(|part| self.file(&format!("{name}.{part}")));
        let (from, api) = (self.file("last"), self.0.api(0).to_string());
        let own = ["--genesis", &genesis, "--key", &key, "--draft", &draft, "--from", &from];
        run(&[&["init"], &own[..], &["--dir", text(&folder), "--api", &api]].concat(), 0)
    }
}

fn said(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate")).args(args).output().expect("quorate runs")
}

fn run(args: &[&str], code: i32) -> Output {
    let output = said(args);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", errors(&output));
    output
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn who_has_a_newer_state_or_an_unknown_organisation_is_told_before_anybody_starts() {
    let left = Left::new();
    let verify = |genesis: &str, from: &str, code| {
        errors(&run(&["genesis", "verify", genesis, "--from", &left.file(from)], code))
    };
    let older = left.genesis("older", &["early"], "org-0");
    assert!(verify(&older, "last", 1).contains("and the genesis goes on from slot"));
    let newest = left.genesis("newest", &["last", "early"], "org-0");
    assert_eq!(verify(&newest, "last", 0), "");
    assert!(verify(&newest, "early", 0).contains("is older than the state that is named"));
    let stranger = left.genesis("stranger", &["early", "last"], "org-7");
    assert!(verify(&stranger, "last", 1).contains("organisation \"org-7\" was none of the group's"));

    let author = left.file("author.key");
    run(&["keys", "new", "--out", &author], 0);
    let entry = left.file("author.entry");
    run(&["genesis", "entry", "--org", "org-1", "--author", &author, "--out", &entry], 0);
    let refused = run(&["genesis", "add", &left.file("newest.draft"), &entry], 1);
    assert!(errors(&refused).contains("without --author"), "{}", errors(&refused));
}

#[test]
fn a_group_that_goes_on_shows_its_own_roots_and_keeps_nobody_waiting_for_a_signed_one() {
    let mut left = Left::new();
    left.genesis("new", &["last"], "org-0");
    left.init("new", None);
    left.0.start(0);
    let status = left.0.await_mode(0, "active");
    let stable = &status["stable_checkpoint"];
    assert!(stable["seq"].as_u64() >= status["restarted_from"]["seq"].as_u64(), "{status}");
    assert_ne!(stable["state_root"], status["restarted_from"]["state_root"]);
    let answer = left.0.get(0, "/v1/order");
    assert!(answer.status == 200 || answer.text().contains("nothing-signed"), "{}", answer.text());
}

#[test]
fn a_first_state_where_a_copy_was_made_before_does_not_vote() {
    let mut left = Left::new();
    left.genesis("new", &["last"], "org-0");
    left.init("new", Some("7\n"));
    left.0.start(0);
    let status = left.0.await_mode(0, "following");
    assert!(status["why"].as_str().is_some_and(|why| why.contains("does not vote")), "{status}");
}

#[test]
fn an_observer_of_some_domains_of_a_group_that_goes_on_is_refused_and_its_folder_not_made() {
    let left = Left::new();
    let genesis = left.genesis("new", &["last"], "org-0");
    let dir = PathBuf::from(left.file("observer"));
    let refused = run(&["observe", "--genesis", &genesis, "--dir", text(&dir), "--domain", "main"], 2);
    assert!(errors(&refused).contains("observers of some domains cannot follow"), "{}", errors(&refused));
    assert!(!dir.exists());
}
