//! `replay` and `shrink`: one seed.

use super::say;
use quorate_tests::campaign::replay_command;
use quorate_tests::plan::Plan;
use quorate_tests::presets::Preset;
use quorate_tests::run::{Failure, run};
use quorate_tests::shrink::{describe, shrink};
use serde_json::{Value, json};
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
        say(format_args!("{:#}", document(&plan, preset, outcome.failure.as_ref(), trace.then_some(&outcome.trace))));
    } else {
        say(format_args!("{plan:#?}"));
        say_trace(&outcome.trace);
        match &outcome.failure {
            None => say(format_args!("seed {seed} ({}): nothing found", plan.preset)),
            Some(failure) => say_failure(&plan, failure),
        }
    }
    ExitCode::from(u8::from(outcome.failure.is_some()))
}

/// Makes a failing seed smaller, and runs what is left; exit 0 where it does not fail.
pub fn shrunk(seed: u64, preset: Option<Preset>, trace: bool, json: bool) -> ExitCode {
    let plan = Plan::of(seed, preset);
    let Some(failure) = run(&plan, false).failure else {
        match json {
            true => say(format_args!("{:#}", with_sizes(document(&plan, preset, None, None), &plan, None))),
            false => say(format_args!("seed {seed} ({}): nothing found, nothing to shrink", plan.preset)),
        }
        return ExitCode::SUCCESS;
    };
    let small = shrink(&plan, &failure.oracle, Duration::from_secs(60));
    let outcome = run(&small, trace);
    let failure = outcome.failure.as_ref().unwrap_or(&failure);
    if json {
        let document = document(&plan, preset, Some(failure), trace.then_some(&outcome.trace));
        say(format_args!("{:#}", with_sizes(document, &plan, Some(&small))));
    } else {
        say(format_args!("{small:#?}"));
        say_trace(&outcome.trace);
        say(format_args!("before: {}\nafter:  {}", describe(&plan), describe(&small)));
        say_failure(&plan, failure);
    }
    ExitCode::from(1)
}

/// A run's document, with its trace by lines where that is wanted.
fn document(plan: &Plan, preset: Option<Preset>, failure: Option<&Failure>, trace: Option<&String>) -> Value {
    let failure = failure.map(|failure| {
        json!({ "oracle": failure.oracle, "what": failure.what, "replay": replay_command(plan.seed, preset) })
    });
    let mut document = json!({ "seed": plan.seed, "preset": plan.preset.to_string(), "failure": failure });
    if let Some(trace) = trace {
        document["trace"] = trace.lines().collect();
    }
    document
}

/// The document with a plan's size before and after it was made smaller.
fn with_sizes(mut document: Value, before: &Plan, after: Option<&Plan>) -> Value {
    document["before"] = describe(before).into();
    document["after"] = after.map(describe).into();
    document
}

fn say_trace(trace: &str) {
    if !trace.is_empty() {
        say(trace.trim_end_matches('\n'));
    }
}

fn say_failure(plan: &Plan, failure: &Failure) {
    say(format_args!("seed {} ({}), oracle {}: {}", plan.seed, plan.preset, failure.oracle, failure.what));
}
