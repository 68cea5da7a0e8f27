//! Edits of different words of one stretch.

use std::ops::Range;

use super::Hunk;
use crate::Work;
use crate::diff3::{self, Chunk, Touch};
use crate::lines::Interner;
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
    let mut interner = Interner::default();
    let (b, o, t) = (interner.ids(&base), interner.ids(&ours), interner.ids(&theirs));
    let (mut out, mut line) = (Vec::new(), Line::default());
    for chunk in diff3::align([&b, &o, &t], interner.len(), Touch::Replacing, work)? {
        let (words, sides) = match chunk {
            Chunk::Same(range) => (&base[range], [false, false]),
            Chunk::Both(_, range) => (&ours[range], [false, false]),
            Chunk::Ours(_, range) => (&ours[range], [true, false]),
            Chunk::Theirs(_, range) => (&theirs[range], [false, true]),
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
    let newest = versions::newest(b, o, t).filter(|_| versions::is_told(b, line))?;
    Some(if newest == *o { ours } else { theirs })
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
