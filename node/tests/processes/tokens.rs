//! Tokens of operators, by their roles.

use crate::governance::{author, new_key, text};
use crate::group::{Group, eventually};
use crate::http;
use serde_json::Value;
use std::process::{Command, Output};

/// Runs `quorate token …` on the folder of replica 0; its exit code and output.
fn token(group: &Group, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    let ran = command.arg("token").args(args).arg("--dir").arg(group.dir().join("replica-0")).output();
    let ran = ran.expect("quorate runs");
    (ran.status.code(), String::from_utf8_lossy(&ran.stdout).trim().to_owned())
}

/// Status of an answer for whoever shows this secret.
fn status(group: &Group, method: &str, path: &str, secret: &str) -> u16 {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {secret}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    http::ask(group.api(0), &head, b"").expect("an answer").status
}

#[test]
fn a_folder_of_no_node_is_not_said_to_have_no_tokens() {
    let dir = tempfile::tempdir().expect("a folder");
    for args in [&["list"][..], &["revoke", "a"], &["new", "--role", "read"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        let ran = command.arg("token").args(args).arg("--dir").arg(dir.path()).output().expect("quorate runs");
        assert_eq!((ran.status.code(), ran.stdout.is_empty()), (Some(2), true), "{args:?}");
    }
}

#[test]
fn another_secret_in_admin_token_opens_without_a_restart_and_the_one_before_no_more() {
    let mut group = Group::init(1);
    let file = group.dir().join("replica-0/admin.token");
    std::fs::write(&file, "one\n").expect("our folder");
    group.start(0);
    assert_eq!(status(&group, "GET", "/metrics", "one"), 200);

    std::fs::write(&file, "two\n").expect("our folder");

    eventually("the node takes note", || (status(&group, "GET", "/metrics", "two") == 200).then_some(()));
    assert_eq!(status(&group, "GET", "/metrics", "one"), 403);
}

#[test]
fn a_secret_that_is_put_there_while_the_node_runs_closes_loopback() {
    let mut group = Group::init(1);
    group.start(0);
    assert_eq!(status(&group, "GET", "/metrics", ""), 200);

    std::fs::write(group.dir().join("replica-0/admin.token"), "secret\n").expect("our folder");

    eventually("the node takes note", || (status(&group, "GET", "/metrics", "") == 403).then_some(()));
    assert_eq!(status(&group, "GET", "/metrics", "secret"), 200);
}

#[test]
fn a_token_opens_by_its_role_until_it_is_revoked() {
    let mut group = Group::init(1);
    std::fs::write(group.dir().join("replica-0/admin.token"), "secret\n").expect("our folder");
    group.start(0);
    let (code, read) = token(&group, &["new", "--role", "read", "--name", "prometheus", "--until", "90d"]);
    assert_eq!(code, Some(0));
    let (_, operate) = token(&group, &["new", "--role", "operate", "--name", "alice"]);

    eventually("the node takes note", || (status(&group, "GET", "/v1/peers", &operate) == 200).then_some(()));
    assert_eq!(status(&group, "GET", "/metrics", &read), 200);
    assert_eq!(status(&group, "POST", "/v1/peers/7/release", &read), 403);
    assert_eq!(status(&group, "POST", "/v1/peers/7/release", &operate), 404);
    assert_eq!(status(&group, "POST", "/v1/peers/7/release", "secret"), 404);
    assert_eq!(status(&group, "GET", "/metrics", &format!("{read}0")), 403);

    let (_, listed) = token(&group, &["list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!((&listed["items"][0]["name"], &listed["items"][1]["role"]), (&"prometheus".into(), &"operate".into()));
    assert!(!listed.to_string().contains("hash"), "{listed}");

    assert_eq!(token(&group, &["revoke", "prometheus"]).0, Some(0));
    eventually("the node takes note", || (status(&group, "GET", "/metrics", &read) == 403).then_some(()));
    assert_eq!(status(&group, "GET", "/metrics", &operate), 200);
    assert_eq!(token(&group, &["revoke", "prometheus"]).0, Some(1));
    assert_eq!(token(&group, &["new", "--role", "king"]).0, Some(2));
}

/// Runs a command of the first author at replica 0; with the secret in the replica's folder, if it is to show one.
fn runs(group: &Group, args: &[&str], shows_token: bool) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(args).env("QUORATE_NODE", format!("http://{}", group.api(0))).env("QUORATE_KEY", author(group, 0));
    command.env_remove("QUORATE_SESSION").env_remove("QUORATE_TOKEN").env_remove("QUORATE_DOMAIN");
    if shows_token {
        command.env("QUORATE_TOKEN", group.dir().join("replica-0/admin.token"));
    }
    command.output().expect("quorate runs")
}

/// A replica whose reads are guarded, with a file in `lab`, which not everyone may read.
pub fn guarded() -> Group {
    let mut group = Group::init(1);
    let (folder, file) = (group.dir().join("replica-0"), new_key(&group, "any-file"));
    std::fs::write(folder.join("admin.token"), "secret\n").expect("our folder");
    let config = std::fs::read_to_string(folder.join("config.toml")).expect("a configuration");
    std::fs::write(folder.join("config.toml"), format!("reads = \"guarded\"\n{config}")).expect("our folder");
    group.start(0);
    for args in [
        &["domains", "create", "lab", "--readers", "org:org-0", "--writers", "org:org-0"][..],
        &["put", "plan", text(&file), "--domain", "lab"],
    ] {
        let ran = runs(&group, args, true);
        assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    group
}

#[test]
fn commands_read_a_domain_that_not_everyone_may_read_with_the_token_that_they_are_given() {
    let group = guarded();
    let reads =
        ["get plan --domain lab", "ls --domain lab", "log --domain lab", "policy show --domain lab", "conflicts list"];
    for read in reads {
        let args: Vec<&str> = read.split(' ').collect();

        let (shown, refused) = (runs(&group, &args, true), runs(&group, &args, false));

        assert!(shown.status.success(), "{read}: {}", String::from_utf8_lossy(&shown.stderr));
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!((refused.status.code(), refused.stdout.is_empty()), (Some(1), true), "{read}: {said}");
        assert!(said.contains("closed-domain") && said.contains("--token FILE"), "{read}: {said}");
    }
}
