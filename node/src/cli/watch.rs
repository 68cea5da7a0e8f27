//! `quorate watch`: what happens, as it happens.

use super::failure::{Failure, Outcome};
use super::names::Names;
use super::partitions;
use super::print::{self, plain, short};
use super::reach::Reach;
use super::{change, conflicts};
use quorate_client::api::Event;
use quorate_client::events::{Events, Raw};
use quorate_client::http::{Client, ClientError};
use quorate_ledger::{Code, Revision};
use serde_json::Value;

/// Advice on a position that is none.
const POSITIONS: &str = "a position is SLOT or SLOT.NUMBER, as `position` in each line of --json";

/// Follow what happens in the group
#[derive(Debug, clap::Args)]
pub struct Watch {
    /// Begin at this position instead of now; each line of --json has its own in `position`
    #[arg(long, value_name = "POSITION")]
    from: Option<String>,
    /// Only what is of this domain: also transactions that are signed in another one and change files here
    #[arg(long, env = "QUORATE_DOMAIN", value_name = "DOMAIN")]
    domain: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

/// Runs `quorate watch`: until it is interrupted, or the node is gone for longer than the time-out.
pub async fn run(args: &Watch) -> Outcome {
    let client = args.reach.client()?;
    tell_to_come(args, &client).await?;
    let mut events = Events::new(client.clone(), args.from.clone());
    let mut names = Names::of(&client);
    while !print::reader_left() {
        let event = next(&mut events, args.from.is_some()).await?;
        let value: Value = client.decode(event.data.as_bytes())?;
        if args.domain.as_deref().is_some_and(|domain| is_of_others(&client, &value, domain)) {
            continue;
        }
        if args.reach.json {
            print::json_line(&positioned(value, event.id))?;
        } else if let Ok(event) = client.read(&value) {
            lines(&event, &mut names).await.iter().try_for_each(print::say)?;
        }
    }
    Ok(())
}

/// Tells of a domain that is not there yet, and of a position that is still to come: both are waited for.
async fn tell_to_come(args: &Watch, client: &Client) -> Outcome {
    if let Some(domain) = &args.domain {
        let query = [("level", "sequential"), ("limit", "1")];
        match client.get_bytes(&["domains", domain, "tree"], &query).await {
            Err(ClientError::Refused(problem)) if problem.code == Code::UnknownDomain.to_string() => {
                tell!("quorate: no domain {} yet; waiting for it", plain(domain));
            }
            Ok(_) | Err(ClientError::Refused(_)) => (),
            Err(error) => return Err(error.into()),
        }
    }
    let Some(from) = args.from.as_deref().filter(|from| !from.is_empty()) else { return Ok(()) };
    let wrong = |_| Failure::usage(format!("{} is no position", plain(from))).next(POSITIONS);
    let (position, newest) = (from.parse::<Revision>().map_err(wrong)?, client.status().await?.executed_seq);
    if position.seq().get() > newest {
        tell!("quorate: {position} is after slot {newest}, the newest here; waiting for it");
    }
    Ok(())
}

/// Whether an event is of other domains alone: a transaction is of each in which it changes something.
fn is_of_others(client: &Client, event: &Value, domain: &str) -> bool {
    let is_changed =
        || matches!(client.read(event), Ok(Event::Receipt(receipt)) if !receipt.changes_in(domain).is_empty());
    event["domain"].as_str().is_some_and(|of| of != domain) && !is_changed()
}

/// The next event. Who began with now goes on from now, where the node has forgotten what came after the last one.
async fn next(events: &mut Events, misses_none: bool) -> Result<Raw, Failure> {
    loop {
        match events.next().await {
            Err(ClientError::Refused(problem)) if !misses_none && problem.code == "history-pruned" => {
                tell!(
                    "quorate: some of what happened meanwhile is not shown: {}; it goes on from now",
                    plain(&problem.detail)
                );
                events.skip().await?;
            }
            other => return Ok(other?),
        }
    }
}

fn positioned(mut value: Value, position: Option<String>) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.insert("position".into(), position.into());
    }
    value
}

async fn lines(event: &Event, names: &mut Names) -> Vec<String> {
    match event {
        Event::Receipt(receipt) => {
            let mut lines = change::lines(receipt);
            lines[0] = format!("{}  {}  by {}", plain(&receipt.domain), lines[0], names.author(&receipt.author).await);
            lines
        }
        Event::Evidence(entry) => {
            let what = format!("view {}, seq {}", entry.view, entry.seq);
            vec![format!("replica {} caught: {} at {what}  {}", entry.signer, plain(&entry.kind), entry.id)]
        }
        Event::Conflict(news) => {
            let (conflict, path) = (short(news.conflict), plain(&news.path));
            vec![format!(
                "{}  {path}  conflict {conflict}  {}",
                plain(&news.domain),
                conflicts::words::deed(&news.happening)
            )]
        }
        Event::Lock(news) => {
            let token = news.token.map_or(String::new(), |token| format!(" with token {token}"));
            let who = news.organisation.as_deref().map_or_else(String::new, |name| format!("{} ", plain(name)));
            let (domain, path, what) = (plain(&news.domain), plain(&news.path), plain(&news.what));
            vec![format!("{domain}  {path}  lock {what}{token}  {who}({})", short(news.author))]
        }
        Event::Healed(healing) => vec![partitions::healing(healing)],
    }
}
