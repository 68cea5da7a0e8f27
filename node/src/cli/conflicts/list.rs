//! `quorate conflicts list`.

use super::super::failure::Outcome;
use super::super::listing::{LIST_MAX, page};
use super::super::print::{self, Table, plain, short};
use super::Ask;
use quorate_client::api::ConflictEntry;
use quorate_client::calls::level_name;
use serde_json::Value;

/// List conflicts, the newest first
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only those of this domain
    #[arg(long, env = "QUORATE_DOMAIN", value_name = "DOMAIN")]
    domain: Option<String>,
    /// Only those that are not settled
    #[arg(long, conflicts_with = "settled")]
    open: bool,
    /// Only those that are settled
    #[arg(long)]
    settled: bool,
    /// Conflicts to show at most
    #[arg(long, short = 'n', default_value_t = LIST_MAX, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    ask: Ask,
}

/// Runs the command.
pub async fn run(args: &List) -> Outcome {
    let client = args.ask.reach.client()?;
    let state = match (args.open, args.settled) {
        (true, _) => "open",
        (_, true) => "settled",
        _ => "",
    };
    let domain = args.domain.as_deref().unwrap_or_default();
    let query = [("domain", domain), ("state", state), ("level", level_name(args.ask.level))];
    let raw: Vec<Value> = client.list(&["conflicts"], &query, args.limit).await?;
    if args.ask.reach.json {
        return Ok(print::json(&page(&raw))?);
    }
    let mut table = Table::new(&["conflict", "state", "class", "since", "sides", "proposals", "domain", "path"]);
    for value in &raw {
        let conflict: ConflictEntry = client.read(value)?;
        table.row([
            short(conflict.id),
            plain(&conflict.state),
            plain(&conflict.class),
            conflict.since.to_string(),
            conflict.sides.len().to_string(),
            conflict.proposals.len().to_string(),
            plain(&conflict.domain),
            plain(&conflict.path),
        ]);
    }
    Ok(table.print("no conflicts")?)
}
