//! `quorate-tests`: the test machine's commands. `docs/testing.md` explains them.

mod cli;

use clap::Parser;
use cli::arguments::{Arguments, Command};
use cli::{NO_VERDICT, no_verdict, program, say, tell, tell_of};
use quorate_tests::attacks::{self, attackers::Attack, target::Target};
use quorate_tests::bugs;
use quorate_tests::campaign::{simulate, simulate_until_failure};
use quorate_tests::contents::contents;
use quorate_tests::explore::explore;
use quorate_tests::forks::forks;
use quorate_tests::pace::pace;
use quorate_tests::presets::Preset;
use quorate_tests::processes::{self, NoVerdict, faults::Fault, levels};
use quorate_tests::rebuilt::rebuilt;
use quorate_tests::sites::{self, sites};
use quorate_tests::twins::{Game, twins};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    run(Arguments::parse().command).unwrap_or_else(|code| code)
}

/// Exit code of a command; as an error where it could not begin.
fn run(command: Command) -> Result<ExitCode, ExitCode> {
    Ok(match command {
        Command::Simulate { seeds, from, preset, first, json } => run_seeds(from, seeds, preset, first, json)?,
        Command::Replay { seed, preset, trace, json } => cli::seeds::replay(seed, preset, trace, json),
        Command::Shrink { seed, preset, trace, json } => cli::seeds::shrunk(seed, preset, trace, json),
        Command::Twins { schedules, from, boundary, json } => {
            let game = if boundary { Game::Boundary } else { Game::OneEpoch };
            let summary = twins(from..from.saturating_add(schedules), game);
            tell_of(&summary, !summary.failures.is_empty(), json, summary.schedules, schedules)
        }
        Command::Forks { seeds, from, json } => {
            let summary = forks(from..from.saturating_add(seeds));
            tell_of(&summary, !summary.failures.is_empty(), json, summary.seeds, seeds)
        }
        Command::Contents { seeds, from, json } => {
            let summary = contents(from..from.saturating_add(seeds));
            tell_of(&summary, !summary.failures.is_empty(), json, summary.seeds, seeds)
        }
        Command::Rebuilt { seeds, from, slots, json } => {
            let summary = rebuilt(from..from.saturating_add(seeds), slots);
            tell_of(&summary, !summary.failures.is_empty(), json, summary.seeds, seeds)
        }
        Command::Explore { minutes, json } => {
            let found = explore(Duration::from_secs(60 * minutes));
            tell(&found, !found.failures.is_empty(), json)
        }
        Command::Pace { json } => tell(&pace(), false, json),
        Command::Sites { voters, observers, regions, liars, sybils, seconds, change_every, seed, json } => {
            let (shapes, change_every_ms) = (sites::Shape::ALL.to_vec(), change_every);
            let plan =
                sites::Plan { voters, observers, regions, liars, sybils, seconds, change_every_ms, shapes, seed };
            let summary = sites(&plan, |what| eprintln!("sites: {what}"));
            tell(&summary, !summary.failures.is_empty(), json)
        }
        Command::Processes { minutes, seed, only, program: named, json } => {
            let faults = if only.is_empty() { Fault::ALL.to_vec() } else { only };
            let time = Duration::from_secs(60 * minutes);
            run_processes(&processes::Plan { program: program(named)?, time, seed, faults }, json)
        }
        Command::Levels { minutes, seed, program: named, json } => {
            let plan = levels::Plan { program: program(named)?, time: Duration::from_secs(60 * minutes), seed };
            let summary = levels::run(&plan, |what| eprintln!("levels: {what}")).map_err(no_verdict)?;
            tell(&summary, !summary.failures.is_empty(), json)
        }
        Command::Attack { attacks, seconds, quiet, together, lasting, address_space, program: named, json } => {
            if seconds == 0 && together == 0 {
                return Err(no_verdict("--seconds 0 plays no attack alone, and --together 0 none with the others"));
            }
            let attacks = if attacks.is_empty() { Attack::ALL.to_vec() } else { attacks };
            let [quiet, each, together] = [quiet, seconds, together].map(Duration::from_secs);
            let (program, address_space) = (program(named)?, address_space.map(|mib| mib << 20));
            let delays_count = !lasting;
            let plan = attacks::Plan { program, attacks, quiet, each, together, delays_count, address_space };
            let summary = attacks::run(&plan, |what| eprintln!("{what}")).map_err(no_verdict)?;
            tell(&summary, summary.failed() > 0, json)
        }
        Command::Flips { stores, seed, program: named } => {
            let found = attacks::disks::flips(&program(named)?, stores, seed, |what| eprintln!("{what}"));
            let found = found.map_err(no_verdict)?;
            say(serde_json::to_string_pretty(&found).expect("a summary is plain data"));
            ExitCode::from(u8::from(!found.failures.is_empty()))
        }
        Command::AttackAs { attack, target } => attack_as(attack, &target).map_or_else(
            |error| {
                eprintln!("{attack}: {error:#}");
                ExitCode::FAILURE
            },
            |()| ExitCode::SUCCESS,
        ),
        Command::Test { room, program, name } => bugs::run_test(&room, &program, &name).map_err(no_start)?,
        Command::Bugs { list, only, shard, results, json } => {
            cli::bugs::run(list, only.as_deref(), shard, results.as_deref(), json).map_err(no_start)?
        }
    })
}

fn no_start(error: anyhow::Error) -> ExitCode {
    eprintln!("{error:#}");
    ExitCode::from(NO_VERDICT)
}

fn run_seeds(from: u64, seeds: u64, preset: Option<Preset>, first: bool, json: bool) -> Result<ExitCode, ExitCode> {
    let Some(end) = from.checked_add(seeds) else {
        eprintln!("there are no seeds above {}", u64::MAX);
        return Err(ExitCode::from(NO_VERDICT));
    };
    let progress = cli::seeds::progress(seeds);
    let summary = match first {
        true => simulate_until_failure(from..end, preset, progress),
        false => simulate(from..end, preset, progress),
    };
    Ok(tell(&summary, !summary.failures.is_empty(), json))
}

fn attack_as(attack: Attack, target: &str) -> anyhow::Result<()> {
    attack.run(serde_json::from_str::<Target>(target)?)
}

fn run_processes(plan: &processes::Plan, json: bool) -> ExitCode {
    match processes::run(plan, |news| eprintln!("processes: {news}")) {
        Ok(summary) => {
            if json {
                summary.skip_reasons.iter().for_each(|why| eprintln!("processes: SKIPPED {why}"));
            }
            tell(&summary, !summary.failures.is_empty(), json)
        }
        Err(error) => {
            eprintln!("processes: {error}");
            ExitCode::from(if matches!(error, NoVerdict::Interrupted) { 130 } else { NO_VERDICT })
        }
    }
}
