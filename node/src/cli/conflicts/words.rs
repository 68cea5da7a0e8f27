//! A conflict in words that need no manual.

use super::super::clock::date;
use super::super::print::{plain, short};
use quorate_client::api::{
    ConflictDecider, ConflictDeed, ConflictEnd, ConflictEntry, ConflictHappening, ConflictVote, Speaker,
};
use quorate_ledger::policy::{Step, Takeover};
use quorate_ledger::{Decider, Ending, Principal, Rung};
use std::collections::BTreeSet;

/// Meaning of a class of conflict.
pub fn class(name: &str) -> &'static str {
    match name {
        "value" => "the same thing was given two values",
        "structural" => "one side moved, renamed, deleted or reshaped what the other edited",
        "semantic" => "it merges as text, but a check says that the result would be wrong",
        _ => "two changes do not fit together",
    }
}

/// Last rung of the merge ladder, in words.
pub fn rung(rung: Rung) -> &'static str {
    match rung {
        Rung::OneSided => "there was nothing to merge line by line",
        Rung::Text => "lines were compared, and that was the last that could be tried",
        Rung::Data => "the merge by keys of structured data was the last that was tried",
        Rung::Imports => "the merge of import sets was the last that was tried",
        Rung::Code => "the merge by declarations was the last that was tried",
        Rung::None => "every step of the merge ladder was tried",
    }
}

/// Speaker in words: an author, or a replica's analyser.
pub fn speaker(speaker: &Speaker) -> String {
    match speaker {
        Speaker::Author { author, organisation: Some(organisation) } => {
            format!("{} ({})", plain(organisation), short(author))
        }
        Speaker::Author { author, organisation: None } => short(author),
        Speaker::Replica { replica } => format!("the analyser of replica {replica}"),
        Speaker::Deadline => "the deadline".into(),
    }
}

/// Several of them, replicas in one breath.
pub fn speakers(all: &[Speaker]) -> String {
    let replicas: Vec<String> = all
        .iter()
        .filter_map(|speaker| match speaker {
            Speaker::Replica { replica } => Some(replica.to_string()),
            _ => None,
        })
        .collect();
    let people = all.iter().filter(|speaker| !matches!(speaker, Speaker::Replica { .. })).map(speaker);
    let machines = match replicas.len() {
        0 => None,
        1 => Some(format!("the analyser of replica {}", replicas[0])),
        _ => Some(format!("the analysers of replicas {}", replicas.join(", "))),
    };
    people.chain(machines).collect::<Vec<_>>().join(", ")
}

/// A side or a proposal by its number.
pub fn numbered(conflict: &ConflictEntry, number: u32) -> String {
    let is_proposal = conflict.proposals.iter().any(|proposal| proposal.number == number);
    if is_proposal { format!("proposal {number}") } else { format!("side {number}") }
}

/// Authority that decides, its deadline, and the step after it.
pub fn decider(decider: &ConflictDecider) -> Vec<String> {
    let mut lines = Vec::new();
    match (&decider.arbiter, decider.needed) {
        (Some(arbiter), _) => lines.push(format!("{} decides, and nobody else", principal(arbiter))),
        (None, needed) => {
            lines.push("any writer who has seen all sides may end it with a change of their own, or".into());
            let (needed, all) = (needed.unwrap_or(0), decider.organisations);
            lines.push(format!("{needed} of {all} organisations vote for the same side or proposal"));
        }
    }
    match decider.deadline {
        Some(deadline) => {
            lines.push(format!("until {}; then {}", date(deadline), then(&decider.then)));
        }
        None => lines.push("without a deadline".into()),
    }
    lines
}

/// Step of the policy after a deadline.
fn then(steps: &[Step]) -> String {
    let next = steps.iter().find_map(|step| step.strategy.takeover()).map(|takeover| match takeover {
        Takeover::Decides(Decider::Writers(_)) => "the organisations vote".to_owned(),
        Takeover::Decides(Decider::Arbiter(who)) => format!("{} decides", principal(&who)),
        Takeover::LastWins => "the last side wins".to_owned(),
        Takeover::FirstStands => "the first side stands".to_owned(),
    });
    next.unwrap_or_else(|| "any writer or a vote may still end it".to_owned())
}

/// Principal in words, to stand before a verb.
pub fn principal(who: &Principal) -> String {
    match who {
        Principal::Everyone => "everybody".into(),
        Principal::Organisation(name) => format!("the organisation {}", plain(name)),
        Principal::Author(key) => format!("the author {}", short(key)),
    }
}

/// The votes so far, side by side.
pub fn votes(conflict: &ConflictEntry) -> Vec<String> {
    let mut numbers: Vec<u32> = conflict.votes.iter().map(|vote| vote.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let tally = |number: u32| {
        let for_it = conflict.votes.iter().filter(|vote| vote.number == number);
        let by: Vec<String> = for_it.map(|vote: &ConflictVote| plain(&vote.organisation)).collect();
        format!("{}: {} ({})", numbered(conflict, number), by.len(), by.join(", "))
    };
    numbers.into_iter().map(tally).collect()
}

/// Log of a conflict, a line each; a reason that was given before is not told again.
pub fn time_line(story: &[ConflictHappening]) -> Vec<String> {
    let mut told = BTreeSet::new();
    let line = |happening: &ConflictHappening| {
        let what = match &happening.what {
            ConflictDeed::Proposed { number, reason } if !told.insert((*number, reason.clone())) => {
                format!("{} says the same of number {number}", speaker(&happening.by))
            }
            _ => deed(happening),
        };
        format!("{:<8} {}  {what}", happening.revision.to_string(), date(happening.time))
    };
    story.iter().map(line).collect()
}

/// Act in a conflict, with its speaker.
pub fn deed(happening: &ConflictHappening) -> String {
    let who = speaker(&happening.by);
    match &happening.what {
        ConflictDeed::Opened => format!("{who} met what stood there: the conflict began"),
        ConflictDeed::Joined { number } => format!("{who} had not seen it and joined as number {number}"),
        ConflictDeed::Proposed { number, reason } => {
            format!("{who} put forward number {number}: {}", plain(reason.lines().next().unwrap_or_default()))
        }
        ConflictDeed::Voted { organisation, number } => format!("{} voted for number {number}", plain(organisation)),
        ConflictDeed::Passed { arbiter, deadline } => {
            let now = match arbiter {
                Some(who) => format!("{} decides", principal(who)),
                None => "writers and votes decide".into(),
            };
            let until = deadline.map_or(String::new(), |deadline| format!(" until {}", date(deadline)));
            format!("the deadline passed; now {now}{until}")
        }
        ConflictDeed::HeldUp { until, locked } => {
            let end =
                until.map_or("its transaction is decided".into(), |until| format!("{} at the latest", date(until)));
            format!("it is decided, and waits for the lock of {} until {end}", plain(locked))
        }
        ConflictDeed::Settled { how, number } => {
            let stands = number.map_or(String::new(), |number| format!(": number {number} stands"));
            match how {
                Ending::Change => format!("{who} ended it with a change of their own"),
                Ending::Vote => format!("enough organisations had voted{stands}"),
                Ending::LastWriter => format!("the deadline passed and the last writer won{stands}"),
                Ending::FirstStands => "the deadline passed and what was served stands".into(),
            }
        }
    }
}

/// End of a conflict in words.
pub fn end(conflict: &ConflictEntry, end: &ConflictEnd) -> String {
    let by = end.organisation.as_deref().map_or_else(|| short(end.author), plain);
    let stands = match (end.number, end.hash) {
        (Some(number), _) => format!("{} stands", numbered(conflict, number)),
        (None, Some(hash)) => {
            let same = conflict.sides.iter().find(|side| side.hash == Some(hash));
            same.map_or_else(|| "what they wrote stands".to_owned(), |side| format!("side {} stands", side.number))
        }
        (None, None) => "nothing stands there since".to_owned(),
    };
    match end.how {
        Ending::Change => format!("{by} settled it with a change of their own: {stands}"),
        Ending::Vote => format!("the organisations voted: {stands} (it came from {by})"),
        Ending::LastWriter => format!("the deadline passed and the last writer won: {stands} (it came from {by})"),
        Ending::FirstStands => format!("the deadline passed and the first side stands (it came from {by})"),
    }
}
