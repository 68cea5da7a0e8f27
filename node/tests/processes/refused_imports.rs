//! Imports of which the group refuses a commit with others behind it.

use crate::governance::{author, run, says, text, word};
use crate::group::{Group, eventually};
use crate::resumed_imports::{Git, commits, files};
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};

/// A group that lets nobody change what lies below `laws`.
fn with_laws() -> Group {
    let group = Group::unpaced();
    let policy = group.dir().join("policy.json");
    let rules = r#"{"writers": ["*"], "readers": ["*"], "paths": [{"pattern": "laws/**", "write_once": true}]}"#;
    fs::write(&policy, rules).expect("our folder");
    says(&group, &author(&group, 0), 0, &["policy", "set", text(&policy)], 0);
    group
}

/// A history that changes a law in its third commit of eight.
fn of_outlaws() -> Git {
    let git = Git::new();
    fs::create_dir(git.dir.path().join("laws")).expect("our folder");
    for (path, content) in [("laws/a", "1\n"), ("b", "b\n"), ("laws/a", "2\n")] {
        git.write(path, content);
        git.commit(path);
    }
    for number in 4..=8 {
        git.write(&format!("f{number}"), "more\n");
        git.commit("more");
    }
    git
}

fn is_refused(told: &Value, git: &Git) {
    let error = word(told, "error");
    assert!(error.contains("laws/a") && error.contains(&git.line()[2][..7]), "{told}");
}

#[test]
fn a_refused_commit_is_named_and_keeps_no_later_import_of_the_key_out() {
    let (git, group) = (of_outlaws(), with_laws());

    is_refused(&git.import(&group, 0, &["--timeout", "8"], 1), &git);
    is_refused(&git.import(&group, 0, &["--timeout", "8"], 1), &git);

    assert_eq!(commits(&group, "main"), git.line()[..2]);
    git.says(&["reset", "-q", "--hard", &git.line()[1]]);
    for number in 10..20 {
        git.write(&format!("g{number}"), "lawful\n");
        git.commit("lawful");
    }
    let told = git.import(&group, 0, &["--timeout", "8"], 0);
    assert_eq!(told["commits"], 10);
    assert_eq!(commits(&group, "main"), git.line());
    assert_eq!(files(&group), git.files());
}

#[test]
fn an_import_into_no_domain_is_refused_before_anything_is_signed() {
    let (git, group) = (Git::with_history(6), Group::unpaced());
    let refused = git.import(&group, 0, &["--domain", "gitd", "--timeout", "8"], 1);
    assert!(word(&refused, "error").contains("no domain gitd: nothing was sent"), "{refused}");
    assert_eq!(git.import(&group, 0, &[], 0)["commits"], 6);
}

#[test]
fn a_first_import_writes_over_nobodys_file_until_it_is_told_to() {
    let (git, group) = (Git::with_history(4), Group::running(4));
    let theirs = group.dir().join("theirs");
    fs::write(&theirs, "theirs\n").expect("our folder");
    says(&group, &author(&group, 1), 0, &["put", "f2", text(&theirs)], 0);
    says(&group, &author(&group, 1), 0, &["put", "elsewhere", text(&theirs)], 0);

    let refused = git.import(&group, 0, &["--timeout", "8"], 1);
    assert!(word(&refused, "error").contains("1 file of this branch"), "{refused}");
    assert_eq!(files(&group).len(), 2);

    assert_eq!(git.import(&group, 0, &["--over"], 0)["commits"], 4);
    assert_eq!(files(&group).len(), git.files().len() + 1);
}

/// The first commit makes the file that the second one removes.
#[test]
fn a_first_import_writes_over_nobodys_file_on_the_way_either() {
    let (git, group) = (Git::new(), Group::running(4));
    git.write("notes.txt", "draft\n");
    git.write("f", "f\n");
    git.commit("notes");
    git.says(&["rm", "-q", "notes.txt"]);
    git.commit("no notes");
    let theirs = group.dir().join("theirs");
    fs::write(&theirs, "precious\n").expect("our folder");
    says(&group, &author(&group, 1), 0, &["put", "notes.txt", text(&theirs)], 0);

    let refused = git.import(&group, 0, &["--timeout", "8"], 1);

    assert!(word(&refused, "error").contains("as notes.txt: nothing was sent"), "{refused}");
    assert_eq!(group.file(0, "notes.txt", "sequential").text(), "precious\n");
}

/// Two changes that a site without a network has signed, the second based on the first, which removes what is not there.
#[test]
fn an_import_tells_what_became_of_earlier_changes_of_its_key() {
    let (git, group) = (Git::with_history(3), Group::unpaced());
    let (key, file) = (author(&group, 0), git.dir.path().join("f1"));
    says(&group, &key, 0, &["rm", "nothing", "--base", "0", "--offline"], 0);
    says(&group, &key, 0, &["put", "kept", text(&file), "--offline"], 0);

    let import = run(&group, &key, 0, &["import", "--git", text(git.dir.path())]);

    let said = String::from_utf8_lossy(&import.stderr);
    assert_eq!(import.status.code(), Some(0), "{said}");
    assert!(said.contains("an earlier change: refused: missing-path"), "{said}");
    assert!(said.contains("an earlier change was refused: base-refused: given up"), "{said}");
}

#[test]
fn an_import_whose_verdict_cannot_be_noted_ends_well_and_says_so() {
    let (git, group) = (Git::with_history(4), Group::unpaced());
    let (key, mut outbox) = (author(&group, 0), author(&group, 0).into_os_string());
    outbox.push(".outbox");
    let outbox = std::path::PathBuf::from(outbox);
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["import", "--rate", "1", "--git", text(git.dir.path()), "--key"]).arg(&key);
    command.env("QUORATE_NODE", format!("http://{}", group.api(0))).stdout(Stdio::null()).stderr(Stdio::piped());
    let import = command.spawn().expect("quorate runs");
    eventually("its first change", || outbox.join("main-1-1.envelope").exists().then_some(()));
    fs::create_dir(outbox.join("main-4-1.answer.tmp")).expect("a folder where the note is written");

    let ended = import.wait_with_output().expect("it ends");

    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert!(said.contains("the answer is not noted beside the key"), "{said}");
    assert_eq!(commits(&group, "main"), git.line());
}

/// A group in which a change below `reviewed` waits for another organisation.
fn with_reviews() -> Group {
    let group = Group::running(4);
    let policy = group.dir().join("policy.json");
    let rules = r#"{"writers": ["*"], "readers": ["*"], "paths": [{"pattern": "reviewed/**", "approvals": 1}]}"#;
    fs::write(&policy, rules).expect("our folder");
    let set = says(&group, &author(&group, 0), 0, &["policy", "set", text(&policy)], 0);
    for number in 1..3 {
        says(&group, &author(&group, number), 0, &["approve", word(&set, "proposal")], 0);
    }
    group
}

#[test]
fn an_import_sends_nothing_after_a_commit_that_waits_for_approvals() {
    let (git, group) = (Git::new(), with_reviews());
    fs::create_dir(git.dir.path().join("reviewed")).expect("our folder");
    let paths = ["a", "reviewed/b"].map(str::to_owned).into_iter().chain((0..24).map(|number| format!("c{number}")));
    for path in paths {
        git.write(&path, "1\n");
        git.commit(&path);
    }

    let told = git.import(&group, 0, &["--rate", "4"], 1);

    let waits = format!("commit {} waits for approvals", &git.line()[1][..12]);
    assert!(word(&told, "error").starts_with(&waits), "{told}");
    assert!(!commits(&group, "main").contains(&git.line()[25]), "{told}");
}
