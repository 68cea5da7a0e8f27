//! `quorate doctor`: a replica's folder, or a node that answers, looked at check by check.

use super::failure::{Failure, Outcome};
use super::print::{self, plain};
use super::reach::Reach;
use quorate_client::api::{HEALTH_MIN, Issue, Mode, Page, Status};
use quorate_client::http::Client;
use quorate_service::doctor::{Item, examine};
use serde_json::json;
use std::path::PathBuf;

/// Look at the folder of a replica or an observer, or at a node that answers: what is wrong, and what to do about it
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// Folder of a node on this machine; its contents are looked at if the node is stopped. Without it the node
    /// is asked
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
}

/// Runs the command; exit 1 if anything is wrong.
pub async fn run(args: &Doctor) -> Outcome {
    let items = match &args.dir {
        Some(dir) => examine(dir),
        None => asked(&args.reach.doctor()?).await?,
    };
    report(&items, args.reach.json)
}

/// Prints checks; exit 1 if anything is wrong.
pub fn report(items: &[Item], as_json: bool) -> Outcome {
    let ok = items.iter().all(|item| item.ok);
    if as_json {
        print::json(&json!({ "ok": ok, "items": items }))?;
    } else {
        items.iter().try_for_each(tell)?;
    }
    if ok { Ok(()) } else { Err(Failure::silent()) }
}

fn tell(item: &Item) -> std::io::Result<()> {
    let mark = if item.ok { "ok    " } else { "WRONG " };
    print::say(format!("{mark} {}: {}", item.check, plain(&item.detail)))?;
    item.advice.iter().try_for_each(|advice| print::say(format!("         {advice}")))
}

/// Checks of a node by its own words.
async fn asked(client: &Client) -> Result<Vec<Item>, Failure> {
    let status: Status = client.get(&["status"], &[]).await?;
    let issues: Page<Issue> = client.get(&["issues"], &[]).await?;
    let mode = match status.mode {
        Mode::Active | Mode::Following => Item::well("mode", status.mode.to_string()),
        _ => {
            let detail = format!("{}: {}", status.mode, status.why);
            Item::fault("mode", detail, "`quorate status --explain` says what it waits for")
        }
    };
    let found = issues.items.iter().map(|issue| {
        let detail = format!("{}: {}", issue.what, issue.evidence);
        match issue.severity.as_str() {
            "notice" => Item::well("issue", detail),
            _ => Item::fault("issue", detail, format!("{} ({})", issue.advice, issue.runbook)),
        }
    });
    let node = Item::well("node", format!("{} answers, quorate {}", client.node(), status.version));
    Ok([node, mode, health(status.health.score)].into_iter().chain(found).collect())
}

fn health(score: f64) -> Item {
    match score < HEALTH_MIN {
        true => Item::fault("health", score.to_string(), "`quorate health` says what it is made of"),
        false => Item::well("health", score.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_below_the_bound_at_which_somebody_should_look_is_a_fault() {
        assert_eq!([0.0, 0.69, HEALTH_MIN, 1.0].map(|score| health(score).ok), [false, false, true, true]);
    }
}
