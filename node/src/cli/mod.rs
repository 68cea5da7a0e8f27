//! The command line: one file for each command or family of commands.

// Parts that commands share: arguments, reading, printing, failing.
mod clock;
mod reach;
mod failover;
mod print;
mod failure;
mod output;
mod document;
mod address;
mod known;
mod trusted;
mod level;
mod limits;
mod listing;
mod names;
mod proof;
mod advice;
mod sending;

// A group and its replicas.
mod demo;
mod init;
mod joiner;
mod genesis;
mod restart;
mod keys;
mod token;
mod notify;
mod runtime;
mod start;
mod observe;
mod config;
mod doctor;
mod beside;
mod copy;
mod repair;
mod compact;
mod signed;
mod snapshot;
mod branch;
mod cut;
mod bundle;
mod diff_state;
mod zip;
mod debug;
mod group;
mod partitions;
mod peers;
mod members;
mod join;
mod epochs;
mod set_rules;
mod observers;
mod groups;
mod other_group;

// Files and their history.
mod change;
mod file_read;
mod get;
mod files;
mod unified;
mod watch;
mod receipt;
mod give_up;
mod verify;
mod import;
mod export;

// Conflicts and evidence.
mod conflicts;
mod evidence;
mod forensics;

// Governance and coordination.
mod domains;
mod identities;
mod policy;
mod policy_check;
mod policy_parts;
mod propose;
mod proposals;
mod spelled;
mod pending;
mod govern;
mod lock;
mod tx;

// Programs beside a group.
mod merge;
mod bench;
mod packager;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{Arg, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use failure::{Exit, Outcome};
use reach::Reach;
use serde_json::Value;
use std::ffi::OsString;
use std::pin::Pin;
use std::process::ExitCode;

/// A shared repository that no single organisation controls
#[derive(Debug, Parser)]
#[command(name = "quorate", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(crate::demo::Args),
    Init(init::Init),
    #[command(subcommand)]
    Genesis(genesis::Command),
    Start(start::Start),
    Observe(observe::Observe),
    Join(joiner::Args),
    #[command(subcommand)]
    Config(config::Command),
    Put(change::Put),
    Get(get::Get),
    Rm(change::Rm),
    Mv(change::Mv),
    Ls(files::Ls),
    Log(files::Log),
    Diff(files::Diff),
    Watch(watch::Watch),
    Import(import::Import),
    Export(export::Export),
    Receipt(receipt::Receipt),
    GiveUp(give_up::GiveUp),
    Verify(verify::Verify),
    /// See what could not be merged
    #[command(subcommand)]
    Conflicts(conflicts::Command),
    /// See who was caught doing what
    #[command(subcommand)]
    Evidence(evidence::Command),
    /// Show where the group stands, and why it is stuck
    Status(group::StatusArgs),
    /// Show what a node thinks of itself
    Health(Reach),
    /// List what is wrong, with evidence and advice
    Issues(Reach),
    Doctor(doctor::Doctor),
    Copy(copy::Copy),
    Repair(repair::Repair),
    Compact(compact::Compact),
    #[command(subcommand)]
    Snapshot(snapshot::Command),
    Backup(snapshot::Backup),
    #[command(subcommand)]
    Cut(cut::Command),
    #[command(subcommand)]
    Bundle(bundle::Command),
    #[command(subcommand)]
    Audit(bundle::Audit),
    Restore(snapshot::Restore),
    DiffState(diff_state::DiffState),
    #[command(subcommand)]
    Debug(debug::Command),
    Members(members::Args),
    SetRules(set_rules::Args),
    #[command(subcommand)]
    Observers(observers::Command),
    #[command(subcommand)]
    Groups(groups::Command),
    #[command(subcommand)]
    Epochs(epochs::Command),
    Peers(peers::Args),
    /// Show which members hear each other, what waits, and what earlier outages have cost
    Partitions(Reach),
    Domains(domains::Args),
    #[command(subcommand)]
    Policy(policy::Command),
    #[command(subcommand)]
    Identities(identities::Command),
    #[command(subcommand)]
    Propose(propose::Command),
    #[command(subcommand)]
    Proposals(proposals::Command),
    #[command(subcommand)]
    Pending(pending::Command),
    Approve(govern::Approve),
    Attest(govern::Attest),
    #[command(subcommand)]
    Lock(lock::Command),
    #[command(subcommand)]
    Tx(tx::Command),
    /// Make and show keys
    #[command(subcommand)]
    Keys(keys::Command),
    #[command(subcommand)]
    Token(token::Command),
    Merge(merge::Args),
    /// Measure throughput and latency of a group on this machine
    Bench(quorate_bench::BenchArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    Man(packager::Manual),
}

/// Runs the program with these arguments, the first of them its name.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    match parsed(&args) {
        Ok(Cli { command: Command::Merge(args) }) => merge::run(&args),
        Ok(cli) => match dispatch(&cli.command) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.report(args.iter().any(|arg| arg == "--json")),
        },
        Err(error) => wrong_usage(&args, &error),
    }
}

fn parsed(args: &[OsString]) -> Result<Cli, clap::Error> {
    let mut command = without_empty(Cli::command());
    let matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Takes variables of the environment that are empty from the flags for which they stand, so that they say nothing.
fn without_empty(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let flags = command.mut_args(|arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg });
    flags.mut_subcommands(without_empty)
}

fn dispatch(command: &Command) -> Outcome {
    match command {
        Command::Demo(args) => demo::run(args),
        Command::Init(args) => init::run(args),
        Command::Genesis(command) => genesis::run(command),
        Command::Start(args) => start::run(args),
        Command::Observe(args) => observe::run(args),
        Command::Join(args) => joiner::run(args),
        Command::Config(command) => config::run(command),
        Command::Put(args) => wait(change::put(args)),
        Command::Get(args) => wait(get::run(args)),
        Command::Rm(args) => wait(change::rm(args)),
        Command::Mv(args) => wait(change::mv(args)),
        Command::Ls(args) => wait(files::ls(args)),
        Command::Log(args) => wait(files::log(args)),
        Command::Diff(args) => wait(files::diff(args)),
        Command::Watch(args) => wait(watch::run(args)),
        Command::Import(args) => wait(import::run(args)),
        Command::Export(args) => wait(export::run(args)),
        Command::Receipt(args) => wait(receipt::run(args)),
        Command::GiveUp(args) => wait(give_up::run(args)),
        Command::Verify(args) => verify::run(args),
        Command::Conflicts(command) => wait(conflicts::run(command)),
        Command::Evidence(command) => wait(evidence::run(command)),
        Command::Keys(command) => keys::run(command),
        Command::Token(command) => token::run(command),
        Command::Status(args) => wait(group::status(args)),
        Command::Health(reach) => wait(group::health(reach)),
        Command::Issues(reach) => wait(group::issues(reach)),
        Command::Doctor(args) => wait(doctor::run(args)),
        Command::Copy(args) => wait(copy::run(args)),
        Command::Repair(args) => wait(repair::run(args)),
        Command::Compact(args) => compact::run(args),
        Command::Snapshot(command) => wait(snapshot::run(command)),
        Command::Bundle(command) => wait(bundle::run(command)),
        Command::Audit(command) => wait(bundle::audit(command)),
        Command::Cut(command) => wait(cut::run(command)),
        Command::Backup(args) => wait(snapshot::backup(args)),
        Command::Restore(args) => snapshot::restore(args),
        Command::DiffState(args) => wait(diff_state::run(args)),
        Command::Debug(command) => wait(debug::run(command)),
        Command::Members(args) => wait(members::run(args)),
        Command::SetRules(args) => wait(set_rules::run(args)),
        Command::Observers(command) => wait(observers::run(command)),
        Command::Groups(command) => wait(groups::run(command)),
        Command::Epochs(command) => wait(epochs::run(command)),
        Command::Peers(args) => wait(peers::run(args)),
        Command::Partitions(reach) => wait(partitions::run(reach)),
        Command::Domains(args) => wait(domains::run(args)),
        Command::Policy(command) => wait(policy::run(command)),
        Command::Identities(command) => wait(identities::run(command)),
        Command::Propose(command) => wait(propose::run(command)),
        Command::Proposals(command) => wait(proposals::run(command)),
        Command::Pending(command) => wait(pending::run(command)),
        Command::Approve(args) => wait(govern::approve(args)),
        Command::Attest(args) => wait(govern::attest(args)),
        Command::Lock(command) => wait(lock::run(command)),
        Command::Tx(command) => wait(tx::run(command)),
        Command::Merge(_) => unreachable!("`merge` has exit codes of its own and was run before"),
        Command::Bench(args) => wait(bench::run(args)),
        Command::Completions { shell } => packager::completions(*shell),
        Command::Man(args) => packager::man(args),
    }
}

/// Runs a command that talks to a node, on this thread. Boxed, so that the runtime is compiled once for all commands.
fn wait(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let command: Pin<Box<dyn Future<Output = Outcome> + '_>> = Box::pin(command);
    runtime.map_err(|error| failure::Failure::new(Exit::Internal, format!("no runtime: {error}")))?.block_on(command)
}

/// Exit code for every error of a command that has one of its own: `merge`, whose codes are git's.
pub fn own_error(args: &[OsString]) -> Option<u8> {
    args.get(1).is_some_and(|command| command == "merge").then_some(merge::ERROR)
}

/// Tells what is wrong with the arguments, or prints the help that was asked for.
fn wrong_usage(args: &[OsString], error: &clap::Error) -> ExitCode {
    // The reader may have gone; there is nobody left to tell.
    let _ = error.print();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return ExitCode::SUCCESS;
    }
    let exit = own_error(args).unwrap_or(Exit::Usage as u8);
    if args.iter().any(|arg| arg == "--json") {
        let text = error.render().to_string();
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let next = |words| text.lines().find(|line| line.starts_with(words));
        failure::document(what, next("Usage: ").or_else(|| next("For more information")), exit, &Value::Null);
    }
    ExitCode::from(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_of_all_commands_fit_together() {
        Cli::command().debug_assert();
    }

    /// Commands without results to print: they serve, or print a script or a page.
    const WITHOUT_JSON: [&str; 4] = ["start", "observe", "completions", "man"];

    /// Names of the commands below one that take no `--json`.
    fn without_json(command: &clap::Command) -> Vec<String> {
        let below: Vec<String> = command.get_subcommands().flat_map(without_json).collect();
        let takes = command.get_arguments().any(|arg| arg.get_long() == Some("json"));
        match command.has_subcommands() || takes {
            true => below,
            false => vec![command.get_name().to_owned()],
        }
    }

    /// Rows of the page of all commands for what stands below a command, and for itself where it can be run.
    fn rows(above: &str, command: &clap::Command) -> Vec<String> {
        let name = format!("{above} {}", command.get_name());
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let below = command.get_subcommands().flat_map(|below| rows(&name, below));
        let runs = !command.is_subcommand_required_set() && !command.is_arg_required_else_help_set();
        (runs.then(|| format!("| `{name}` | {about} |"))).into_iter().chain(below).collect()
    }

    #[test]
    fn the_page_of_all_commands_says_of_each_what_its_help_says() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/commands.md"));
        let page = page.expect("docs/commands.md");
        let mut told: Vec<&str> = page.lines().filter(|line| line.starts_with("| `quorate ")).collect();
        let mut known: Vec<String> =
            Cli::command().get_subcommands().flat_map(|command| rows("quorate", command)).collect();
        told.sort_unstable();
        known.sort_unstable();
        assert_eq!(told, known);
    }

    #[test]
    fn every_command_that_prints_results_takes_json() {
        assert_eq!(without_json(&Cli::command()), WITHOUT_JSON);
    }
}
