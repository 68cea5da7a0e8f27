//! Merged facts as statements: a side's own text where it says them, a list written anew otherwise, in an order
//! that both sides agree with.

use std::collections::{BTreeMap, BTreeSet};

use super::Fact;
use super::syntax::Statement;
use crate::Rules;
use crate::work::Work;

/// The statements that bring exactly the merged names of one place.
pub(super) fn rendered(
    place: &str,
    merged: &BTreeSet<Fact>,
    [base, ours, theirs]: [&[Statement]; 3],
    rules: Rules,
    work: &Work,
) -> Option<Vec<Statement>> {
    let wanted: BTreeSet<&str> = merged.iter().filter(|(p, _)| *p == place).map(|(_, n)| *n).collect();
    let of = |side: &[Statement]| side.iter().filter(|s| s.place == place).cloned().collect::<Vec<_>>();
    let names = |side: &[Statement]| -> BTreeSet<String> { side.iter().flat_map(|s| s.names.clone()).collect() };
    let says = |side: &[Statement]| names(side).iter().map(String::as_str).collect::<BTreeSet<_>>() == wanted;
    let (b, o, t) = (of(base), of(ours), of(theirs));
    match (says(&o), says(&t)) {
        (true, true) if o == b => Some(t),
        (true, true) if t == b || o == t => Some(o),
        // Both say the same in other words (wrapped, a comment): no reason to prefer either, so the smaller text.
        (true, true) => Some(std::cmp::min_by_key(o, t, |s| s.iter().map(|s| s.text.clone()).collect::<String>())),
        (true, false) => Some(o),
        (false, true) => Some(t),
        (false, false) => {
            work.take_len(wanted.len() * (o.len() + t.len() + wanted.len()))?;
            single_lines(&wanted, &o, &t).or_else(|| rewritten(&wanted, &o, &t, rules))
        }
    }
}

/// A statement for each name, where that is how both sides write them.
fn single_lines(wanted: &BTreeSet<&str>, ours: &[Statement], theirs: &[Statement]) -> Option<Vec<Statement>> {
    if ours.iter().chain(theirs).any(|s| s.names.len() != 1) {
        return None;
    }
    let host = |name: &&str| {
        let mut hosts: Vec<&Statement> = ours.iter().chain(theirs).filter(|s| s.names[0] == **name).collect();
        hosts.sort_by(|a, b| a.text.cmp(&b.text));
        hosts.first().map(|s| (*s).clone())
    };
    wanted.iter().map(host).collect()
}

/// The one statement of both sides with its list written anew.
fn rewritten(
    wanted: &BTreeSet<&str>,
    ours: &[Statement],
    theirs: &[Statement],
    rules: Rules,
) -> Option<Vec<Statement>> {
    let ([ours], [theirs]) = (ours, theirs) else { return None };
    // The style of the longer list; of two as long, the smaller text.
    let key = |s: &Statement| (std::cmp::Reverse(s.names.len()), s.text.clone());
    let (model, other) = if key(ours) <= key(theirs) { (ours, theirs) } else { (theirs, ours) };
    let (from, to) = model.list?;
    let inner = &model.text[from..to];
    // All names of a place are no list, where braces do not say so.
    let is_in_braces = model.text[..from].trim_end().ends_with('{');
    if rules >= Rules::V26 && wanted.len() > 1 && wanted.contains("*") && !is_in_braces {
        return None;
    }
    if inner.contains("//") || inner.contains("/*") || inner.contains('#') {
        return None;
    }
    let mut names: Vec<&str> = model.names.iter().map(String::as_str).filter(|n| wanted.contains(n)).collect();
    let was_sorted = model.names.is_sorted_by_key(|n| sort_key(n));
    for name in other.names.iter().map(String::as_str).filter(|n| wanted.contains(n)) {
        if !names.contains(&name) {
            let at = if was_sorted { names.partition_point(|n| sort_key(n) < sort_key(name)) } else { names.len() };
            names.insert(at, name);
        }
    }
    if names.is_empty() {
        return Some(Vec::new());
    }
    let list = list_text(inner, &names);
    let text = format!("{}{}{}", &model.text[..from], list, &model.text[to..]);
    let names = names.into_iter().map(String::from).collect();
    Some(vec![Statement { text, place: model.place.clone(), names, list: None }])
}

/// Lower case before upper case sorts as most formatters do: types apart from the rest matters less than stability.
fn sort_key(name: &str) -> (String, &str) {
    (name.to_lowercase(), name)
}

/// `names` laid out as `inner` is: on one line, or one on each.
fn list_text(inner: &str, names: &[&str]) -> String {
    let lead = &inner[..inner.len() - inner.trim_start().len()];
    let trail = &inner[inner.trim_end().len()..];
    let comma = if inner.trim_end().ends_with(',') { "," } else { "" };
    let between = if lead.contains('\n') { format!(",{lead}") } else { ", ".into() };
    format!("{lead}{}{comma}{trail}", names.join(&between))
}

/// Start of imports that no other may stand above.
const FIRST: &str = "from __future__";

/// The kept statements in an order that both sides agree with.
pub(super) fn in_order(
    kept: &BTreeMap<&str, Vec<Statement>>,
    ours: &[Statement],
    theirs: &[Statement],
    rules: Rules,
    work: &Work,
) -> Option<String> {
    let all: Vec<&Statement> = kept.values().flatten().collect();
    // Each is looked for on both sides, name by name where the place is the same, and then among those that are left.
    let names = || all.iter().map(|s| s.names.len());
    work.take_len(all.len() * (all.len() + ours.len() + theirs.len()))?;
    work.take_len(names().sum::<usize>() * names().max().unwrap_or_default())?;
    // Where each statement stands on a side: by its names, for its text may be new.
    let place = |side: &[Statement], s: &Statement| {
        side.iter().position(|x| x.place == s.place && x.names.iter().any(|n| s.names.contains(n)))
    };
    let mut rest: Vec<(Option<usize>, Option<usize>, &Statement)> =
        all.into_iter().map(|s| (place(ours, s), place(theirs, s), s)).collect();
    let mut out = String::new();
    while !rest.is_empty() {
        // What comes next on each side; a statement that is there is ready only in its turn.
        let first_o = rest.iter().filter_map(|(o, _, _)| *o).min();
        let first_t = rest.iter().filter_map(|(_, t, _)| *t).min();
        let is_ready = |(o, t, _): &(Option<usize>, Option<usize>, &Statement)| {
            (o.is_none() || *o == first_o) && (t.is_none() || *t == first_t)
        };
        // A circle means that a side moved statements: then any order that both can be told is by text.
        let by_text = |i: &usize| {
            let text = rest[*i].2.text.trim_start();
            (rules >= Rules::V22 && !text.starts_with(FIRST), text)
        };
        let next = (0..rest.len()).filter(|i| is_ready(&rest[*i])).min_by_key(by_text);
        let next = next.or_else(|| (0..rest.len()).min_by_key(by_text))?;
        out.push_str(&rest.remove(next).2.text);
    }
    Some(out)
}
