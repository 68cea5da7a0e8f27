//! `quorate conflicts`: what could not be merged, with all its sides.

use super::failure::{Failure, Outcome};
use super::group::{LIST_MAX, page};
use super::print::{self, Table, plain, short};
use super::reach::Reach;
use quorate_client::api::ConflictEntry;
use quorate_client::http::Client;
use serde_json::Value;

/// See what could not be merged
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List conflicts
    List {
        /// Only those of this domain
        #[arg(long, env = "QUORATE_DOMAIN", value_name = "DOMAIN")]
        domain: Option<String>,
        #[command(flatten)]
        reach: Reach,
    },
    /// Tell the story of a conflict
    Show {
        /// Its id, or the beginning of it
        id: String,
        #[command(flatten)]
        reach: Reach,
    },
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::List { domain, reach } => list(domain.as_deref().unwrap_or_default(), reach).await,
        Command::Show { id, reach } => show(id, reach).await,
    }
}

async fn list(domain: &str, reach: &Reach) -> Outcome {
    let client = reach.client()?;
    let raw: Vec<Value> = client.list(&["conflicts"], &[("domain", domain)], LIST_MAX).await?;
    if reach.json {
        return Ok(print::json(&page(&raw))?);
    }
    let mut table = Table::new(&["conflict", "state", "class", "since", "sides", "domain", "path"]);
    for value in raw {
        let conflict = parse(&client, value)?;
        table.row([
            short(conflict.id),
            plain(&conflict.state),
            plain(&conflict.class),
            conflict.since.to_string(),
            conflict.sides.len().to_string(),
            plain(&conflict.domain),
            plain(&conflict.path),
        ]);
    }
    Ok(table.print("no conflicts")?)
}

async fn show(id: &str, reach: &Reach) -> Outcome {
    let client = reach.client()?;
    let id = whole(&client, "conflicts", id).await?;
    let raw: Value = client.get(&["conflicts", &id], &[]).await?;
    if reach.json {
        return Ok(print::json(&raw)?);
    }
    let conflict = parse(&client, raw)?;
    let (class, state) = (plain(&conflict.class), plain(&conflict.state));
    print::say(format_args!("{} in domain {}", plain(&conflict.path), plain(&conflict.domain)))?;
    print::say(format_args!("{class} conflict since {}, {state}  {}", conflict.since, conflict.id))?;
    print::say("")?;
    let mut sides = Table::new(&["side", "revision", "author", "content"]);
    for (number, side) in conflict.sides.iter().enumerate() {
        let content = side.hash.map_or("removed".into(), short);
        sides.row([(number + 1).to_string(), side.revision.to_string(), short(side.author), content]);
    }
    sides.print("no sides")?;
    if conflict.state == "open" {
        print::say("")?;
        print::say("The path goes on serving the last agreed content. To settle it, put what is right:")?;
        print::say(format_args!("  quorate put {} FILE --domain {}", plain(&conflict.path), plain(&conflict.domain)))?;
    }
    Ok(())
}

fn parse(client: &Client, value: Value) -> Result<ConflictEntry, Failure> {
    serde_json::from_value(value).map_err(|error| client.garbled(error.to_string()).into())
}

/// The one id in a list that begins so.
pub async fn whole(client: &Client, list: &str, beginning: &str) -> Result<String, Failure> {
    if beginning.len() >= 64 {
        return Ok(beginning.into());
    }
    let items: Vec<Value> = client.list(&[list], &[], LIST_MAX).await?;
    let ids = items.iter().filter_map(|item| item["id"].as_str()).filter(|id| id.starts_with(beginning));
    match ids.collect::<Vec<_>>()[..] {
        [id] => Ok(id.into()),
        [] => Err(Failure::no(format!("no id in {list} begins with {beginning}"))
            .next(format!("`quorate {list} list` shows them"))),
        ref many => {
            Err(Failure::usage(format!("{} ids begin with {beginning}", many.len())).next("give more of its digits"))
        }
    }
}
