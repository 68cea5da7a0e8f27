//! `quorate give-up`: changes of a key that have no answer, and the end of one that never gets any.

use super::change::{report, tell_earlier, tell_unnoted};
use super::failure::{Failure, Outcome};
use super::print::{self, Table, plain};
use super::reach::{Reach, Signing};
use quorate_client::author::{self, Author, SubmitError};
use quorate_client::keys;
use quorate_client::outbox::{Answer, Outbox};
use quorate_ledger::{EnvelopeId, GROUP_DOMAIN, State};
use serde::Serialize;
use serde_json::json;
use std::path::Path;

/// Let go of a change that never gets an answer, so that its number is free; without an id, list those without an answer
///
/// Changes that are based on it go with it. The change can still be ordered until another one has its number: give up what does no harm beside
/// the next one. A node that holds it on its lane keeps its number until it was ordered; where it is parked, as for a content, the next
/// change takes its place. Another member (--node URL) takes the next one at once.
#[derive(Debug, clap::Args)]
pub struct GiveUp {
    /// The change
    id: Option<EnvelopeId>,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    reach: Reach,
}

/// Change without an answer.
#[derive(Serialize)]
struct Waiting {
    id: EnvelopeId,
    domain: String,
    number: u64,
}

/// Runs the command.
pub async fn run(args: &GiveUp) -> Outcome {
    let (key, as_json) = (args.signing.key()?, args.reach.json);
    args.signing.public()?; // a name that is no key's gets no outbox
    let mut waiting = waiting(key)?;
    let Some(id) = &args.id else { return list(&waiting, as_json) };
    let none = || {
        Failure::no(format!("this key waits for no answer to {id}"))
            .next(format!("`quorate receipt {id}` tells what became of it"))
    };
    if waiting.iter().all(|waiting| waiting.id != *id) {
        return Err(none());
    }
    let mut author = Author::open(key, args.reach.client()?, GROUP_DOMAIN).await?;
    let answers = author.give_up(id).await?;
    tell_unnoted(&mut author);
    let (first, others) = answers.split_first().ok_or_else(none)?; // another command has noted an answer meanwhile
    if let Answer::Verdict(receipt) = first {
        others.iter().for_each(tell_earlier);
        return report(Ok(author::Outcome::Verdict(receipt.clone())), as_json);
    }
    waiting.retain(|waiting| author.fate(&waiting.id) == Some(Some(State::Refused)));
    if as_json {
        return Ok(print::json(&json!({ "given_up": waiting }))?);
    }
    Ok(waiting.iter().try_for_each(|waiting| print::say(format_args!("given up  {}", waiting.id)))?)
}

/// Changes of a key without an answer, of each domain the oldest first.
fn waiting(key: &Path) -> Result<Vec<Waiting>, Failure> {
    let outbox = Outbox::open(&keys::home(key)?).map_err(SubmitError::from)?;
    let names = outbox.unanswered().into_iter();
    let known =
        names.filter_map(|name| Some(Waiting { id: outbox.id(&name)?, number: name.from_seq, domain: name.domain }));
    Ok(known.collect())
}

fn list(waiting: &[Waiting], as_json: bool) -> Outcome {
    if as_json {
        return Ok(print::json(&json!({ "items": waiting, "next": null }))?);
    }
    let mut table = Table::new(&["change", "domain", "number"]);
    for Waiting { id, domain, number } in waiting {
        table.row([id.to_string(), plain(domain), number.to_string()]);
    }
    Ok(table.print("every change of this key has its answer")?)
}
