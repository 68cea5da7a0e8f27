//! `quorate cut`: states of several groups that fit each other, in one folder (`docs/coordination.md`, "A consistent cut").

mod folder;
mod plan;
mod take;

use super::branch;
use super::clock::date;
use super::failure::Outcome;
use super::print::{self, plain};
use folder::{Member, document, outside, states};
use quorate_client::api::TransactionState;
use quorate_ledger::BranchRecord;
use quorate_ledger::cut::{seal, under_way};
use quorate_pbft::Digest;
use std::path::PathBuf;

/// Take states of several groups that fit each other, check them, or go on from them
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Take(take::Take),
    /// Check a cut offline: each file, that no state knows of anything beyond another, and the seal
    Verify {
        /// The folder of the cut; databases to check its files with are made there, and removed
        dir: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    Plan(plan::Plan),
}

/// Runs `quorate cut`.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::Take(args) => take::run(args).await,
        Command::Verify { dir, json } => tell("verified", &folder::verified(dir)?, *json),
        Command::Plan(args) => plan::run(args),
    }
}

/// Prints a cut, whose seal two people compare.
fn tell(done: &str, members: &[Member], as_json: bool) -> Outcome {
    if as_json {
        return Ok(print::json(&document(members))?);
    }
    let states = states(members);
    print::say(format_args!("{done}: {} states, of which none knows of anything beyond another", members.len()))?;
    for member in members {
        let (name, state) = (plain(member.genesis.name()), &member.state);
        let (epoch, seq, time) = (state.epoch, state.seq, date(state.time.get()));
        print::say(format_args!("  {name}: slot {seq}, epoch {epoch}, {time}, genesis {}", state.group))?;
    }
    for (id, records) in under_way(&states) {
        let name = |group| {
            members.iter().find(|member| member.state.group == group).map(|member| plain(member.genesis.name()))
        };
        let stands = |(group, record): (&Digest, &&BranchRecord)| {
            let home = if record.is_home { ", the home" } else { "" };
            let state = branch::words(TransactionState::of(record.state));
            format!("{state} in {}{home}", name(*group).unwrap_or_default())
        };
        let stands: Vec<String> = records.iter().map(stands).collect();
        print::say(format_args!("under way: {id}: {}", stands.join("; ")))?;
    }
    for (member, group, name) in outside(members) {
        let by = plain(member.genesis.name());
        print::say(format_args!("not in the cut: {name} ({group}), with which {by} has to do"))?;
    }
    Ok(print::say(format_args!("seal {}", seal(&states)))?)
}
