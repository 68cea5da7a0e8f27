//! Imports of branches that were pushed by force, and of those whose newest commit a pull has merged as another parent.

use crate::governance::{author, word};
use crate::group::Group;
use crate::hard_imports::{DIFFERENCE, signs};
use crate::resumed_imports::{Git, files};
use quorate_client::content;
use quorate_git::Part;
use quorate_ledger::{Mode, Op};

/// A repository and a domain with both its commits, the second of which brings `x` and `secret.txt`. With that one's id.
fn with_a_secret() -> (Git, Group, String) {
    let (git, group) = (Git::new(), Group::unpaced());
    git.write("f", "base\n");
    git.commit("base");
    git.write("x", "x\n");
    git.write("secret.txt", "secret\n");
    git.commit("more than meant");
    git.import(&group, 0, &[], 0);
    let second = git.line()[1].clone();
    (git, group, second)
}

fn amend_without_the_secret(git: &Git) {
    git.says(&["rm", "-q", "secret.txt"]);
    git.says(&["commit", "-q", "--amend", "-m", "as meant"]);
}

#[test]
fn a_file_that_an_amended_commit_drops_leaves_the_domain() {
    let (git, group, second) = with_a_secret();
    amend_without_the_secret(&git);
    let refused = git.import(&group, 0, &[], 1);
    assert!(word(&refused, "next").contains(&format!("`--after {}`", &second[..12])), "{refused}");

    let told = git.import(&group, 0, &["--after", &second], 0);

    assert_eq!(word(&told, "after"), second);
    assert_eq!(files(&group), git.files());
    for flags in [&["--after", &second][..], &[]] {
        assert_eq!(git.import(&group, 0, flags, 0)["changes"], 0, "{flags:?}");
    }
}

/// The way to the line had three changes, and the command was ended after two.
#[test]
fn a_way_to_a_rewritten_branch_that_was_cut_off_is_gone_on_with_by_the_same_command() {
    let (git, group, _) = with_a_secret();
    git.write("f", "changed\n");
    git.commit("changed");
    git.import(&group, 0, &[], 0);
    let (third, key, base) = (git.line()[2].clone(), author(&group, 0), b"base\n".to_vec());
    git.says(&["reset", "-q", "--hard", "HEAD~2"]);
    let put = Op::Put { path: "f".into(), mode: Mode::File, content: content::digest(&base) };
    signs(&group, &key, (&git, &third), Part { of: 3, ..DIFFERENCE }, (vec![put], vec![base], None));
    let delete = Op::Delete { path: "secret.txt".into() };
    signs(&group, &key, (&git, &third), Part { number: 2, of: 3, ..DIFFERENCE }, (vec![delete], vec![], None));

    git.import(&group, 0, &["--after", &third], 0);

    assert_eq!(files(&group), git.files());
    assert_eq!(git.import(&group, 0, &[], 0)["changes"], 0);
}

#[test]
fn a_branch_that_was_reset_takes_its_domain_back() {
    let (git, group, second) = with_a_secret();
    git.says(&["reset", "-q", "--hard", "HEAD~1"]);

    git.import(&group, 0, &["--after", &second], 0);

    assert_eq!(files(&group), git.files());
    for flags in [&["--after", &second][..], &[]] {
        assert_eq!(git.import(&group, 0, flags, 0)["changes"], 0, "{flags:?}");
    }
}

#[test]
fn a_branch_that_began_anew_takes_its_domain_along() {
    let (git, group, second) = with_a_secret();
    git.says(&["checkout", "-q", "--orphan", "anew"]);
    git.says(&["rm", "-rfq", "."]);
    git.write("f", "another base\n");
    git.commit("another base");
    git.write("g", "g\n");
    git.commit("g");
    git.says(&["branch", "-q", "-M", "anew", "main"]);

    git.import(&group, 0, &["--after", &second], 0);

    assert_eq!(files(&group), git.files());
}

#[test]
fn a_named_commit_whose_files_the_domain_does_not_have_is_refused_and_over_sets_them() {
    let (git, group, _) = with_a_secret();
    amend_without_the_secret(&git);

    let refused = git.import(&group, 0, &["--after", "HEAD~1"], 1);

    assert!(word(&refused, "error").contains("2 files of an import"), "{refused}");
    assert_eq!(files(&group).len(), 3);
    git.import(&group, 0, &["--after", "HEAD~1", "--over"], 0);
    assert_eq!(files(&group), git.files());
}

/// `git pull` merges what others pushed into the own line, which is the first parent from then on.
#[test]
fn a_branch_that_has_merged_what_was_there_goes_on_after_it() {
    let (git, group, second) = with_a_secret();
    git.says(&["checkout", "-q", "-b", "own", "HEAD~1"]);
    git.write("own", "own\n");
    git.commit("own");
    git.says(&["merge", "-q", "--no-ff", "-m", "pulled", "main"]);
    git.says(&["branch", "-q", "-M", "own", "main"]);
    let refused = git.import(&group, 0, &[], 1);
    assert!(word(&refused, "error").contains("has merged"), "{refused}");
    assert!(word(&refused, "next").contains(&format!("`--after {}`", &second[..12])), "{refused}");

    git.import(&group, 0, &["--after", &second], 0);

    assert_eq!(files(&group), git.files());
    assert_eq!(git.import(&group, 0, &[], 0)["changes"], 0);
}

#[test]
fn a_reference_that_is_broken_keeps_no_other_branch_out() {
    let (git, group) = (Git::with_history(4), Group::unpaced());
    git.says(&["branch", "gone"]);
    let heads = git.dir.path().join(".git/refs/heads");
    std::fs::write(heads.join("broken"), "no id\n").expect("our folder");
    std::fs::write(heads.join("gone"), format!("{}\n", "12".repeat(20))).expect("our folder");
    assert_eq!(git.import(&group, 0, &["--branch", "main", "--commits", "1"], 0)["commits"], 2);

    let told = git.import(&group, 0, &["--branches", "all"], 1);

    let branches = told["branches"].as_array().expect("a list");
    assert_eq!((word(&branches[0], "branch"), branches.len()), ("main", 3), "{told}");
    let errors: String = branches[1..].iter().map(|broken| word(broken, "error")).collect();
    assert!(errors.contains("cannot resolve gone") && errors.contains("refs/heads/broken"), "{told}");
}
