//! Targets of statements: all names of a pattern or a list, whole targets with an index, and heads of arms.

use std::collections::BTreeSet;

use super::names::is_first;
use crate::language::Words;
use crate::lex::{Kind, Token};

/// Marks that make another one of the `=` behind them, and no assignment.
const COMPARES: &[u8] = b"=!<>~";

/// Marks that an assignment may begin with: `+=`, `:=`.
const SETS_WITH: &[u8] = b"+-*/%&|^:?.";

/// Targets of each statement on the outermost level.
pub(super) fn targets<'a>(text: &'a [u8], said: &[&Token], row: &Words) -> BTreeSet<&'a [u8]> {
    let (mut depth, mut from, mut out) = (0usize, Some(0), BTreeSet::new());
    for (i, token) in said.iter().enumerate() {
        if depth == 0 && (is_first(text, said, i) || i > 0 && text[said[i - 1].from] == b';') {
            from = Some(i);
        }
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ if depth == 0 && sets(text, token.from) => {
                let left = from.take().map_or(&[][..], |from| &said[from..i]);
                out.extend(of(text, left, text.get(token.from + 1) == Some(&b'>'), row));
            }
            _ => (),
        }
    }
    out
}

/// Whether the byte at `at` is the `=` of an assignment or of an arm.
fn sets(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map_or(b' ', |i| text[i]);
    text[at] == b'=' && !COMPARES.contains(&before) && text.get(at + 1) != Some(&b'=')
}

/// Targets in what stands left of the mark.
fn of<'a>(text: &'a [u8], left: &[&Token], is_arm: bool, row: &Words) -> Vec<&'a [u8]> {
    let bytes = |token: &Token| &text[token.from..token.to];
    let is_word = |word: &[u8], words: &[&str]| words.iter().any(|own| own.as_bytes() == word);
    let (Some(first), Some(last)) = (left.first(), left.iter().rfind(|t| !SETS_WITH.contains(&text[t.from]))) else {
        return Vec::new();
    };
    let upto = |token: &Token| text[first.from..token.from].trim_ascii();
    let opened = left.iter().find(|token| token.kind == Kind::Open);
    if is_arm {
        return opened.filter(|_| last.kind == Kind::Close).map(|open| upto(open)).into_iter().collect();
    }
    let declares = left.iter().any(|token| is_word(bytes(token), row.declare) || bytes(token) == b"let");
    let typed = left.iter().find(|token| bytes(token) == b":").map_or(text.len(), |token| token.from);
    if declares && let Some(open) = opened.filter(|open| open.from < typed) {
        let pattern = left.iter().filter(|token| token.from > open.from && token.kind == Kind::Word);
        return pattern.map(|token| bytes(token)).filter(|word| !row.is_keyword(word)).collect();
    }
    if last.kind == Kind::Close {
        return vec![&text[first.from..last.to]];
    }
    let is_generic = left.iter().any(|token| bytes(token) == b"<");
    let parted = left.windows(2).filter(|pair| !is_generic && bytes(pair[1]) == b",").map(|pair| bytes(pair[0]));
    parted.chain((last.kind == Kind::Word).then(|| bytes(last))).filter(|word| *word != b"_").collect()
}
