//! Sessions and level `auto`, as people use them.

use crate::governance::{author, run, says, text, word};
use crate::group::{Group, eventually};
use std::fs;
use std::process::Output;

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_session_reads_what_it_wrote_at_a_replica_that_has_just_come_back() {
    let mut group = Group::running(4);
    let (key, session, content) = (author(&group, 0), group.dir().join("session"), group.dir().join("content"));
    fs::write(&content, "new").expect("our folder");
    says(&group, &key, 0, &["put", "first", text(&content), "--session", text(&session)], 0);
    group.kill(3);
    says(&group, &key, 0, &["put", "a", text(&content), "--session", text(&session)], 0);
    group.start(3);
    let read = run(&group, &key, 3, &["get", "a", "--level", "sequential", "--session", text(&session)]);
    assert_eq!((read.stdout.as_slice(), read.status.code()), (&b"new"[..], Some(0)), "{}", errors(&read));
}

#[test]
fn a_causal_read_of_a_session_waits_for_its_own_eventual_writes() {
    let mut group = Group::running(4);
    let (key, session, content) = (author(&group, 0), group.dir().join("session"), group.dir().join("content"));
    fs::write(&content, "new").expect("our folder");
    group.kill(2);
    group.kill(3);
    let put = ["put", "a", text(&content), "--level", "eventual", "--session", text(&session)];
    let put = run(&group, &key, 0, &put);
    assert_eq!(put.status.code(), Some(0), "{}", errors(&put));

    let read = ["get", "a", "--level", "causal", "--session", text(&session)];
    let early = run(&group, &key, 0, &[&read[..], &["--timeout", "6"]].concat());
    assert_eq!(early.status.code(), Some(3), "{}", errors(&early));
    assert!(errors(&early).contains("which this session wrote"), "{}", errors(&early));
    group.start_all();
    let read = run(&group, &key, 0, &read);
    assert_eq!((read.stdout.as_slice(), read.status.code()), (&b"new"[..], Some(0)), "{}", errors(&read));
}

#[test]
fn auto_is_eventual_where_nothing_can_be_ordered_in_time() {
    let mut group = Group::running(4);
    let (key, session, content) = (author(&group, 0), group.dir().join("session"), group.dir().join("content"));
    fs::write(&content, "new").expect("our folder");
    says(&group, &key, 0, &["put", "first", text(&content), "--session", text(&session)], 0);
    group.kill(2);
    group.kill(3);
    eventually("the loss of the quorum is noticed", || {
        group.status(0)["why"].as_str().filter(|why| why.contains("needs 3")).map(|_| ())
    });
    let put = ["put", "a", text(&content), "--level", "auto", "--within", "1000", "--session", text(&session)];
    let put = run(&group, &key, 0, &put);
    assert!(errors(&put).contains("level eventual: nothing can be ordered now"), "{}", errors(&put));
    assert_eq!(put.status.code(), Some(0));
}

#[test]
fn a_session_of_another_group_is_refused() {
    let (group, other) = (Group::running(1), Group::running(1));
    let (key, session) = (author(&group, 0), group.dir().join("session"));
    says(&group, &key, 0, &["ls", "--session", text(&session)], 0);
    let read = run(&other, &key, 0, &["ls", "--session", text(&session)]);
    assert_eq!(read.status.code(), Some(1));
    assert!(
        errors(&read).contains("another group") || errors(&read).contains("this node is of another"),
        "{}",
        errors(&read)
    );
}

#[test]
fn auto_says_which_level_it_chose_and_why() {
    let group = Group::running(1);
    let (key, policy) = (author(&group, 0), group.dir().join("policy.json"));
    let rules = r#"{"writers": ["*"], "readers": ["*"], "paths": [{"pattern": "laws/**", "write_once": true}]}"#;
    fs::write(&policy, rules).expect("our folder");
    let set = says(&group, &key, 0, &["policy", "set", text(&policy)], 0);
    assert_eq!(word(&set, "proposal_state"), "effective");

    let critical = run(&group, &key, 0, &["put", "laws/a", text(&policy), "--level", "auto"]);
    assert!(
        errors(&critical).contains("level strong: the path is critical: laws/** is written once"),
        "{}",
        errors(&critical)
    );
    let plain = run(&group, &key, 0, &["get", "laws/a", "--level", "auto", "--within", "100000"]);
    assert!(errors(&plain).contains("level strong"), "{}", errors(&plain));
    let plain = run(&group, &key, 0, &["put", "notes/a", text(&policy), "--level", "auto"]);
    assert!(errors(&plain).contains("level sequential"), "{}", errors(&plain));
    assert_eq!(plain.status.code(), Some(0));
}
