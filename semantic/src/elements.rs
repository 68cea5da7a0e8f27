//! Whole elements that both sides added at one place: statements, members, items of a list.
//!
//! Base has nothing there, each side is complete in itself, and they have little in common: then both stand, in
//! agreed order. A line diff cuts repeated ends (`}, {`) wherever it meets them first, so the stretch is slid along
//! equal lines until it begins and ends where an element does.

mod blocks;
mod larger;
mod larger_words;
mod names;
mod sets;
mod targets;

use std::collections::BTreeSet;

use crate::Rules;
use crate::imports;
use crate::indent;
use crate::language::{Both, Break, Language, Shape, Words};
use crate::lex::{self, Kind, Token};
use crate::lines;
use crate::pairs;
use crate::words;
pub(crate) use blocks::are_apart as are_blocks;
use names::{heads, is_first, names};
use targets::targets;

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
    /// Rules that answer.
    pub(crate) rules: Rules,
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
        // What stands behind a jump never runs.
        if self.rules >= Rules::V22 && [self.ours, self.theirs].iter().any(|side| jumps(side)) {
            return None;
        }
        if self.rules >= Rules::V23 && [self.ours, self.theirs].iter().any(|side| is_bare_entry(self.above, side)) {
            return None;
        }
        let one_after_other = |ours: &[u8], theirs: &[u8]| {
            are_two_elements(ours, theirs, language, self.rules).then(|| [ours, theirs].concat())
        };
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

/// Whether an addition is an entry of a list without the comma that another one behind it needs; an arm in braces needs none.
fn is_bare_entry(above: &[u8], side: &[u8]) -> bool {
    let said = |text| lines::split(text).into_iter().map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let is_in_list = said(above).next_back().is_some_and(|line| matches!(line.last(), Some(b',' | b'(' | b'[')));
    let is_arm = || said(side).next().is_some_and(|line| line.ends_with(b"=> {")) && side.trim_ascii().ends_with(b"}");
    is_in_list && !side.trim_ascii().ends_with(b",") && !is_arm()
}

/// Words that leave a block.
const JUMPS: &[&[u8]] = &[b"return", b"throw", b"raise", b"break", b"continue", b"goto", b"panic", b"exit"];

/// Whether a line on the outermost level leaves the block.
pub(crate) fn jumps(text: &[u8]) -> bool {
    let lines = lines::split(text).into_iter().filter(|line| !line.trim_ascii().is_empty());
    let outermost = lines.clone().map(indent::of).min_by_key(|indent| indent.len()).unwrap_or_default();
    let leaves =
        |line: &[u8]| line.split(|b| !words::is_word_byte(*b)).next().is_some_and(|word| JUMPS.contains(&word));
    lines.filter_map(|line| line.strip_prefix(outermost)).any(leaves)
}

/// The edit of a line behind which the other side only put a comma, with that comma; none where neither did just that.
pub(crate) fn with_comma(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    let entry =
        base.strip_suffix(b"\n").filter(|line| !line.is_empty() && !line.ends_with(b",") && !line.contains(&b'\n'))?;
    let ends = [entry, b",\n"].concat();
    let edit = match (ours == ends, theirs == ends) {
        (true, false) => theirs,
        (false, true) => ours,
        _ => return None,
    };
    let line =
        edit.strip_suffix(b"\n").filter(|line| !line.contains(&b'\n') && !line.trim_ascii_end().ends_with(b","))?;
    let says = pairs::alike(line, entry) >= pairs::ALIKE_MIN && indent::of(line) == indent::of(entry);
    says.then(|| [line, b",\n"].concat())
}

/// Of two sides that both only put words into base, the one that has what the other put in, and more.
pub(crate) fn larger<'a>(
    base: &[u8],
    ours: &'a [u8],
    theirs: &'a [u8],
    language: &Language,
    rules: Rules,
) -> Option<&'a [u8]> {
    match rules {
        Rules::V21 => larger_words::larger(base, ours, theirs, language),
        _ => larger::larger(base, ours, theirs, language, rules),
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
pub(crate) fn are_apart(added: &[u8], gone: &[u8], language: &Language, rules: Rules) -> bool {
    if let Shape::Set(ordered) = language.shape {
        return sets::is_free(added, ordered) && sets::is_free(gone, ordered);
    }
    let is_statement = match rules {
        Rules::V21 => added.trim_ascii().ends_with(b";"),
        _ => is_statement(added, language),
    };
    !is_statement && are_two_elements(added, gone, language, rules)
}

/// Whether an addition may be a statement. Where a line end may end one, all but blocks, entries of lists and declarations may.
fn is_statement(added: &[u8], language: &Language) -> bool {
    let Some(row) = language.words() else { return false };
    let text = added.trim_ascii();
    if matches!(row.breaks, Break::Nothing | Break::Kept) {
        return text.ends_with(b";");
    }
    let first = text.split(|b| !words::is_word_byte(*b)).next().unwrap_or_default();
    let declares =
        text.starts_with(b"@") || [row.declare, row.modify].concat().iter().any(|word| word.as_bytes() == first);
    let declares = declares || imports::may_begin(text, language.imports);
    text.ends_with(b";") || !(declares || text.ends_with(b"}") || text.ends_with(b","))
}

fn are_two_elements(ours: &[u8], theirs: &[u8], language: &Language, rules: Rules) -> bool {
    let read = |side| Element::read(side, language, rules);
    let (Some(o), Some(t)) = (read(ours), read(theirs)) else { return false };
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
    fn read(text: &'a [u8], language: &Language, rules: Rules) -> Option<Self> {
        let words = language.words()?;
        let lines: Vec<&[u8]> = lines::split(text).into_iter().filter(|l| !l.trim_ascii().is_empty()).collect();
        let first = lines.first()?;
        let indent = indent::of(first);
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
        let names = || match words.both {
            Both::Blocks => heads(text, &said),
            _ if rules < Rules::V22 => names(text, &said, words),
            _ => names(text, &said, words).union(&targets(text, &said, words)).copied().collect(),
        };
        (is_whole && fits()).then(|| Element { indent, ends_with_comma: tail[0] == b',', names: names() })
    }
}

/// Words that only go on with what stands above.
const GOES_ON_WORDS: &[&[u8]] = &[b"and", b"or"];

/// Whether a line goes on with the expression above it; one with a comma in front is an entry.
pub(crate) fn goes_on(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let word = line.split(|b| !words::is_word_byte(*b)).next().unwrap_or_default();
    line.first().is_some_and(|b| GOES_ON.contains(b) && *b != b',') || GOES_ON_WORDS.contains(&word)
}

/// Words of lines outside of brackets.
pub(crate) fn outermost(text: &[u8], language: &Language) -> Vec<u8> {
    let (mut depth, mut out) = (0usize, Vec::new());
    for token in lex::tokens(text, &language.lexis) {
        depth = if token.kind == Kind::Close { depth.saturating_sub(1) } else { depth };
        if depth == 0 && !matches!(token.kind, Kind::Line | Kind::Comment) {
            out.extend_from_slice(&text[token.from..token.to]);
            out.push(b' ');
        }
        depth += usize::from(token.kind == Kind::Open);
    }
    out
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
