//! `quorate join` on a folder: a flag counts before the environment, and the environment before the file.

use crate::governance::{new_key, text};
use crate::group::{Group, eventually, free_ports};
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Replica that joins, stopped by its own id.
struct Joiner(Child);

impl Joiner {
    /// Follows a group of which no member is there, with these flags and variables; the address of its API.
    fn of(group: &Group, dir: &Path, flags: &[&str], variables: &[(&str, &str)]) -> (Self, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command.arg("join").arg("--genesis").arg(group.dir().join("genesis.json")).arg("--dir").arg(dir);
        command.args(["--peer", "/ip4/127.0.0.1/tcp/1", "--log", "warn"]).args(flags);
        command.env_remove("QUORATE_API").env_remove("QUORATE_LISTEN").envs(variables.iter().copied());
        let log = fs::File::create(log_of(group)).expect("a file");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("quorate runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
        let api = line.split(' ').nth(1).unwrap_or_default().to_owned();
        assert!(line.starts_with("ready "), "{line:?}: {}", fs::read_to_string(log_of(group)).expect("a file"));
        (Self(child), api)
    }
}

impl Drop for Joiner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn log_of(group: &Group) -> PathBuf {
    group.dir().join("log")
}

#[test]
fn a_later_join_listens_where_its_flag_says_and_serves_where_its_file_says() {
    let (group, port) = (Group::init(1), free_ports(3));
    let (dir, key) = (group.dir().join("joiner"), new_key(&group, "joiner.key"));
    let listen = |port: u16| format!("/ip4/127.0.0.1/tcp/{port}");
    let api = format!("127.0.0.1:{}", port + 2);
    drop(Joiner::of(&group, &dir, &["--key", text(&key), "--listen", &listen(port), "--api", &api], &[]));

    let (_joiner, serves) = Joiner::of(&group, &dir, &["--listen", &listen(port + 1)], &[]);

    assert_eq!(serves, format!("http://{api}"));
    eventually("it listens", || TcpStream::connect(("127.0.0.1", port + 1)).ok());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the address of the file is not listened at");
}

#[test]
fn the_environment_says_where_a_joiner_serves_whose_flag_does_not() {
    let (group, port) = (Group::init(1), free_ports(3));
    let (dir, key) = (group.dir().join("joiner"), new_key(&group, "joiner.key"));
    let [listen, api] = [format!("/ip4/127.0.0.1/tcp/{port}"), format!("127.0.0.1:{}", port + 1)];

    let flags = ["--key", text(&key), "--listen", &listen];
    let (_joiner, serves) = Joiner::of(&group, &dir, &flags, &[("QUORATE_API", &api)]);

    assert_eq!(serves, format!("http://{api}"));
}

#[test]
fn a_key_that_others_can_read_is_told_in_the_log_of_a_joiner() {
    let (group, port) = (Group::init(1), free_ports(3));
    let dir = group.dir().join("joiner");
    fs::create_dir(&dir).expect("our folder");
    let key = new_key(&group, "joiner/replica.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("our file");
    let [listen, api] = [format!("/ip4/127.0.0.1/tcp/{port}"), format!("127.0.0.1:{}", port + 1)];

    let _joiner = Joiner::of(&group, &dir, &["--listen", &listen, "--api", &api], &[]);

    let log = fs::read_to_string(log_of(&group)).expect("a file");
    assert!(log.contains("other users can read the node's secret"), "{log}");
}
