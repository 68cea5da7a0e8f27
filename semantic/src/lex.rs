//! Just enough of a lexer to know brackets, strings and comments from code, for every language with one table.
//!
//! Cutting cannot fail and never backtracks over more than a line: what it does not understand is a mark of one character.
//! Two merges of the same bytes therefore cut alike on every machine, which no C scanner promises.

mod lines;
mod strings;

use crate::language::{Block, Lexis, Quote};
use lines::{directive, heredoc, heredocs_len};
use strings::{Quoted, quoted};

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
    /// A line that a preprocessor reads; those of a condition are brackets.
    Directive,
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
    let (mut at, mut dead, mut out, mut is_fresh) = (0, 0, Vec::new(), true);
    let mut names: Vec<&[u8]> = Vec::new();
    while at < text.len() {
        let may_open = opens[usize::from(text[at])];
        let directive = if is_fresh && may_open { directive(&text[at..], lexis) } else { None };
        let here = if may_open && at >= dead { heredoc(&text[at..], lexis) } else { None };
        let (kind, len) = if let Some((kind, len)) = directive {
            (Some(kind), len)
        } else if let Some((name, len)) = here {
            names.push(name);
            (Some(Kind::Mark), len)
        } else if text[at] == b'\n' && !names.is_empty() {
            (Some(Kind::Text), heredocs_len(&text[at..], &std::mem::take(&mut names), lexis))
        } else {
            match if may_open { comment_len(text, at, lexis) } else { None } {
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
            }
        };
        is_fresh = text[at] == b'\n' || is_fresh && kind.is_none();
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
        Quote::Named => "RuUL",
        Quote::Hashed => "#",
        Quote::Character => "'",
    });
    let lines = lexis.heredoc.map_or("", |heredoc| &heredoc.mark[..1]).bytes();
    let lines = lines.chain(if lexis.directives.is_empty() { "" } else { "#" }.bytes());
    let comments = lexis.line.iter().copied().chain(lexis.blocks.iter().map(|block| block.open));
    let mut out = [false; 256];
    comments
        .map(|mark| &mark[..1])
        .chain(quotes)
        .flat_map(str::bytes)
        .chain(lines)
        .for_each(|b| out[usize::from(b)] = true);
    out
}

fn comment_len(text: &[u8], at: usize, lexis: &Lexis) -> Option<usize> {
    let rest = &text[at..];
    let may_begin = !lexis.after_blank || at == 0 || text[at - 1].is_ascii_whitespace();
    if may_begin && lexis.commented(rest).is_some() {
        return Some(rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()));
    }
    let is_start = at == 0 || text[at - 1] == b'\n';
    let opens = |block: &&Block| rest.starts_with(block.open.as_bytes()) && (is_start || !block.at_start);
    let block = lexis.blocks.iter().find(opens)?;
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

/// Whether every bracket has its partner, no deeper than `depth_max`.
pub(crate) fn is_balanced(text: &[u8], tokens: &[Token], depth_max: usize) -> bool {
    let mut open = Vec::new();
    for token in tokens {
        match (token.kind, text[token.from]) {
            (Kind::Open, _) if open.len() >= depth_max => return false,
            (Kind::Open, b'(') => open.push(b')'),
            (Kind::Open, b'[') => open.push(b']'),
            (Kind::Open, b'#') => open.push(b'#'),
            (Kind::Open, _) => open.push(b'}'),
            (Kind::Close, b) if open.pop() != Some(b) => return false,
            _ => (),
        }
    }
    open.is_empty()
}

/// Lowest depth of brackets in a stretch, counted from its start: below 0 where it leaves the bracket that it begins in.
pub(crate) fn lowest(text: &[u8], lexis: &Lexis) -> isize {
    depths(text, lexis).min().unwrap_or_default().min(0)
}

/// Depth of brackets at the end of a stretch, counted from its start.
pub(crate) fn depth(text: &[u8], lexis: &Lexis) -> isize {
    depths(text, lexis).last().unwrap_or_default()
}

/// Depth of brackets behind each token, counted from the start.
fn depths(text: &[u8], lexis: &Lexis) -> impl Iterator<Item = isize> {
    let step = |token: Token| match token.kind {
        Kind::Open => 1,
        Kind::Close => -1,
        _ => 0,
    };
    tokens(text, lexis).into_iter().map(step).scan(0, |depth, step| {
        *depth += step;
        Some(*depth)
    })
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
