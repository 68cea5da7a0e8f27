//! `quorate conflicts`: what could not be merged, and how it ends.

mod hot;
mod list;
mod report;
mod settle;
mod sides;
mod story;
pub mod words;

use super::failure::{Failure, Outcome};
use super::reach::{Reach, parse_level};
use quorate_client::api::{ConflictEntry, ConflictStory, Page};
use quorate_client::calls::level_name;
use quorate_client::http::Client;
use quorate_ledger::Level;
use serde_json::Value;

/// See what could not be merged, and end it
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List conflicts, the newest first
    List(list::List),
    /// Tell where conflicts meet again and again, and write a policy that would end them sooner
    Report(report::Report),
    /// Tell the story of a conflict: who changed what, why it did not merge, what is proposed, who decides, how it ended
    Show(story::Show),
    /// Propose how a conflict could end: one more side to vote for
    Propose(settle::Propose),
    /// Vote for a side or a proposal, for your organisation; the last vote counts
    Vote(settle::Vote),
    /// End a conflict with a change of your own: a file, one of the sides, or nothing at the path
    Resolve(settle::Resolve),
}

/// Which node, and what its answer must have seen.
#[derive(Debug, clap::Args)]
pub struct Ask {
    /// Consistency of the answer: strong sees every write confirmed before, at any replica
    #[arg(long, default_value = "strong", value_parser = parse_level, value_name = "LEVEL")]
    level: Level,
    #[command(flatten)]
    reach: Reach,
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::List(args) => list::run(args).await,
        Command::Report(args) => report::run(args).await,
        Command::Show(args) => story::run(args).await,
        Command::Propose(args) => settle::propose(args).await,
        Command::Vote(args) => settle::vote(args).await,
        Command::Resolve(args) => settle::resolve(args).await,
    }
}

/// The one conflict whose id begins so.
async fn find(client: &Client, beginning: &str, level: Level) -> Result<String, Failure> {
    if beginning.len() == 64 {
        return Ok(beginning.into());
    }
    let query = [("id", beginning), ("level", level_name(level))];
    let found: Page<ConflictEntry> = client.get(&["conflicts"], &query).await?;
    match &found.items[..] {
        [one] => Ok(one.id.to_string()),
        [] => Err(Failure::no(format!("no conflict has an id that begins with {beginning}"))
            .next("`quorate conflicts list` shows them")),
        many => {
            Err(Failure::usage(format!("{} ids begin with {beginning}", many.len())).next("give more of its digits"))
        }
    }
}

/// A conflict with its story.
async fn told(client: &Client, id: &str, level: Level) -> Result<(ConflictStory, Value), Failure> {
    let raw: Value = client.get(&["conflicts", id], &[("level", level_name(level))]).await?;
    let story = client.read(&raw)?;
    Ok((story, raw))
}
