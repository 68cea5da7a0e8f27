//! `quorate-tests`: the test machine's commands. `docs/testing.md` explains them.

use clap::{Parser, Subcommand};
use quorate_tests::attacks::{self, attackers::Attack, target::Target};
use quorate_tests::bugs::{self, Hunted, Shard};
use quorate_tests::campaign::{Summary, replay_command, simulate, simulate_until_failure};
use quorate_tests::contents::contents;
use quorate_tests::explore::{Explored, explore};
use quorate_tests::forks::{ForksSummary, forks};
use quorate_tests::pace::pace;
use quorate_tests::plan::Plan;
use quorate_tests::presets::Preset;
use quorate_tests::processes::{self, NoVerdict, faults::Fault, levels, summary::Summary as ProcessesSummary};
use quorate_tests::rebuilt::rebuilt;
use quorate_tests::run::run;
use quorate_tests::shrink::{describe, shrink};
use quorate_tests::sites::{self, sites};
use quorate_tests::twins::{Game, TwinsSummary, twins};
use std::fmt::Display;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Limits that a summary for people names: those that came nearest.
const NEAREST_SHOWN: usize = 6;

/// Tries to break quorate.
#[derive(Parser)]
#[command(name = "quorate-tests", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs seeds; each is a whole group with faults, attackers and judges.
    Simulate {
        /// Count of seeds.
        #[arg(long)]
        seeds: u64,
        /// The first one.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Kind of trouble for all of them, instead of each its own.
        #[arg(long)]
        preset: Option<Preset>,
        /// Stops at the first failure and makes it no smaller.
        #[arg(long)]
        first: bool,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Runs one seed again, exactly.
    Replay {
        /// The seed.
        seed: u64,
        /// The preset that it was run with, if it was not its own.
        #[arg(long)]
        preset: Option<Preset>,
        /// Prints every event.
        #[arg(long)]
        trace: bool,
        /// Prints one JSON document.
        #[arg(long, conflicts_with = "trace")]
        json: bool,
    },
    /// Makes a failing seed smaller and prints what is left of its plan.
    Shrink {
        /// The seed.
        seed: u64,
        /// The preset that it was run with, if it was not its own.
        #[arg(long)]
        preset: Option<Preset>,
        /// Prints every event of the smaller run.
        #[arg(long)]
        trace: bool,
    },
    /// Plays schedules in which one member runs twice.
    Twins {
        /// Count of schedules, spread evenly over all that there are.
        #[arg(long)]
        schedules: u64,
        /// How many of them to leave out first.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Plays them over the end of an epoch.
        #[arg(long)]
        boundary: bool,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Lets f + 1 liars fork groups, and asks of what is left who lied.
    Forks {
        /// Count of seeds.
        #[arg(long)]
        seeds: u64,
        /// The first one.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Lets a replica forget contents while they come back and the power goes.
    Contents {
        /// Count of seeds.
        #[arg(long)]
        seeds: u64,
        /// The first one.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Throws a ledger away at random slots and makes it anew from a copy, beside one that never is.
    Rebuilt {
        /// Count of seeds.
        #[arg(long)]
        seeds: u64,
        /// The first one.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Slots of each.
        #[arg(long, default_value_t = 500)]
        slots: u64,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Searches every order of deliveries of a small conversation with a lying primary.
    Explore {
        /// Minutes at most.
        #[arg(long)]
        minutes: u64,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Measures a healthy group in virtual time: changes, messages, hops, syncs and verifications.
    Pace {
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Plays hundreds of followers of a group in virtual time, with liars, strangers and partitions among them.
    Sites {
        /// Replicas.
        #[arg(long, default_value_t = 4)]
        voters: usize,
        /// Followers.
        #[arg(long, default_value_t = 500)]
        observers: usize,
        /// Nodes stand in five regions, with the delays between them.
        #[arg(long)]
        regions: bool,
        /// Followers in a hundred that lie.
        #[arg(long, default_value_t = 10)]
        liars: u64,
        /// Strangers that take places at two doors.
        #[arg(long, default_value_t = 50)]
        sybils: usize,
        /// Virtual seconds that count.
        #[arg(long, default_value_t = 30)]
        seconds: u64,
        /// Milliseconds between two changes.
        #[arg(long, default_value_t = 500)]
        change_every: u64,
        /// Decides everything.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Troubles four real replicas in network namespaces, under load.
    Processes {
        /// Begins further rounds of all faults for so long; a round takes about two minutes.
        #[arg(long, default_value_t = 1)]
        minutes: u64,
        /// Seeds clients and network; the machine has a will of its own, so nothing repeats exactly.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Only this fault; may stand several times.
        #[arg(long, value_name = "FAULT")]
        only: Vec<Fault>,
        /// The program to run; by default the `quorate` beside this one.
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Asks four real replicas at every level of consistency while they are killed, stopped and frozen.
    Levels {
        /// Minutes of trouble.
        #[arg(long, default_value_t = 1)]
        minutes: u64,
        /// Seeds clients and trouble; the machine has a will of its own, so nothing repeats exactly.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The program to run; by default the `quorate` beside this one.
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Lets hostile clients and members loose on real replicas, and measures what others notice of it.
    Attack {
        /// Which; all of them unless some are named.
        #[arg(value_name = "NAME")]
        attacks: Vec<Attack>,
        /// Seconds of each attack; 0: none alone.
        #[arg(long, default_value_t = 12)]
        seconds: u64,
        /// Seconds of quiet that are measured before and after each.
        #[arg(long, default_value_t = 4)]
        quiet: u64,
        /// Seconds of all attacks at once, in the end.
        #[arg(long, default_value_t = 0)]
        together: u64,
        /// Judges memory and who lives, and not how long anybody waited: for a busy machine.
        #[arg(long)]
        lasting: bool,
        /// MiB of address space that each replica has.
        #[arg(long, value_name = "MIB")]
        address_space: Option<u64>,
        /// The program to run; by default the `quorate` beside this one.
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Flips ten bits in each of so many databases of a stopped replica, and looks at what it then serves.
    Flips {
        /// Databases.
        #[arg(long, default_value_t = 20)]
        stores: usize,
        /// Seeds the places of the bits.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The program to run; by default the `quorate` beside this one.
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
    },
    /// Play an attacker, as `attack` starts it.
    #[command(hide = true)]
    AttackAs {
        /// Which.
        attack: Attack,
        /// The group, as JSON.
        #[arg(long)]
        target: String,
    },
    /// Runs one test of a room: how a known mistake is found that no run of replicas finds.
    Test {
        /// The room, as `ledger`.
        room: String,
        /// The program of its tests.
        program: String,
        /// The test, with its modules.
        name: String,
    },
    /// Plants known mistakes into a copy of the source, one at a time, and shows that they are found.
    Bugs {
        /// Only says which there are.
        #[arg(long)]
        list: bool,
        /// Plants this one alone.
        #[arg(long)]
        only: Option<String>,
        /// A part of them: the first of six is `0/6`.
        #[arg(long, default_value = "0/1", value_name = "I/K")]
        shard: Shard,
        /// Lines of JSON, one for each mistake as it was looked for: those that have one are not looked for again.
        #[arg(long, value_name = "FILE")]
        results: Option<PathBuf>,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Simulate { seeds, from, preset, first, json } => {
            let Some(end) = from.checked_add(seeds) else {
                eprintln!("there are no seeds above {}", u64::MAX);
                return ExitCode::from(2);
            };
            let summary = match first {
                true => simulate_until_failure(from..end, preset, progress(seeds)),
                false => simulate(from..end, preset, progress(seeds)),
            };
            print_summary(&summary, json);
            ExitCode::from(u8::from(!summary.failures.is_empty()))
        }
        Command::Replay { seed, preset, trace, json } => replay(seed, preset, trace, json),
        Command::Shrink { seed, preset, trace } => shrink_seed(seed, preset, trace),
        Command::Twins { schedules, from, boundary, json } => {
            let game = if boundary { Game::Boundary } else { Game::OneEpoch };
            let summary = twins(from..from.saturating_add(schedules), game);
            print_twins(&summary, json);
            ExitCode::from(u8::from(!summary.failures.is_empty()))
        }
        Command::Forks { seeds, from, json } => {
            let summary = forks(from..from.saturating_add(seeds));
            print_forks(&summary, json);
            ExitCode::from(u8::from(!summary.failures.is_empty()))
        }
        Command::Contents { seeds, from, json } => {
            let summary = contents(from..from.saturating_add(seeds));
            tell_verdict(Ok::<_, String>(summary), json, |summary| !summary.failures.is_empty())
        }
        Command::Rebuilt { seeds, from, slots, json } => {
            let summary = rebuilt(from..from.saturating_add(seeds), slots);
            tell_verdict(Ok::<_, String>(summary), json, |summary| !summary.failures.is_empty())
        }
        Command::Explore { minutes, json } => {
            let found = explore(Duration::from_secs(60 * minutes));
            print_explored(&found, json);
            ExitCode::from(u8::from(!found.failures.is_empty()))
        }
        Command::Pace { json } => {
            let measured = pace();
            match json {
                true => println!("{}", serde_json::to_string_pretty(&measured).expect("figures are plain data")),
                false => println!("{measured}"),
            }
            ExitCode::SUCCESS
        }
        Command::Sites { voters, observers, regions, liars, sybils, seconds, change_every, seed, json } => {
            let shapes = sites::Shape::ALL.to_vec();
            let change_every_ms = change_every;
            let plan =
                sites::Plan { voters, observers, regions, liars, sybils, seconds, change_every_ms, shapes, seed };
            run_sites(&plan, json)
        }
        Command::Processes { minutes, seed, only, program, json } => {
            let Some(program) = the_program(program) else { return ExitCode::from(2) };
            let faults = if only.is_empty() { Fault::ALL.to_vec() } else { only };
            run_processes(&processes::Plan { program, time: Duration::from_secs(60 * minutes), seed, faults }, json)
        }
        Command::Levels { minutes, seed, program, json } => {
            let Some(program) = the_program(program) else { return ExitCode::from(2) };
            run_levels(&levels::Plan { program, time: Duration::from_secs(60 * minutes), seed }, json)
        }
        Command::Attack { attacks, seconds, quiet, together, lasting, address_space, program, json } => {
            let Some(program) = the_program(program) else { return ExitCode::from(2) };
            let attacks = if attacks.is_empty() { Attack::ALL.to_vec() } else { attacks };
            let [quiet, each, together] = [quiet, seconds, together].map(Duration::from_secs);
            let address_space = address_space.map(|mib| mib << 20);
            run_attacks(
                &attacks::Plan { program, attacks, quiet, each, together, delays_count: !lasting, address_space },
                json,
            )
        }
        Command::Flips { stores, seed, program } => {
            let Some(program) = the_program(program) else { return ExitCode::from(2) };
            match attacks::disks::flips(&program, stores, seed, |what| eprintln!("{what}")) {
                Ok(found) => {
                    println!("{}", serde_json::to_string_pretty(&found).expect("a summary is plain data"));
                    ExitCode::from(u8::from(!found.failures.is_empty()))
                }
                Err(why) => {
                    eprintln!("no verdict: {why}");
                    ExitCode::from(2)
                }
            }
        }
        Command::AttackAs { attack, target } => attack_as(attack, &target).map_or_else(
            |error| {
                eprintln!("{attack}: {error:#}");
                ExitCode::FAILURE
            },
            |()| ExitCode::SUCCESS,
        ),
        Command::Test { room, program, name } => bugs::run_test(&room, &program, &name).unwrap_or_else(|error| {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }),
        Command::Bugs { list, only, shard, results, json } => {
            let hunted = hunt_bugs(list, only.as_deref(), shard, results.as_deref(), json);
            hunted.unwrap_or_else(|error| {
                eprintln!("{error:#}");
                ExitCode::from(2)
            })
        }
    }
}

/// The program to run, or words about where there could be one.
fn the_program(named: Option<PathBuf>) -> Option<PathBuf> {
    let program = named.or_else(quorate_beside);
    if program.is_none() {
        eprintln!("there is no `quorate` beside this program; build it, or name one with --program");
        eprintln!("  cargo build --release --bin quorate");
    }
    program
}

fn run_levels(plan: &levels::Plan, json: bool) -> ExitCode {
    let summary = levels::run(plan, |what| eprintln!("levels: {what}"));
    tell_verdict(summary, json, |summary| !summary.failures.is_empty())
}

fn run_sites(plan: &sites::Plan, json: bool) -> ExitCode {
    let summary = sites(plan, |what| eprintln!("sites: {what}"));
    tell_verdict(Ok::<_, String>(summary), json, |summary| !summary.failures.is_empty())
}

fn run_attacks(plan: &attacks::Plan, json: bool) -> ExitCode {
    let summary = attacks::run(plan, |what| eprintln!("{what}"));
    tell_verdict(summary, json, |summary| summary.failed() > 0)
}

/// Prints a summary; exit 1 where something failed, 2 where there is no verdict.
fn tell_verdict<S: serde::Serialize + Display>(
    summary: Result<S, impl Display>,
    json: bool,
    has_failed: impl Fn(&S) -> bool,
) -> ExitCode {
    let summary = match summary {
        Ok(summary) => summary,
        Err(why) => {
            eprintln!("no verdict: {why}");
            return ExitCode::from(2);
        }
    };
    match json {
        true => println!("{}", serde_json::to_string_pretty(&summary).expect("a summary is plain data")),
        false => println!("{summary}"),
    }
    ExitCode::from(u8::from(has_failed(&summary)))
}

fn attack_as(attack: Attack, target: &str) -> anyhow::Result<()> {
    attack.run(serde_json::from_str::<Target>(target)?)
}

fn hunt_bugs(
    list: bool,
    only: Option<&str>,
    shard: Shard,
    results: Option<&Path>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let root = bugs::repository()?;
    let mut mistakes = bugs::all(&root)?;
    mistakes.retain(|mistake| only.is_none_or(|name| mistake.name == name));
    anyhow::ensure!(!mistakes.is_empty(), "there is no such mistake in tests/bugs; `bugs --list` says which there are");
    let mistakes = shard.of(mistakes);
    let mut all = match list {
        true => mistakes.iter().map(Hunted::unknown).collect(),
        false => bugs::hunt_all(&root, &mistakes, results, |at, hunted| {
            eprintln!("[{} of {}] {:.0} s, {}", at + 1, mistakes.len(), hunted.seconds, in_words(hunted));
        })?,
    };
    all.sort_by(|a, b| a.name.cmp(&b.name));
    print_bugs(&all, list, json);
    Ok(ExitCode::from(u8::from(!list && all.iter().any(|hunted| !hunted.found))))
}

fn in_words(hunted: &Hunted) -> String {
    let name = &hunted.name;
    match (&hunted.by, hunted.seeds, &hunted.error) {
        (Some(by), Some(seeds), _) => format!("{name}: found by {by} in {seeds}"),
        (Some(by), None, _) => format!("{name}: found by {by}"),
        (None, _, Some(error)) => format!("{name}: NOT FOUND, {error}"),
        (None, _, None) => format!("{name}: NOT FOUND by `{}`", hunted.run),
    }
}

fn print_bugs(bugs: &[Hunted], listed: bool, json: bool) {
    if json {
        println!("{:#}", serde_json::json!({ "bugs": bugs }));
        return;
    }
    for bug in bugs {
        match listed {
            true => println!("{}: {} Breaks {}. `{}`", bug.name, bug.what, bug.breaks, bug.run),
            false => println!("{}", in_words(bug)),
        }
    }
    let found = bugs.iter().filter(|bug| bug.found).count();
    println!("{} mistakes{}", bugs.len(), if listed { String::new() } else { format!(", {found} found") });
}

/// A line on standard error now and then, when it is a terminal.
fn progress(seeds: u64) -> impl Fn(u64, usize) + Sync {
    let terminal = std::io::stderr().is_terminal();
    move |done, failed| {
        if terminal && (done % 20 == 0 || done == seeds) {
            eprint!("\r{done} of {seeds} seeds, {failed} failed{}", if done == seeds { "\n" } else { "" });
        }
    }
}

fn print_summary(summary: &Summary, json: bool) {
    if json {
        println!("{}", serde_json::to_string_pretty(summary).expect("a summary is plain data"));
        return;
    }
    println!("{} seeds in {:.1} s, {} virtual s", summary.seeds, summary.seconds, summary.virtual_seconds);
    println!("presets: {}", counts(&summary.presets));
    println!("group sizes: {}", counts(&summary.sizes));
    println!("signatures: {}", counts(&summary.signatures));
    println!("attackers: {}", counts(&summary.attackers));
    println!("authors who lie: {}", counts(&summary.tricks));
    println!("what came of it: {}", counts(&summary.tallies));
    println!("faults: {}", counts(&summary.faults));
    println!("evidence: {}", counts(&summary.evidence));
    println!(
        "{} messages, {} slots executed, {} restarts, {} view changes, {} fast and {} slow commits",
        summary.messages,
        summary.executed,
        summary.restarts,
        summary.view_changes,
        summary.fast_commits,
        summary.slow_commits
    );
    println!("nearest to a limit: {}", nearest(summary));
    for failure in &summary.failures {
        println!("FAILED seed {} ({}), oracle {}: {}", failure.seed, failure.preset, failure.oracle, failure.what);
        println!("  {}", failure.replay);
    }
    println!("{} failures", summary.failures.len());
}

/// Names the values that used most of their limits, with the seeds.
fn nearest(summary: &Summary) -> String {
    let mut extremes: Vec<_> = summary.extremes.iter().collect();
    extremes.sort_by_key(|(_, nearest)| std::cmp::Reverse(nearest.percent()));
    let words = extremes
        .iter()
        .take(NEAREST_SHOWN)
        .map(|(what, nearest)| format!("{what} {} of {} (seed {})", nearest.value, nearest.limit, nearest.seed));
    words.collect::<Vec<_>>().join(", ")
}

fn counts<K: std::fmt::Display>(counts: &std::collections::BTreeMap<K, u64>) -> String {
    let words: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn replay(seed: u64, preset: Option<Preset>, trace: bool, json: bool) -> ExitCode {
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

fn shrink_seed(seed: u64, preset: Option<Preset>, trace: bool) -> ExitCode {
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

fn print_twins(summary: &TwinsSummary, json: bool) {
    if json {
        println!("{}", serde_json::to_string_pretty(summary).expect("a summary is plain data"));
        return;
    }
    let rate = summary.schedules as f64 / summary.seconds;
    let all = summary.game.schedules();
    println!("{} of {all} schedules in {:.1} s, {rate:.0} a second", summary.schedules, summary.seconds);
    println!("{} decided something, {} left the first view", summary.deciding, summary.view_changes);
    if summary.game == Game::Boundary {
        let [crossed, apart] = summary.crossed;
        println!("{crossed} went into the next epoch, {apart} of them before the network healed");
    }
    println!("{} with changed messages, {} with proof of it", summary.mutated, summary.caught);
    summary.failures.iter().for_each(|(schedule, what)| println!("FAILED schedule {schedule}: {what}"));
    println!("{} failures", summary.failures.len());
}

fn print_forks(summary: &ForksSummary, json: bool) {
    if json {
        println!("{}", serde_json::to_string_pretty(summary).expect("a summary is plain data"));
        return;
    }
    let ForksSummary { seeds, forked, in_one_view, across_views, .. } = summary;
    println!(
        "{seeds} seeds in {:.1} s, {forked} forked: {in_one_view} in one view, {across_views} across views",
        summary.seconds
    );
    println!("evidence: {}", counts(&summary.evidence));
    summary.failures.iter().for_each(|(seed, what)| println!("FAILED seed {seed}: {what}"));
    println!("{} failures", summary.failures.len());
}

fn print_explored(found: &Explored, json: bool) {
    if json {
        println!("{}", serde_json::to_string_pretty(found).expect("a summary is plain data"));
        return;
    }
    let end = if found.complete { "all of them" } else { "the time was over first" };
    println!("{} states in {:.1} s, {end}; the longest path has {} steps", found.states, found.seconds, found.depth);
    println!(
        "{} ends, {} of them decided; {} states in later views",
        found.ends, found.deciding_ends, found.later_views
    );
    found.failures.iter().take(10).for_each(|what| println!("FAILED {what}"));
    println!("{} failures", found.failures.len());
}

fn quorate_beside() -> Option<PathBuf> {
    let quorate = std::env::current_exe().ok()?.with_file_name("quorate");
    quorate.is_file().then_some(quorate)
}

fn run_processes(plan: &processes::Plan, json: bool) -> ExitCode {
    match processes::run(plan, |news| eprintln!("processes: {news}")) {
        Ok(summary) => {
            print_processes(&summary, json);
            ExitCode::from(u8::from(!summary.failures.is_empty()))
        }
        Err(NoVerdict::Interrupted) => {
            eprintln!("processes: {}", NoVerdict::Interrupted);
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("processes: {error}");
            ExitCode::from(2)
        }
    }
}

fn print_processes(summary: &ProcessesSummary, json: bool) {
    if json {
        println!("{}", serde_json::to_string_pretty(summary).expect("a summary is plain data"));
        summary.skip_reasons.iter().for_each(|why| eprintln!("processes: SKIPPED {why}"));
    } else {
        println!("{summary}");
    }
}
