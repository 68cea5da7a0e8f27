//! Line ends: where one side wrote the whole file with others, the merge is that of the lines, in the new ends.
//!
//! To a line diff such a side changed every line, and whatever the other did would collide with it, or stand among the
//! new ends with the old ones.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::words::is_word_byte;

/// Line ends of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnds {
    /// A line feed alone, on every line.
    Lf,
    /// A carriage return before it, on every line.
    CrLf,
    /// Some so and some so.
    Mixed,
    /// There is no line end.
    Absent,
}

impl LineEnds {
    pub(crate) fn of(text: &[u8]) -> Self {
        let (mut all, mut returns) = (0usize, 0usize);
        for (at, _) in text.iter().enumerate().filter(|(_, b)| **b == b'\n') {
            all += 1;
            returns += usize::from(text[..at].ends_with(b"\r"));
        }
        match returns {
            _ if all == 0 => LineEnds::Absent,
            0 => LineEnds::Lf,
            returns if returns == all => LineEnds::CrLf,
            _ => LineEnds::Mixed,
        }
    }

    /// Text whose lines end with a line feed alone, with these ends.
    pub(crate) fn put(self, text: Vec<u8>) -> Vec<u8> {
        if self != LineEnds::CrLf {
            return text;
        }
        let mut out = Vec::with_capacity(text.len() + text.len() / 16);
        for line in text.split_inclusive(|b| *b == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(line) => out.extend([line, b"\r\n"].concat()),
                None => out.extend_from_slice(line),
            }
        }
        out
    }
}

/// Change of the line ends of the whole file by the sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turned {
    /// Nothing that concerns every line.
    No,
    /// Lines of the merge end so.
    To(LineEnds),
    /// The sides turned a mixed file each to other ends.
    Apart,
}

impl Turned {
    /// Reads it from base and the sides.
    pub(crate) fn of([base, ours, theirs]: [&[u8]; 3]) -> Self {
        let (text, base) = (base, LineEnds::of(base));
        // A side without a line end says nothing about them, and from a base without one nobody turned away.
        let kept = |side: &[u8]| match LineEnds::of(side) {
            LineEnds::Absent => base,
            ends if base == LineEnds::Mixed && !turns(text, side, ends) => base,
            ends => ends,
        };
        let (ours, theirs) = (kept(ours), kept(theirs));
        if base == LineEnds::Absent {
            return Turned::No;
        }
        let to = match (ours == base, theirs == base) {
            (true, true) => return Turned::No,
            (true, false) => theirs,
            (false, true) => ours,
            (false, false) if ours == theirs => ours,
            (false, false) => return Turned::Apart,
        };
        if to == LineEnds::Mixed { Turned::No } else { Turned::To(to) }
    }
}

/// Whether a line of mixed `base` that ends otherwise stands in `side` with the ends `to`, which all of it has.
///
/// Where none does, the side dropped what ended otherwise and turned nothing. A line that stands in base with these ends
/// too tells only where there are more of it, and one without a letter or digit could be any.
fn turns(base: &[u8], side: &[u8], to: LineEnds) -> bool {
    let says = |line: &[u8]| line.iter().any(|b| is_word_byte(*b));
    let other = ended(base).filter(|(line, ends)| *ends != to && says(line));
    let mut there: BTreeMap<&[u8], usize> = other.map(|(line, _)| (line, 0)).collect();
    for (line, _) in ended(base).filter(|(_, ends)| *ends == to) {
        there.entry(line).and_modify(|count| *count += 1);
    }
    ended(side).any(|(line, _)| match there.get_mut(line) {
        Some(0) => true,
        Some(count) => {
            *count -= 1;
            false
        }
        None => false,
    })
}

/// The lines that end, without their ends, and how they end.
fn ended(text: &[u8]) -> impl Iterator<Item = (&[u8], LineEnds)> {
    let lines = text.split_inclusive(|b| *b == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
    lines.map(|line| line.strip_suffix(b"\r").map_or((line, LineEnds::Lf), |line| (line, LineEnds::CrLf)))
}

/// The text with a line feed alone at every line's end.
pub(crate) fn bare(text: &[u8]) -> Cow<'_, [u8]> {
    if LineEnds::of(text) == LineEnds::Lf {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|b| *b == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => out.extend([line, b"\n"].concat()),
            None => out.extend_from_slice(line),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_kind_of_line_end_or_is_mixed() {
        let kinds = [(&b"a\nb\n"[..], LineEnds::Lf), (b"a\r\nb\r\n", LineEnds::CrLf), (b"a\r\nb\n", LineEnds::Mixed)];
        assert!(kinds.iter().all(|(text, kind)| LineEnds::of(text) == *kind));
        assert_eq!(LineEnds::of(b"a\rb"), LineEnds::Absent);
    }

    #[test]
    fn a_side_turned_a_mixed_file_where_a_line_of_the_other_ends_stands_with_the_new() {
        let base: &[u8] = b"a\n}\n\r\n}\r\nx\r\n";
        for (side, turned) in [
            (&b"a\nx\n"[..], Turned::To(LineEnds::Lf)),
            (b"a\r\n", Turned::To(LineEnds::CrLf)),
            (b"a\n", Turned::No),
            (b"a\n\n}\n}\n}\nnew\n", Turned::No),
            (b"x\r\n", Turned::No),
            (b"", Turned::No),
        ] {
            assert_eq!(Turned::of([base, side, base]), turned, "{side:?}");
            assert_eq!(Turned::of([base, base, side]), turned, "{side:?}");
        }
        assert_eq!(Turned::of([base, b"a\nx\n", b"a\r\nx\r\n"]), Turned::Apart);
        assert_eq!(Turned::of([base, b"a\n", b"a\r\nx\r\n"]), Turned::To(LineEnds::CrLf));
    }

    #[test]
    fn ends_that_are_taken_away_come_back() {
        for text in [&b"a\r\nb\r\n"[..], b"a\r\n\r\nb", b"a\r\r\nb\r\n"] {
            assert_eq!(LineEnds::CrLf.put(bare(text).into_owned()), text);
        }
    }
}
