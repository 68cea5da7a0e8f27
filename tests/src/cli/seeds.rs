//! `replay` and `shrink`: one seed.

use quorate_tests::campaign::replay_command;
use quorate_tests::plan::Plan;
use quorate_tests::presets::Preset;
use quorate_tests::run::run;
use quorate_tests::shrink::{describe, shrink};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

/// A line on standard error now and then, when it is a terminal.
pub fn progress(seeds: u64) -> impl Fn(u64, usize) + Sync {
    let terminal = std::io::stderr().is_terminal();
    move |done, failed| {
        if terminal && (done % 20 == 0 || done == seeds) {
            eprint!("\r{done} of {seeds} seeds, {failed} failed{}", if done == seeds { "\n" } else { "" });
        }
    }
}

/// Runs one seed again, exactly; exit 1 where it fails.
pub fn replay(seed: u64, preset: Option<Preset>, trace: bool, json: bool) -> ExitCode {
    let plan = Plan::of(seed, preset);
    let outcome = run(&plan, trace);
    if json {
        let document = serde_json::json!({
            "seed": seed,
            "preset": plan.preset.to_string(),
            "failure": outcome.failure.as_ref().map(|failure| serde_json::json!({
                "oracle": failure.oracle, "what": failure.what, "replay": replay_command(seed, preset),
            })),
        });
        println!("{document:#}");
    } else {
        println!("{plan:#?}");
        print!("{}", outcome.trace);
        match &outcome.failure {
            None => println!("seed {seed} ({}): nothing found", plan.preset),
            Some(failure) => println!("seed {seed} ({}), oracle {}: {}", plan.preset, failure.oracle, failure.what),
        }
    }
    ExitCode::from(u8::from(outcome.failure.is_some()))
}

/// Makes a failing seed smaller, and runs what is left.
pub fn shrunk(seed: u64, preset: Option<Preset>, trace: bool) -> ExitCode {
    let plan = Plan::of(seed, preset);
    let Some(failure) = run(&plan, false).failure else {
        println!("seed {seed} ({}): nothing found, nothing to shrink", plan.preset);
        return ExitCode::SUCCESS;
    };
    let small = shrink(&plan, &failure.oracle, Duration::from_secs(60));
    let outcome = run(&small, trace);
    println!("{small:#?}");
    print!("{}", outcome.trace);
    println!("before: {}", describe(&plan));
    println!("after:  {}", describe(&small));
    let what = outcome.failure.map(|failure| failure.what).unwrap_or_default();
    println!("seed {seed} ({}), oracle {}: {what}", plan.preset, failure.oracle);
    ExitCode::from(1)
}
