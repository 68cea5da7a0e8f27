//! Keys at rest and keys of an SSH agent, as people use them.

use crate::governance::{author, says, text, word};
use crate::group::Group;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The program under test.
const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");
/// Passphrase of every key here.
const PASSPHRASE: &str = "correct horse battery staple";

/// A process that ends with its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command without a terminal, with this file as the source of its passphrase.
fn quorate(args: &[&str], passphrase: Option<&Path>) -> Command {
    let mut command = Command::new(QUORATE);
    command.args(args).stdin(Stdio::null()).env_remove("QUORATE_PASSPHRASE_FILE").env_remove("CREDENTIALS_DIRECTORY");
    if let Some(file) = passphrase {
        command.env("QUORATE_PASSPHRASE_FILE", file);
    }
    command
}

fn run(args: &[&str], passphrase: Option<&Path>) -> Output {
    quorate(args, passphrase).output().expect("quorate runs")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn passphrase_file(group: &Group, name: &str, passphrase: &str) -> PathBuf {
    let file = group.dir().join(name);
    fs::write(&file, format!("{passphrase}\n")).expect("our folder");
    file
}

/// Locks a key; the file with its passphrase.
fn locked(group: &Group, key: &Path) -> PathBuf {
    let file = passphrase_file(group, "passphrase", PASSPHRASE);
    let output = run(&["keys", "lock", text(key)], Some(&file));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    file
}

#[test]
fn a_locked_key_signs_with_its_passphrase_and_without_it_says_so_in_a_line() {
    let group = Group::running(1);
    let key = author(&group, 0);
    let (plain, passphrase) = (fs::read_to_string(&key).expect("a key"), locked(&group, &key));
    let other = passphrase_file(&group, "other", "incorrect horse");
    let node = format!("http://{}", group.api(0));
    let put = ["put", "a", text(&passphrase), "--key", text(&key), "--node", &node];

    for (source, why) in [(None, "is locked; QUORATE_PASSPHRASE_FILE"), (Some(&*other), "the passphrase does not open")]
    {
        let output = run(&put, source);
        assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
        assert!(errors(&output).contains(why), "{}", errors(&output));
        let seed = plain.lines().nth(1).expect("a seed");
        assert!(!errors(&output).contains(seed) && !errors(&output).contains("horse"), "{}", errors(&output));
    }
    let output = run(&put, Some(&passphrase));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
}

#[test]
fn a_locked_file_holds_nothing_of_the_seed_and_unlocks_to_what_it_was() {
    let group = Group::init(1);
    let key = author(&group, 0);
    let plain = fs::read_to_string(&key).expect("a key");
    let shown = run(&["keys", "show", text(&key)], None).stdout;

    let passphrase = locked(&group, &key);
    let text_of_locked = fs::read_to_string(&key).expect("a key");
    assert!(!text_of_locked.contains(plain.lines().nth(1).expect("a seed")));
    assert_eq!(run(&["keys", "show", text(&key)], None).stdout, shown, "the public half needs no passphrase");

    let next = passphrase_file(&group, "next", "another");
    let change = ["keys", "change", text(&key), "--new-passphrase-file", text(&next)];
    assert_eq!(run(&change, Some(&passphrase)).status.code(), Some(0));
    assert_eq!(run(&["keys", "unlock", text(&key)], Some(&passphrase)).status.code(), Some(2), "the old one is over");
    assert_eq!(run(&["keys", "unlock", text(&key)], Some(&next)).status.code(), Some(0));
    assert_eq!(fs::read_to_string(&key).expect("a key"), plain);
}

#[test]
fn a_replica_with_a_locked_key_starts_with_the_passphrase_and_leaves_no_core() {
    let mut group = Group::init(1);
    let folder = group.dir().join("replica-0");
    let seed =
        fs::read_to_string(folder.join("replica.key")).expect("a key").lines().nth(1).expect("a seed").to_owned();
    let passphrase = locked(&group, &folder.join("replica.key"));
    let (log, path) = (group.dir().join("log"), group.dir().join("said"));

    let control =
        Command::new("sh").args(["-c", "ulimit -c unlimited && kill -ABRT $$"]).current_dir(group.dir()).status();
    if !control.expect("sh runs").core_dumped() {
        return eprintln!("SKIPPED: this machine writes no core dumps");
    }
    let output = run(&["start", "--dir", text(&folder)], None);
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("replica.key is locked"), "{}", errors(&output));

    let start = ["-c", "ulimit -c unlimited; exec \"$0\" start --dir \"$1\" --log trace", QUORATE, text(&folder)];
    let mut child = Process(
        Command::new("sh")
            .args(start)
            .env("QUORATE_PASSPHRASE_FILE", &passphrase)
            .current_dir(group.dir())
            .stdin(Stdio::null())
            .stdout(fs::File::create(&path).expect("our folder"))
            .stderr(fs::File::create(&log).expect("our folder"))
            .spawn()
            .expect("sh runs"),
    );
    crate::group::eventually("the replica with the locked key votes", || {
        let status = crate::http::get(group.api(0), "/v1/status").ok()?.json();
        (status["mode"] == "active").then_some(())
    });
    group.put(0, "a", "ordered");
    let aborted = Command::new("kill").args(["-ABRT", &child.0.id().to_string()]).status().expect("kill runs");
    assert!(aborted.success());
    assert!(!child.0.wait().expect("it ends").core_dumped());
    for said in [log, path].map(|file| fs::read_to_string(file).expect("what it said")) {
        assert!(
            !said.is_empty() && !said.contains(&seed) && !said.contains(PASSPHRASE),
            "something of the key is said"
        );
    }
}

/// An SSH agent that ends with the test.
struct Agent {
    _process: Process,
    socket: PathBuf,
}

impl Agent {
    /// An agent that holds a new key, and the file with the key's public half; none where OpenSSH is not installed.
    fn with_key(folder: &Path) -> Option<(Self, PathBuf)> {
        let (socket, key) = (folder.join("agent"), folder.join("id_ed25519"));
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", text(&key)]).status();
        made.ok().filter(|status| status.success())?;
        let process = Command::new("ssh-agent").args(["-D", "-a", text(&socket)]).stdout(Stdio::null()).spawn().ok()?;
        let agent = Self { _process: Process(process), socket };
        crate::group::eventually("the agent has a socket", || agent.socket.exists().then_some(()));
        let added = Command::new("ssh-add").arg("-q").arg(&key).env("SSH_AUTH_SOCK", &agent.socket).status();
        assert!(added.expect("ssh-add runs").success());
        fs::remove_file(&key).expect("our file");
        Some((agent, key.with_extension("pub")))
    }

    fn quorate(&self, args: &[&str], home: &Path) -> Output {
        let mut command = quorate(args, None);
        command.env("SSH_AUTH_SOCK", &self.socket).env("HOME", home).output().expect("quorate runs")
    }
}

#[test]
fn a_key_in_an_ssh_agent_signs_by_its_fingerprint_and_by_its_public_file() {
    let group = Group::running(1);
    let Some((agent, public)) = Agent::with_key(&group.dir()) else {
        return eprintln!("SKIPPED: ssh-keygen and ssh-agent are not installed");
    };
    let home = group.dir().join("home");
    let listed = Command::new("ssh-keygen").args(["-l", "-f", text(&public)]).output().expect("ssh-keygen runs");
    let listed = String::from_utf8(listed.stdout).expect("text");
    let named = format!("ssh-agent:{}", listed.split_whitespace().nth(1).expect("a fingerprint"));

    let proof = group.dir().join("proof.json");
    fs::write(&proof, agent.quorate(&["keys", "prove", &named, "--org", "org-0"], &home).stdout).expect("our folder");
    says(&group, &author(&group, 0), 0, &["identities", "enrol", text(&proof)], 0);

    let node = format!("http://{}", group.api(0));
    for (path, key) in [("a", named.as_str()), ("b", text(&public))] {
        let output = agent.quorate(&["put", path, text(&proof), "--key", key, "--node", &node, "--json"], &home);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let receipt: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a receipt");
        assert_eq!(word(&receipt, "state"), "applied");
    }
    assert!(
        fs::read_dir(home.join(".local/state/quorate")).expect("a folder").next().is_some(),
        "the outbox lies in the home folder"
    );
}

#[test]
fn an_agent_that_is_not_there_is_told_and_nothing_is_sent() {
    let output = quorate(&["put", "a", "--key", "ssh-agent:SHA256:none"], None)
        .env("SSH_AUTH_SOCK", "/nowhere")
        .output()
        .expect("quorate runs");
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    assert!(errors(&output).contains("SSH agent"), "{}", errors(&output));
}
