//! A whole file parted into the facts of its import statements and the text of everything else.

use std::collections::BTreeSet;

use super::syntax::{is_whole, opens, statement};
use super::{binds_a_name, bound};
use crate::Rules;
use crate::language::Imports;
use crate::work::Work;

/// Most lines of one import statement; a longer one counts as other text.
const STATEMENT_LINES_MAX: usize = 64;

/// A file with its import statements taken out.
#[derive(Default)]
pub(crate) struct Parted {
    /// Names with their places.
    facts: BTreeSet<(String, String)>,
    /// Lists in lists, as written.
    lists: String,
    /// Text of everything else, comments and attributes above the statements included.
    pub(crate) rest: String,
}

impl Parted {
    /// Parts a file; none out of steps.
    pub(crate) fn of(file: &str, style: Option<&Imports>, rules: Rules, work: &Work) -> Option<Self> {
        let lines: Vec<&str> = file.split_inclusive('\n').collect();
        let (mut out, mut at, mut in_block) = (Self::default(), 0, false);
        let Some(style) = style else { return Some(Self { rest: file.into(), ..out }) };
        while at < lines.len() {
            let bare = lines[at].trim();
            in_block = style.block.is_some_and(|[open, close]| (in_block && bare != close) || bare == open);
            let len = if begins(bare, style, in_block) { out.take(&lines[at..], style, rules, work)? } else { 0 };
            if len == 0 {
                out.rest.push_str(lines[at]);
            }
            at += len.max(1);
        }
        Some(out)
    }

    /// Takes the statement that begins here; its number of lines, or 0 where none does.
    fn take(&mut self, lines: &[&str], style: &Imports, rules: Rules, work: &Work) -> Option<usize> {
        let mut text = String::new();
        for (line, len) in lines.iter().zip(1..=STATEMENT_LINES_MAX) {
            text.push_str(line);
            work.take_len(text.len())?;
            if is_whole(&text, style) {
                let Some(statement) = statement("", &text, style, rules) else { return Some(0) };
                for name in statement.names {
                    // What a list in a list takes is told by its words.
                    match name.contains('{') {
                        true => self.lists.extend([&*name, "\n"]),
                        false => drop(self.facts.insert((statement.place.clone(), name))),
                    }
                }
                return Some(len);
            }
            if text.contains(style.never) {
                return Some(0);
            }
        }
        Some(0)
    }

    /// The names that it binds, those of lists in lists among more words.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let listed = self.lists.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        self.facts.iter().map(|(_, name)| bound(name)).filter(|name| binds_a_name(name)).chain(listed).collect()
    }

    /// Whether an import of `base` is in `merged` that this side took out.
    pub(crate) fn is_back_in(&self, merged: &Self, base: &Self) -> bool {
        base.facts.difference(&self.facts).any(|fact| merged.facts.contains(fact))
    }

    /// Text of which each word is accounted for: everything else, and lists in lists.
    pub(crate) fn told(&self) -> String {
        [&*self.rest, &self.lists].concat()
    }

    /// Whether a fact that this side added to `base` is missing in `merged`, though no move explains it: a name that
    /// was in base and that the other side dropped, and that this one no longer takes from there.
    pub(crate) fn is_missing_in(&self, merged: &Self, base: &Self, other: &Self, rules: Rules) -> bool {
        let names = |of: &Self| of.facts.iter().map(|(_, name)| bound(name).to_owned()).collect::<BTreeSet<_>>();
        let (in_base, in_other) = (names(base), names(other));
        let stay = self.facts.intersection(&base.facts).filter(|_| rules >= Rules::V24);
        let stay: BTreeSet<&str> = stay.map(|(_, name)| bound(name)).collect();
        let is_moved = |name: &str| {
            let (is_name, name) = (binds_a_name(name), bound(name));
            is_name && in_base.contains(name) && !in_other.contains(name) && !stay.contains(name)
        };
        let mut added = self.facts.difference(&base.facts);
        added.any(|fact| !merged.facts.contains(fact) && !is_moved(&fact.1))
    }
}

/// Whether an import may begin with this line of a file.
pub(super) fn begins(bare: &str, style: &Imports, in_block: bool) -> bool {
    let has = style.has.is_empty() || style.has.iter().any(|word| bare.contains(word));
    (in_block && bare.contains('"')) || (opens(bare, style) && has)
}
