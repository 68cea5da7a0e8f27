//! Whole elements that both sides added at one place: statements, members, items of a list.
//!
//! Base has nothing there, each side is complete in itself, and they have little in common: then both stand, in
//! agreed order. A line diff cuts repeated ends (`}, {`) wherever it meets them first, so the stretch is slid along
//! equal lines until it begins and ends where an element does.

mod blocks;
mod names;
mod sets;

use std::collections::BTreeSet;

use crate::imports;
use crate::language::{Both, Language, Shape, Words};
use crate::lex::{self, Kind, Token};
use crate::lines;
use crate::pairs;
use crate::words;
use names::{heads, is_first, names};

/// Most lines that a stretch is slid up or down.
pub(crate) const SLIDE_MAX: usize = 8;

/// Deepest nesting inside an element.
const DEPTH_MAX: usize = 64;

/// Shared words, in thousandths of all, up to which two additions are two things.
const ALIKE_MAX: u32 = 600;

/// Two additions with the lines that all three have around them.
pub(crate) struct Added<'a> {
    pub(crate) ours: &'a [u8],
    pub(crate) theirs: &'a [u8],
    /// Up to [`SLIDE_MAX`] lines above.
    pub(crate) above: &'a [u8],
    /// Up to as many below.
    pub(crate) below: &'a [u8],
}

/// Joins two texts where both may stand.
type Joined<'f> = &'f dyn Fn(&[u8], &[u8]) -> Option<Vec<u8>>;

impl Added<'_> {
    /// Both, ours first; none where one of them is no whole element, or both may be about one thing.
    pub(crate) fn both(&self, language: &Language) -> Option<Vec<u8>> {
        if let Shape::Set(ordered) = language.shape {
            return sets::union(self.ours, self.theirs, ordered, &language.lexis);
        }
        if language.shape == Shape::Markdown {
            return blocks::are_two(self.ours, self.theirs).then(|| [self.ours, self.theirs].concat());
        }
        language.words()?;
        // Imports are a set: what is none here is no list of statements either.
        let is_import = |line: &[u8]| imports::may_begin(line, language.imports);
        if [self.ours, self.theirs].iter().any(|side| lines::split(side).into_iter().any(is_import)) {
            return None;
        }
        let one_after_other =
            |ours: &[u8], theirs: &[u8]| are_two_elements(ours, theirs, language).then(|| [ours, theirs].concat());
        if let Some(both) = one_after_other(self.ours, self.theirs) {
            return Some(both);
        }
        (1..=SLIDE_MAX)
            .find_map(|len| self.slid_up(len, &one_after_other).or_else(|| self.slid_down(len, &one_after_other)))
    }

    /// The last lines of both and those above are the same: the additions may as well begin above those.
    fn slid_up(&self, len: usize, both: Joined) -> Option<Vec<u8>> {
        let edge = last_lines(self.above, len)?;
        let slide = |side: &[u8]| Some([edge, side.strip_suffix(edge)?].concat());
        let both = both(&slide(self.ours)?, &slide(self.theirs)?)?;
        Some([&both[edge.len()..], edge].concat())
    }

    /// The first lines of both and those below are the same.
    fn slid_down(&self, len: usize, both: Joined) -> Option<Vec<u8>> {
        let edge = first_lines(self.below, len)?;
        let slide = |side: &[u8]| Some([side.strip_prefix(edge)?, edge].concat());
        let both = both(&slide(self.ours)?, &slide(self.theirs)?)?;
        Some([edge, &both[..both.len() - edge.len()]].concat())
    }
}

fn first_lines(text: &[u8], len: usize) -> Option<&[u8]> {
    let lines = lines::split(text);
    (lines.len() >= len).then(|| &text[..lines[..len].concat().len()])
}

fn last_lines(text: &[u8], len: usize) -> Option<&[u8]> {
    let lines = lines::split(text);
    let from = lines.len().checked_sub(len)?;
    Some(&text[lines[..from].concat().len()..])
}

/// Whether an addition stands beside what is gone without having to do with it: both are whole elements, and what was
/// added is no statement, which may have prepared the one that is gone.
pub(crate) fn are_apart(added: &[u8], gone: &[u8], language: &Language) -> bool {
    if let Shape::Set(ordered) = language.shape {
        return sets::is_free(added, ordered) && sets::is_free(gone, ordered);
    }
    !added.trim_ascii().ends_with(b";") && are_two_elements(added, gone, language)
}

fn are_two_elements(ours: &[u8], theirs: &[u8], language: &Language) -> bool {
    let (Some(o), Some(t)) = (Element::read(ours, language), Element::read(theirs, language)) else { return false };
    o.indent == t.indent
        && o.ends_with_comma == t.ends_with_comma
        && o.names.is_disjoint(&t.names)
        && pairs::alike(ours, theirs) <= ALIKE_MAX
}

/// Whole elements, one or more.
struct Element<'a> {
    indent: &'a [u8],
    ends_with_comma: bool,
    /// Names that it gives a value or declares, outside inner brackets.
    names: BTreeSet<&'a [u8]>,
}

/// Marks that only go on with what stands above.
const GOES_ON: &[u8] = b".&|+?:=,";

/// Marks after which something is still to come.
const IS_OPEN: &[u8] = b":=.&|+?";

impl<'a> Element<'a> {
    fn read(text: &'a [u8], language: &Language) -> Option<Self> {
        let words = language.words()?;
        let lines: Vec<&[u8]> = lines::split(text).into_iter().filter(|l| !l.trim_ascii().is_empty()).collect();
        let first = lines.first()?;
        let indent = &first[..first.len() - first.trim_ascii_start().len()];
        let tokens = lex::tokens(text, &language.lexis);
        let said: Vec<&Token> = tokens.iter().filter(|t| !matches!(t.kind, Kind::Line | Kind::Comment)).collect();
        let bytes = |token: &Token| &text[token.from..token.to];
        let (head, tail) = (bytes(said.first()?), bytes(said.last()?));
        let is_whole = text.ends_with(b"\n")
            && lines.iter().all(|line| line.starts_with(indent))
            && lex::is_balanced(text, &tokens, DEPTH_MAX)
            && !ends_in_text(text, &tokens)
            && !words.continues.iter().any(|word| word.as_bytes() == head)
            && !said.iter().any(|token| token.kind == Kind::Directive && is_branch(bytes(token)))
            && !IS_OPEN.contains(&tail[0])
            && !lines.iter().any(|line| is_section(line, words))
            && words.end.is_none_or(|end| is_ended(text, &said, words, end));
        let fits = || match words.both {
            Both::Elements => {
                let is_directive = head[0] == b'#' && said.iter().any(|token| token.kind == Kind::Directive);
                let is_more = |line: &&[u8]| is_more_than_attribute(&line[indent.len()..]);
                !GOES_ON.contains(&head[0]) && (is_directive || lines.iter().any(is_more))
            }
            Both::Closed => b";,}#".contains(&tail[0]) && !GOES_ON.contains(&head[0]),
            Both::Statements => tail == b";",
            Both::Blocks => tail == b"}",
        };
        let names = || if words.both == Both::Blocks { heads(text, &said) } else { names(text, &said, words) };
        (is_whole && fits()).then(|| Element { indent, ends_with_comma: tail[0] == b',', names: names() })
    }
}

/// Whether a string that began is not at its end.
fn ends_in_text(text: &[u8], tokens: &[Token]) -> bool {
    tokens.last().is_some_and(|token| token.kind == Kind::Text && token.to == text.len())
}

/// Whether a directive only goes on with a condition above.
fn is_branch(directive: &[u8]) -> bool {
    directive[1..].trim_ascii_start().starts_with(b"el")
}

/// Whether a line says something of all that follows it.
fn is_section(line: &[u8], row: &Words) -> bool {
    let line = line.trim_ascii();
    let word = match row.both {
        Both::Statements => line.split(|b| !words::is_word_byte(*b)).next().unwrap_or_default(),
        _ => line.strip_suffix(b":").unwrap_or(line).trim_ascii(),
    };
    row.sections.iter().any(|section| section.as_bytes() == word)
}

/// Whether each block without brackets is closed where it begins.
fn is_ended(text: &[u8], said: &[&Token], row: &Words, end: &str) -> bool {
    let bytes = |i: usize| said.get(i).map_or(&b""[..], |token: &&Token| &text[token.from..token.to]);
    let is_member = |i: usize| i > 0 && matches!(bytes(i - 1), b"." | b":");
    // Behind something else a word like `if` only asks about it: `return if done`.
    let opens = |i: &usize| {
        let may_open = is_first(text, said, *i) || bytes(*i) == b"do" || bytes(i - 1) == b"=";
        may_open && row.open.iter().any(|word| word.as_bytes() == bytes(*i))
    };
    let words = || (0..said.len()).filter(|i| !is_member(*i));
    words().filter(opens).count() == words().filter(|i| bytes(*i) == end.as_bytes()).count()
}

/// Whether a line begins a statement: no attribute or decorator, and no end or inside of one.
fn is_more_than_attribute(line: &[u8]) -> bool {
    line.first().is_some_and(|b| !b"@#)]} \t/".contains(b))
}

/// Of two sides that both only put words into base, the one that has all words of the other in their order, and more.
pub(crate) fn larger<'a>(base: &[u8], ours: &'a [u8], theirs: &'a [u8], language: &Language) -> Option<&'a [u8]> {
    let [b, o, t] = [base, ours, theirs].map(|side| said(side, language));
    let holds_base = |side: &[(bool, &[u8])]| b.is_empty() || is_within(&b, side);
    if !holds_base(&o) || !holds_base(&t) {
        return None;
    }
    match (is_within(&o, &t), is_within(&t, &o)) {
        (true, false) => Some(theirs),
        (false, true) => Some(ours),
        _ => None,
    }
}

/// The words, each with whether it stands in a line of comment: no entry contains its commented-out twin.
fn said<'a>(text: &'a [u8], language: &Language) -> Vec<(bool, &'a [u8])> {
    let of_line = |line: &'a [u8]| {
        let is_comment = language.lexis.commented(line.trim_ascii_start()).is_some();
        words::split(line).into_iter().filter(|word| !words::is_blank(word)).map(move |word| (is_comment, word))
    };
    lines::split(text).into_iter().flat_map(of_line).collect()
}

/// Whether the words of `small`, at least one of them, stand in `large` in their order.
fn is_within(small: &[(bool, &[u8])], large: &[(bool, &[u8])]) -> bool {
    let mut rest = large.iter();
    !small.is_empty() && small.iter().all(|word| rest.any(|other| other == word))
}
