//! Larger of two edits that both only put words into base, as rules 21 have it: by their words alone, wherever they stand.

use crate::language::Language;
use crate::lines;
use crate::words;

/// Of two sides that both only put words into base, the one that has all words of the other in their order, and more.
pub(super) fn larger<'a>(base: &[u8], ours: &'a [u8], theirs: &'a [u8], language: &Language) -> Option<&'a [u8]> {
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
