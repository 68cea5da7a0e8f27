//! Strings, from their first quote to their last.

use crate::language::{Lexis, Quote};

/// Text that starts at a quote.
pub(super) enum Quoted {
    /// No string.
    Not,
    /// A string of this length.
    Whole(usize),
    /// A string on one line that does not end there, and how far its end was looked for.
    Open(usize),
}

/// A string over lines that never ends takes the rest, so that nothing is searched twice.
pub(super) fn quoted(rest: &[u8], lexis: &Lexis) -> Quoted {
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
            Quote::Named => named(rest),
            Quote::Hashed => hashed(rest),
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

/// Longest name of a raw string, in bytes (C++ allows as many).
const NAME_BYTES_MAX: usize = 16;

/// `R"name(…)name"`, `u8R"(…)"`.
fn named(rest: &[u8]) -> Quoted {
    let Some(prefix) =
        ["R", "u8R", "uR", "UR", "LR"].iter().find(|p| rest.starts_with(&[p.as_bytes(), b"\""].concat()))
    else {
        return Quoted::Not;
    };
    let from = prefix.len() + 1;
    let name = rest[from..].iter().take(NAME_BYTES_MAX + 1).take_while(|b| !b"(\" \n".contains(b)).count();
    if rest.get(from + name) != Some(&b'(') {
        return Quoted::Not;
    }
    let end = [b")", &rest[from..from + name], b"\""].concat();
    Quoted::Whole(past(rest, from + name + 1, &end).unwrap_or(rest.len()))
}

/// `#"…"#`, `#"""…"""#`.
fn hashed(rest: &[u8]) -> Quoted {
    let hashes = rest.iter().take(HASHES_MAX).take_while(|b| **b == b'#').count();
    let quotes = rest[hashes..].iter().take(3).take_while(|b| **b == b'"').count();
    let fence = if quotes == 3 { 3 } else { 1 };
    if hashes == 0 || quotes == 0 {
        return Quoted::Not;
    }
    let end = [&b"\"\"\""[..fence], &rest[..hashes]].concat();
    Quoted::Whole(past(rest, hashes + fence, &end).unwrap_or(rest.len()))
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
