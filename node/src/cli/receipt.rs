//! `quorate receipt`: the verdict on an envelope, and its proof.

use super::change;
use super::failure::{Failure, Outcome};
use super::print;
use super::reach::Reach;
use quorate_client::calls::Posted;
use quorate_ledger::EnvelopeId;
use std::fs;
use std::path::PathBuf;

/// Show the verdict on an envelope
#[derive(Debug, clap::Args)]
pub struct Receipt {
    /// The envelope, as `put` printed it
    id: EnvelopeId,
    /// Write a proof that anybody can check offline: waits for a stable checkpoint
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
}

/// Runs the command.
pub async fn run(args: &Receipt) -> Outcome {
    let client = args.reach.client()?;
    let (ticket, receipt) = match client.envelope(&args.id).await? {
        Posted::Verdict(receipt) => (None, receipt),
        Posted::Ticket(ticket) => (Some(ticket.clone()), ticket.receipt),
    };
    if let Some(out) = &args.out {
        if ticket.is_some() {
            return Err(Failure::no(format!("{} has no verdict yet: {}", args.id, change::word(receipt.state))));
        }
        let proof = client.get_bytes(&["envelopes", &args.id.to_string()], &[("proof", "true")]).await?.body;
        fs::write(out, proof).map_err(|error| Failure::file(out, error))?;
    }
    match (args.reach.json, &ticket) {
        (true, Some(ticket)) => print::json(ticket)?,
        (true, None) => print::json(&receipt)?,
        (false, _) => lines(&receipt).iter().try_for_each(print::say)?,
    }
    Ok(())
}

/// A receipt for people, with why it was refused.
pub fn lines(receipt: &quorate_ledger::Receipt) -> Vec<String> {
    let mut lines = change::lines(receipt);
    if let (Some(stage), Some(code)) = (receipt.stage, receipt.code) {
        let detail = receipt.detail.as_deref().map(print::plain).unwrap_or_default();
        lines.push(format!("  {stage}: {code}: {detail}"));
    }
    lines.extend(receipt.conflicts.iter().map(|id| format!("  conflict {id}")));
    lines
}
