//! Names that an element gives a value, declares or asks for: two additions with one of them are about one thing.

use std::collections::BTreeSet;

use crate::language::{Bare, Both, Words};
use crate::lex::{Kind, Token};
use crate::words;

/// The heads of blocks, one by one where commas part them.
pub(super) fn heads<'a>(text: &'a [u8], said: &[&Token]) -> BTreeSet<&'a [u8]> {
    let (mut depth, mut from, mut out) = (0usize, None, BTreeSet::new());
    for token in said {
        let start = if depth == 0 { *from.get_or_insert(token.from) } else { token.from };
        if depth == 0 && text[token.from] == b'{' {
            out.extend(text[start..token.from].split(|b| *b == b',').map(<[u8]>::trim_ascii));
        }
        depth = match token.kind {
            Kind::Open => depth + 1,
            Kind::Close => depth.saturating_sub(1),
            _ => depth,
        };
        from = from.filter(|_| text[token.from] != b'}');
    }
    out
}

/// The names that stand before `=`, `:` or the end of a declaration, or after a word that declares.
pub(super) fn names<'a>(text: &'a [u8], said: &[&Token], row: &Words) -> BTreeSet<&'a [u8]> {
    let bytes = |i: usize| said.get(i).map_or(&b""[..], |t: &&Token| &text[t.from..t.to]);
    let is_name = |i: &usize| said.get(*i).is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Text));
    let is_between = |i: &usize| row.between.iter().any(|word| word.as_bytes() == bytes(*i));
    // Of two that have no name, or none that is seen, nobody can say that they are two.
    let declared = |word: usize| match (word + 1..).find(|i| !is_between(i)) {
        Some(name) if is_name(&name) => Some(bytes(name)),
        Some(mark) => (row.both == Both::Statements || bytes(mark) == b"{").then(|| bytes(word)),
        None => None,
    };
    // The first argument of a call without brackets: `gem 'a'`, `task :a`.
    let is_argument = |i: usize| {
        let symbol = usize::from(i > 1 && bytes(i - 1) == b":");
        row.end.is_some() && i > symbol && is_first(text, said, i - 1 - symbol)
    };
    let (mut depth, mut out) = (0usize, BTreeSet::new());
    for (i, token) in said.iter().enumerate() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Word | Kind::Text if depth == 0 => {
                let declares = row.declare.iter().any(|word| word.as_bytes() == bytes(i));
                out.extend(declares.then(|| declared(i)).flatten());
                let is_set = matches!((bytes(i + 1), bytes(i + 2)), (b"=", after) if after != b"=")
                    || matches!((bytes(i + 1), bytes(i + 2)), (b":", after) if after != b":");
                // `A<B> c;` and `int *f(` declare where functions need no word; a call has no type in front.
                let is_bare = row.bare == Bare::Functions || row.properties;
                let is_mark = is_bare && i > 0 && b"*&>".contains(&text[said[i - 1].from]);
                let has_type = i > 0 && said[i - 1].kind == Kind::Word || is_mark;
                let in_list = is_bare && i > 0 && bytes(i - 1) == b"," && matches!(bytes(i + 1), b";" | b",");
                let is_declarator = is_bare && matches!(bytes(i + 1), b"(" | b"," | b"[");
                let is_field = has_type && (bytes(i + 1) == b";" || is_declarator) || in_list;
                let is_arm =
                    row.arm.is_some_and(|arm| text[said[i].to..].trim_ascii_start().starts_with(arm.as_bytes()));
                if is_set || is_field || is_arm {
                    out.insert(bytes(i));
                } else if is_argument(i) {
                    let is_quote = |b: &u8| matches!(b, b'\'' | b'"');
                    out.extend(bytes(i).split(is_quote).find(|part| !part.is_empty()));
                }
            }
            // A number may be a key.
            Kind::Word if row.both == Both::Statements && bytes(i)[0].is_ascii_digit() => drop(out.insert(bytes(i))),
            Kind::Directive => {
                out.extend(bytes(i).split(|b| !words::is_word_byte(*b)).filter(|word| !word.is_empty()).nth(1))
            }
            _ => (),
        }
    }
    out
}

/// Whether a token is the first of its line.
pub(super) fn is_first(text: &[u8], said: &[&Token], i: usize) -> bool {
    i == 0 || text[said[i - 1].to..said[i].from].contains(&b'\n')
}
