//! `quorate bench`: load from outside on a group of this program.

use super::failure::{Exit, Failure, Outcome};
use super::print;
use quorate_bench::{BenchArgs, measure, outage};
use serde::Serialize;
use std::fmt::Display;

/// Measures and prints.
pub async fn run(args: &BenchArgs) -> Outcome {
    let program = std::env::current_exe().map_err(|error| Failure::usage(format!("where this program is: {error}")))?;
    let failed = |error: anyhow::Error| Failure::new(Exit::Unreachable, format!("{error:#}"));
    if args.kill_primary {
        let outage = outage(args, program).await.map_err(failed)?;
        return show(&outage, args.json);
    }
    show(&measure(args, program).await.map_err(failed)?, args.json)
}

fn show<T: Serialize + Display>(report: &T, json: bool) -> Outcome {
    match json {
        true => print::json(report)?,
        false => print::say(report)?,
    }
    Ok(())
}
