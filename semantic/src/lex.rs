//! Just enough of a lexer to know brackets, strings and comments from code, for every language with one table.
//!
//! Cutting cannot fail and never backtracks over more than a line: what it does not understand is a mark of one character.
//! Two merges of the same bytes therefore cut alike on every machine, which no C scanner promises.

use crate::language::{Block, Lexis, Quote};

/// Kind of a piece of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, keyword or number.
    Word,
    /// An opening bracket.
    Open,
    /// A closing bracket.
    Close,
    /// Another mark.
    Mark,
    /// A string or character.
    Text,
    /// A comment.
    Comment,
    /// A line end.
    Line,
}

/// A piece of code with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// Cuts text into tokens; blanks are left out.
pub(crate) fn tokens(text: &[u8], lexis: &Lexis) -> Vec<Token> {
    let opens = first_bytes(lexis);
    let (mut at, mut dead, mut out) = (0, 0, Vec::new());
    while at < text.len() {
        let may_open = opens[usize::from(text[at])];
        let (kind, len) = match if may_open { comment_len(text, at, lexis) } else { None } {
            Some(len) => (Some(Kind::Comment), len),
            None => match if at < dead || !may_open { Quoted::Not } else { quoted(&text[at..], lexis) } {
                Quoted::Whole(len) => (Some(Kind::Text), len),
                Quoted::Open(len) => {
                    // Looked for in vain up to there, over lines that a backslash joins: no second search before.
                    dead = at + len;
                    (Some(Kind::Mark), 1)
                }
                Quoted::Not => plain(&text[at..]),
            },
        };
        if let Some(kind) = kind {
            out.push(Token { kind, from: at, to: (at + len).min(text.len()) });
        }
        at += len;
    }
    out
}

fn plain(rest: &[u8]) -> (Option<Kind>, usize) {
    match rest[0] {
        b'\n' => (Some(Kind::Line), 1),
        b if b.is_ascii_whitespace() => (None, 1),
        b'\\' if rest.get(1) == Some(&b'\n') => (None, 2),
        b'(' | b'[' | b'{' => (Some(Kind::Open), 1),
        b')' | b']' | b'}' => (Some(Kind::Close), 1),
        b if is_word(b) => (Some(Kind::Word), rest.iter().take_while(|b| is_word(**b)).count()),
        _ => (Some(Kind::Mark), 1),
    }
}

fn is_word(b: u8) -> bool {
    crate::words::is_word_byte(b) || b == b'$'
}

/// Bytes that a comment or string may begin with, so that no other is looked at twice.
fn first_bytes(lexis: &Lexis) -> [bool; 256] {
    let quotes = lexis.strings.iter().map(|quote| match quote {
        Quote::Line(mark) | Quote::Lines(mark) | Quote::Verbatim(mark, _) => &mark[..1],
        Quote::Raw => "br",
        Quote::Character => "'",
    });
    let comments = lexis.line.iter().copied().chain(lexis.blocks.iter().map(|block| block.open));
    let mut out = [false; 256];
    comments.map(|mark| &mark[..1]).chain(quotes).flat_map(str::bytes).for_each(|b| out[usize::from(b)] = true);
    out
}

fn comment_len(text: &[u8], at: usize, lexis: &Lexis) -> Option<usize> {
    let rest = &text[at..];
    let may_begin = !lexis.after_blank || at == 0 || text[at - 1].is_ascii_whitespace();
    if may_begin && lexis.commented(rest).is_some() {
        return Some(rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()));
    }
    let block = lexis.blocks.iter().find(|block| rest.starts_with(block.open.as_bytes()))?;
    Some(block_comment_len(rest, block))
}

fn block_comment_len(rest: &[u8], block: &Block) -> usize {
    let (mut depth, mut i) = (0, 0);
    while i < rest.len() {
        if rest[i..].starts_with(block.close.as_bytes()) {
            i += block.close.len();
            depth -= 1;
            if depth == 0 {
                break;
            }
        } else if rest[i..].starts_with(block.open.as_bytes()) && (block.nests || depth == 0) {
            i += block.open.len();
            depth += 1;
        } else {
            i += 1;
        }
    }
    i
}

/// Text that starts at a quote.
enum Quoted {
    /// No string.
    Not,
    /// A string of this length.
    Whole(usize),
    /// A string on one line that does not end there, and how far its end was looked for.
    Open(usize),
}

/// A string over lines that never ends takes the rest, so that nothing is searched twice.
fn quoted(rest: &[u8], lexis: &Lexis) -> Quoted {
    let whole = |len: Option<usize>| Quoted::Whole(len.unwrap_or(rest.len()));
    for quote in lexis.strings {
        let found = match *quote {
            Quote::Line(mark) if rest.starts_with(mark.as_bytes()) => {
                until(rest, mark.len(), mark.as_bytes(), false).map_or_else(Quoted::Open, Quoted::Whole)
            }
            Quote::Lines(mark) if rest.starts_with(mark.as_bytes()) => {
                whole(until(rest, mark.len(), mark.as_bytes(), true).ok())
            }
            Quote::Verbatim(open, close) if rest.starts_with(open.as_bytes()) => {
                whole(past(rest, open.len(), close.as_bytes()))
            }
            Quote::Raw => raw(rest),
            Quote::Character if rest[0] == b'\'' => char_len(rest).map_or(Quoted::Not, Quoted::Whole),
            _ => continue,
        };
        if !matches!(found, Quoted::Not) {
            return found;
        }
    }
    Quoted::Not
}

/// Length up to and with `close`, which nothing escapes.
fn past(rest: &[u8], start: usize, close: &[u8]) -> Option<usize> {
    rest[start..].windows(close.len()).position(|w| w == close).map(|i| start + i + close.len())
}

/// Length up to and with `fence`, where backslashes escape, or where it does not come (on this line, unless `lines`), up
/// to where it was looked for.
fn until(rest: &[u8], start: usize, fence: &[u8], lines: bool) -> Result<usize, usize> {
    let mut i = start;
    while i < rest.len() {
        match rest[i] {
            b'\\' => i += 2,
            b'\n' if !lines => return Err(i),
            _ if rest[i..].starts_with(fence) => return Ok(i + fence.len()),
            _ => i += 1,
        }
    }
    Err(rest.len())
}

/// Most hashes around a raw string (the Rust compiler's own limit).
const HASHES_MAX: usize = 255;

/// `r"…"`, `r#"…"#`, `b"…"`, `br"…"`.
fn raw(rest: &[u8]) -> Quoted {
    let prefix = rest.iter().take(3).take_while(|b| matches!(b, b'b' | b'r')).count();
    let is_raw = rest[..prefix].contains(&b'r');
    let hashes = rest[prefix..].iter().take(HASHES_MAX).take_while(|b| **b == b'#').count();
    if prefix > 2 || rest.get(prefix + hashes) != Some(&b'"') || (hashes > 0 && !is_raw) {
        return Quoted::Not;
    }
    let body = prefix + hashes + 1;
    if !is_raw {
        return Quoted::Whole(until(rest, body, b"\"", true).unwrap_or(rest.len()));
    }
    let end: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    Quoted::Whole(past(rest, body, &end).unwrap_or(rest.len()))
}

/// Longest character literal, in bytes: `'\u{10ffff}'`.
const CHAR_BYTES_MAX: usize = 12;

/// `'c'` and `'\n'`; a lifetime is none.
fn char_len(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        return until(&rest[..rest.len().min(CHAR_BYTES_MAX)], 1, b"'", false).ok();
    }
    let width = match rest.get(1)? {
        b if b.is_ascii() => 1,
        b => b.leading_ones() as usize,
    };
    (rest.get(1 + width) == Some(&b'\'')).then_some(width + 2)
}

/// Whether every bracket has its partner, no deeper than `depth_max`.
pub(crate) fn is_balanced(text: &[u8], tokens: &[Token], depth_max: usize) -> bool {
    let mut open = Vec::new();
    for token in tokens {
        match (token.kind, text[token.from]) {
            (Kind::Open, _) if open.len() >= depth_max => return false,
            (Kind::Open, b'(') => open.push(b')'),
            (Kind::Open, b'[') => open.push(b']'),
            (Kind::Open, _) => open.push(b'}'),
            (Kind::Close, b) if open.pop() != Some(b) => return false,
            _ => (),
        }
    }
    open.is_empty()
}

/// Lowest depth of brackets in a stretch, counted from its start: below 0 where it leaves the bracket that it begins in.
pub(crate) fn lowest(text: &[u8], lexis: &Lexis) -> isize {
    let (mut depth, mut lowest) = (0isize, 0);
    for token in tokens(text, lexis) {
        depth += match token.kind {
            Kind::Open => 1,
            Kind::Close => -1,
            _ => 0,
        };
        lowest = lowest.min(depth);
    }
    lowest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language;

    fn balanced(text: &str, path: &str) -> bool {
        is_balanced(text.as_bytes(), &tokens(text.as_bytes(), &language::of(path).lexis), 256)
    }

    #[test]
    fn brackets_in_strings_and_comments_are_none() {
        assert!(balanced("f('{', \"(\", r#\"[\"#) // {\n/* /* { */ ( */", "a.rs"));
        assert!(balanced("f('{', \"(\", `[\n`) // {\n", "a.js"));
        assert!(balanced("f('{', \"(\", '''[\n''') # {\n", "a.py"));
    }

    #[test]
    fn a_lifetime_opens_no_character() {
        assert!(balanced("fn f<'a>(x: &'a str) -> Cow<'a, str> { '{' }", "a.rs"));
    }

    #[test]
    fn a_bracket_without_partner_is_seen() {
        assert!(!balanced("f(", "a.rs"));
        assert!(!balanced("f(]", "a.js"));
        assert!(!balanced(&"(".repeat(20_000), "a.js"));
    }
    /// To look for its end from each of them anew would take hours.
    #[test]
    fn a_million_quotes_on_lines_that_backslashes_join_are_searched_once() {
        for path in ["a.rs", "a.js", "a.py", "a.sh"] {
            for piece in ["\\\"\\\n", "\\'\\\n", "\\\"", "\"\\'\\\n", "'\\\n"] {
                let text = format!("f = 1\ng = 2\n{}", piece.repeat(1_000_000));
                assert!(!tokens(text.as_bytes(), &language::of(path).lexis).is_empty(), "{path}, {piece}");
            }
        }
    }
}
