//! `quorate bench`: load from outside on a group of this program.

use super::failure::{Exit, Failure, Outcome};
use super::print;
use quorate_bench::{BenchArgs, measure};

/// Measures and prints.
pub async fn run(args: &BenchArgs) -> Outcome {
    let program = std::env::current_exe().map_err(|error| Failure::usage(format!("where this program is: {error}")))?;
    let report = measure(args, program).await.map_err(|error| Failure::new(Exit::Unreachable, format!("{error:#}")))?;
    match args.json {
        true => print::json(&report)?,
        false => print::say(&report)?,
    }
    Ok(())
}
