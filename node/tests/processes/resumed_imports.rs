//! Imports of repositories that git has made: ended in the middle, run again, with branches, at a rate.

use crate::governance::{author, says, text, word};
use crate::group::{Group, eventually};
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A repository with a worktree, made by the program `git`.
pub struct Git {
    pub dir: tempfile::TempDir,
}

impl Git {
    pub fn new() -> Self {
        let git = Self { dir: tempfile::tempdir().expect("a folder") };
        git.says(&["init", "-q", "-b", "main"]);
        git
    }

    /// A history of so many commits of the first-parent line: files of each kind, deletions, merges, and one commit without
    /// files at its end.
    pub fn with_history(commits: usize) -> Self {
        let git = Self::new();
        for number in 1..commits {
            match number % 10 {
                4 => drop(git.says(&["rm", "-q", &format!("f{}", number - 3)])),
                5 => git.makes_executable(&format!("f{}", number - 2)),
                7 => {
                    git.merge(number);
                    continue;
                }
                _ => git.write(&format!("f{number}"), &format!("content {number}\n")),
            }
            git.commit(&format!("commit {number}"));
        }
        git.says(&["commit", "-q", "--allow-empty", "-m", "nothing"]);
        git
    }

    pub fn says(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Ada Ärlig", "-c", "user.email=ada@example.org"])
            .args(args)
            .current_dir(self.dir.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_DATE", "2021-03-04T05:06:07+02:00")
            .output()
            .expect("git runs");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    pub fn write(&self, path: &str, content: &str) {
        fs::write(self.dir.path().join(path), content).expect("our folder");
    }

    /// Takes away the content of a file of a commit, as a clone lacks it that was made with --filter.
    pub fn loses(&self, content: &str) {
        let blob = self.says(&["rev-parse", content]);
        let (folder, file) = blob.trim().split_at(2);
        fs::remove_file(self.dir.path().join(".git/objects").join(folder).join(file)).expect("a loose object");
    }

    pub fn commit(&self, message: &str) {
        self.says(&["add", "-A"]);
        self.says(&["commit", "-q", "-m", message]);
    }

    fn makes_executable(&self, path: &str) {
        self.says(&["update-index", "--chmod=+x", path]);
        self.says(&["checkout", "--", path]);
    }

    /// A branch of one commit, merged.
    fn merge(&self, number: usize) {
        self.says(&["checkout", "-q", "-b", &format!("side{number}")]);
        self.write(&format!("side{number}"), "side\n");
        self.commit("side");
        self.says(&["checkout", "-q", "main"]);
        self.says(&["merge", "-q", "--no-ff", "-m", "merge", &format!("side{number}")]);
        self.says(&["branch", "-q", "-d", &format!("side{number}")]);
    }

    /// Commits of the first-parent line, oldest first.
    pub fn line(&self) -> Vec<String> {
        let told = self.says(&["log", "--first-parent", "--reverse", "--format=%H"]);
        told.lines().map(str::to_owned).collect()
    }

    /// Modes and contents of the files, by path.
    pub fn files(&self) -> Vec<(String, String)> {
        let told = self.says(&["ls-tree", "-r", "HEAD"]);
        let file = |line: &str| {
            let (about, path) = line.split_once('\t').expect("a path");
            let kind = if about.starts_with("100755") { "exec" } else { "file" };
            (path.to_owned(), format!("{kind} {}", self.says(&["show", &format!("HEAD:{path}")])))
        };
        told.lines().map(file).collect()
    }

    pub fn import(&self, group: &Group, replica: usize, more: &[&str], code: i32) -> Value {
        says(group, &author(group, 0), replica, &[&["import", "--git", text(self.dir.path())], more].concat(), code)
    }
}

/// Entries of a domain's log, oldest first.
pub fn log(group: &Group, domain: &str) -> Vec<Value> {
    let told = group.get(0, &format!("/v1/domains/{domain}/log?limit=1000")).json();
    told["items"].as_array().expect("a list").iter().rev().cloned().collect()
}

/// Commits that a domain's log names, oldest first.
pub fn commits(group: &Group, domain: &str) -> Vec<String> {
    let named = |entry: &Value| Some(entry["message"].as_str()?.split_once("Git-Commit: ")?.1[..40].to_owned());
    log(group, domain).iter().filter_map(named).collect()
}

pub fn files(group: &Group) -> Vec<(String, String)> {
    let tree = group.get(0, "/v1/domains/main/tree?limit=1000").json();
    let file = |entry: &Value| {
        let path = word(entry, "path");
        (path.to_owned(), format!("{} {}", word(entry, "mode"), group.file(0, path, "sequential").text()))
    };
    tree["items"].as_array().expect("a list").iter().map(file).collect()
}

#[test]
fn an_import_that_is_killed_again_and_again_brings_in_every_commit_once() {
    let (git, group) = (Git::with_history(80), Group::running(4));
    for killed in 1..=3 {
        let mut import = Command::new(env!("CARGO_BIN_EXE_quorate"))
            .args(["import", "--rate", "15", "--git", text(git.dir.path()), "--key"])
            .arg(author(&group, 0))
            .env("QUORATE_NODE", format!("http://{}", group.api(0)))
            .stdout(Stdio::null())
            .spawn()
            .expect("quorate runs");
        eventually("more of it is there", || (commits(&group, "main").len() >= 15 * killed).then_some(()));
        import.kill().expect("it can be killed");
        import.wait().expect("it ends");
        assert!(commits(&group, "main").len() < 80, "it was killed too late");
    }

    let rest = git.import(&group, 1, &[], 0);

    assert!(rest["after"].is_string() && rest["changes"].as_u64().is_some_and(|changes| changes < 40), "{rest}");
    assert_eq!(commits(&group, "main"), git.line());
    assert_eq!(files(&group), git.files());
    let again = git.import(&group, 2, &[], 0);
    assert_eq!((&again["commits"], &again["changes"]), (&0.into(), &0.into()));
    assert_eq!(log(&group, "main").len(), 80);
}

#[test]
fn new_commits_go_in_alone_and_a_history_that_was_rewritten_is_refused() {
    let (git, group) = (Git::with_history(12), Group::unpaced());
    git.import(&group, 0, &["--commits", "3"], 0);
    let newest = git.line()[8..].to_vec();
    assert_eq!(commits(&group, "main"), newest, "the tree below the newest three, and they");
    git.merge(20);
    git.write("f3", "changed\n");
    git.commit("more");

    let more = git.import(&group, 0, &[], 0);

    assert_eq!((&more["commits"], word(&more, "after")), (&2.into(), newest[3].as_str()));
    assert_eq!(commits(&group, "main"), git.line()[8..]);
    assert_eq!(files(&group), git.files());
    git.says(&["commit", "-q", "--amend", "-m", "another"]);
    let refused = git.import(&group, 0, &[], 1);
    assert!(word(&refused, "error").contains("which is not on main: nothing was sent"), "{refused}");
    assert_eq!(log(&group, "main").len(), 6);
    git.write("f30", "later\n");
    git.commit("later");
    let told = git.import(&group, 0, &["--after", "HEAD~1"], 0);
    assert_eq!(told["changes"], 1);
    assert_eq!(files(&group), git.files());
}

#[test]
fn each_branch_goes_into_the_domain_of_its_name_once_all_of_them_are_there() {
    let (git, group) = (Git::with_history(6), Group::running(1));
    git.says(&["checkout", "-q", "-b", "topic/one", "HEAD~2"]);
    git.write("topic", "t\n");
    git.commit("topic");
    git.says(&["checkout", "-q", "main"]);
    let refused = git.import(&group, 0, &["--branches", "all"], 1);
    assert!(word(&refused, "error").contains("no domain topic-one: nothing was sent"), "{refused}");
    assert!(log(&group, "main").is_empty());
    says(&group, &author(&group, 0), 0, &["domains", "create", "topic-one"], 0);

    let told = git.import(&group, 0, &["--branches", "all"], 0);

    let branches = told["branches"].as_array().expect("a list");
    let into: Vec<_> = branches.iter().map(|told| (word(told, "branch"), word(told, "domain"))).collect();
    assert_eq!(into, [("main", "main"), ("topic/one", "topic-one")]);
    assert_eq!(commits(&group, "main"), git.line());
    git.says(&["checkout", "-q", "topic/one"]);
    assert_eq!(commits(&group, "topic-one"), git.line());
    let again = git.import(&group, 0, &["--branch", "topic/one", "--domain", "topic-one"], 0);
    assert_eq!(again["changes"], 0);
}

#[test]
fn no_more_changes_go_out_in_a_second_than_the_rate_says() {
    let (git, group) = (Git::with_history(31), Group::unpaced());
    let begun = Instant::now();
    git.import(&group, 0, &["--rate", "20"], 0);
    assert!(begun.elapsed() >= Duration::from_millis(1_500), "{:?}", begun.elapsed());
}

/// Another organisation says that it has brought in the newest commit.
#[test]
fn words_of_other_organisations_about_commits_leave_out_none() {
    let (git, group) = (Git::with_history(5), Group::running(4));
    let (file, said) = (git.dir.path().join("f2"), git.line()[4].clone());
    let message = format!("Git-Commit: {said}\nGit-Author: A <a@b>\nGit-Date: now");
    says(&group, &author(&group, 1), 0, &["put", "theirs", text(&file), "--message", &message], 0);
    assert_eq!(git.import(&group, 0, &[], 0)["commits"], 5);
}

#[test]
fn a_mirror_of_an_import_names_the_authors_of_git_and_when_they_wrote() {
    let (git, group) = (Git::with_history(9), Group::unpaced());
    git.import(&group, 0, &[], 0);
    let mirror = git.dir.path().join("mirror.git");
    says(&group, &author(&group, 0), 0, &["export", "--git", text(&mirror)], 0);
    let format = "--format=%an <%ae> %aI %T";
    let there = git.says(&["-C", text(&mirror), "log", "--first-parent", format]);
    assert_eq!(there, git.says(&["log", "--first-parent", format]));
    assert!(there.starts_with("Ada Ärlig <ada@example.org> 2021-03-04T05:06:07+02:00 "), "{there}");
    git.says(&["-C", text(&mirror), "fsck", "--strict"]);
}
