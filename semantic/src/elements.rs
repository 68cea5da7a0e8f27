//! Whole elements that both sides added at one place: statements, members, items of a list.
//!
//! Base has nothing there, each side is complete in itself, and they have little in common: then both stand, in
//! agreed order. A line diff cuts repeated ends (`}, {`) wherever it meets them first, so the stretch is slid along
//! equal lines until it begins and ends where an element does.

mod blocks;

use std::collections::BTreeSet;

use crate::imports;
use crate::language::{Language, Shape, Words};
use crate::lex::{self, Kind, Token};
use crate::lines;
use crate::pairs;
use crate::words;

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
type Both<'f> = &'f dyn Fn(&[u8], &[u8]) -> Option<Vec<u8>>;

impl Added<'_> {
    /// Both, ours first; none where one of them is no whole element, or both may be about one thing.
    pub(crate) fn both(&self, language: &Language) -> Option<Vec<u8>> {
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
    fn slid_up(&self, len: usize, both: Both) -> Option<Vec<u8>> {
        let edge = last_lines(self.above, len)?;
        let slide = |side: &[u8]| Some([edge, side.strip_suffix(edge)?].concat());
        let both = both(&slide(self.ours)?, &slide(self.theirs)?)?;
        Some([&both[edge.len()..], edge].concat())
    }

    /// The first lines of both and those below are the same.
    fn slid_down(&self, len: usize, both: Both) -> Option<Vec<u8>> {
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
        let is_whole = text.ends_with(b"\n")
            && lines.iter().all(|line| line.starts_with(indent))
            && lex::is_balanced(text, &tokens, DEPTH_MAX)
            && !GOES_ON.contains(&text[said.first()?.from])
            && !words.continues.iter().any(|word| said.first().is_some_and(|token| bytes(token) == word.as_bytes()))
            && !IS_OPEN.contains(&text[said.last()?.from])
            && lines.iter().any(|line| is_more_than_attribute(&line[indent.len()..]));
        let ends_with_comma = text[said.last()?.from] == b',';
        is_whole.then(|| Element { indent, ends_with_comma, names: names(text, &said, words) })
    }
}

/// Whether a line begins a statement: no attribute or decorator, and no end or inside of one.
fn is_more_than_attribute(line: &[u8]) -> bool {
    line.first().is_some_and(|b| !b"@#)]} \t/".contains(b))
}

/// The names that stand before `=`, `:` or the end of a declaration, or after a word that declares.
fn names<'a>(text: &'a [u8], said: &[&Token], words: &Words) -> BTreeSet<&'a [u8]> {
    let bytes = |i: usize| said.get(i).map_or(&b""[..], |t: &&Token| &text[t.from..t.to]);
    let (mut depth, mut out) = (0usize, BTreeSet::new());
    for (i, token) in said.iter().enumerate() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Word | Kind::Text if depth == 0 => {
                let is_set = matches!((bytes(i + 1), bytes(i + 2)), (b"=", after) if after != b"=")
                    || matches!((bytes(i + 1), bytes(i + 2)), (b":", after) if after != b":");
                let is_field = bytes(i + 1) == b";" && i > 0 && said[i - 1].kind == Kind::Word;
                let is_declared = i > 0 && words.declare.iter().any(|word| word.as_bytes() == bytes(i - 1));
                if is_set || is_field || is_declared {
                    out.insert(bytes(i));
                }
            }
            _ => (),
        }
    }
    out
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
