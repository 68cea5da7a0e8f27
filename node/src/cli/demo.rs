//! `quorate demo`: a git history on a group of its own.

use super::failure::{Exit, Failure, Outcome};
use super::print;
use crate::demo::{self, DemoError};

/// Plays it and prints what came out.
pub fn run(args: &demo::Args) -> Outcome {
    let summary = demo::run(args).map_err(|error| Failure::new(exit(&error), &error))?;
    match args.json {
        true => print::json(&summary)?,
        false => print::say(&summary)?,
    }
    if summary.is_good() { Ok(()) } else { Err(Failure::no("not everything came out as it must; see above")) }
}

fn exit(error: &DemoError) -> Exit {
    match error.exit_code() {
        2 => Exit::Usage,
        3 => Exit::Unreachable,
        _ => Exit::No,
    }
}
