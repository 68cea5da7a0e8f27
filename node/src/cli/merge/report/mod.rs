//! `quorate merge --report`: a whole merge of a git repository, file by file, beside what `git merge-file` has and beside what was
//! committed.

mod left_out;
mod page;
mod trees;
mod whole;

use crate::cli::failure::Failure;
use crate::cli::print;
use left_out::LeftOut;
use quorate_git::{Commit, GitError, Repository};
use quorate_semantic::Options;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use whole::{Answer, File, Whole};

/// Merges RANGE of the repository here; whether that is clean.
pub fn run(range: &str, out: Option<&Path>, as_json: bool, options: &Options) -> Result<bool, Failure> {
    if out.is_none() && !as_json {
        return Err(Failure::usage("a report goes to a file: --out F.html, or --json, or both"));
    }
    let whole = whole(range, options).map_err(Failure::usage)?;
    if let Some(out) = out {
        fs::write(out, page::of(range, &whole)).map_err(|error| Failure::file(out, error))?;
    }
    match out {
        _ if as_json => print::json(&document(range, &whole))?,
        Some(out) => print::say(format_args!("{} {} has each file.", summary(&whole), out.display()))?,
        None => (),
    }
    Ok(whole.is_clean())
}

fn whole(range: &str, options: &Options) -> Result<Whole, GitError> {
    let repository = Repository::open(Path::new("."))?;
    let fork = repository.fork(range)?;
    Whole::of(&repository, fork, options)
}

/// Counts in words.
fn summary(whole: &Whole) -> String {
    let mut rungs: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut clean, mut gits) = (0, 0);
    for file in &whole.files {
        if let Answer::Clean(_, rung) = &file.answer {
            *rungs.entry(rung.name()).or_default() += 1;
            clean += 1;
        }
        gits += usize::from(file.gits().is_some());
    }
    let rungs: Vec<String> = rungs.into_iter().map(|(rung, count)| format!("{rung} {count}")).collect();
    let rungs = if rungs.is_empty() { String::new() } else { format!(" ({})", rungs.join(", ")) };
    let conflicts = whole.files.len() - clean;
    format!(
        "Files that both sides changed: {}, merged {clean}{rungs}, in conflict {conflicts}; `git merge-file` merges {gits}. Files that one side changed: {}.",
        whole.files.len(),
        whole.one_sided.len()
    )
}

fn document(range: &str, whole: &Whole) -> Value {
    let commit = |commit: &Commit| json!({ "commit": commit.id.to_string(), "title": commit.title() });
    let one_sided =
        |(path, committed): &(String, Option<bool>)| json!({ "path": path, "same_as_committed": committed });
    let left_out = |entry: &LeftOut| json!({ "path": entry.path, "reason": entry.reason.to_string() });
    json!({
        "range": range,
        "clean": whole.is_clean(),
        "base": whole.fork.base.as_ref().map(commit),
        "bases": whole.fork.bases,
        "ours": commit(&whole.fork.ours),
        "theirs": commit(&whole.fork.theirs),
        "committed": whole.fork.merged.as_ref().map(commit),
        "files": whole.files.iter().map(file).collect::<Vec<_>>(),
        "one_sided": whole.one_sided.iter().map(one_sided).collect::<Vec<_>>(),
        "left_out": whole.left_out.iter().map(left_out).collect::<Vec<_>>(),
    })
}

fn file(file: &File) -> Value {
    let (rung, conflict) = match &file.answer {
        Answer::Clean(_, rung) => (rung.name(), Value::Null),
        Answer::Conflict(conflict) => ("none", super::parsed(conflict)),
        Answer::Paths(why) => ("none", json!({ "class": "structural", "reason": why })),
    };
    let git = match (&file.by_lines, file.gits()) {
        (None, _) => "none",
        (_, None) => "conflict",
        (_, Some(_)) => "clean",
    };
    json!({
        "path": file.path,
        "from": file.from,
        "clean": file.is_clean(),
        "rung": rung,
        "conflict": conflict,
        "git": git,
        "same_as_git": file.is_as_git(),
        "same_as_committed": file.is_as_committed(),
    })
}
