//! `quorate proposals`: proposals and who agrees, and the way to take one back.

use super::failure::Outcome;
use super::listing::{LIST_MAX, page, whole};
use super::print::{self, Table, plain, short};
use super::reach::Reach;
use super::sending::SignedRequest;
use super::{change, govern, spelled};
use quorate_client::api::ProposalEntry;
use quorate_ledger::{Act, SpelledAct};
use serde_json::Value;

/// See what is proposed and who agrees, and take back a proposal of yours
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List proposals, the newest first
    List {
        /// Only those of this domain; `@group` for those of the whole group
        #[arg(long, env = "QUORATE_DOMAIN", value_name = "DOMAIN")]
        domain: Option<String>,
        /// Only those that are not decided
        #[arg(long)]
        open: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show a proposal with all that it would change
    Show {
        /// Its id, or the beginning of it
        id: String,
        #[command(flatten)]
        reach: Reach,
    },
    Withdraw(Withdraw),
}

/// Take back an open proposal that you made
#[derive(Debug, clap::Args)]
pub struct Withdraw {
    /// Its id, or the beginning of it
    id: String,
    #[command(flatten)]
    word: SignedRequest,
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::List { domain, open, reach } => list(domain.as_deref().unwrap_or_default(), *open, reach).await,
        Command::Show { id, reach } => show(id, reach).await,
        Command::Withdraw(args) => govern::withdraw(&args.word, &args.id).await,
    }
}

async fn list(domain: &str, open: bool, reach: &Reach) -> Outcome {
    let client = reach.client()?;
    let state = if open { "open" } else { "" };
    let raw: Vec<Value> = client.list(&["proposals"], &[("domain", domain), ("state", state)], LIST_MAX).await?;
    if reach.json {
        return Ok(print::json(&page(&raw))?);
    }
    let mut table = Table::new(&["proposal", "state", "agreed", "since", "domain", "what"]);
    for value in &raw {
        let proposal: ProposalEntry = client.read(value)?;
        table.row([
            short(proposal.id),
            plain(&proposal.state),
            format!("{} of {}", proposal.approvals.len(), proposal.needed),
            proposal.since.to_string(),
            plain(&proposal.domain),
            kind(&proposal),
        ]);
    }
    Ok(table.print("no proposals")?)
}

async fn show(id: &str, reach: &Reach) -> Outcome {
    let client = reach.client()?;
    let id = whole(&client, "proposals", id).await?;
    let raw: Value = client.get(&["proposals", &id], &[]).await?;
    if reach.json {
        return Ok(print::json(&raw)?);
    }
    let proposal: ProposalEntry = client.read(&raw)?;
    print::say(format_args!("{} in {}, by {}", kind(&proposal), plain(&proposal.domain), proposal.author))?;
    govern::lines(&proposal).iter().try_for_each(print::say)?;
    proposal.failed.iter().try_for_each(|why| print::say(format_args!("  {}", plain(why))))?;
    match SpelledAct::of(&proposal.proposal) {
        Some(act) => Ok(spelled::lines(&act).iter().skip(1).try_for_each(print::say)?),
        None => Ok(print::json(&proposal.proposal)?),
    }
}

/// Kind of the proposed act, in one word as JSON spells it; with more where that is an act of later rules.
fn kind(proposal: &ProposalEntry) -> String {
    match (&proposal.proposal, SpelledAct::of(&proposal.proposal)) {
        (_, Some(act)) => return spelled::line(&act),
        (Act::Later { number, .. }, None) => return format!("later {number}, which this program cannot read"),
        _ => {}
    }
    let act = serde_json::to_value(&proposal.proposal).unwrap_or_default();
    change::word(&act["act"])
}
