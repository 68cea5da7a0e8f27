//! Edits of different words of one stretch.

use std::ops::Range;

use super::Hunk;
use crate::Work;
use crate::diff3::{self, Chunk, Touch};
use crate::lines;
use crate::text::Mode;
use crate::versions;
use crate::words;

/// Most words of one side of a stretch that are compared: a diff of words that differ costs the square of their number.
const WORDS_MAX: usize = 4096;

/// Edits of different words go through; of one line only where policy allows.
pub(super) fn merge(hunk: &Hunk, mode: Mode, work: &Work) -> Option<Vec<u8>> {
    let [base, ours, theirs] = [&hunk.base, &hunk.ours, &hunk.theirs].map(|side| words::split(side));
    if [&base, &ours, &theirs].iter().any(|side| side.len() > WORDS_MAX) {
        return None;
    }
    let ([b, o, t], count) = lines::numbered([&base, &ours, &theirs]);
    let (mut out, mut line) = (Vec::new(), Line::default());
    // Blanks inside a line only lay it out; those at its start may say in which block it stands.
    let lays_out = |before: &[&[u8]], from: &[&[u8]], to: &[&[u8]]| {
        let is_layout = |word: &&[u8]| words::is_blank(word) && *word != b"\n";
        let is_inside = before.last().is_some_and(|word| *word != b"\n");
        hunk.is_free && is_inside && from.iter().chain(to).all(is_layout)
    };
    for chunk in diff3::align([&b, &o, &t], count, Touch::Replacing, work)? {
        let (words, sides) = match chunk {
            Chunk::Same(range) => (&base[range], [false, false]),
            Chunk::Both(_, range) => (&ours[range], [false, false]),
            Chunk::Ours(from, to) => (&ours[to.clone()], [!lays_out(&out, &base[from], &ours[to]), false]),
            Chunk::Theirs(from, to) => (&theirs[to.clone()], [false, !lays_out(&out, &base[from], &theirs[to])]),
            Chunk::Conflict(region) if mode.newest_version => {
                let line = line_around(&base, region.base.clone());
                work.take_len(line.len())?;
                (newest(&base[region.base], &ours[region.ours], &theirs[region.theirs], line)?, [false, false])
            }
            Chunk::Conflict(_) => return None,
        };
        if line.is_shared_after(words, sides) && !mode.same_line {
            return None;
        }
        out.extend_from_slice(words);
    }
    Some(out.concat())
}

/// The newer of two versions, where that is all that both changed.
fn newest<'a, 'b>(
    base: &[&'b [u8]],
    ours: &'a [&'b [u8]],
    theirs: &'a [&'b [u8]],
    line: &[&[u8]],
) -> Option<&'a [&'b [u8]]> {
    let ([b], [o], [t]) = (base, ours, theirs) else { return None };
    let newest = versions::newest(Some(b), o, t).filter(|_| versions::is_told(b, line))?;
    Some(if newest == *o { ours } else { theirs })
}

/// Of two additions that differ in versions only, the one line with the newer of each.
pub(super) fn newest_of_both(ours: &[u8], theirs: &[u8], work: &Work) -> Option<Vec<u8>> {
    let (ours, theirs) = (words::split(ours), words::split(theirs));
    let word = |i: usize| {
        if ours[i] == theirs[i] {
            return Some(ours[i]);
        }
        let line = line_around(&ours, i..i + 1);
        work.take_len(line.len())?;
        versions::newest(None, ours[i], theirs[i]).filter(|_| versions::is_told(ours[i], line))
    };
    let words = (ours.len() == theirs.len()).then(|| (0..ours.len()).map(word).collect::<Option<Vec<_>>>())??;
    Some(words.concat())
}

/// The words of the line on which `words` stand.
fn line_around<'a, 'b>(words: &'a [&'b [u8]], at: Range<usize>) -> &'a [&'b [u8]] {
    let is_end = |w: &&[u8]| *w == b"\n";
    let from = words[..at.start].iter().rposition(is_end).map_or(0, |i| i + 1);
    let to = words[at.end..].iter().position(is_end).map_or(words.len(), |i| at.end + i);
    &words[from..to]
}

/// Which sides edited the line that is being written.
#[derive(Default)]
struct Line {
    edited_by: [bool; 2],
}

impl Line {
    /// Takes the next words; whether both sides have now edited one line.
    fn is_shared_after(&mut self, words: &[&[u8]], sides: [bool; 2]) -> bool {
        self.edited_by = [0, 1].map(|i| self.edited_by[i] || sides[i]);
        let shared = self.edited_by == [true, true];
        if words.contains(&&b"\n"[..]) {
            self.edited_by = sides;
        }
        shared
    }
}
