//! Imports that the order refuses for their work or their base, and that go on.

use crate::governance::{author, new_key, says, text, word};
use crate::group::{Group, eventually};
use crate::resumed_imports::{Git, commits, files};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Letters of a document that is held against its schema in 1,600,000 steps, of which one change has 4,000,000.
const LETTERS: usize = 100_000;

/// A history, and a group in which documents have a schema.
fn with_schema(flags: &[&str]) -> (Git, Group) {
    let group = Group::unpaced_with(flags);
    let policy = group.dir().join("policy.json");
    let rule = r#"{"pattern": "documents/**", "format": "json", "schema": {"pattern": "^a+$"}}"#;
    fs::write(&policy, format!(r#"{{"writers": ["*"], "readers": ["*"], "paths": [{rule}]}}"#)).expect("our folder");
    says(&group, &author(&group, 0), 0, &["policy", "set", text(&policy)], 0);
    let git = Git::new();
    fs::create_dir(git.dir.path().join("documents")).expect("our folder");
    (git, group)
}

/// Another key of the organisation.
fn colleague(group: &Group) -> PathBuf {
    let key = new_key(group, "colleague.key");
    says(group, &author(group, 0), 0, &["identities", "enrol", text(&key)], 0);
    key
}

fn theirs(group: &Group, key: &Path, path: &str) {
    let file = group.dir().join("theirs");
    fs::write(&file, "theirs\n").expect("our folder");
    says(group, key, 0, &["put", path, text(&file)], 0);
}

impl Git {
    fn has_document(&self, name: &str, letters: usize) {
        self.write(&format!("documents/{name}"), &format!("\"{}\"", "a".repeat(letters)));
    }

    fn commits_documents(&self) {
        (0..8).for_each(|number| self.has_document(&number.to_string(), LETTERS + number));
        self.commit("documents");
    }

    fn commits_file(&self, path: &str, content: &str) {
        self.write(path, content);
        self.commit(path);
    }
}

#[test]
fn a_commit_whose_files_ask_for_more_work_than_one_change_may_goes_in_as_several() {
    let (git, group) = with_schema(&[]);
    git.commits_documents();
    git.commits_file("after", "more\n");

    let told = git.import(&group, 0, &[], 0);

    assert_eq!((&told["commits"], &told["split"], &told["changes"]), (&2.into(), &1.into(), &5.into()), "{told}");
    assert_eq!(files(&group), git.files());
    git.has_document("x", 3 * LETTERS);
    git.commit("too much");
    let refused = git.import(&group, 0, &[], 1);
    let error = word(&refused, "error");
    assert!(error.starts_with("commit ") && error.contains("checking it may take 4800"), "one file: {refused}");
}

#[test]
fn of_a_commit_that_was_divided_in_vain_it_is_told_that_a_part_is_there() {
    let (git, group) = with_schema(&[]);
    git.has_document("4", 3 * LETTERS);
    [0, 1, 2, 3, 5, 6, 7].iter().for_each(|number| git.has_document(&number.to_string(), LETTERS + number));
    git.commit("too much");

    for _ in 0..2 {
        let refused = git.import(&group, 0, &[], 1);

        assert!(word(&refused, "error").starts_with("the rest of commit "), "{refused}");
        assert_eq!(files(&group).len(), 4);
    }
}

#[test]
fn an_import_after_a_named_commit_that_divides_one_goes_on_changing_files_that_others_changed_before() {
    let (git, group) = with_schema(&[]);
    git.commits_file("f", "1\n");
    theirs(&group, &colleague(&group), "f");
    git.commits_file("first", "x\n");
    git.commits_documents();
    git.commits_file("f", "2\n");

    let told = git.import(&group, 0, &["--after", "HEAD~3"], 0);

    assert_eq!(told["commits"], 3);
    assert_eq!(files(&group), git.files());
}

/// Others change a file of its first commit, so that the rest is based on what has gone in.
#[test]
fn an_import_after_a_named_commit_that_divides_one_deletes_nothing_that_was_gone_before() {
    let (git, group) = with_schema(&[]);
    let colleague = colleague(&group);
    git.write("gone", "x\n");
    git.commits_file("f", "1\n");
    (0..5).for_each(|number| git.commits_file(&format!("small{number}"), "x\n"));
    git.commits_documents();
    git.says(&["rm", "-q", "gone"]);
    git.commit("gone");

    let import = begun(&group, &git, &["--rate", "2", "--after", &git.line()[0]]);
    eventually("its first commit", || commits(&group, "main").contains(&git.line()[1]).then_some(()));
    theirs(&group, &colleague, "small0");
    let told = import.wait_with_output().expect("it ends");

    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!((&told["commits"], &told["conflicts"]), (&7.into(), &0.into()), "{told}");
}

/// The first change is refused because the import before the last one, on which that is based, lies beyond the horizon.
#[test]
fn an_import_with_a_base_of_its_own_that_divides_a_commit_is_merged_with_what_others_do_meanwhile() {
    let (git, group) = with_schema(&["--horizon", "10s"]);
    let colleague = colleague(&group);
    git.commits_file("f", "1\n");
    git.import(&group, 0, &[], 0);
    theirs(&group, &colleague, "f");
    git.commits_file("unrelated", "x\n");
    git.import(&group, 0, &[], 0);
    sleep(Duration::from_secs(12));
    theirs(&group, &colleague, "ledger-time-goes-on");
    (0..5).for_each(|number| git.commits_file(&format!("small{number}"), "x\n"));
    git.commits_documents();
    git.commits_file("h", "ours\n");

    let import = begun(&group, &git, &["--rate", "2"]);
    eventually("its first commit", || commits(&group, "main").contains(&git.line()[2]).then_some(()));
    theirs(&group, &colleague, "h");
    let told = import.wait_with_output().expect("it ends");

    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!((&told["commits"], &told["conflicts"]), (&7.into(), &1.into()), "{told}");
}

fn begun(group: &Group, git: &Git, more: &[&str]) -> std::process::Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["import", "--json", "--git", text(git.dir.path()), "--key"]).arg(author(group, 0)).args(more);
    command.env("QUORATE_NODE", format!("http://{}", group.api(0))).stdout(Stdio::piped());
    command.spawn().expect("quorate runs")
}
