//! Pieces that whole lines make: directives and heredocs.

use super::{Kind, is_word};
use crate::language::Lexis;

/// A directive up to its line end, or to a comment; lines that a backslash joins are one.
pub(super) fn directive(rest: &[u8], lexis: &Lexis) -> Option<(Kind, usize)> {
    let from = 1 + rest[1..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let word = &rest[from..from + rest[from..].iter().take_while(|b| is_word(**b)).count()];
    if rest[0] != b'#' || !lexis.directives.iter().any(|known| known.as_bytes() == word) {
        return None;
    }
    let is_joined = |i: usize| rest[..i].strip_suffix(b"\r").unwrap_or(&rest[..i]).ends_with(b"\\");
    let ends = |i: &usize| match rest[*i] {
        b'\n' => !is_joined(*i),
        b'/' => matches!(rest.get(i + 1), Some(b'/' | b'*')),
        _ => false,
    };
    let kind = match word {
        b"if" | b"ifdef" | b"ifndef" => Kind::Open,
        b"endif" => Kind::Close,
        _ => Kind::Directive,
    };
    Some((kind, (from..rest.len()).find(ends).unwrap_or(rest.len())))
}

/// Name of a heredoc whose mark stands here, and the length of both.
pub(super) fn heredoc<'a>(rest: &'a [u8], lexis: &Lexis) -> Option<(&'a [u8], usize)> {
    let mark = lexis.heredoc?.mark;
    let after = rest.strip_prefix(mark.as_bytes())?;
    let skip = |from: usize, of: &[u8]| from + usize::from(after.get(from).is_some_and(|b| of.contains(b)));
    let indented = skip(0, b"~- ");
    let quoted = skip(indented, b"\"'");
    let len = after[quoted..].iter().take_while(|b| is_word(**b)).count();
    let name = &after[quoted..quoted + len];
    // A bare word in lower case is an operand.
    let is_name = name.first().is_some_and(|b| !b.is_ascii_digit() && (quoted > 0 || b.is_ascii_uppercase()));
    let is_name = is_name && !(after.starts_with(b" ") && mark == "<<");
    let end = mark.len() + quoted + len;
    is_name.then_some((name, if quoted > indented { end + 1 } else { end }))
}

/// Length of the texts of these names, one after the other; one that never ends takes the rest.
pub(super) fn heredocs_len(rest: &[u8], names: &[&[u8]], lexis: &Lexis) -> usize {
    let goes_on = lexis.heredoc.is_some_and(|heredoc| heredoc.goes_on);
    let (mut at, mut ends) = (1, names.iter().copied().peekable());
    for line in rest[1..].split_inclusive(|b| *b == b'\n') {
        let Some(name) = ends.peek().copied() else { break };
        let blanks = line.len() - line.trim_ascii_start().len();
        let after = line[blanks..].strip_prefix(name);
        if after.is_some_and(|after| after.trim_ascii().is_empty() || goes_on && !is_word(after[0])) {
            ends.next();
            if ends.peek().is_none() {
                return at + blanks + name.len();
            }
        }
        at += line.len();
    }
    rest.len()
}
