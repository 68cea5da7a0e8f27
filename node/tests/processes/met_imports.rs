//! Imports into a domain whose files others change too.

use crate::governance::{author, new_key, says, text, word};
use crate::group::Group;
use crate::resumed_imports::Git;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// A domain with an import of `f`, of five lines, and of `gone`.
pub struct Met {
    pub git: Git,
    pub group: Group,
}

impl Met {
    fn new() -> Self {
        Self::of(Group::running(4))
    }

    fn of(group: Group) -> Self {
        let met = Self { git: Git::new(), group };
        met.git.write("gone", "to be deleted\n");
        met.git_writes("f", "1\n2\n3\n4\n5\n");
        met.git.import(&met.group, 0, &[], 0);
        met
    }

    pub fn git_writes(&self, path: &str, content: &str) {
        self.git.write(path, content);
        self.git.commit(path);
    }

    /// Another organisation writes a file.
    pub fn theirs(&self, path: &str, content: &str) {
        let file = self.group.dir().join("theirs");
        fs::write(&file, content).expect("our folder");
        says(&self.group, &author(&self.group, 1), 0, &["put", path, text(&file)], 0);
    }

    pub fn file(&self, path: &str) -> String {
        self.group.file(0, path, "sequential").text()
    }
}

#[test]
fn what_others_changed_before_the_last_import_is_not_written_over() {
    let met = Met::new();
    met.theirs("f", "theirs\n");
    met.git_writes("unrelated", "x\n");
    met.git.import(&met.group, 0, &[], 0);
    met.git_writes("f", "ours\n");
    assert_eq!(met.git.import(&met.group, 0, &[], 1)["conflicts"], 1);
}

#[test]
fn a_file_that_others_deleted_before_the_last_import_is_deleted_by_git_as_well() {
    let met = Met::new();
    says(&met.group, &author(&met.group, 1), 0, &["rm", "gone"], 0);
    met.git_writes("unrelated", "x\n");
    met.git.import(&met.group, 0, &[], 0);
    met.git.says(&["rm", "-q", "gone"]);
    met.git.commit("gone");
    assert_eq!(met.git.import(&met.group, 0, &[], 0)["conflicts"], 0);
}

#[test]
fn lines_of_others_stay_in_a_file_that_git_goes_on_changing() {
    let met = Met::new();
    met.theirs("f", "1\n2\n3\n4\nfive\n");
    for line in ["one", "ONE"] {
        met.git_writes("f", &format!("{line}\n2\n3\n4\n5\n"));
        met.git.import(&met.group, 0, &[], 0);
        assert_eq!(met.file("f"), format!("{line}\n2\n3\n4\nfive\n"));
    }
}

/// The last import but one, on which the last one is based, lies beyond the horizon.
#[test]
fn an_import_goes_on_where_others_changed_other_files_too_long_ago() {
    let met = Met::of(Group::with_horizon("3s"));
    met.theirs("f", "theirs\n");
    met.git_writes("unrelated", "x\n");
    met.git.import(&met.group, 0, &[], 0);
    sleep(Duration::from_secs(5));
    met.theirs("g", "ledger time goes on\n");

    met.git_writes("unrelated", "y\n");
    assert_eq!(met.git.import(&met.group, 0, &[], 0)["changes"], 1);
    met.git_writes("f", "ours\n");
    let refused = met.git.import(&met.group, 0, &[], 1);
    assert!(word(&refused, "error").contains("others have changed f before the last import"), "{refused}");
    assert_eq!(met.file("f"), "theirs\n");

    met.git.import(&met.group, 0, &["--over"], 0);
    assert_eq!(met.file("f"), "ours\n");
}

#[test]
fn an_import_after_a_named_commit_deletes_nothing_twice() {
    let met = Met::new();
    says(&met.group, &author(&met.group, 1), 0, &["rm", "gone"], 0);
    met.git.says(&["rm", "-q", "gone"]);
    met.git.commit("gone");
    assert_eq!(met.git.import(&met.group, 0, &["--after", "HEAD~1"], 0)["commits"], 1);
}

#[test]
fn an_import_after_a_named_commit_goes_on_changing_files_that_others_brought_before() {
    let met = Met { git: Git::new(), group: Group::running(4) };
    met.theirs("f", "1\n");
    met.git_writes("f", "1\n");
    let named = met.git.line()[0].clone();
    met.git_writes("unrelated", "x\n");
    assert_eq!(met.git.import(&met.group, 0, &["--after", &named], 0)["changes"], 1);

    for (content, flags) in [("2\n", &["--after", &named][..]), ("3\n", &[])] {
        met.git_writes("f", content);
        assert_eq!(met.git.import(&met.group, 0, flags, 0)["changes"], 1);
        assert_eq!(met.file("f"), content);
    }
}

#[test]
fn a_file_that_comes_where_others_have_a_folder_is_a_conflict_and_ends_no_import() {
    let met = Met::new();
    met.theirs("d/x", "theirs\n");
    met.git_writes("d", "ours\n");
    assert_eq!(met.git.import(&met.group, 0, &[], 1)["conflicts"], 1);
    met.git_writes("unrelated", "x\n");
    assert_eq!(met.git.import(&met.group, 0, &[], 0)["changes"], 1);
}

/// The import after a named commit has seen that the file is gone.
#[test]
fn over_gets_past_a_deletion_that_is_done() {
    let met = Met::new();
    says(&met.group, &author(&met.group, 1), 0, &["rm", "gone"], 0);
    met.git_writes("unrelated", "x\n");
    met.git.import(&met.group, 0, &["--after", "HEAD~1"], 0);
    met.git.says(&["rm", "-q", "gone"]);
    met.git.commit("gone");
    assert_eq!(met.git.import(&met.group, 0, &["--over"], 0)["commits"], 1);
}

#[test]
fn a_file_that_others_made_before_the_first_import_is_not_written_over_by_a_later_one() {
    let met = Met { git: Git::new(), group: Group::running(4) };
    met.theirs("g", "theirs\n");
    met.git_writes("f", "1\n");
    met.git.import(&met.group, 0, &[], 0);
    met.git_writes("g", "ours\n");

    let refused = met.git.import(&met.group, 0, &[], 1);

    assert!(word(&refused, "error").contains("others have changed g"), "{refused}");
    assert_eq!(met.file("g"), "theirs\n");
}

#[test]
fn a_content_that_the_clone_lacks_is_not_told_as_a_change_of_others() {
    let met = Met { git: Git::new(), group: Group::running(4) };
    met.theirs("g", "1\n");
    met.git_writes("g", "1\n");
    met.git_writes("f", "x\n");
    met.git.import(&met.group, 0, &["--after", "HEAD~1"], 0);
    met.git_writes("g", "2\n");
    met.git.loses("HEAD~1:g");

    let refused = met.git.import(&met.group, 0, &[], 2);

    assert!(
        word(&refused, "error").starts_with("g of commit ") && word(&refused, "next").contains("--filter"),
        "{refused}"
    );
}

/// The base of the first import has what others made, and not what they changed later.
#[test]
fn a_file_that_others_made_before_the_first_import_and_changed_since_is_not_written_over() {
    let met = Met { git: Git::new(), group: Group::running(4) };
    met.theirs("g", "1\n2\n3\n4\n5\n");
    met.git_writes("f", "1\n");
    met.git.import(&met.group, 0, &[], 0);
    met.theirs("g", "1\n2\n3\n4\nfive\n");
    met.git_writes("g", "one\n2\n3\n4\n5\n");

    let refused = met.git.import(&met.group, 0, &[], 1);

    assert!(word(&refused, "error").contains("others have changed g"), "{refused}");
    assert_eq!(met.file("g"), "1\n2\n3\n4\nfive\n");
}

/// Only the own changes can be a base.
#[test]
fn what_others_changed_beside_an_import_of_another_key_is_told_as_that_and_not_as_long_ago() {
    let (git, group) = (Git::new(), Group::running(4));
    let colleague = new_key(&group, "colleague.key");
    says(&group, &author(&group, 0), 0, &["identities", "enrol", text(&colleague)], 0);
    let met = Met { git, group };
    met.git_writes("f", "1\n");
    says(&met.group, &colleague, 0, &["import", "--git", text(met.git.dir.path())], 0);
    met.theirs("f", "theirs\n");
    met.git_writes("f", "ours\n");

    let refused = met.git.import(&met.group, 0, &["--trust", text(&colleague)], 1);

    assert!(word(&refused, "error").contains("which another key has signed"), "{refused}");
    assert_eq!(met.file("f"), "theirs\n");
}

#[test]
fn a_file_that_others_made_before_a_history_that_was_rewritten_is_not_written_over() {
    let met = Met { git: Git::new(), group: Group::running(4) };
    met.theirs("g", "theirs\n");
    met.git_writes("f", "1\n");
    met.git.import(&met.group, 0, &[], 0);
    met.git.says(&["commit", "-q", "--amend", "-m", "rewritten"]);
    met.git_writes("unrelated", "x\n");
    met.git.import(&met.group, 0, &["--after", "HEAD~1"], 0);
    met.git_writes("g", "ours\n");

    let refused = met.git.import(&met.group, 0, &[], 1);

    assert!(word(&refused, "error").contains("others have changed g"), "{refused}");
    assert_eq!(met.file("g"), "theirs\n");
}

#[test]
fn a_path_whose_file_others_have_removed_before_the_first_import_is_free() {
    let met = Met { git: Git::new(), group: Group::running(4) };
    met.theirs("tmp.txt", "theirs\n");
    says(&met.group, &author(&met.group, 1), 0, &["rm", "tmp.txt"], 0);
    met.git_writes("f", "1\n");
    met.git.import(&met.group, 0, &[], 0);
    met.git_writes("tmp.txt", "ours\n");
    assert_eq!(met.git.import(&met.group, 0, &[], 0)["changes"], 1);
    assert_eq!(met.file("tmp.txt"), "ours\n");
}
