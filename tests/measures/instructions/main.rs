//! `instructions [--accept]`: instructions of the core, of decoding, of execution and of a merge, counted under valgrind.
//!
//! Each case runs N times and 2N times, in processes that prepare the same; the difference over N is what one costs. Times
//! differ from run to run, counts only with the program: a case that costs 3 % more than `counts.txt` says is a failure,
//! and `--accept` writes the file anew, for a commit that says why. `run` beside this file builds as the gate does.

mod consensus;
mod counts;
mod encodings;
mod execution;
mod merging;
#[path = "../../../ledger/tests/support/mod.rs"]
mod support;
mod surroundings;
mod valgrind;

use clap::Parser;
use counts::{Comparison, Counts};
use std::path::Path;
use std::process::ExitCode;

/// File of the accepted counts.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/measures/instructions/counts.txt");

/// Work that is counted.
struct Case {
    name: &'static str,
    /// Repetitions of the shorter run.
    times: usize,
    /// Prepares for so many repetitions, and works through so many of them. Frees nothing at its end: the work is done by
    /// then, and what was prepared and not used would count for the shorter run alone.
    work: fn(usize, usize),
}

const CASES: [Case; 5] = [
    Case { name: "a slot of 16 changes through the cores of a group of four", times: 128, work: consensus::slots },
    Case { name: "a bundle of 80 envelopes decoded", times: 200, work: encodings::bundles },
    Case { name: "an envelope decoded, its form checked, its name hashed", times: 2_000, work: encodings::envelopes },
    Case { name: "a slot of 100 changes executed on 1,000 files", times: 5, work: execution::slots },
    Case { name: "a JSON file merged, 10 edits on either side", times: 50, work: merging::documents },
];

/// Counts instructions under valgrind and compares them with those that are kept.
#[derive(Parser)]
struct Arguments {
    /// Keeps the counts of this run.
    #[arg(long)]
    accept: bool,
    /// Place of the case that this process is to work through, as the counting process starts it.
    #[arg(long, hide = true, requires = "times")]
    case: Option<usize>,
    /// How often.
    #[arg(long, hide = true)]
    times: Option<usize>,
}

fn main() -> anyhow::Result<ExitCode> {
    let Arguments { accept, case, times } = Arguments::parse();
    if let (Some(case), Some(times)) = (case, times) {
        println!("{}", surroundings::processor());
        (CASES[case].work)(2 * CASES[case].times, times);
        return Ok(ExitCode::SUCCESS);
    }
    let now = count()?;
    if accept {
        std::fs::write(KEPT, now.to_string())?;
        print!("{now}");
        return Ok(ExitCode::SUCCESS);
    }
    let kept = Counts::read(Path::new(KEPT))?;
    if kept.surroundings != now.surroundings {
        println!("{now}");
        println!("SKIPPED: the counts that are kept are of another machine or compiler:\n{}", kept.surroundings);
        return Ok(ExitCode::SUCCESS);
    }
    let comparison = Comparison::of(&kept, &now);
    println!("{comparison}");
    Ok(ExitCode::from(u8::from(comparison.fails())))
}

fn count() -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    for (place, case) in CASES.iter().enumerate() {
        let (processor, instructions) = valgrind::instructions_of_one(place, case.times)?;
        counts.surroundings = surroundings::with(processor)?;
        counts.cases.insert(case.name.to_owned(), instructions);
    }
    Ok(counts)
}
