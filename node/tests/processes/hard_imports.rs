//! Imports that could go wrong without a word: clones that lack something, words of colleagues, a commit that is named.

use crate::governance::{author, new_key, says, text, word};
use crate::group::Group;
use crate::resumed_imports::{Git, commits, files, log};
use quorate_client::author::{Author, Draft};
use quorate_client::content;
use quorate_client::http::Client;
use quorate_git::{Part, Repository};
use quorate_ledger::{Base, Level, Mode, Op};
use std::fs;
use std::path::Path;
use std::time::Duration;

pub const TREE: Part = Part { number: 1, of: 2, is_whole: true };
pub const DIFFERENCE: Part = Part { is_whole: false, ..TREE };

/// A clone of the newest commit alone.
fn shallow(git: &Git, name: &str) -> String {
    let (dir, url) = (git.dir.path().join(name), format!("file://{}", text(git.dir.path())));
    git.says(&["clone", "-q", "--depth", "1", &url, text(&dir)]);
    text(&dir).to_owned()
}

fn refused(group: &Group, dir: &str) -> String {
    let told = says(group, &author(group, 0), 0, &["import", "--git", dir], 1);
    format!("{} {}", word(&told, "error"), word(&told, "next"))
}

/// Signs a change that says that it is a part of a commit, with one of its files.
pub fn brings_in(group: &Group, key: &Path, (git, commit): (&Git, &str), part: Part, path: &str) {
    let bytes = git.says(&["show", &format!("{commit}:{path}")]).into_bytes();
    let op = Op::Put { path: path.into(), mode: Mode::File, content: content::digest(&bytes) };
    signs(group, key, (git, commit), part, (vec![op], vec![bytes], None));
}

/// Signs a change of these operations, contents and base that says that it is a part of a commit.
pub fn signs(
    group: &Group,
    key: &Path,
    (git, commit): (&Git, &str),
    part: Part,
    (ops, contents, base): (Vec<Op>, Vec<Vec<u8>>, Option<Base>),
) {
    let repository = Repository::open(git.dir.path()).expect("a repository");
    let commit = repository.commit(repository.resolve(commit).expect("a name")).expect("a commit");
    let draft = Draft { base, ops, contents, message: commit.described(part) };
    let client = Client::new(&format!("http://{}", group.api(0)), Duration::from_secs(20)).expect("an address");
    tokio::runtime::Runtime::new().expect("threads").block_on(async {
        let mut author = Author::open(key, client, "main").await.expect("an author");
        author.submit(&draft, Level::Sequential).await.expect("a verdict");
    });
}

#[test]
fn of_a_commit_of_which_a_part_is_there_the_rest_goes_in() {
    let (git, group) = (Git::with_history(3), Group::unpaced());
    git.import(&group, 0, &[], 0);
    for path in ["a", "b", "c"] {
        git.write(path, path);
    }
    git.commit("three files");
    brings_in(&group, &author(&group, 0), (&git, "HEAD"), DIFFERENCE, "a");

    let rest = git.import(&group, 0, &[], 0);

    assert_eq!((&rest["commits"], &rest["changes"]), (&1.into(), &1.into()));
    let entries = log(&group, "main");
    let set: Vec<&str> = entries[4]["changes"].as_array().expect("paths").iter().map(|set| word(set, "path")).collect();
    assert_eq!((entries.len(), set), (5, vec!["b", "c"]));
    assert_eq!(files(&group), git.files());
    assert_eq!(git.import(&group, 0, &[], 0)["changes"], 0);
}

#[test]
fn a_tree_that_a_shallow_clone_has_begun_goes_in_whole_from_the_full_one() {
    let (git, group) = (Git::with_history(6), Group::unpaced());
    brings_in(&group, &author(&group, 0), (&git, "HEAD"), TREE, "f2");
    assert_eq!(git.import(&group, 0, &[], 0)["changes"], 1);
    assert_eq!(files(&group), git.files());
}

#[test]
fn a_commit_without_parents_says_that_it_is_a_whole_tree() {
    let (git, group) = (Git::with_history(6), Group::unpaced());
    let clone = shallow(&git, "clone");
    says(&group, &author(&group, 0), 0, &["import", "--git", &clone], 0);
    assert!(word(&log(&group, "main")[0], "message").trim_end().ends_with("\nGit-Tree: whole"));
    assert_eq!(files(&group), git.files());
}

#[test]
fn a_clone_that_ends_too_early_is_refused_with_the_way_out() {
    let (git, group) = (Git::with_history(4), Group::unpaced());
    git.import(&group, 0, &[], 0);
    git.write("a", "a");
    git.write("b", "b");
    git.commit("two files");
    let clone = shallow(&git, "clone");
    let told = refused(&group, &clone);
    assert!(told.contains("the clone is shallow and ends at commit") && told.contains("--unshallow"), "{told}");
    brings_in(&group, &author(&group, 0), (&git, "HEAD"), DIFFERENCE, "a");
    let begun = says(&group, &author(&group, 0), 0, &["import", "--git", &clone], 2);
    assert!(word(&begun, "error").contains("`git fetch --unshallow`"), "{begun}");
    assert_eq!(log(&group, "main").len(), 5);
}

#[test]
fn an_import_after_a_named_commit_goes_on_where_it_was() {
    let (git, group) = (Git::with_history(4), Group::unpaced());
    let after = git.line()[1].clone();
    assert_eq!(git.import(&group, 0, &["--after", &after], 0)["changes"], 2);
    assert_eq!(git.import(&group, 0, &["--after", &after], 0)["changes"], 0);
    git.write("more", "more");
    git.commit("more");
    assert_eq!(git.import(&group, 0, &["--after", &after], 0)["changes"], 1);
    assert_eq!(commits(&group, "main"), git.line()[2..]);
}

#[test]
fn an_import_goes_on_after_the_furthest_commit_and_not_the_newest() {
    let (git, group) = (Git::with_history(6), Group::unpaced());
    for commit in ["HEAD~1", "HEAD~2"] {
        brings_in(&group, &author(&group, 0), (&git, commit), Part::ONLY, "f2");
    }
    assert_eq!(word(&git.import(&group, 0, &[], 0), "after"), git.line()[4]);
}

#[test]
fn what_a_colleague_says_of_commits_counts_where_the_importer_says_so() {
    let (git, group) = (Git::with_history(4), Group::unpaced());
    let colleague = new_key(&group, "colleague.key");
    says(&group, &author(&group, 0), 0, &["identities", "enrol", text(&colleague)], 0);
    brings_in(&group, &colleague, (&git, "HEAD~1"), Part::ONLY, "f3");
    let told = refused(&group, text(git.dir.path()));
    assert!(told.contains("of the same organisation says") && told.contains("--trust"), "{told}");
    assert_eq!(git.import(&group, 0, &["--trust", text(&colleague)], 0)["changes"], 1);
    assert_eq!(git.import(&group, 0, &[], 0)["changes"], 0);
}

#[test]
fn what_an_untrusted_colleague_says_of_an_old_commit_makes_no_gap() {
    let (git, group) = (Git::with_history(6), Group::unpaced());
    let colleague = new_key(&group, "colleague.key");
    says(&group, &author(&group, 0), 0, &["identities", "enrol", text(&colleague)], 0);
    git.import(&group, 0, &["--commits", "1"], 0);
    git.write("more", "more");
    git.commit("more");
    brings_in(&group, &colleague, (&git, "HEAD~4"), Part::ONLY, "f2");
    assert_eq!(git.import(&group, 0, &[], 0)["changes"], 1);
}

#[test]
fn what_others_changed_since_the_last_import_is_not_written_over() {
    let (git, group) = (Git::with_history(4), Group::running(4));
    git.import(&group, 0, &[], 0);
    let theirs = group.dir().join("theirs");
    fs::write(&theirs, "theirs\n").expect("our folder");
    says(&group, &author(&group, 1), 0, &["put", "f2", text(&theirs)], 0);
    git.write("f2", "ours\n");
    git.commit("ours");
    assert_eq!(git.import(&group, 0, &[], 1)["conflicts"], 1);
}

#[test]
fn a_commit_of_which_a_content_is_missing_is_refused() {
    let (git, group) = (Git::with_history(4), Group::unpaced());
    git.loses("HEAD:f3");
    let told = git.import(&group, 0, &[], 2);
    assert!(word(&told, "error").starts_with("f3 of commit "), "{told}");
}

#[test]
fn a_branch_that_is_refused_keeps_no_other_out() {
    let (git, group) = (Git::with_history(4), Group::running(1));
    git.says(&["branch", "a-first"]);
    says(&group, &author(&group, 0), 0, &["domains", "create", "a-first"], 0);
    git.import(&group, 0, &["--branches", "all"], 0);
    git.says(&["checkout", "-q", "a-first"]);
    git.says(&["commit", "-q", "--amend", "--allow-empty", "-m", "rewritten"]);
    git.says(&["checkout", "-q", "main"]);
    git.write("more", "more");
    git.commit("more");

    let told = git.import(&group, 0, &["--branches", "all"], 1);

    let branches = told["branches"].as_array().expect("a list");
    assert_eq!((word(&branches[0], "branch"), branches[0]["changes"].as_u64()), ("main", Some(1)));
    assert!(word(&branches[1], "error").contains("which is not on a-first"), "{told}");
    assert_eq!(commits(&group, "main"), git.line());
}
