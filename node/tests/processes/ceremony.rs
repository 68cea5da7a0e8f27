//! Several organisations make one group, each with its own keys.

use crate::governance::{says, word};
use crate::group::{Group, free_ports};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder for each organisation and one for the files that go round.
struct Ceremony {
    dir: tempfile::TempDir,
    port: u16,
    host: &'static str,
}

impl Ceremony {
    /// Keys of four organisations, a draft, and their entries in it, the last organisation first.
    fn new() -> Self {
        Self::at("/ip4/127.0.0.1")
    }

    /// The same of replicas that the others reach at this host.
    fn at(host: &'static str) -> Self {
        let ceremony = Self { dir: tempfile::tempdir().expect("a folder"), port: free_ports(10), host };
        fs::create_dir_all(ceremony.path("group")).expect("a folder");
        ceremony.run(&["genesis", "template", "--name", "four mills", "--out", &ceremony.file("draft.json")], 0);
        for number in (0..4).rev() {
            ceremony.join(number);
        }
        ceremony
    }

    fn join(&self, number: usize) {
        let [replica, author] = [self.key(number), self.file(&format!("group/author-org-{number}.key"))];
        for key in [&replica, &author] {
            self.run(&["keys", "new", "--out", key], 0);
        }
        let (org, entry) = (format!("org-{number}"), self.file(&format!("{number}.entry")));
        let voter = format!("{replica}={}/tcp/{}", self.host, usize::from(self.port) + number);
        self.run(&["genesis", "entry", "--org", &org, "--replica", &voter, "--author", &author, "--out", &entry], 0);
        self.run(&["genesis", "add", &self.file("draft.json"), &entry], 0);
    }

    fn build(&self, out: &str) -> Value {
        let built = self.run(&["genesis", "build", &self.file("draft.json"), "--out", &self.file(out), "--json"], 0);
        serde_json::from_slice(&built.stdout).expect("JSON")
    }

    /// The folder of a replica, from the genesis and its own key.
    fn seat(&self, number: usize, code: i32) -> Output {
        let api = format!("127.0.0.1:{}", usize::from(self.port) + 4 + number);
        let dir = self.file(&format!("group/replica-{number}"));
        let (genesis, key, draft) = (self.file("group/genesis.json"), self.key(number), self.file("draft.json"));
        let own = ["--genesis", &genesis, "--key", &key, "--draft", &draft, "--dir", &dir, "--api", &api];
        self.run(&[&["init"], &own[..]].concat(), code)
    }

    fn run(&self, args: &[&str], code: i32) -> Output {
        let output = Command::new(env!("CARGO_BIN_EXE_quorate")).args(args).output().expect("quorate runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {errors}");
        output
    }

    fn key(&self, number: usize) -> String {
        self.file(&format!("replica-of-{number}.key"))
    }

    fn file(&self, name: &str) -> String {
        self.path(name).to_str().expect("a plain name").to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

#[test]
fn four_organisations_that_share_only_files_make_a_group_that_works() {
    let ceremony = Ceremony::new();
    let hash = word(&ceremony.build("group/genesis.json"), "group").to_owned();
    ceremony.run(&["genesis", "verify", &ceremony.file("group/genesis.json"), "--hash", &hash], 0);
    (0..4).for_each(|number| drop(ceremony.seat(number, 0)));

    let mut group = Group::of(ceremony.dir, ceremony.port + 4, 4);
    group.start_all();
    group.put(3, "a.txt", "from one of four");
    assert_eq!(group.file(1, "a.txt", "strong").text(), "from one of four");
    let key = group.dir().join("author-org-0.key");
    let status = says(&group, &key, 2, &["status"], 0);
    assert_eq!((word(&status, "group"), word(&status, "name")), (hash.as_str(), "four mills"));
}

#[test]
fn replicas_that_reach_each_other_by_name_make_a_group_that_works() {
    let ceremony = Ceremony::at("/dns4/localhost");
    ceremony.build("group/genesis.json");
    (0..4).for_each(|number| drop(ceremony.seat(number, 0)));
    ceremony.run(&["config", "check", "--dir", &ceremony.file("group/replica-0")], 0);

    let mut group = Group::of(ceremony.dir, ceremony.port + 4, 4);
    group.start_all();
    group.put(3, "a.txt", "from one of four");
}

#[test]
fn no_file_that_goes_round_holds_a_secret() {
    let ceremony = Ceremony::new();
    ceremony.build("group/genesis.json");
    let secret = |number| fs::read_to_string(ceremony.path(&format!("replica-of-{number}.key"))).expect("a key file");
    let seeds: Vec<String> = (0..4).map(|n| secret(n).lines().nth(1).expect("a seed").to_owned()).collect();
    for file in ["draft.json", "0.entry", "3.entry", "group/genesis.json"] {
        let text = fs::read_to_string(ceremony.path(file)).expect("a file");
        assert!(seeds.iter().all(|seed| !text.contains(seed)), "{file} holds a seed");
    }
}

#[test]
fn a_genesis_of_another_hash_is_told_apart() {
    let ceremony = Ceremony::new();
    ceremony.build("group/genesis.json");
    let other = "00".repeat(32);
    ceremony.run(&["genesis", "verify", &ceremony.file("group/genesis.json"), "--hash", &other], 1);
}

#[test]
fn a_key_that_is_no_replica_gets_no_folder() {
    let ceremony = Ceremony::new();
    ceremony.build("group/genesis.json");
    fs::copy(ceremony.path("group/author-org-0.key"), ceremony.path("replica-of-7.key")).expect("a file");
    ceremony.seat(7, 1);
    assert!(!ceremony.path("group/replica-7").exists());
}

#[test]
fn an_earlier_draft_gives_each_replica_the_address_of_its_own_key() {
    let ceremony = Ceremony::new();
    ceremony.build("group/genesis.json");
    let draft = ceremony.file("draft.json");
    fs::remove_file(&draft).expect("it is there");
    ceremony.run(&["genesis", "template", "--out", &draft], 0);
    for number in 1..4 {
        ceremony.run(&["genesis", "add", &draft, &ceremony.file(&format!("{number}.entry"))], 0);
    }

    let seat = ceremony.seat(2, 0);

    let config = fs::read_to_string(ceremony.path("group/replica-2/config.toml")).expect("a file");
    for (number, is_listed) in [(0, false), (1, true), (3, true)] {
        let line = format!("{number} = \"/ip4/127.0.0.1/tcp/{}\"", ceremony.port + number);
        assert_eq!(config.contains(&line), is_listed, "{number}: {config}");
    }
    assert!(config.contains(&format!("listen = \"/ip4/127.0.0.1/tcp/{}\"", ceremony.port + 2)), "{config}");
    assert!(String::from_utf8_lossy(&seat.stdout).contains("address of replica 0"), "{seat:?}");
}

#[test]
fn a_folder_with_a_replica_is_left_as_it_is() {
    let ceremony = Ceremony::new();
    ceremony.build("group/genesis.json");
    ceremony.seat(0, 0);
    let config = ceremony.path("group/replica-0/config.toml");
    fs::write(&config, "edited").expect("a file");
    ceremony.seat(0, 2);
    assert_eq!(fs::read_to_string(&config).expect("a file"), "edited");
}

#[test]
fn a_folder_that_was_begun_and_cut_off_is_made_again() {
    let ceremony = Ceremony::new();
    ceremony.build("group/genesis.json");
    ceremony.seat(0, 0);
    let folder = ceremony.path("group/replica-0");
    unfinish(&folder);
    ceremony.seat(0, 0);
    assert!(folder.join("genesis.json").exists() && folder.join("data/quorate.redb").exists());
}

/// The folder as it stands before its last step.
fn unfinish(folder: &Path) {
    fs::rename(folder.join("genesis.json"), folder.join("genesis.json.unfinished")).expect("a file");
}
