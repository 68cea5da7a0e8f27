//! `quorate receipt`: the verdict on an envelope, and its proof.

use super::change;
use super::failure::{Failure, Outcome};
use super::listing::LIST_MAX;
use super::reach::{Reach, Scope};
use super::{output, print};
use quorate_client::api::LogEntry;
use quorate_client::calls::{Log, Posted};
use quorate_client::http::Client;
use quorate_ledger::proof::TAG;
use quorate_ledger::{EnvelopeId, State};
use std::path::PathBuf;

/// Show the verdict on an envelope
#[derive(Debug, clap::Args)]
pub struct Receipt {
    /// The envelope, as `put` printed it, or the beginning of an id that `log` shows
    #[arg(value_parser = parse_beginning)]
    id: String,
    /// Write a proof that anybody can check offline: waits for a stable checkpoint
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    reach: Reach,
}

/// Runs the command, with the exit code that the change itself ended with; 0 where its proof is written.
pub async fn run(args: &Receipt) -> Outcome {
    let client = args.reach.client()?;
    let id = whole(&client, &args.scope.domain, &args.id).await?;
    let (ticket, receipt) = match client.envelope(&id).await? {
        Posted::Verdict(receipt) => (None, receipt),
        Posted::Ticket(ticket) => (Some(ticket.clone()), ticket.receipt),
    };
    if let Some(out) = &args.out {
        if ticket.is_some() {
            return Err(Failure::no(format!("{id} has no verdict yet: {}", change::word(receipt.state))));
        }
        output::write(out, TAG, &client.receipt_proof(&id).await?)?;
    }
    match (args.reach.json, &ticket) {
        (true, Some(ticket)) => print::json(ticket)?,
        (true, None) => print::json(&receipt)?,
        (false, _) => lines(&receipt).iter().try_for_each(print::say)?,
    }
    let is_no = args.out.is_none() && matches!(receipt.state, State::Refused | State::Conflict);
    if is_no { Err(Failure::silent()) } else { Ok(()) }
}

/// The one id in a domain's log that begins so.
pub async fn whole(client: &Client, domain: &str, beginning: &str) -> Result<EnvelopeId, Failure> {
    if let Ok(id) = beginning.parse() {
        return Ok(id);
    }
    let path = ["domains", domain, "log"];
    let log: Log<LogEntry> = client.list_log(&path, &[], LIST_MAX).await?;
    let ids = log.items.iter().map(|entry| entry.id).filter(|id| id.to_string().starts_with(beginning));
    match ids.collect::<Vec<_>>()[..] {
        [id] => Ok(id),
        [] => {
            Err(Failure::no(format!("no id in the log of {domain} begins with {beginning}")).next(unlisted(log.begins)))
        }
        ref many => {
            Err(Failure::usage(format!("{} ids begin with {beginning}", many.len())).next("give more of its digits"))
        }
    }
}

/// Advice where a log does not have an id.
fn unlisted(begins: Option<u64>) -> String {
    let refused = "a refused envelope is in no log: give its whole id";
    begins.map_or(refused.to_owned(), |slot| {
        format!(
            "{refused}; what came before slot {slot} is forgotten here: --node URL of a member that keeps more has it"
        )
    })
}

/// Reads an id, or the beginning of one.
pub fn parse_beginning(text: &str) -> Result<String, &'static str> {
    let hex = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    (hex && (4..=64).contains(&text.len())).then(|| text.into()).ok_or("an id is 4 to 64 digits of lower-case hex")
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
