//! `quorate pending`: changes that wait for the word of others.

use super::failure::Outcome;
use super::govern::{waiting, waits_for};
use super::listing::{LIST_MAX, page};
use super::print::{self, Table, plain, short};
use super::reach::{Reach, Scope};
use super::receipt::parse_beginning;
use quorate_client::api::PendingChange;
use serde_json::Value;

/// See which changes wait for approvals or attestations
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List changes that wait, the longest waiting first
    List {
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show what a change still needs
    Show {
        /// The envelope that waits, as `put` printed it, or the beginning of it
        #[arg(value_parser = parse_beginning)]
        envelope: String,
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        reach: Reach,
    },
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::List { scope, reach } => list(&scope.domain, reach).await,
        Command::Show { envelope, scope, reach } => show(envelope, &scope.domain, reach).await,
    }
}

async fn list(domain: &str, reach: &Reach) -> Outcome {
    let client = reach.client()?;
    let raw: Vec<Value> = client.list(&["domains", domain, "pending"], &[], LIST_MAX).await?;
    if reach.json {
        return Ok(print::json(&page(&raw))?);
    }
    let mut table = Table::new(&["change", "since", "author", "of", "needs"]);
    for value in &raw {
        let pending: PendingChange = client.read(value)?;
        let needs: Vec<String> = waits_for(&pending).iter().map(|line| line.trim().to_owned()).collect();
        table.row([
            pending.id.to_string(),
            pending.since.to_string(),
            short(pending.author),
            plain(&pending.organisation),
            needs.join("; "),
        ]);
    }
    Ok(table.print("nothing waits")?)
}

async fn show(beginning: &str, domain: &str, reach: &Reach) -> Outcome {
    let client = reach.client()?;
    let envelope = waiting(&client, domain, beginning).await?;
    let raw: Value = client.get(&["domains", domain, "pending", &envelope.to_string()], &[]).await?;
    if reach.json {
        return Ok(print::json(&raw)?);
    }
    let pending: PendingChange = client.read(&raw)?;
    let (organisation, since) = (plain(&pending.organisation), pending.since);
    print::say(format_args!("{envelope} by {} of {organisation}, since {since}", short(pending.author)))?;
    waits_for(&pending).iter().try_for_each(print::say)?;
    print::say(format_args!("  quorate attest {envelope} --domain {}", plain(domain)))?;
    Ok(())
}
