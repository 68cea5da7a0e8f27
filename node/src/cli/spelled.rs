//! Acts of later rules in words.

use super::clock::date;
use super::print::{plain, short};
use quorate_ledger::{Observer, SpelledAct};

/// An act in a line, with what tells it from others of its kind.
pub fn line(act: &SpelledAct) -> String {
    match act {
        SpelledAct::EnrolObserver(Observer { key, organisation, .. }) => {
            format!("enrol-observer {} of {}", short(key), plain(organisation))
        }
        SpelledAct::RevokeObserver { key } => format!("revoke-observer {}", short(key)),
        SpelledAct::KnowGroup { name, group, epoch, .. } => {
            format!("know-group {} ({}, epoch {epoch})", plain(name), short(group))
        }
        SpelledAct::ForgetGroup { group } => format!("forget-group {}", short(group)),
        SpelledAct::SettleBranch { transaction, commit } => {
            format!("settle-branch {} {}", short(transaction), end(*commit))
        }
    }
}

/// All that an act says, a line for each part.
pub fn lines(act: &SpelledAct) -> Vec<String> {
    let mut lines = vec![line(act)];
    lines.extend(match act {
        SpelledAct::EnrolObserver(Observer { key, domains, until, .. }) => {
            let domains: Vec<String> = domains.iter().map(|domain| plain(domain)).collect();
            let domains = if domains.is_empty() { "all".to_owned() } else { domains.join(", ") };
            vec![format!("  key {key}"), format!("  domains: {domains}"), format!("  until {}", date(*until))]
        }
        SpelledAct::RevokeObserver { key } => vec![format!("  key {key}")],
        SpelledAct::KnowGroup { group, members, .. } => {
            let member = |(number, key)| format!("  signatures of its replica {number} count by the key {key}");
            [format!("  group {group}")].into_iter().chain(members.iter().enumerate().map(member)).collect()
        }
        SpelledAct::ForgetGroup { group } => vec![format!("  group {group}"), "  its proofs count no more".into()],
        SpelledAct::SettleBranch { transaction, commit } => {
            let what = if *commit { "takes effect" } else { "takes no effect" };
            vec![format!("  transaction {transaction}"), format!("  its branch here {what}, whatever its home decides")]
        }
    });
    lines
}

fn end(commit: bool) -> &'static str {
    if commit { "commit" } else { "abort" }
}
