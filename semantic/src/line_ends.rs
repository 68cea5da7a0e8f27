//! Line ends: where one side wrote the whole file with others, the merge is that of the lines, in the new ends.
//!
//! To a line diff such a side changed every line, and whatever the other did would collide with it, or stand among the
//! new ends with the old ones.

use std::borrow::Cow;

/// How the lines of a file end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnds {
    /// All with a line feed alone.
    Lf,
    /// All with a carriage return before it.
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

/// What the sides did to the line ends of the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turned {
    /// Nothing that concerns every line.
    No,
    /// All lines of the merge end so.
    To(LineEnds),
    /// The sides turned a mixed file each to other ends.
    Apart,
}

impl Turned {
    /// Reads it from the ends of base and the sides.
    pub(crate) fn of([base, ours, theirs]: [LineEnds; 3]) -> Self {
        // A side without a line end says nothing about them, and from a base without one nobody turned away.
        let kept = |side| if side == LineEnds::Absent { base } else { side };
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
    fn ends_that_are_taken_away_come_back() {
        for text in [&b"a\r\nb\r\n"[..], b"a\r\n\r\nb", b"a\r\r\nb\r\n"] {
            assert_eq!(LineEnds::CrLf.put(bare(text).into_owned()), text);
        }
    }
}
