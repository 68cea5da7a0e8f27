//! Repositories in all places and states.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::fixture::{Fixture, named, texts, told};
use crate::{GitError, Mirror, Repository};

#[test]
fn a_bare_repository_tells_its_head_and_its_branches() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[("x", "1")]);
    fixture.writer.branch("zebra/stripes", a).expect("a branch");
    let repository = fixture.open();
    let head = repository.head().expect("HEAD");
    assert_eq!((head.name.as_str(), head.tip), ("main", a));
    assert_eq!(names(&repository), ["main", "zebra/stripes"]);
    assert_eq!(repository.branch("zebra/stripes").expect("it can be read").map(|branch| branch.tip), Some(a));
    assert_eq!(repository.branch("stripes").expect("it can be read"), None);
}

#[test]
fn a_head_on_no_branch_is_called_head() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[], &[]);
    fs::write(fixture.path().join("HEAD"), format!("{a}\n")).expect("HEAD");
    let head = fixture.open().head().expect("HEAD");
    assert_eq!((head.name.as_str(), head.tip), ("HEAD", a));
}

#[test]
fn a_repository_without_a_commit_says_so() {
    let head = Fixture::new().open().head();
    assert!(matches!(head, Err(GitError::Unborn { .. })), "{head:?}");
}

#[test]
fn a_folder_in_no_repository_is_an_error_that_names_it() {
    let dir = TempDir::new().expect("a folder");
    let error = Repository::open(dir.path()).err().expect("no repository").to_string();
    assert!(error.contains(&dir.path().display().to_string()), "{error}");
}

#[test]
fn where_a_shallow_clone_ends_commits_count_as_roots() {
    let fixture = Fixture::new();
    let a = fixture.commit("a", &[named("cut off")], &[("x", "1")]);
    let s = fixture.commit("s", &[named("cut off too")], &[("x", "2"), ("y", "1")]);
    let m = fixture.commit("m", &[a, s], &[("x", "1"), ("y", "1")]);
    fs::write(fixture.path().join("shallow"), format!("{a}\n{s}\n")).expect("the list");
    let repository = fixture.open();
    assert_eq!(
        told(&repository, repository.plan(m, usize::MAX).expect("a plan")),
        [
            "a on nothing: +x",
            "open: side 0 on nothing",
            "side 0: s on nothing: +x +y",
            "close m on revision s, target x y"
        ]
    );
}

#[test]
fn what_the_git_program_makes_is_read_without_it() {
    let dir = TempDir::new().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    if !git(dir.path(), &["init", "-q", "-b", "trunk", "home"]) {
        eprintln!("SKIPPED what_the_git_program_makes_is_read_without_it: there is no git program");
        return;
    }
    let run = |folder: &str, args: &[&str]| assert!(git(&at(folder), args), "git {args:?}");
    for (file, text) in [("one", "1"), ("two", "2")] {
        fs::create_dir_all(at("home/sub/folder")).expect("a folder");
        fs::write(at("home/sub/folder").join(file), text).expect("a file");
        run("home", &["add", "."]);
        run("home", &["commit", "-qm", file]);
    }
    fs::write(at("home/sub/folder/one"), "not committed").expect("a file");
    run("home", &["worktree", "add", "-q", "-b", "other", "../linked", "HEAD~1"]);
    run("home", &["gc", "-q"]);
    let url = format!("file://{}", at("home").display());
    assert!(git(dir.path(), &["clone", "-q", "--depth", "1", &url, "shallow"]));

    let committed = |path: &str| {
        let repository = Repository::open(&at(path)).expect("a repository");
        let head = repository.head().expect("HEAD");
        let texts: String = texts(&repository, head.tip).into_values().collect();
        let line = repository.plan(head.tip, usize::MAX).expect("a plan").counts().line;
        format!("{} {texts} {line}", head.name)
    };
    assert_eq!(committed("home"), "trunk 12 2");
    assert_eq!(committed("home/sub/folder"), "trunk 12 2");
    assert_eq!(committed("home/.git"), "trunk 12 2");
    assert_eq!(committed("linked/sub"), "other 1 1");
    assert_eq!(committed("shallow"), "trunk 12 1");
    assert_eq!(names(&Repository::open(&at("linked")).expect("a repository")), ["other", "trunk"]);
}

#[test]
fn a_repository_that_keeps_objects_or_references_another_way_is_refused_with_that() {
    for (extension, said) in [("objectFormat = sha256", "SHA-256"), ("refStorage = reftable", "git refs migrate")] {
        let fixture = Fixture::new();
        let config = format!("[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\t{extension}\n");
        fs::write(fixture.path().join("config"), config).expect("a configuration");
        for error in [Repository::open(&fixture.path()).err(), Mirror::open(&fixture.path()).err()] {
            let error = error.expect("it is refused");
            assert!(matches!(error, GitError::Format { .. }) && error.to_string().contains(said), "{error}");
        }
    }
}

#[test]
fn a_repository_may_be_handed_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Repository>();
}

/// Names of the branches, all of which can be resolved.
fn names(repository: &Repository) -> Vec<String> {
    let branches = repository.branches().expect("branches").into_iter();
    branches.map(|branch| branch.expect("a commit").name).collect()
}

/// Runs the git program; false if there is none or it fails.
fn git(folder: &Path, args: &[&str]) -> bool {
    let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
    let run = Command::new("git").current_dir(folder).args(identity).args(args).status();
    run.is_ok_and(|status| status.success())
}
