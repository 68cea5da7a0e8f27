//! `quorate merge --install`: git's configuration for the merge driver.
//!
//! `merge.default` names the driver for paths that have no `merge` attribute, so a repository's own attributes (`binary`,
//! `merge=union`) go on to win.

use super::ERROR;
use crate::cli::failure::{Exit, Failure};
use crate::cli::print::{self, quoted};
use serde_json::json;
use std::io;
use std::process::Command;

/// Advice outside of a repository.
const ELSEWHERE: &str = "`cd` into one, or give --global: of all of this user's repositories";

/// Name in git's configuration of the driver that `merge.default` named before.
const BEFORE: &str = "merge.quorate.before";

/// Writes the configuration of the repository here, or of the user.
pub fn run(global: bool, as_json: bool) -> Result<(), Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::usage(format!("where this program is: {error}")))?;
    let program = program.to_str().ok_or_else(|| Failure::usage("this program's path is not UTF-8"))?;
    let settings = settings(program);
    let scope = if global { "--global" } else { "--local" };
    let before = before(scope);
    if before.is_none() {
        // An earlier installation's, where git has one; without git the next line errs.
        let _ = Command::new("git").args(["config", scope, "--unset-all", BEFORE]).output();
    }
    let kept = before.iter().map(|other| (BEFORE, other));
    for (key, value) in settings.iter().map(|(key, value)| (*key, value)).chain(kept) {
        set(scope, key, value)?;
    }
    let back = match &before {
        Some(other) => format!("merge.default {}", quoted(other)),
        None => "--unset merge.default".to_owned(),
    };
    let undo = format!("git config {scope} {back} && git config {scope} --remove-section merge.quorate");
    if as_json {
        let installed = settings.map(|(key, _)| key);
        return Ok(print::json(&json!({ "installed": installed, "before": before, "undo": undo }))?);
    }
    let whose = if global { "all of this user's repositories" } else { "this repository" };
    print::say(format_args!("git now merges with quorate in {whose}"))?;
    if let Some(other) = &before {
        print::say(format_args!("merge.default named another driver there: {}", print::plain(other)))?;
    }
    print::say("-X ours and -X theirs need git's own merge: git -c merge.default= merge -X ours BRANCH")?;
    Ok(print::say(format_args!("to undo: {undo}"))?)
}

fn settings(program: &str) -> [(&'static str, String); 4] {
    // git makes % of %%, quotes %P and the labels itself; %L is a number, and the other three are names that it made.
    let merge = format!(
        "{} merge --driver --marker-size=%L --path=%P --labels %X %S %Y %O %A %B",
        quoted(&program.replace('%', "%%"))
    );
    // Up to 128 is a conflict for git, and 126 and 127 are a shell's codes for a program that is gone.
    let driver = format!("{merge}; ended=$?; test $ended -le 1 || ended={ERROR}; exit $ended");
    [
        ("merge.quorate.name", "quorate: merges by meaning".into()),
        ("merge.quorate.driver", driver),
        // Merges of ancestors may hold markers of conflicts: those are text.
        ("merge.quorate.recursive", "text".into()),
        ("merge.default", "quorate".into()),
    ]
}

/// Driver that `merge.default` named before the first installation; none where that was none.
fn before(scope: &str) -> Option<String> {
    let get = |key| {
        let asked = Command::new("git").args(["config", scope, "--get", key]).output().ok()?;
        let value = String::from_utf8(asked.stdout).ok()?.trim_end().to_owned();
        Some(value).filter(|value| !value.is_empty())
    };
    match get("merge.default") {
        Some(driver) if driver == "quorate" => get(BEFORE),
        other => other,
    }
}

fn set(scope: &str, key: &str, value: &str) -> Result<(), Failure> {
    let by_hand = format!("by hand: git config {scope} {key} {}", quoted(value));
    match Command::new("git").env("LC_ALL", "C").args(["config", scope, key, value]).output() {
        Ok(ended) if ended.status.success() => Ok(()),
        Ok(ended) => {
            let words = String::from_utf8_lossy(&ended.stderr);
            if words.contains("only be used inside a git repository") {
                return Err(Failure::usage("this folder is in no git repository").next(ELSEWHERE));
            }
            let what = format!("git config ended with {}: {}", ended.status, print::plain(words.trim()));
            Err(Failure::usage(what).next(by_hand))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::usage("there is no `git` program").next(by_hand))
        }
        Err(error) => Err(Failure::new(Exit::Usage, format!("git: {error}")).next(by_hand)),
    }
}
