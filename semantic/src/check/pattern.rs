//! A change that one side made to line after line, and the new line of the other side that misses it.
//!
//! A side renames `v1-a`, `v1-b`, `v1-c` to `v2-…` while the other adds `v1-d`: both edits stand apart, and what
//! comes out is what neither wants.

use std::collections::BTreeMap;

use super::Check;
use crate::Work;
use crate::edits::Edits;
use crate::ladder::Task;
use crate::language;
use crate::lines;
use crate::words::is_word_byte;

/// Steps of looking at one line, or at one byte of a line that is searched.
const LINE_STEPS: usize = 16;

/// Lines that must have changed alike before it is a pattern.
const ALIKE_MIN: usize = 3;

pub(super) fn missed(input: &Task) -> Option<Check> {
    let base = lines::split(input.base.unwrap_or_default());
    let (ours, theirs) = (lines::split(input.ours), lines::split(input.theirs));
    let keyed = language::of(input.path).is_data();
    input.work.take_len(LINE_STEPS * (base.len() + ours.len() + theirs.len()))?;
    let (ours, theirs) = (Edits::of(&base, &ours, keyed, input.work)?, Edits::of(&base, &theirs, keyed, input.work)?);
    let is_missed = is_missed(&ours.pairs(&base), &theirs.added, input.work)?
        || is_missed(&theirs.pairs(&base), &ours.added, input.work)?;
    is_missed.then_some(Check::Pattern)
}

/// Replacement of pieces by others, each with the piece after it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change<'a> {
    from: Vec<&'a [u8]>,
    to: Vec<&'a [u8]>,
}

/// A line with its pieces.
struct Line<'a> {
    bytes: usize,
    pieces: Vec<&'a [u8]>,
}

/// Whether some line of `added` misses a change that `changed` (pairs of old and new lines) makes again and again.
fn is_missed(changed: &[(&[u8], &[u8])], added: &[&[u8]], work: &Work) -> Option<bool> {
    let bytes = |lines: &[&[u8]]| lines.iter().map(|line| line.len()).sum::<usize>();
    let cut = changed.iter().map(|(old, new)| bytes(&[old, new])).sum::<usize>() + bytes(added);
    work.take_len(LINE_STEPS * cut)?;
    let mut changes: BTreeMap<Change, usize> = BTreeMap::new();
    for (old, new) in changed {
        if let Some(change) = change(old, new) {
            *changes.entry(change).or_default() += 1;
        }
    }
    let again = changes.into_iter().filter(|(_, count)| *count >= ALIKE_MIN).map(|(change, _)| change);
    let added: Vec<Line> = added.iter().map(|line| Line { bytes: line.len(), pieces: pieces(line) }).collect();
    for change in again {
        for line in &added {
            if change.is_missed_by(line, work)? {
                return Some(true);
            }
        }
    }
    Some(false)
}

impl Change<'_> {
    /// None out of steps.
    fn is_missed_by(&self, line: &Line, work: &Work) -> Option<bool> {
        Some(line.has(&self.from, work)? && !line.has(&self.to, work)?)
    }
}

impl Line<'_> {
    /// Whether these pieces stand in it, one after the other; none out of steps.
    fn has(&self, wanted: &[&[u8]], work: &Work) -> Option<bool> {
        // At every place each of them is compared: no byte of the line more often than either has places or pieces.
        let places = (self.pieces.len() + 1).saturating_sub(wanted.len());
        work.take_len(1 + places.min(wanted.len()) * self.bytes)?;
        let stands = |at: &[&[u8]]| at.iter().zip(wanted).all(|(piece, wanted)| stands_for(wanted, piece));
        Some(self.pieces.windows(wanted.len()).any(stands))
    }
}

/// Stands for any number.
const NUMBER: &[u8] = b"\0number";

fn is_number(piece: &[u8]) -> bool {
    piece.first().is_some_and(u8::is_ascii_digit)
}

fn stands_for(wanted: &[u8], piece: &[u8]) -> bool {
    wanted == piece || (wanted == NUMBER && is_number(piece))
}

/// The one stretch that differs. A number that only got something around it stands for any number.
///
/// None where something was only put in: what it stands before (`(`, `}`) may stand in any line.
fn change<'a>(old: &'a [u8], new: &'a [u8]) -> Option<Change<'a>> {
    let (old, new) = (pieces(old), pieces(new));
    let before = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let after = old[before..].iter().rev().zip(new[before..].iter().rev()).take_while(|(a, b)| a == b).count();
    let next = old.get(old.len() - after)?;
    if before + after == old.len() {
        return None;
    }
    let (mut from, mut to) = (old[before..old.len() - after].to_vec(), new[before..new.len() - after].to_vec());
    if let ([number], Some(at)) = (from.as_slice(), to.iter().position(|p| Some(p) == from.first()))
        && is_number(number)
    {
        (from, to[at]) = (vec![NUMBER], NUMBER);
    }
    from.push(next);
    to.push(next);
    Some(Change { from, to })
}

/// Runs of word characters and single marks; blanks are left out.
pub(crate) fn pieces(line: &[u8]) -> Vec<&[u8]> {
    let (mut out, mut rest) = (Vec::new(), line.trim_ascii());
    while let Some(b) = rest.first() {
        let len = if is_word_byte(*b) { rest.iter().take_while(|b| is_word_byte(**b)).count() } else { 1 };
        if !b.is_ascii_whitespace() {
            out.push(&rest[..len]);
        }
        rest = &rest[len..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENAMED: [(&[u8], &[u8]); 3] =
        [(b"- v1-a\n", b"- v2-a\n"), (b"- v1-b\n", b"- v2-b\n"), (b"- v1-x\n", b"- v2-x\n")];

    #[test]
    fn a_new_line_of_the_old_kind_misses_the_change() {
        assert!(is_missed(&RENAMED, &[b"- v1-c\n"], &Work::default()).expect("little work"));
    }

    #[test]
    fn a_new_line_of_the_new_kind_does_not() {
        assert!(!is_missed(&RENAMED, &[b"- v2-c\n"], &Work::default()).expect("little work"));
        assert!(!is_missed(&RENAMED, &[b"- w-c\n"], &Work::default()).expect("little work"));
    }

    #[test]
    fn numbers_that_became_strings_are_a_pattern() {
        let edited: [(&[u8], &[u8]); 3] = [(b"a: 1,", b"a: '1',"), (b"b: 2,", b"b: '2',"), (b"c: 3,", b"c: '3',")];
        assert!(is_missed(&edited, &[b"d: 4,"], &Work::default()).expect("little work"));
        assert!(!is_missed(&edited, &[b"d: '4',"], &Work::default()).expect("little work"));
    }

    #[test]
    fn two_changed_lines_are_no_pattern() {
        assert!(!is_missed(&RENAMED[..2], &[b"- v1-c\n"], &Work::default()).expect("little work"));
    }

    #[test]
    fn something_put_in_everywhere_is_no_pattern() {
        let edited: [(&[u8], &[u8]); 3] = [(b"f(a);", b"f(x, a);"), (b"f(b);", b"f(x, b);"), (b"f(c);", b"f(x, c);")];
        assert!(!is_missed(&edited, &[b"g(a);"], &Work::default()).expect("little work"));
    }
}
