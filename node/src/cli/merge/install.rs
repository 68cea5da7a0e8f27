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

/// Writes the configuration of the repository here, or of the user.
pub fn run(global: bool, as_json: bool) -> Result<(), Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::usage(format!("where this program is: {error}")))?;
    let program = program.to_str().ok_or_else(|| Failure::usage("this program's path is not UTF-8"))?;
    let settings = settings(program);
    for (key, value) in &settings {
        set(global, key, value)?;
    }
    let scope = if global { "--global" } else { "--local" };
    let undo = format!("git config {scope} --unset merge.default && git config {scope} --remove-section merge.quorate");
    if as_json {
        return Ok(print::json(&json!({ "installed": settings.map(|(key, _)| key), "undo": undo }))?);
    }
    let whose = if global { "all of this user's repositories" } else { "this repository" };
    print::say(format_args!("git now merges with quorate in {whose}"))?;
    Ok(print::say(format_args!("to undo: {undo}"))?)
}

fn settings(program: &str) -> [(&'static str, String); 4] {
    // git quotes %P and the labels itself; %L is a number, and the other three are names that it made.
    let merge = format!("{} merge --driver --marker-size=%L --path=%P --labels %X %S %Y %O %A %B", quoted(program));
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

fn set(global: bool, key: &str, value: &str) -> Result<(), Failure> {
    let scope = if global { "--global" } else { "--local" };
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
