//! `quorate evidence`: proofs of misbehaviour of replicas.

use super::failure::{Failure, Outcome};
use super::known::Known;
use super::listing::{LIST_MAX, page, whole};
use super::output;
use super::print::{self, Table, plain, short};
use super::reach::Reach;
use quorate_client::api::EvidenceEntry;
use quorate_ledger::proof::TAG;
use serde_json::Value;
use std::path::PathBuf;

/// See who was caught doing what
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List what the group has on record
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// Show one entry, and keep its proof
    Show {
        /// Its id, or the beginning of it
        id: String,
        /// Write the proof that anybody can check offline
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        reach: Reach,
    },
    /// Find who lied in what stopped replicas left on their disks, with proofs
    Find(super::forensics::Find),
    /// Check a proof of misbehaviour offline
    Verify {
        /// The proof file
        file: PathBuf,
        /// The group's genesis: what you trust
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        #[command(flatten)]
        known: Known,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::List { reach } => list(reach).await,
        Command::Show { id, out, reach } => show(id, out.as_ref(), reach).await,
        Command::Find(args) => super::forensics::run(args),
        Command::Verify { file, genesis, known, json } => super::verify::evidence(file, (genesis, known), *json),
    }
}

async fn list(reach: &Reach) -> Outcome {
    let client = reach.client()?;
    let raw: Vec<Value> = client.list(&["evidence"], &[], LIST_MAX).await?;
    if reach.json {
        return Ok(print::json(&page(&raw))?);
    }
    let mut table = Table::new(&["evidence", "replica", "kind", "epoch", "view", "seq", "recorded at"]);
    for value in &raw {
        let entry: EvidenceEntry = client.read(value)?;
        table.row([
            short(entry.id),
            entry.signer.to_string(),
            plain(&entry.kind),
            entry.epoch.to_string(),
            entry.view.to_string(),
            entry.seq.to_string(),
            entry.recorded_at.to_string(),
        ]);
    }
    Ok(table.print("no evidence against anybody")?)
}

async fn show(id: &str, out: Option<&PathBuf>, reach: &Reach) -> Outcome {
    let client = reach.client()?;
    let id = whole(&client, "evidence", id).await?;
    let items: Vec<Value> = client.list(&["evidence"], &[], LIST_MAX).await?;
    let none = || Failure::no(format!("no evidence {id}")).next("`quorate evidence list` shows what there is");
    let raw = items.into_iter().find(|item| item["id"] == *id).ok_or_else(none)?;
    if let Some(out) = out {
        let proof = client.renewed().get_bytes(&["evidence", &id], &[]).await?.body;
        output::write(out, TAG, &proof)?;
    }
    if reach.json {
        return Ok(print::json(&raw)?);
    }
    let entry: EvidenceEntry = client.read(&raw)?;
    print::say(format_args!("replica {} {}", entry.signer, super::verify::fault(&entry.kind)))?;
    print::say(format_args!("  at view {}, seq {} of epoch {}", entry.view, entry.seq, entry.epoch))?;
    print::say(format_args!("  key {}", entry.key))?;
    print::say(format_args!("  recorded in slot {}", entry.recorded_at))?;
    match out {
        Some(out) => print::say(format_args!("  proof: quorate evidence verify {} --genesis FILE", out.display()))?,
        None => print::say(format_args!("  `quorate evidence show {} --out FILE` keeps the proof", short(entry.id)))?,
    }
    Ok(())
}
