//! A follower beside four replicas, all as processes.

use crate::governance::{author, new_key, says, text, word};
use crate::group::{Group, eventually};
use crate::http;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

/// An observer of a group, stopped by its own id.
pub struct Observer {
    child: Option<Child>,
    pub api: SocketAddr,
    pub dir: PathBuf,
    genesis: PathBuf,
    peers: Vec<String>,
    flags: Vec<String>,
}

/// Addresses at which the replicas take observers, as `init` wrote them.
pub fn doors(group: &Group, replicas: usize) -> Vec<String> {
    let door = |replica: usize| {
        let file = group.dir().join(format!("replica-{replica}/config.toml"));
        let text = std::fs::read_to_string(file).expect("a configuration");
        let line = text.lines().find_map(|line| line.strip_prefix("observers = ")).expect("a door for observers");
        line.trim_matches('"').to_owned()
    };
    (0..replicas).map(door).collect()
}

impl Observer {
    fn of(group: &Group, peers: Vec<String>) -> Self {
        Self::with(group, peers, &[])
    }

    /// An observer with these flags more.
    pub fn with(group: &Group, peers: Vec<String>, flags: &[&str]) -> Self {
        let api = group.api(peers.len()); // the first after the replicas'
        Self::at(group, ("observer", api), peers, flags)
    }

    /// An observer with a folder and an API of its own.
    pub fn at(group: &Group, (name, api): (&str, SocketAddr), peers: Vec<String>, flags: &[&str]) -> Self {
        let (dir, genesis) = (group.dir().join(name), group.dir().join("genesis.json"));
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let mut observer = Self { child: None, api, dir, genesis, peers, flags };
        observer.start();
        observer
    }

    pub fn start(&mut self) {
        let mut command = Command::new(QUORATE);
        command.arg("observe").arg("--genesis").arg(&self.genesis).arg("--dir").arg(&self.dir);
        command.args(["--api", &self.api.to_string(), "--log", "warn"]).args(&self.flags);
        for peer in &self.peers {
            command.args(["--peer", peer]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("quorate runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
        assert!(line.starts_with(&format!("ready http://{} ", self.api)), "{line:?}");
        self.child = Some(child);
    }

    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }

    /// The next start names no address of anybody.
    pub fn forgets_its_peers(&mut self) {
        self.peers.clear();
    }

    /// Sends its process a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("it runs").id();
        let told = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
        assert!(told.expect("kill runs").success());
    }

    /// SIGTERM, until it has ended.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let told = Command::new("kill").arg(child.id().to_string()).status().expect("kill runs");
        assert!(told.success() && child.wait().expect("it ends").success());
    }

    pub fn status(&self) -> Value {
        http::get(self.api, "/v1/status").expect("an answer").json()
    }

    pub fn is_served_by_a_member(&self) -> bool {
        let peers = http::get(self.api, "/v1/peers").expect("an answer").json();
        peers["items"].as_array().expect("peers").iter().any(|peer| peer["connected"] == true)
    }

    pub fn file(&self, path: &str, level: &str) -> http::Answer {
        http::get(self.api, &format!("/v1/domains/main/files/{path}?level={level}")).expect("an answer")
    }

    /// Waits until a file stands there as it was written.
    pub fn awaits(&self, path: &str, content: &str) {
        eventually(&format!("{path} at the observer"), || {
            let answer = self.file(path, "sequential");
            (answer.status == 200 && answer.text() == content).then_some(())
        });
    }

    /// Receipt of an envelope that the observer hands on to the members.
    pub fn hands_on(&self, envelope: &[u8]) -> Value {
        let answer = eventually("a receipt", || {
            let answer = http::post(self.api, "/v1/envelopes?wait=sequential", envelope).ok()?;
            (answer.status == 200).then_some(answer)
        });
        answer.json()
    }

    pub fn says(&self, args: &[&str]) -> Output {
        let output = Command::new(QUORATE).args(args).arg("--node").arg(format!("http://{}", self.api)).output();
        output.expect("quorate runs")
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn an_observer_follows_from_nothing_and_proves_what_it_serves() {
    let mut group = Group::running(4);
    group.put(0, "before", "one");
    let observer = Observer::of(&group, doors(&group, 4));

    observer.awaits("before", "one");
    let status = observer.status();
    assert_eq!((&status["role"], &status["mode"]), (&Value::from("observer"), &Value::from("following")), "{status}");
    assert!(status["replica"].is_null() && status["primary"].is_null(), "{status}");
    assert!(status["behind"].is_u64() && status["lag_ms"].is_u64(), "{status}");

    let proof = group.dir().join("before.proof");
    let got = observer.says(&["get", "before", "--domain", "main", "--proof", proof.to_str().expect("a path")]);
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    assert_eq!(got.stdout, b"one");
    let genesis = group.dir().join("genesis.json");
    let verified = Command::new(QUORATE).arg("verify").arg(&proof).arg("--genesis").arg(genesis).output();
    assert!(verified.expect("quorate runs").status.success());
}

#[test]
fn killed_replicas_and_a_killed_observer_need_no_hands() {
    let mut group = Group::running(4);
    group.put(0, "first", "1");
    let mut observer = Observer::of(&group, doors(&group, 4));
    goes_on(&mut group, &mut observer);
}

/// Goes on after a replica of its group was killed, and after it was killed itself.
pub fn goes_on(group: &mut Group, observer: &mut Observer) {
    observer.awaits("first", "1");

    group.kill(0);
    group.put(1, "second", "2");
    observer.awaits("second", "2");

    observer.kill();
    group.put(1, "third", "3");
    observer.start();
    observer.awaits("third", "3");
    assert_eq!(observer.file("first", "sequential").text(), "1");
}

#[test]
fn an_observer_hands_changes_on_to_the_members() {
    let mut group = Group::running(4);
    let observer = Observer::of(&group, doors(&group, 4));
    eventually("an observer that follows", || (observer.status()["mode"] == "following").then_some(()));
    let envelope = group.envelope("handed", "on");

    let receipt = observer.hands_on(&envelope);

    assert_eq!(receipt["state"], "applied");
    assert_eq!(observer.file("handed", "sequential").text(), "on");
    assert_eq!(observer.file("handed", "strong").text(), "on");
}

#[test]
fn a_change_that_members_took_with_them_when_they_went_away_is_not_said_to_be_kept_by_nobody() {
    let mut group = Group::running(4);
    group.put(0, "a", "1");
    let observer = Observer::of(&group, doors(&group, 4));
    observer.awaits("a", "1");
    let (envelope, api) = (group.envelope("lost", "?"), observer.api);
    (0..4).for_each(|replica| group.signal(replica, "STOP"));

    let offer = std::thread::spawn(move || http::post(api, "/v1/envelopes", &envelope).expect("an answer"));
    std::thread::sleep(std::time::Duration::from_secs(3)); // it lies on the way to one of them
    (0..4).for_each(|replica| group.kill(replica));
    let answer = offer.join().expect("no panic");

    assert_eq!((answer.status, word(&answer.json(), "code")), (503, "timeout"), "{}", answer.text());
}

#[test]
fn an_author_writes_twice_in_a_row_through_an_observer() {
    let group = Group::running(4);
    let observer = Observer::of(&group, doors(&group, 4));
    eventually("an observer that is ready", || (http::get(observer.api, "/readyz").ok()?.status == 200).then_some(()));
    let content = group.dir().join("content");

    for text_of_file in ["one", "two"] {
        std::fs::write(&content, text_of_file).expect("our folder");
        let put = observer.says(&["put", "a", text(&content), "--key", text(&author(&group, 0))]);
        assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
        assert_eq!(observer.file("a", "sequential").text(), text_of_file);
    }
}

#[test]
fn a_strong_read_without_a_member_is_refused_with_the_reason() {
    let mut group = Group::running(1);
    group.put(0, "a", "1");
    let observer = Observer::of(&group, doors(&group, 1));
    observer.awaits("a", "1");
    group.kill(0);

    let refused = eventually("a refusal", || {
        let answer = observer.file("a", "strong");
        (answer.status == 503).then_some(answer)
    });

    assert!(refused.text().contains("no member"), "{}", refused.text());
    assert_eq!(observer.file("a", "sequential").text(), "1");
}

#[test]
fn an_observer_is_served_only_while_everyone_may_read_every_domain() {
    let mut group = Group::running(4);
    group.put(0, "before", "1");
    let observer = Observer::of(&group, doors(&group, 4));
    observer.awaits("before", "1");

    let readers = ["domains", "create", "lab", "--readers", "org:org-0"];
    let made = says(&group, &author(&group, 0), 0, &readers, 0);
    for (number, state) in [(1, "open"), (2, "effective")] {
        let approved = says(&group, &author(&group, number), number, &["approve", word(&made, "proposal")], 0);
        assert_eq!(word(&approved, "proposal_state"), state);
    }

    let status = eventually("a refusal by all", || {
        let status = observer.status();
        status["why"].as_str().is_some_and(|why| why.contains("lab")).then_some(status)
    });
    assert_eq!(status["mode"], "following", "{status}");
    group.put(0, "after", "2");
    assert_eq!(observer.file("after", "sequential").status, 404);
    let not_ready = eventually("a probe that fails", || {
        let answer = http::get(observer.api, "/readyz").expect("an answer");
        (answer.status == 503).then_some(answer)
    });
    assert!(not_ready.text().contains("lab"), "{}", not_ready.text());
}

#[test]
fn an_observer_goes_on_from_a_copied_folder() {
    let mut group = Group::running(4);
    group.put(0, "first", "1");
    let mut observer = Observer::of(&group, doors(&group, 4));
    observer.awaits("first", "1");
    observer.kill();
    std::fs::remove_dir_all(observer.dir.join("data")).expect("it is there");
    group.put(1, "second", "2");

    let from = format!("http://{}", group.api(2));
    let copied = Command::new(QUORATE).args(["copy", "--dir", text(&observer.dir), "--from", &from]).output();
    let copied = copied.expect("quorate runs");
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    observer.start();

    observer.awaits("second", "2");
    assert_eq!(observer.status()["mode"], "following");
    group.put(2, "third", "3");
    observer.awaits("third", "3");
}

#[test]
fn nothing_of_a_replica_becomes_an_observers() {
    let group = Group::init(1);
    let (genesis, dir) = (group.dir().join("genesis.json"), group.dir().join("replica-0"));
    let peer = "/ip4/127.0.0.1/tcp/1";

    let refused = Command::new(QUORATE)
        .args(["observe", "--genesis", text(&genesis), "--dir", text(&dir), "--peer", peer])
        .output()
        .expect("quorate runs");

    assert_eq!(refused.status.code(), Some(2));
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(words.contains("a replica's folder"), "{words}");
    assert!(!dir.join("observer.key").exists());
}

#[test]
fn an_observer_that_checks_every_author_follows_and_says_so() {
    let mut group = Group::running(4);
    group.put(0, "before", "1");
    let mut observer = Observer::with(&group, doors(&group, 4), &["--checked"]);
    observer.awaits("before", "1");
    assert_eq!(observer.status()["checked"], Value::from(true));
    observer.kill();
    group.put(1, "after", "2");
    observer.start();
    observer.awaits("after", "2");
    let status = observer.status();
    assert_eq!((&status["checked"], &status["mode"]), (&Value::from(true), &Value::from("following")), "{status}");
}

#[test]
fn an_observer_whose_key_others_can_read_says_so() {
    let group = Group::init(1);
    let (dir, genesis) = (group.dir().join("observer"), group.dir().join("genesis.json"));
    let key = dir.join("observer.key");
    std::fs::create_dir(&dir).expect("our folder");
    quorate_client::keys::create(&key).expect("a key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).expect("our file");
    let mut observe = Command::new(QUORATE);
    observe.args(["observe", "--api", &group.api(0).to_string()]).arg("--dir").arg(&dir).arg("--genesis").arg(&genesis);
    let mut child = observe.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("quorate runs");

    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut String::new()).expect("it is ready");

    child.kill().expect("it can be killed");
    let told = child.wait_with_output().expect("it ends").stderr;
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("key-readable"), "{told}");
}

#[test]
fn an_observer_guards_reads_where_its_flag_says_so() {
    let group = Group::running(1);
    let observer = Observer::with(&group, doors(&group, 1), &["--reads", "guarded"]);

    let document = |api| http::get(api, "/openapi.json").expect("an answer").json();
    let tree = |api| document(api)["paths"]["/v1/domains/{domain}/tree"]["get"]["x-closed"].clone();

    assert_eq!((tree(observer.api), tree(group.api(0))), (Value::from("domain"), Value::Null));
}

#[test]
fn an_observer_whose_key_file_is_enrolled_is_of_the_organisation_of_the_signer() {
    let group = Group::running(1);
    let key = new_key(&group, "observer.key");

    let planned = says(&group, &author(&group, 0), 0, &["observers", "enrol", text(&key), "--dry-run"], 0);

    assert!(word(&planned, "does").contains(" of org-0,"), "{planned}");
}
