//! `quorate bench`: load from outside on a group of this program.

use super::failure::{Exit, Failure, Outcome};
use super::print;
use quorate_bench::{BenchArgs, measure, page};
use std::fs;

/// Measures, writes the page, and prints.
pub async fn run(args: &BenchArgs) -> Outcome {
    let program = std::env::current_exe().map_err(|error| Failure::usage(format!("where this program is: {error}")))?;
    let failed = |error: anyhow::Error| Failure::new(Exit::Unreachable, format!("{error:#}"));
    let report = measure(args, &program).await.map_err(failed)?;
    if let Some(file) = &args.report {
        let json = serde_json::to_string_pretty(&report).expect("a report is JSON");
        let written = fs::write(file, page(&report, &json));
        written.map_err(|error| Failure::file(file, error))?;
        tell!("bench: wrote {}", file.display());
    }
    match args.json {
        true => print::json(&report)?,
        false => print::say(&report)?,
    }
    Ok(())
}
