//! A mirror beside what stands in its repository.

use std::fs;

use gix::ObjectId;
use gix::date::Time;

use super::fixture::Fixture;
use crate::{GitError, Mirror, MirrorCommit, Mode, Person, Repository};

/// The mirror of a history of as many changes, not yet published.
fn mirror(fixture: &Fixture, changes: i64) -> (Mirror, Vec<ObjectId>) {
    let mut mirror = Mirror::open(&fixture.path()).expect("a mirror");
    let ids = (1..=changes).map(|number| commit(&mut mirror, number)).collect();
    (mirror, ids)
}

fn commit(mirror: &mut Mirror, number: i64) -> ObjectId {
    let person = || Person { name: "Ada".to_owned(), email: "ada@example.org".to_owned() };
    let time = Time::new(1_700_000_000 + number, 0);
    let message = format!("change {number}");
    mirror.put("file", Mode::File, message.as_bytes()).expect("a file");
    let made = MirrorCommit { author: person(), written: time, committer: person(), committed: time, message };
    mirror.commit(&made).expect("a commit")
}

fn main_of(fixture: &Fixture) -> ObjectId {
    Repository::open(&fixture.path()).expect("the repository").head().expect("a branch").tip
}

#[test]
fn a_mirror_leaves_a_branch_of_another_history_where_it_is() {
    let fixture = Fixture::new();
    let precious = fixture.commit("precious", &[], &[("file", "work")]);

    let refused = mirror(&fixture, 2).0.publish("main");

    assert!(matches!(refused, Err(GitError::Foreign { id, .. }) if id == precious), "{refused:?}");
    assert_eq!(main_of(&fixture), precious);
}

#[test]
fn a_mirror_brings_the_branch_of_a_shorter_history_up_to_date() {
    let fixture = Fixture::new();
    mirror(&fixture, 2).0.publish("main").expect("a first mirror");

    let (longer, ids) = mirror(&fixture, 3);
    longer.publish("main").expect("the same history goes on");

    assert_eq!(main_of(&fixture), ids[2]);
}

#[test]
fn a_mirror_does_not_take_a_branch_back_to_a_shorter_history() {
    let fixture = Fixture::new();
    let (longer, ids) = mirror(&fixture, 3);
    longer.publish("main").expect("a first mirror");

    let refused = mirror(&fixture, 2).0.publish("main");

    assert!(matches!(refused, Err(GitError::Foreign { .. })), "{refused:?}");
    assert_eq!(main_of(&fixture), ids[2]);
}

#[test]
fn a_mirror_that_replaces_a_branch_tells_what_it_gave_up() {
    let fixture = Fixture::new();
    let precious = fixture.commit("precious", &[], &[("file", "work")]);
    let (mirror, ids) = mirror(&fixture, 2);

    assert_eq!(mirror.replace("main").expect("replaced"), Some(precious));
    assert_eq!(main_of(&fixture), ids[1]);
}

#[test]
fn a_mirror_that_logs_where_its_branches_were_is_brought_up_to_date_again() {
    let fixture = Fixture::new();
    mirror(&fixture, 2).0.publish("main").expect("a first mirror");
    let config = fixture.path().join("config");
    let before = fs::read_to_string(&config).expect("a configuration");
    fs::write(&config, before + "[core]\n\tlogAllRefUpdates = true\n").expect("a configuration");

    let (longer, ids) = mirror(&fixture, 3);
    longer.publish("main").expect("the same history goes on");

    assert_eq!(main_of(&fixture), ids[2]);
}

#[test]
fn an_empty_mirror_leaves_a_branch_of_another_history_where_it_is_and_says_so() {
    let fixture = Fixture::new();
    let precious = fixture.commit("precious", &[], &[("file", "work")]);
    let (empty, _) = mirror(&fixture, 0);
    for refused in [empty.publish("main"), empty.replace("main").map(drop)] {
        assert!(matches!(refused, Err(GitError::Foreign { id, .. }) if id == precious), "{refused:?}");
    }
}

#[test]
fn an_error_of_a_mirror_tells_what_the_system_said() {
    let fixture = Fixture::new();
    let (mut mirror, _) = mirror(&fixture, 0);
    fs::remove_dir_all(fixture.path().join("objects")).expect("our folder");
    fs::write(fixture.path().join("objects"), "no folder").expect("our folder");
    let error = mirror.put("file", Mode::File, b"text").expect_err("there is no folder for it").to_string();
    assert!(error.contains("Not a directory"), "{error}");
}
