//! Rung 6: what must hold of a clean answer, whatever rung gave it. A check fails closed.
//!
//! What git merges cleanly is held to less (line accounting, that it still parses, that what runs finds its names
//! defined, and that lists count on), so that files which git merges well stay what people expect; every answer of our
//! own is held to all of it.

mod accounting;
mod additions;
mod blocks;
mod branches;
mod commented;
mod doubled;
mod enclosed;
mod indents;
mod items;
mod joints;
mod lost;
mod names;
mod numbering;
mod order;
mod parses;
mod pattern;
mod strays;
mod words;

pub(crate) use items::items_gone;
pub(crate) use parses::is_read;
pub(crate) use pattern::pieces;

use crate::ladder::Task;
use crate::{Rules, Rung};

/// A named check; its name travels into the conflict that it makes.
///
/// A merge that git makes cleanly is held to [`Check::LineAccounting`], [`Check::Parses`], [`Check::DuplicateKey`],
/// [`Check::DefinitionOrder`] and [`Check::Numbering`] alone. The others are for merges that git would not make: one
/// name that both sides declare at two places, say, goes through where git merges cleanly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// A line that both sides kept is gone, or a line is there more often than the sides explain.
    LineAccounting,
    /// The same for words.
    WordAccounting,
    /// An edit that one side made to a declaration is missing, or was done to another one.
    ItemAccounting,
    /// A statement or line that one side added is missing.
    Addition,
    /// An import of one side binds a name that the other side began to use without it.
    Rebound,
    /// A word that one side removed from the whole file is back.
    GoneWord,
    /// A line that one side added misses what the other did to all lines like it.
    Pattern,
    /// Two spellings that look the same (equal after NFC) meet; no side had both.
    Twins,
    /// An entry stands beside its commented-out twin; no side had both.
    CommentedOut,
    /// The file parses no more, though all three inputs did.
    Parses,
    /// A key stands twice in one map.
    DuplicateKey,
    /// A declaration is stated more often than either side has it.
    DuplicateName,
    /// A statement stands above what it needs when it runs.
    DefinitionOrder,
    /// The items of a list do not count on.
    Numbering,
    /// The data do not say what merging key by key says.
    Value,
}

impl Check {
    /// The name in receipts and reports.
    pub fn name(self) -> &'static str {
        match self {
            Check::LineAccounting => "line-accounting",
            Check::WordAccounting => "word-accounting",
            Check::ItemAccounting => "item-accounting",
            Check::Addition => "addition",
            Check::Rebound => "rebound",
            Check::GoneWord => "gone-word",
            Check::Pattern => "pattern",
            Check::Twins => "twins",
            Check::CommentedOut => "commented-out",
            Check::Parses => "parses",
            Check::DuplicateKey => "duplicate-key",
            Check::DuplicateName => "duplicate-name",
            Check::DefinitionOrder => "definition-order",
            Check::Numbering => "numbering",
            Check::Value => "value",
        }
    }

    /// Fault in one clause.
    pub fn words(self) -> &'static str {
        match self {
            Check::LineAccounting => "a line would be lost, or stand more often than the sides explain",
            Check::WordAccounting => "a word would be lost, or stand more often than the sides explain",
            Check::ItemAccounting => "what one side did to a declaration would be missing, or be done to another one",
            Check::Addition => "a statement or line that one side added would be missing",
            Check::Rebound => "an import of one side would give a word of the other another meaning",
            Check::GoneWord => "a word that one side removed from the whole file would be back",
            Check::Pattern => "a new line would miss what the other side did to the lines like it",
            Check::Twins => "two spellings that look the same would meet",
            Check::CommentedOut => "an entry would stand beside its commented-out twin",
            Check::Parses => "it would not parse, though all three inputs do",
            Check::DuplicateKey => "a key would stand twice",
            Check::DuplicateName => "a declaration would be stated more often than either side has it",
            Check::DefinitionOrder => "something would stand above what it needs when it runs",
            Check::Numbering => "the items of a list would not count on",
            Check::Value => "it would not say what merging key by key says",
        }
    }
}

/// The first check that refuses `merged` as the merge of `input`.
///
/// `rung` is [`Rung::OneSided`] for a merge that git would make.
pub(crate) fn refusal(input: &Task, merged: &[u8], rung: Rung) -> Option<Check> {
    let of_every = || {
        accounting::lines(input, merged)
            .or_else(|| parses::data(input, merged, rung))
            .or_else(|| parses::code(input, merged))
            .or_else(|| if input.options.rules >= Rules::V25 { enclosed::hold(input, merged) } else { None })
            .or_else(|| order::kept(input, merged))
            .or_else(|| numbering::counts_on(input, merged))
    };
    let of_ours = || {
        accounting::words(input, merged)
            .or_else(|| if input.options.rules >= Rules::V22 { items::kept(input, merged) } else { None })
            .or_else(|| additions::kept(input, merged))
            .or_else(|| if input.options.rules >= Rules::V23 { doubled::stands_twice(input, merged) } else { None })
            .or_else(|| if input.options.rules >= Rules::V24 { blocks::hold(input, merged) } else { None })
            .or_else(|| if input.options.rules >= Rules::V26 { strays::hold(input, merged) } else { None })
            .or_else(|| words::gone(input, merged))
            .or_else(|| pattern::missed(input))
            .or_else(|| words::twins(input, merged))
            .or_else(|| commented::stands_beside(input, merged))
            .or_else(|| names::stated_once(input, merged))
    };
    of_every().or_else(|| if rung == Rung::OneSided { None } else { of_ours() })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Options, Work};

    /// Verdict of the checks on a wrong merge.
    pub(crate) fn refused(path: &str, base: &str, ours: &str, theirs: &str, merged: &str) -> Option<Check> {
        let options = Options::default();
        let input = Task {
            base: Some(base.as_bytes()),
            ours: ours.as_bytes(),
            theirs: theirs.as_bytes(),
            path,
            options: &options,
            work: &Work::default(),
        };
        let back = Task { ours: input.theirs, theirs: input.ours, ..input };
        let verdict = refusal(&input, merged.as_bytes(), Rung::Text);
        assert_eq!(verdict, refusal(&back, merged.as_bytes(), Rung::Text), "the sides have no names");
        verdict
    }
}
