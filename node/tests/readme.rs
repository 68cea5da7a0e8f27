//! `README.md` as somebody types it: all its shell blocks, in order, in one shell and an empty folder.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};

const README: &str = include_str!("../../README.md");

/// `cargo` of this test: it runs the program that was built, and refuses what it does not know.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
  "run --release -- demo") exec quorate demo ;;
  "install --locked --path node") ;; # it is on the PATH
  "test --workspace --release") ;;   # this test is one of them
  *) echo "unknown: cargo $*" >&2; exit 99 ;;
esac
"#;

/// Ends what the blocks leave running.
const PRELUDE: &str =
    "set -e -o pipefail\ntrap 'ended=$?; kill $(jobs -p) 2>/dev/null || :; wait || :; exit $ended' EXIT\n";

/// Shell blocks in order.
fn blocks() -> Vec<&'static str> {
    let after = README.split("```sh\n").skip(1);
    after.map(|rest| rest.split("```").next().expect("a block ends")).collect()
}

/// First of eight free ports in a row.
fn free_ports() -> u16 {
    let begin = 23_100 + (std::process::id() % 80) as u16 * 8;
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let found = (begin..23_900).step_by(8).find(|first| (*first..first + 8).all(is_free));
    found.expect("free ports")
}

/// The blocks with this folder for `/tmp` and these ports for the usual ones, which somebody may use.
fn script(folder: &Path) -> String {
    let port = free_ports();
    let ports = format!("quorate init --base-port {port} --api-port {} --out", port + 4);
    let (first, third) = (format!("127.0.0.1:{}", port + 4), format!("127.0.0.1:{}", port + 6));
    let here = format!("{}/", folder.display());
    let replacements =
        [("quorate init --out", ports), ("127.0.0.1:8700", first), ("127.0.0.1:8702", third), ("/tmp/", here)];
    replacements.iter().fold(PRELUDE.to_owned() + &blocks().concat(), |script, (usual, ours)| {
        assert!(script.contains(usual), "README.md does not say {usual} any more");
        script.replace(usual, ours)
    })
}

/// Types the blocks; how the shell ended, and what it said.
fn typed(folder: &Path) -> (ExitStatus, String) {
    let bin = folder.join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_quorate"), bin.join("quorate")).expect("a link");
    std::fs::write(bin.join("cargo"), CARGO).expect("a file");
    std::fs::set_permissions(bin.join("cargo"), std::fs::Permissions::from_mode(0o755)).expect("our file");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a PATH"));
    let (empty, script) = (folder.join("empty"), script(folder));
    std::fs::create_dir(&empty).expect("a folder");
    let mut shell = Command::new("bash");
    for name in ["QUORATE_NODE", "QUORATE_KEY", "QUORATE_DOMAIN", "GIT_DIR"] {
        shell.env_remove(name);
    }
    shell.args(["-c", &script]).current_dir(empty).env("PATH", path).env("HOME", folder).env("TMPDIR", folder);
    let log = File::create(folder.join("log")).expect("our folder");
    shell.stdout(log.try_clone().expect("a file")).stderr(log);
    let ended = shell.status().expect("bash runs");
    (ended, std::fs::read_to_string(folder.join("log")).expect("text"))
}

#[test]
fn every_line_of_the_readme_works_as_typed_in_an_empty_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ended, said) = typed(folder.path());

    assert!(ended.success(), "{ended}: {said}");
    for words in
        ["all honest replicas agree", "hello\n", "a first note", "content   ", "effective since", "git now merges"]
    {
        assert!(said.contains(words), "nothing says {words:?}: {said}");
    }
}
