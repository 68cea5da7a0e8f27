//! `quorate pending`: changes that wait for the word of others.

use super::change;
use super::failure::{Failure, Outcome};
use super::govern::{waiting, waits_for};
use super::listing::{LIST_MAX, page};
use super::print::{self, Table, plain, short};
use super::reach::{Reach, Scope};
use super::receipt::{self, parse_beginning};
use quorate_client::api::{PendingChange, PendingStory};
use quorate_client::http::Client;
use quorate_ledger::{EnvelopeId, State};
use serde_json::Value;

/// Answers that are asked for one change: a node looks at a thousand lines of the log for each, and one that lies may go on for
/// ever.
const ANSWERS_MAX: usize = 10_000;

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
    /// Show what a change still needs, or who approved it
    Show {
        /// The envelope that waits or has waited, as `put` printed it, or the beginning of it
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
    let envelope = named(&client, domain, beginning).await?;
    let story = story(&client, domain, &envelope).await?;
    if reach.json {
        return Ok(print::json(&story)?);
    }
    lines(&story).iter().try_for_each(print::say)?;
    if story.state == State::Pending {
        print::say(format_args!("  quorate attest {envelope} --domain {}", plain(domain)))?;
    }
    Ok(())
}

/// The change of a domain that begins so: one that waits, or one of the log.
async fn named(client: &Client, domain: &str, beginning: &str) -> Result<EnvelopeId, Failure> {
    match waiting(client, domain, beginning).await {
        Ok(id) => Ok(id),
        Err(failure) => receipt::whole(client, domain, beginning).await.map_err(|_| failure),
    }
}

/// A change with all words about it, answer by answer.
async fn story(client: &Client, domain: &str, envelope: &EnvelopeId) -> Result<PendingStory, Failure> {
    let path = ["domains", domain, "pending", &envelope.to_string()];
    let mut story: PendingStory = client.get(&path, &[]).await?;
    for _ in 0..ANSWERS_MAX {
        let Some(from) = story.next.take() else { break };
        let query = [("level", "sequential"), ("from", from.as_str())];
        let more: PendingStory = client.renewed().get(&path, &query).await?;
        let words = story.words.drain(..).chain(more.words).collect();
        let begins = story.begins.max(more.begins);
        story = PendingStory { words, begins, ..more };
    }
    Ok(story)
}

/// A change and the words about it, for people.
fn lines(story: &PendingStory) -> Vec<String> {
    let PendingStory { change, state, decided, words, next, begins } = story;
    let (author, organisation) = (short(change.author), plain(&change.organisation));
    let state = change::word(state);
    let now = decided.map_or(String::new(), |at| format!(", {state} at {at}"));
    let mut lines = vec![format!("{} by {author} of {organisation}, since {}{now}", change.id, change.since)];
    lines.extend(waits_for(change));
    lines.extend(words.iter().map(|word| {
        let says = if word.approve { "yes" } else { "no" };
        let (author, organisation) = (short(word.author), plain(&word.organisation));
        format!("  {says:<3} by {author} of {organisation} at {}: {}", word.revision, word.id)
    }));
    lines.extend(
        begins.map(|slot| format!("  words before slot {slot} are forgotten here; another member may keep more")),
    );
    lines.extend(next.as_ref().map(|from| format!("  words after revision {} are not told", plain(from))));
    lines
}
