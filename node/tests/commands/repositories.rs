//! Git repositories with two branches that changed the same files.

use crate::{code, folder, quorate};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Runs git in a repository, without the user's configuration.
pub fn git(folder: &Path, args: &[&str]) -> Output {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.args(identity).args(args).output().expect("git was asked for its version before")
}

/// Whether there is a git to make repositories with.
pub fn git_is_here() -> bool {
    let is_here = Command::new("git").arg("--version").output().is_ok();
    if !is_here {
        eprintln!("SKIPPED: no git here to make repositories with");
    }
    is_here
}

/// Whether there is a git that tells drivers the names of the sides, as every one since 2.44 does.
pub fn git_names_the_sides() -> bool {
    let version = Command::new("git").arg("--version").output().ok().and_then(|said| {
        let said = String::from_utf8(said.stdout).ok()?;
        let mut numbers = said.split_whitespace().nth(2)?.split('.').map(|number| number.parse::<u32>().ok());
        Some((numbers.next()??, numbers.next()??))
    });
    if version < Some((2, 44)) {
        eprintln!("SKIPPED: no git of 2.44 or newer here, so the merge driver was not tried under it");
    }
    version >= Some((2, 44))
}

/// A repository with the driver, in which `main` and the branch `topic`, which is checked out, changed files from a base.
pub fn diverged(attributes: &str, files: &[(&str, [&str; 3])]) -> TempDir {
    let folder = folder(&[(".gitattributes", attributes)]);
    let here = folder.path();
    let commit = |side: usize| {
        files.iter().for_each(|(name, sides)| fs::write(here.join(name), sides[side]).expect("a file"));
        git(here, &["add", "."]);
        assert_eq!(code(&git(here, &["commit", "-qm", "x"])), 0);
    };
    git(here, &["init", "-q", "-b", "main"]);
    assert_eq!(code(&quorate(here, &["merge", "--install"])), 0);
    commit(0);
    git(here, &["branch", "topic"]);
    commit(1);
    git(here, &["checkout", "-q", "topic"]);
    commit(2);
    folder
}

pub fn shown(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect("a file")
}
