//! Members come, leave and change their keys while the group works, all as processes.

use crate::governance::{author, new_key, says, text, word};
use crate::group::{Group, eventually, free_ports};
use crate::http;
use quorate_client::keys;
use quorate_ledger::{Base, Body, Change, Envelope, Genesis, Mode, Op, Revision};
use quorate_pbft::{Digest, Signer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

/// Longest gap of confirmed changes that a boundary may cost on a busy machine.
const GAP_MAX: Duration = Duration::from_secs(10);

/// Pause between two changes of the load: a replica that follows from the first slot must catch up meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

/// A replica that joins, stopped by its own id.
struct Joiner {
    child: Child,
    api: SocketAddr,
    dir: PathBuf,
    request: PathBuf,
}

impl Joiner {
    /// Asks to join for an organisation, and follows.
    fn of(group: &Group, name: &str, org: &str) -> Self {
        let (dir, key) = (group.dir().join(name), new_key(group, &format!("{name}.key")));
        let (request, port) = (group.dir().join(format!("{name}.join")), free_ports(2));
        let listen = format!("/ip4/127.0.0.1/tcp/{port}");
        let api = SocketAddr::from((Ipv4Addr::LOCALHOST, port + 1));
        let asked = Command::new(QUORATE)
            .args(["join", "request", "--org", org, "--listen", &listen, "--key", text(&key), "--out", text(&request)])
            .stdout(Stdio::null())
            .status();
        assert!(asked.expect("quorate runs").success(), "join request");
        let mut command = Command::new(QUORATE);
        command.arg("join").arg("--genesis").arg(group.dir().join("genesis.json")).arg("--dir").arg(&dir);
        command.args(["--key", text(&key), "--listen", &listen, "--api", &api.to_string(), "--log", "warn"]);
        for door in (0..4).map(|replica| door(group, replica)) {
            command.args(["--peer", &door]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("quorate runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
        assert!(line.starts_with(&format!("ready http://{api} ")), "{line:?}");
        Self { child, api, dir, request }
    }

    /// Its statement, once it follows.
    fn ready(&self) -> PathBuf {
        let file = self.dir.join("joiner.ready");
        eventually("the joiner states a checkpoint", || file.exists().then_some(file.clone()))
    }

    fn awaits_seat(&self, number: u64, epoch: u64) {
        eventually(&format!("the joiner votes as replica {number} of epoch {epoch}"), || {
            let status = http::get(self.api, "/v1/status").ok()?.json();
            let seat = (status["replica"].as_u64(), status["epoch"].as_u64(), status["mode"].as_str());
            (seat == (Some(number), Some(epoch), Some("active"))).then_some(())
        });
    }
}

impl Drop for Joiner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Address at which a replica takes observers, as `init` wrote it.
fn door(group: &Group, replica: usize) -> String {
    let file = group.dir().join(format!("replica-{replica}/config.toml"));
    let text = std::fs::read_to_string(file).expect("a configuration");
    let line = text.lines().find_map(|line| line.strip_prefix("observers = ")).expect("a door for observers");
    line.trim_matches('"').to_owned()
}

/// An author who writes one file after the other at a replica, and notes when each was confirmed.
pub struct Load {
    stop: Arc<AtomicBool>,
    confirmed: Arc<Mutex<Vec<Instant>>>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    pub fn begin(group: &Group, replica: usize) -> Self {
        let (stop, confirmed) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (api, signer) = (group.api(replica), keys::read(&author(group, 0)).expect("a key"));
        let genesis = std::fs::read(group.dir().join("genesis.json")).expect("a file");
        let id = Genesis::parse(&genesis).expect("a genesis").group();
        let (done, notes) = (stop.clone(), confirmed.clone());
        let write = move || {
            let mut seq = 1;
            while !done.load(Ordering::Relaxed) {
                let content = seq.to_string().into_bytes();
                let hash = Digest(Sha256::digest(&content).into());
                let op = Op::Put { path: format!("load-{}", seq % 50), mode: Mode::File, content: hash };
                let body = Body {
                    author: signer.public_key(),
                    domain: "main".to_owned(),
                    from_seq: seq,
                    to_seq: seq,
                    attempt: 1,
                    changes: vec![Change::new(Base::Revision(Revision::GENESIS), vec![op], "", 0)],
                    carried: Vec::new(),
                };
                let envelope = Envelope::sign(&id, body, vec![content], &signer).encode();
                match http::post(api, "/v1/envelopes?wait=sequential", &envelope) {
                    Ok(answer) if answer.status == 200 => {
                        notes.lock().expect("one writer").push(Instant::now());
                        seq += 1;
                        thread::sleep(PAUSE);
                    }
                    _ => thread::sleep(Duration::from_millis(20)), // the same bytes again
                }
            }
        };
        Self { stop, confirmed, thread: Some(thread::spawn(write)) }
    }

    /// The longest time without a confirmed change since a moment.
    fn gap_since(&self, since: Instant) -> Duration {
        let confirmed = self.confirmed.lock().expect("one writer");
        let times: Vec<Instant> = confirmed.iter().copied().filter(|at| *at >= since).chain([Instant::now()]).collect();
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.chain(times.first().map(|first| *first - since)).max().unwrap_or_default()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// Proposes as the first organisation and lets two more agree; the proposal.
pub fn agreed(group: &Group, at: usize, args: &[&str]) -> String {
    let made = says(group, &author(group, 0), at, &[&["members"], args].concat(), 0);
    let proposal = word(&made, "proposal").to_owned();
    for organisation in [1, 2] {
        says(group, &author(group, organisation), at, &["approve", &proposal], 0);
    }
    proposal
}

pub fn await_epoch(group: &Group, replica: usize, epoch: u64) -> Value {
    eventually(&format!("replica {replica} is in epoch {epoch}"), || {
        let status = http::get(group.api(replica), "/v1/status").ok()?.json();
        (status["epoch"].as_u64() == Some(epoch)).then_some(status)
    })
}

pub fn takes_changes_as_they_come(group: &Group) {
    for replica in 0..4 {
        let file = group.dir().join(format!("replica-{replica}/config.toml"));
        let text = std::fs::read_to_string(&file).expect("a configuration");
        std::fs::write(&file, format!("default_rates = false\n{text}")).expect("our file");
    }
}

pub fn key_of(group: &Group, replica: usize) -> String {
    let key = group.dir().join(format!("replica-{replica}/replica.key"));
    keys::public(Path::new(&key)).expect("a key").to_string()
}

#[test]
fn under_load_a_fifth_joins_one_is_removed_and_one_goes_on_with_a_new_key() {
    let mut group = Group::init(4);
    takes_changes_as_they_come(&group);
    group.start_all();
    let load = Load::begin(&group, 1);
    let told = |what: &str, begun: Instant| {
        let gap = load.gap_since(begun);
        println!("{what}: longest gap of confirmed changes {} ms", gap.as_millis());
        assert!(gap < GAP_MAX, "{what}: {gap:?}");
    };

    let fifth = Joiner::of(&group, "fifth", "org-0");
    agreed(&group, 1, &["add", text(&fifth.request)]);
    let begun = Instant::now();
    says(&group, &author(&group, 0), 1, &["members", "ready", text(&fifth.ready())], 0);
    group.kill(3); // between the slot that decides and the boundary
    group.start(3);
    await_epoch(&group, 1, 1);
    group.kill(2); // just after it
    fifth.awaits_seat(4, 1);
    group.start(2);
    (0..4).for_each(|replica| drop(await_epoch(&group, replica, 1)));
    group.await_mode(2, "active");
    told("a fifth joins, two are killed", begun);

    let begun = Instant::now();
    agreed(&group, 1, &["remove", &key_of(&group, 0)]);
    await_epoch(&group, 1, 2);
    fifth.awaits_seat(3, 2);
    let left = eventually("the leaver follows", || {
        let status = group.status(0);
        status["replica"].is_null().then_some(status)
    });
    assert_eq!(left["role"], "observer", "{left}");
    told("one is removed", begun);

    let anew = Joiner::of(&group, "anew", "org-3");
    agreed(&group, 1, &["rekey", text(&anew.request), "--member", &key_of(&group, 3)]);
    let begun = Instant::now();
    says(&group, &author(&group, 0), 1, &["members", "ready", text(&anew.ready())], 0);
    anew.awaits_seat(2, 3);
    await_epoch(&group, 1, 3);
    told("one goes on with a new key", begun);

    drop(load);
    let roots = || {
        let root = |api| Some(http::get(api, "/v1/status").ok()?.json()["state_root"].clone());
        let roots: Option<Vec<Value>> =
            [group.api(1), group.api(2), fifth.api, anew.api].into_iter().map(root).collect();
        roots.filter(|roots| roots.iter().all(|root| *root == roots[0])).map(drop)
    };
    eventually("equal states", roots);
    assert_eq!(group.get(1, "/v1/evidence").json()["items"].as_array().map(Vec::len), Some(0));
}

#[test]
fn an_idle_group_reaches_its_boundary_by_itself() {
    let group = Group::running(4);
    let begun = Instant::now();

    agreed(&group, 1, &["remove", &key_of(&group, 0)]);

    await_epoch(&group, 1, 1);
    println!("idle: epoch 1 begins {} ms after the proposal", begun.elapsed().as_millis());
}
