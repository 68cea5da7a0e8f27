//! Commands that are more than a call and its summary.

pub mod arguments;
pub mod bugs;
pub mod seeds;

use serde::Serialize;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code of a run without a verdict.
pub const NO_VERDICT: u8 = 2;

/// Prints a line, or more; a reader that has gone, as `head` does, is no mistake of anybody.
pub fn say(text: impl Display) {
    if let Err(error) = writeln!(io::stdout(), "{text}") {
        assert!(error.kind() == ErrorKind::BrokenPipe, "standard output: {error}");
    }
}

/// Prints a summary; exit 1 where something failed.
pub fn tell<S: Serialize + Display>(summary: &S, has_failed: bool, json: bool) -> ExitCode {
    match json {
        true => say(serde_json::to_string_pretty(summary).expect("a summary is plain data")),
        false => say(summary),
    }
    ExitCode::from(u8::from(has_failed))
}

/// Prints the summary of a campaign over numbers; no verdict where there were fewer of them than it was asked for.
pub fn tell_of<S: Serialize + Display>(summary: &S, has_failed: bool, json: bool, played: u64, asked: u64) -> ExitCode {
    let code = tell(summary, has_failed, json);
    if has_failed || played >= asked {
        code
    } else {
        no_verdict(format!("{played} of {asked}, there are no more of them"))
    }
}

/// Says why there is no verdict.
pub fn no_verdict(why: impl Display) -> ExitCode {
    eprintln!("no verdict: {why}");
    ExitCode::from(NO_VERDICT)
}

/// The program to run; the one beside this where none is named.
pub fn program(named: Option<PathBuf>) -> Result<PathBuf, ExitCode> {
    named.or_else(quorate_beside).ok_or_else(|| {
        eprintln!("there is no `quorate` beside this program; build it, or name one with --program");
        eprintln!("  cargo build --release --bin quorate");
        ExitCode::from(NO_VERDICT)
    })
}

fn quorate_beside() -> Option<PathBuf> {
    let quorate = std::env::current_exe().ok()?.with_file_name("quorate");
    quorate.is_file().then_some(quorate)
}
