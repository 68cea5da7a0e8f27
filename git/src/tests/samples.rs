//! The small repository that is made where there is none.

use std::collections::BTreeSet;
use std::process::Command;

use tempfile::TempDir;

use crate::{Counts, Mode, Repository, Step, Tree, write_sample};

/// Shows when the sample changes, or is no longer the same everywhere.
const TIP: &str = "e7c60327829942e9ba44a3983fb1f3ec35cc9aed";

fn sample() -> (TempDir, Repository) {
    let dir = TempDir::new().expect("a folder");
    let repository = write_sample(&dir.path().join("sample.git")).expect("the sample");
    (dir, repository)
}

#[test]
fn the_sample_has_the_same_ids_everywhere() {
    let (_dir, repository) = sample();
    let head = repository.head().expect("HEAD");
    assert_eq!((head.name.as_str(), head.tip.to_string().as_str()), ("main", TIP));
}

#[test]
fn the_sample_is_a_few_dozen_commits_by_four_people() {
    let (_dir, repository) = sample();
    let tip = repository.head().expect("HEAD").tip;
    let counts = repository.plan(tip, usize::MAX).expect("a plan").counts();
    assert_eq!(counts, Counts { line: 32, sides: 15, merges: 10, folded: 1 });
    let (mut pending, mut authors) = (vec![tip], BTreeSet::new());
    while let Some(id) = pending.pop() {
        let commit = repository.commit(id).expect("a commit");
        authors.insert(commit.author.to_string());
        pending.extend(commit.parents.first());
    }
    assert_eq!(authors.len(), 4);
}

#[test]
fn the_sample_has_every_kind_of_file() {
    let (_dir, repository) = sample();
    let tip = repository.head().expect("HEAD").tip;
    let mut seen = Tree::default();
    for step in repository.plan(tip, usize::MAX).expect("a plan") {
        if let Step::Commit(change) | Step::Side { change, .. } = step.expect("a step") {
            let puts = change.operations.iter().filter(|operation| operation.entry().is_some());
            puts.for_each(|operation| seen.apply(operation));
        }
    }
    let any = |found: &dyn Fn(&str, &[u8], Mode) -> bool| {
        let mut files = seen.files.iter();
        files.any(|(path, entry)| found(path, &repository.content(entry.blob).expect("a content"), entry.mode))
    };
    assert!(any(&|_, content, _| content.contains(&0)), "a binary file");
    assert!(any(&|_, content, _| content.is_empty()), "an empty file");
    assert!(any(&|_, _, mode| mode == Mode::Exec), "an executable");
    assert!(any(&|_, _, mode| mode == Mode::Link), "a link");
    assert!(any(&|path, content, _| path == "VERSION" && !content.ends_with(b"\n")), "no final newline");
    assert!(any(&|path, _, _| path.contains(' ') && !path.is_ascii()), "a name with spaces and accents");
    let folder = |path: &String| seen.files.keys().any(|other| other.starts_with(&format!("{path}/")));
    assert!(seen.files.keys().any(folder), "a file that becomes a folder");
}

#[test]
fn replaying_the_sample_gives_gits_tree_after_each_commit_of_the_main_line() {
    let (_dir, repository) = sample();
    let tip = repository.head().expect("HEAD").tip;
    let mut tree = Tree::default();
    for step in repository.plan(tip, usize::MAX).expect("a plan") {
        let change = match step.expect("a step") {
            Step::Boundary(change) | Step::Commit(change) => change,
            Step::Close(closing) => closing.change,
            Step::Open(_) | Step::Side { .. } => continue,
        };
        change.operations.iter().for_each(|operation| tree.apply(operation));
        assert_eq!(tree, repository.tree(&change.commit).expect("a tree"), "{}", change.commit.title());
    }
}

#[test]
fn git_does_most_merges_of_the_sample_and_stops_at_three() {
    let (_dir, repository) = sample();
    let git = |args: &[&str]| Command::new("git").arg("--git-dir").arg(repository.git_dir()).args(args).output();
    if !git(&["merge-tree", "-h"]).is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--write-tree")) {
        eprintln!("SKIPPED git_does_most_merges_of_the_sample_and_stops_at_three: no git program with merge-tree");
        return;
    }
    let tip = repository.head().expect("HEAD").tip;
    let mut stopped = Vec::new();
    for step in repository.plan(tip, usize::MAX).expect("a plan") {
        let Step::Close(closing) = step.expect("a step") else { continue };
        let commit = closing.change.commit;
        let [ours, theirs] = &commit.parents[..] else { continue };
        let merge = git(&["merge-tree", "--write-tree", &ours.to_string(), &theirs.to_string()]).expect("git");
        if merge.status.success() {
            let tree = String::from_utf8_lossy(&merge.stdout).trim().to_owned();
            assert_eq!(tree, commit.tree.to_string(), "{}", commit.title());
        } else {
            stopped.push(commit.title().to_owned());
        }
    }
    assert_eq!(stopped, ["Merge Ventspils", "Merge the check of times", "Merge the draft of 1.0"]);
}
