//! `quorate conflicts report`: where conflicts meet, between whom and why, and a policy that would end them sooner.

use super::super::document;
use super::super::failure::Outcome;
use super::super::print::{self, plain};
use super::super::reach::Scope;
use super::Ask;
use super::hot::{self, Place};
use quorate_client::api::{ConflictEntry, PolicyOfDomain};
use quorate_client::calls::level_name;
use quorate_ledger::policy::DomainPolicy;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Conflicts that are read at most.
const READ_MAX: usize = 2_000;

/// Tell where conflicts meet again and again, between whom and why, and write a policy that would end them sooner
#[derive(Debug, clap::Args)]
pub struct Report {
    #[command(flatten)]
    scope: Scope,
    /// The newest conflicts to read
    #[arg(long, short = 'n', default_value_t = READ_MAX, value_name = "N")]
    limit: usize,
    /// File to write the proposed policy to
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    ask: Ask,
}

/// Report on a domain's conflicts.
#[derive(Debug, Serialize)]
struct Told {
    domain: String,
    conflicts: usize,
    open: usize,
    places: Vec<Place>,
    /// The whole policy of the domain with rules for these places; null where none has a rule that helps.
    policy: Option<DomainPolicy>,
}

/// Runs the command.
pub async fn run(args: &Report) -> Outcome {
    let (client, domain) = (args.ask.reach.client()?, &args.scope.domain);
    let query = [("domain", domain.as_str()), ("level", level_name(args.ask.level))];
    let met: Vec<ConflictEntry> = client.list(&["conflicts"], &query, args.limit).await?;
    let today: PolicyOfDomain = client.get(&["domains", domain, "policy"], &[]).await?;
    let places = hot::places(&met);
    let policy = hot::policy(&today.policy, &places, &met);
    let open = met.iter().filter(|conflict| conflict.settled.is_none()).count();
    let told = Told { domain: domain.clone(), conflicts: met.len(), open, places, policy };
    if let (Some(file), Some(policy)) = (&args.policy, &told.policy) {
        document::write_new(file, policy)?;
    }
    if args.ask.reach.json { Ok(print::json(&told)?) } else { tell(&told, args.policy.as_deref()) }
}

fn tell(told: &Told, file: Option<&Path>) -> Outcome {
    let mut lines = vec![format!("{}: {} conflicts, {} of them open", plain(&told.domain), told.conflicts, told.open)];
    for place in &told.places {
        lines.push(format!("\n{}: {} conflicts, {} open", plain(&place.pattern), place.conflicts, place.open));
        let sides = place.sides.iter().map(|(name, sides)| format!("{} {sides}", plain(name)));
        lines.push(format!("  sides    {}", sides.collect::<Vec<_>>().join(", ")));
        lines.extend(place.reasons.iter().map(|(reason, times)| format!("  because  {} ({times})", plain(reason))));
        lines.push(format!("  advice   {}", plain(&place.remedy.words())));
    }
    if told.places.is_empty() {
        lines.push("no path and no folder stands out".into());
    }
    let domain = plain(&told.domain);
    match (&told.policy, file) {
        (None, None) => (),
        (None, Some(file)) => lines.push(format!("\nno rule would help, so {} was not written", file.display())),
        (Some(_), None) => lines.push("\na policy with rules for these places: --policy FILE writes it".into()),
        (Some(_), Some(file)) => {
            let file = file.display();
            lines.push(format!("\n{file} has the policy with rules for these places; read it, then"));
            lines.push(format!("  quorate policy check {file} && quorate policy set {file} --domain {domain}"));
        }
    }
    Ok(print::say(lines.join("\n"))?)
}
