//! `quorate epochs`: periods of one member list each, and the signatures that lead from one to the next.

use super::failure::{Failure, Outcome};
use super::print::{self, plain};
use super::reach::Reach;
use super::{listing, output};
use quorate_client::api::EpochEntry;
use quorate_ledger::proof::{EPOCHS_TAG, Epochs};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// See who voted when, and keep the proof of it
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the epochs, the first one first
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// Keep the signatures that lead from the genesis to the newest epoch: `quorate verify --epochs` checks them
    Export {
        /// Where to write them
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        reach: Reach,
    },
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::List { reach } => list(reach).await,
        Command::Export { out, reach } => export(out, reach).await,
    }
}

async fn list(reach: &Reach) -> Outcome {
    let headings = ["epoch", "slots", "rules", "members", "organisations"];
    listing::list(reach, &["epochs"], &headings, "no epochs", |table, epoch: EpochEntry| {
        let organisations: Vec<String> = epoch.members.iter().map(|member| plain(&member.organisation)).collect();
        let [number, rules, members] =
            [epoch.epoch, epoch.rules.into(), epoch.members.len() as u64].map(|number| number.to_string());
        table.row([number, slots(&epoch), rules, members, organisations.join(", ")]);
    })
    .await
}

fn slots(epoch: &EpochEntry) -> String {
    let first = epoch.after + 1;
    epoch.until.map_or_else(|| format!("{first} on"), |last| format!("{first} to {last}"))
}

async fn export(out: &Path, reach: &Reach) -> Outcome {
    output::check(out, EPOCHS_TAG, "proof")?;
    let file = reach.client()?.get_bytes(&["epochs"], &[("proof", "true")]).await?.body;
    if out.is_file()
        && let Ok(old) = fs::read(out)
        && !old.is_empty()
        && !Epochs::goes_on(&old, &file)
    {
        let what = format!("{} holds epochs that this node does not show; it is left as it was", out.display());
        return Err(Failure::no(what).next("ask another node: this one lags, or is of another group"));
    }
    output::write(out, EPOCHS_TAG, &file)?;
    match reach.json {
        true => Ok(print::json(&json!({ "file": out.display().to_string(), "bytes": file.len() }))?),
        false => Ok(print::say(format_args!("{}: quorate verify --epochs {0} --genesis FILE", out.display()))?),
    }
}
