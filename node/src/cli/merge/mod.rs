//! `quorate merge`: the merge layer alone, also as git's merge driver.
//!
//! Exit codes are git's: 0 clean, 1 conflict, 129 for every error.

mod by_git;
mod explain;
mod install;
mod marks;
mod report;

use super::failure::Failure;
use super::print;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use marks::Marks;
use quorate_semantic::{Conflict, Input, Options, Outcome};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit code that git takes for an error of a merge driver.
pub const ERROR: u8 = 129;

/// Merge OURS and THEIRS, which both come from BASE
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The common ancestor
    #[arg(required_unless_present_any = ["install", "report"], conflicts_with_all = ["install", "report"])]
    base: Option<PathBuf>,
    /// First side of the merge
    #[arg(required_unless_present_any = ["install", "report"])]
    ours: Option<PathBuf>,
    /// The other side
    #[arg(required_unless_present_any = ["install", "report"])]
    theirs: Option<PathBuf>,
    /// The file's path in its repository: its name chooses how it is merged [default: OURS]
    #[arg(long, value_name = "P", value_parser = OsStringValueParser::new().map(|path| path.to_string_lossy().into_owned()))]
    path: Option<String>,
    /// Write the result into OURS, as git expects of a merge driver
    #[arg(long)]
    driver: bool,
    /// Say on standard error how the merge was done, and what is proposed where it could not be
    #[arg(long)]
    explain: bool,
    /// Print a JSON document instead of the merge
    #[arg(long)]
    json: bool,
    /// Keep a version that both sides raised as a conflict, instead of taking the newer one
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    marks: Marks,
    /// Merge two commits of the git repository here and report on each file: a merge commit, or A...B
    #[arg(long, value_name = "RANGE", conflicts_with_all = ["path", "driver", "explain", "install", "marker_size", "labels", "conflict_style"])]
    report: Option<String>,
    /// With --report: the page to write
    #[arg(long, value_name = "F.html", requires = "report")]
    out: Option<PathBuf>,
    /// Make quorate the merge driver of this git repository
    #[arg(long, conflicts_with_all = ["path", "driver", "explain", "marker_size", "labels", "conflict_style"])]
    install: bool,
    /// With --install: of all of this user's repositories
    #[arg(long, requires = "install")]
    global: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    let ended = match (&args.base, &args.ours, &args.theirs, &args.report) {
        (Some(base), Some(ours), Some(theirs), _) => merge(args, [base, ours, theirs]),
        (_, _, _, Some(range)) => report::run(range, args.out.as_deref(), args.json, &options(args)),
        _ => install::run(args.global, args.json).map(|()| true),
    };
    match ended {
        Ok(clean) => ExitCode::from(u8::from(!clean)),
        Err(failure) => failure.report_as(ERROR, args.json),
    }
}

fn merge(args: &Args, files: [&Path; 3]) -> Result<bool, Failure> {
    if !args.driver {
        args.marks.check()?;
    }
    let [base, our_bytes, their_bytes] = [read(files[0])?, read(files[1])?, read(files[2])?];
    let ours = files[1];
    let path = args.path.clone().unwrap_or_else(|| ours.to_string_lossy().into_owned());
    let options = options(args);
    let input = Input { base: Some(&base), ours: &our_bytes, theirs: &their_bytes, path: &path, options: &options };
    let outcome = quorate_semantic::merge(&input);
    let merged = Merged::of(&outcome, &our_bytes, args, files);
    if args.driver {
        fs::write(ours, &merged.bytes).map_err(|error| Failure::file(ours, error))?;
    }
    if args.json {
        print::json(&document(&path, &outcome, &merged))?;
    } else if !args.driver {
        print::bytes(&merged.bytes)?;
    }
    if args.explain {
        print::explain(&explain::words(&path, &our_bytes, &outcome));
        print::explain(if merged.is_gits { explain::GITS } else { "" });
    } else {
        tell_of_none(&path, &outcome, &merged);
    }
    Ok(merged.clean)
}

fn options(args: &Args) -> Options {
    Options { newest_version: !args.strict, ..Options::default() }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::file(path, error))
}

struct Merged {
    clean: bool,
    bytes: Vec<u8>,
    /// Whether git made it, by lines.
    is_gits: bool,
}

impl Merged {
    /// The merge, or OURS with markers where lines are disputed. Where nothing can be shown by lines, a driver has git's merge,
    /// and whoever has none OURS.
    fn of(outcome: &Outcome, ours: &[u8], args: &Args, files: [&Path; 3]) -> Self {
        let made = |clean, bytes| Self { clean, bytes, is_gits: false };
        match outcome {
            Outcome::Clean { bytes, .. } => made(true, bytes.clone()),
            Outcome::Conflict(conflict) => match args.marks.around(conflict, args.driver) {
                Some(marked) => made(false, marked),
                None => {
                    let gits = args.driver.then(|| by_git::merge(conflict, &args.marks.gits(), files)).flatten();
                    gits.unwrap_or_else(|| made(false, ours.to_vec()))
                }
            },
        }
    }
}

/// Says of a file that keeps OURS without markers why it does: git calls the same a conflict, and shows none.
fn tell_of_none(path: &str, outcome: &Outcome, merged: &Merged) {
    let Outcome::Conflict(conflict) = outcome else { return };
    if conflict.pieces.is_empty() && !merged.is_gits {
        tell!("quorate: cannot merge {}: {}; it stays as OURS has it", print::plain(path), conflict.reason.words());
    }
}

fn document(path: &str, outcome: &Outcome, merged: &Merged) -> Value {
    let (rung, conflict) = match outcome {
        Outcome::Clean { rung, .. } => (rung.name(), Value::Null),
        Outcome::Conflict(_) if merged.clean => ("git", Value::Null),
        Outcome::Conflict(conflict) => ("none", parsed(conflict)),
    };
    let result = std::str::from_utf8(&merged.bytes).ok();
    json!({ "path": path, "clean": merged.clean, "rung": rung, "conflict": conflict, "result": result })
}

fn parsed(conflict: &Conflict) -> Value {
    serde_json::from_str(&quorate_semantic::json(conflict)).expect("the merge layer writes JSON")
}
