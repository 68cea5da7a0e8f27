//! `quorate set-rules`: a proposal that the next epoch executes by newer rules.

use super::failure::Outcome;
use super::members::How;
use quorate_ledger::Reconfiguration;

/// Propose that the group executes by newer rules, from the next epoch on
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Number of the rules, as `quorate members` shows for the program of each member
    #[arg(value_name = "N")]
    rules: u32,
    #[command(flatten)]
    how: How,
}

/// Runs the command.
pub async fn run(args: &Args) -> Outcome {
    let change = Reconfiguration { rules: Some(args.rules), ..Reconfiguration::default() };
    args.how.change(change, &args.how.word.message).await
}
