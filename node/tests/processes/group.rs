//! Four replicas as processes, each stopped by its own id when the test is over, however it ends.

use crate::http::{self, Answer};
use quorate_client::keys;
use quorate_ledger::{Base, Body, Change, Envelope, Genesis, Mode, Op, Revision};
use quorate_pbft::{Digest, Ed25519Signer, Signer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The program under test.
pub const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");
/// Ports of these tests: from here on, in places of ten, so that tests beside each other do not meet. Of each thousand
/// the upper half is for doors for observers, which stand 500 above their replicas' ports.
const PORTS: u16 = 20_000;
/// Places.
const PLACES: u16 = 500;
/// Time that anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Time that a replica may take to end: it waits for disks that are slow.
const ENDS_WITHIN: Duration = Duration::from_secs(120);

/// A group on this machine.
pub struct Group {
    dir: tempfile::TempDir,
    api_port: u16,
    replicas: Vec<Option<Child>>,
    next_seq: u64,
}

impl Group {
    /// A new group, not running.
    pub fn init(replicas: usize) -> Self {
        Self::init_with(replicas, &[])
    }

    /// A group of four that runs, in which a base may lie so far back.
    pub fn with_horizon(horizon: &str) -> Self {
        let mut group = Self::init_with(4, &["--horizon", horizon]);
        group.start_all();
        group
    }

    fn init_with(replicas: usize, flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let port = free_ports(2 * replicas as u16);
        let api_port = port + replicas as u16;
        let out = dir.path().join("group");
        let made = Command::new(QUORATE)
            .args(["init", "--replicas", &replicas.to_string(), "--base-port", &port.to_string()])
            .args(["--api-port", &api_port.to_string(), "--out"])
            .arg(&out)
            .args(flags)
            .stdout(Stdio::null())
            .status();
        assert!(made.expect("quorate runs").success(), "init");
        Self::of(dir, api_port, replicas)
    }

    /// A group whose folders stand in `group` below this one, not running.
    pub fn of(dir: tempfile::TempDir, api_port: u16, replicas: usize) -> Self {
        Self { dir, api_port, replicas: (0..replicas).map(|_| None).collect(), next_seq: 1 }
    }

    /// A group whose replicas all run.
    pub fn running(replicas: usize) -> Self {
        let mut group = Self::init(replicas);
        group.start_all();
        group
    }

    /// A group of one that takes changes of an author as fast as they come.
    pub fn unpaced() -> Self {
        Self::unpaced_with(&[])
    }

    /// The same, made with these flags.
    pub fn unpaced_with(flags: &[&str]) -> Self {
        let mut group = Self::init_with(1, flags);
        let file = group.dir().join("replica-0/config.toml");
        let text = std::fs::read_to_string(&file).expect("a configuration");
        std::fs::write(&file, format!("default_rates = false\n{text}")).expect("our file");
        group.start_all();
        group
    }

    /// The folder that `init` made.
    pub fn dir(&self) -> PathBuf {
        self.dir.path().join("group")
    }

    /// A replica's API.
    pub fn api(&self, replica: usize) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.api_port + replica as u16))
    }

    /// Starts every replica that does not run.
    pub fn start_all(&mut self) {
        for replica in 0..self.replicas.len() {
            if self.replicas[replica].is_none() {
                self.start(replica);
            }
        }
    }

    /// Starts a replica and waits for its `ready` line.
    pub fn start(&mut self, replica: usize) {
        self.start_with(replica, &[]);
    }

    /// Starts a replica with these flags more.
    pub fn start_with(&mut self, replica: usize, flags: &[&str]) {
        self.start_as("http", replica, flags);
    }

    /// File with the log of replicas that were started with one.
    pub fn log_file(&self, replica: usize) -> PathBuf {
        self.dir().join(format!("replica-{replica}.log"))
    }

    /// Starts a replica that logs into its file what an operator sees.
    pub fn start_logged(&mut self, replica: usize) {
        self.start_logged_as("http", replica);
    }

    /// Starts a replica whose API has an address of this scheme, and that logs into its file what an operator sees.
    pub fn start_logged_as(&mut self, scheme: &str, replica: usize) {
        self.start_logged_at("info", scheme, replica);
    }

    /// Starts a replica that logs into its file by this filter.
    pub fn start_logged_at(&mut self, filter: &str, scheme: &str, replica: usize) {
        let log = OpenOptions::new().create(true).append(true).open(self.log_file(replica)).expect("our folder");
        self.launch(scheme, replica, &["--log", filter], log.into());
    }

    /// Starts a replica whose API has an address of this scheme.
    pub fn start_as(&mut self, scheme: &str, replica: usize, flags: &[&str]) {
        self.launch(scheme, replica, flags, Stdio::inherit());
    }

    fn launch(&mut self, scheme: &str, replica: usize, flags: &[&str], log: Stdio) {
        let mut child = Command::new(QUORATE)
            .arg("start")
            .arg("--dir")
            .arg(self.dir().join(format!("replica-{replica}")))
            .args(flags)
            .env("QUORATE_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("quorate runs");
        let mut line = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        assert!(line.starts_with(&format!("ready {scheme}://{} ", self.api(replica))), "{line:?}");
        self.replicas[replica] = Some(child);
    }

    /// MiB that a replica holds in memory.
    pub fn resident_mib(&self, replica: usize) -> u64 {
        let pid = self.replicas[replica].as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("KiB") >> 10
    }

    /// Bounds the files and connections that a running replica may open, until the next call.
    pub fn bound_files(&self, replica: usize, count: u64) {
        let id = self.replicas[replica].as_ref().expect("it runs").id();
        let bound = [format!("--pid={id}"), format!("--nofile={count}:")];
        assert!(Command::new("prlimit").args(bound).status().expect("prlimit runs").success());
    }

    /// `kill -9`.
    pub fn kill(&mut self, replica: usize) {
        let mut child = self.replicas[replica].take().expect("it runs");
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }

    /// SIGTERM, and its exit code.
    pub fn stop(&mut self, replica: usize) -> Option<i32> {
        self.terminate(replica);
        self.ended(replica)
    }

    /// Sends a process a signal by its name.
    pub fn signal(&self, replica: usize, name: &str) {
        let id = self.replicas[replica].as_ref().expect("it runs").id();
        let sent = Command::new("kill").args(["-s", name, &id.to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// SIGTERM, without waiting.
    pub fn terminate(&self, replica: usize) {
        let child = self.replicas[replica].as_ref().expect("it runs");
        let told = Command::new("kill").arg(child.id().to_string()).status().expect("kill runs");
        assert!(told.success());
    }

    /// Exit code of a replica that was told to stop.
    pub fn ended(&mut self, replica: usize) -> Option<i32> {
        let process = self.replicas[replica].as_mut().expect("it runs");
        let ended = eventually_within(ENDS_WITHIN, "it ends", || process.try_wait().expect("it is ours"));
        self.replicas[replica] = None;
        ended.code()
    }

    /// GET from a replica.
    pub fn get(&self, replica: usize, path: &str) -> Answer {
        http::get(self.api(replica), path).unwrap_or_else(|error| panic!("GET {path} of {replica}: {error}"))
    }

    /// A replica's status.
    pub fn status(&self, replica: usize) -> Value {
        self.get(replica, "/v1/status").json()
    }

    /// Waits until a replica's mode is this.
    pub fn await_mode(&self, replica: usize, mode: &str) -> Value {
        eventually(&format!("replica {replica} is {mode}"), || {
            let status = self.status(replica);
            (status["mode"] == mode).then_some(status)
        })
    }

    /// The next envelope of the first author: one file.
    pub fn envelope(&mut self, path: &str, content: &str) -> Vec<u8> {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.envelope_at(seq, 1, path, content)
    }

    /// An envelope of the first author with this number and attempt.
    pub fn envelope_at(&self, seq: u64, attempt: u64, path: &str, content: &str) -> Vec<u8> {
        let hash = Digest(Sha256::digest(content.as_bytes()).into());
        let op = Op::Put { path: path.to_owned(), mode: Mode::File, content: hash };
        self.signed(seq, attempt, vec![op], vec![content.as_bytes().to_vec()])
    }

    /// An envelope of one change of the first author: these operations.
    pub fn signed(&self, seq: u64, attempt: u64, ops: Vec<Op>, contents: Vec<Vec<u8>>) -> Vec<u8> {
        self.signed_in("main", Revision::GENESIS, (seq, attempt), ops, contents)
    }

    /// The same in a domain, on a base.
    pub fn signed_in(
        &self,
        domain: &str,
        base: Revision,
        (seq, attempt): (u64, u64),
        ops: Vec<Op>,
        contents: Vec<Vec<u8>>,
    ) -> Vec<u8> {
        let change = Change::new(Base::Revision(base), ops, "test", 0);
        let signer = self.author();
        let body = Body {
            author: signer.public_key(),
            domain: domain.to_owned(),
            from_seq: seq,
            to_seq: seq,
            attempt,
            changes: vec![change],
            carried: Vec::new(),
        };
        Envelope::sign(&self.genesis().group(), body, contents, &signer).encode()
    }

    /// The first author's key.
    pub fn author(&self) -> Ed25519Signer {
        keys::read(&self.dir().join("author-org-0.key")).expect("a key")
    }

    fn genesis(&self) -> Genesis {
        Genesis::parse(&std::fs::read(self.dir().join("genesis.json")).expect("a file")).expect("a genesis")
    }

    /// Offers an envelope and waits for its receipt.
    pub fn offer(&self, replica: usize, envelope: &[u8]) -> Answer {
        http::post(self.api(replica), "/v1/envelopes?wait=sequential", envelope).expect("an answer")
    }

    /// A file confirmed by one replica.
    pub fn put(&mut self, replica: usize, path: &str, content: &str) -> Value {
        let envelope = self.envelope(path, content);
        let answer = self.offer(replica, &envelope);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let receipt = answer.json();
        assert_eq!(receipt["state"], "applied", "{receipt}");
        receipt
    }

    /// A file as a replica serves it.
    pub fn file(&self, replica: usize, path: &str, level: &str) -> Answer {
        self.get(replica, &format!("/v1/domains/main/files/{path}?level={level}"))
    }

    /// Whether a folder of the group is there.
    pub fn has(&self, path: &Path) -> bool {
        self.dir().join(path).exists()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for mut child in self.replicas.drain(..).flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The first of `count` ports in a row that nobody uses; as many, 500 above, are for doors. A process claims a place once.
pub fn free_ports(count: u16) -> u16 {
    let first = std::process::id() as u16 % PLACES;
    let places = (0..PLACES).map(|step| (first + step) % PLACES);
    let ports = places.map(|place| PORTS + place / 50 * 1_000 + place % 50 * 10);
    let mut free = ports.filter(|port| claimed(*port) && (*port..port + count).all(is_free));
    free.next().expect("no free ports")
}

fn claimed(port: u16) -> bool {
    use std::sync::Mutex;
    static TAKEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    let mut taken = TAKEN.lock().expect("no test panics with it");
    let fresh = !taken.contains(&port);
    taken.push(port);
    fresh
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Copies the files of a folder, of a stopped replica's database.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("our folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a file");
    }
}

/// Output of a command at a terminal, and its exit code; none where no terminal can be made.
pub fn at_terminal(args: &[&str], key: Option<(&Path, SocketAddr)>) -> Option<(String, Option<i32>)> {
    let words = std::iter::once(env!("CARGO_BIN_EXE_quorate")).chain(args.iter().copied());
    let line = words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
    if let Some((key, api)) = key {
        command.env("QUORATE_KEY", key).env("QUORATE_NODE", format!("http://{api}"));
    }
    let Ok(output) = command.output() else {
        eprintln!("SKIPPED: script is not installed; nothing was asked at a terminal");
        return None;
    };
    Some((String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code()))
}

/// Waits for something to become true.
pub fn eventually<T>(what: &str, is_so: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, is_so)
}

/// Waits for something that takes its own time to become true.
pub fn eventually_within<T>(patience: Duration, what: &str, mut is_so: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = is_so() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
