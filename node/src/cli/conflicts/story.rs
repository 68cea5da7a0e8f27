//! `quorate conflicts show`: a conflict as a story.

use super::super::clock::date;
use super::super::failure::Outcome;
use super::super::files::newest;
use super::super::print::{self, plain, short};
use super::sides::{Contents, disputed, indented};
use super::{Ask, find, told, words};
use quorate_client::api::{ConflictEntry, ConflictSide, ConflictStory};
use quorate_client::calls::level_name;
use quorate_ledger::Level;
use serde_json::{Value, json};

/// Tell the story of a conflict
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Its id, or the beginning of it
    id: String,
    #[command(flatten)]
    ask: Ask,
}

/// Runs the command.
pub async fn run(args: &Show) -> Outcome {
    let client = args.ask.reach.client()?;
    let id = find(&client, &args.id, args.ask.level).await?;
    let (ConflictStory { conflict, .. }, _) = told(&client, &id, args.ask.level).await?;
    // Before the sides: a change that is based on it ends none that is not shown.
    let at = newest(&client.renewed(), &conflict.domain, level_name(Level::Sequential)).await?;
    let (story, mut raw) = told(&client.renewed(), &id, Level::Sequential).await?;
    raw["at"] = json!(at);
    let contents = Contents::of(&client, &story.conflict).await?;
    if args.ask.reach.json {
        return Ok(print::json(&with_differences(raw, &story.conflict, &contents))?);
    }
    Ok(tell(&story, &contents, &at).iter().try_for_each(print::say)?)
}

/// The answer of the API, with what each side and proposal makes of the base, and how far the merge came.
fn with_differences(mut raw: Value, conflict: &ConflictEntry, contents: &Contents) -> Value {
    for (number, side) in conflict.sides.iter().enumerate() {
        raw["sides"][number]["diff"] = json!(contents.difference(conflict, (side.hash, side.size)));
    }
    for (number, proposal) in conflict.proposals.iter().enumerate() {
        raw["proposals"][number]["diff"] = json!(contents.difference(conflict, (proposal.hash, proposal.size)));
    }
    raw["partial_merge"] = json!(contents.partial_merge(conflict));
    raw
}

fn tell(story: &ConflictStory, contents: &Contents, at: &str) -> Vec<String> {
    let conflict = &story.conflict;
    let mut lines = vec![
        format!(
            "{} in domain {}: a {} conflict, {}",
            plain(&conflict.path),
            plain(&conflict.domain),
            plain(&conflict.class),
            plain(&conflict.state)
        ),
        format!("conflict {}", conflict.id),
    ];
    lines.extend(who_changed_what(conflict, contents));
    lines.extend(why_it_did_not_merge(conflict, contents));
    lines.extend(what_is_proposed(conflict, contents));
    lines.extend(who_decides(conflict));
    lines.push(String::new());
    lines.push("What happened, in the agreed order (times are ledger time)".into());
    lines.extend(words::time_line(&story.story).into_iter().map(|line| format!("  {line}")));
    lines.extend(how_it_ended(conflict, at));
    lines
}

fn who_changed_what(conflict: &ConflictEntry, contents: &Contents) -> Vec<String> {
    let mut lines = vec![String::new(), "Who changed what".into()];
    lines.push(match &conflict.base {
        Some(base) => format!("  Both began with the content {} ({}).", short(base.hash), print::size(base.size)),
        None => "  Before, nothing stood there.".into(),
    });
    for side in &conflict.sides {
        lines.push(format!("  side {}  {}", side.number, whose(side)));
        if side.path != conflict.path {
            lines.push(format!("          at {}", plain(&side.path)));
        }
        let message = side.message.as_deref().unwrap_or_default().trim_end();
        lines.extend(indented(message, "          "));
        lines.extend(indented(&contents.difference(conflict, (side.hash, side.size)), "      "));
    }
    lines
}

fn whose(side: &ConflictSide) -> String {
    let who = side.organisation.as_deref().map_or_else(String::new, |name| format!("{} ", plain(name)));
    let when = side.time.map_or_else(String::new, |time| format!(", {}", date(time)));
    format!("{who}({}) at revision {}{when}", short(side.author), side.revision)
}

fn why_it_did_not_merge(conflict: &ConflictEntry, contents: &Contents) -> Vec<String> {
    let mut lines = vec![String::new(), "Why it did not merge".into()];
    let (class, reason) = (words::class(&conflict.class), plain(&conflict.reason));
    lines.push(format!("  A {} conflict: {class}.", plain(&conflict.class)));
    let mut rest = reason.chars();
    let first: String = rest.next().map(char::to_uppercase).into_iter().flatten().collect();
    lines.push(format!("  {first}{}; {}.", rest.as_str(), words::rung(conflict.rung)));
    if let Some(check) = &conflict.check {
        lines.push(format!("  The check `{}` refused the result.", plain(check)));
    }
    if let Some(partial) = contents.partial_merge(conflict) {
        lines.push("  As far as it merges, around what is disputed:".into());
        lines.extend(indented(&disputed(&partial), "      "));
    }
    lines
}

fn what_is_proposed(conflict: &ConflictEntry, contents: &Contents) -> Vec<String> {
    let mut lines = vec![String::new(), "What is proposed".into()];
    let supported = conflict.sides.iter().filter(|side| !side.supporters.is_empty());
    let supported = supported.map(|side| format!("  side {}  by {}", side.number, words::speakers(&side.supporters)));
    lines.extend(supported);
    if conflict.proposals.is_empty() && lines.len() == 2 {
        lines.push("  Nothing beside the sides.".into());
    }
    for proposal in &conflict.proposals {
        lines.push(format!("  proposal {}  by {}", proposal.number, words::speakers(&proposal.supporters)));
        lines.extend(indented(proposal.reason.trim_end(), "          "));
        lines.extend(indented(&contents.difference(conflict, (proposal.hash, proposal.size)), "      "));
    }
    lines
}

fn who_decides(conflict: &ConflictEntry) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(decider) = &conflict.decider {
        lines.extend([String::new(), "Who decides".into()]);
        lines.extend(words::decider(decider).into_iter().map(|line| format!("  {line}")));
    }
    let votes = words::votes(conflict);
    if !votes.is_empty() {
        lines.push("  votes".into());
        lines.extend(votes.into_iter().map(|line| format!("    {line}")));
    }
    lines
}

fn how_it_ended(conflict: &ConflictEntry, at: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let (id, domain) = (short(conflict.id), plain(&conflict.domain));
    match (&conflict.settled, &conflict.decider) {
        (Some(end), _) => {
            lines.push("How it ended".into());
            lines.push(format!("  At revision {}, {}: {}.", end.revision, date(end.time), words::end(conflict, end)));
            lines.push(format!("  Its proof: quorate receipt {} --out FILE", end.receipt));
        }
        (None, decider) => {
            lines.push("The path goes on serving the last agreed content. To end it:".into());
            if decider.as_ref().is_some_and(|decider| decider.arbiter.is_none()) {
                lines.push(format!("  quorate conflicts vote {id} NUMBER            for your organisation"));
            }
            lines.push(format!("  quorate conflicts propose {id} FILE --reason TEXT"));
            lines.push(format!("  quorate conflicts resolve {id} --base {at} FILE | --side NUMBER | --delete"));
            lines.push("  With --base it ends none of the sides that join after those shown here.".into());
            lines.push(format!("  (it is in domain {domain})"));
        }
    }
    lines
}
