//! `bugs`: known mistakes, each planted and looked for.

use super::say;
use quorate_tests::bugs::{self, Hunted, Mistake, Shard};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Lists the mistakes of a shard, or looks for them; exit 1 where one was not found.
pub fn run(
    list: bool,
    only: Option<&str>,
    shard: Shard,
    results: Option<&Path>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let (root, mistakes) = wanted(only, shard)?;
    let mut all = match list {
        true => mistakes.iter().map(Hunted::unknown).collect(),
        false => bugs::hunt_all(&root, &mistakes, results, |at, hunted| {
            eprintln!("[{} of {}] {:.0} s, {hunted}", at + 1, mistakes.len(), hunted.seconds);
        })?,
    };
    all.sort_by(|a, b| a.name.cmp(&b.name));
    print(&all, list, json);
    Ok(ExitCode::from(u8::from(!list && all.iter().any(|hunted| !hunted.found))))
}

fn wanted(only: Option<&str>, shard: Shard) -> anyhow::Result<(PathBuf, Vec<Mistake>)> {
    let root = bugs::repository()?;
    let mut mistakes = bugs::all(&root)?;
    mistakes.retain(|mistake| only.is_none_or(|name| mistake.name == name));
    anyhow::ensure!(!mistakes.is_empty(), "there is no such mistake in tests/bugs; `bugs --list` says which there are");
    Ok((root, shard.of(mistakes)))
}

fn print(bugs: &[Hunted], listed: bool, json: bool) {
    if json {
        say(format_args!("{:#}", serde_json::json!({ "bugs": bugs })));
        return;
    }
    for bug in bugs {
        match listed {
            true => say(format_args!("{}: {} Breaks {}. `{}`", bug.name, bug.what, bug.breaks, bug.run)),
            false => say(bug),
        }
    }
    let found = bugs.iter().filter(|bug| bug.found).count();
    say(format_args!("{} mistakes{}", bugs.len(), if listed { String::new() } else { format!(", {found} found") }));
}
