//! Layout that says nothing: where a side only laid a stretch out anew, the other's edit goes through.
//!
//! Not where blanks are part of a value (strings over lines), and not where a line end says something: after a line
//! comment, and where it ends a statement.

use std::ops::Range;

use crate::diff3::Region;
use crate::hunk::Hunk;
use crate::ladder::Task;
use crate::language::{self, Break, Language, Lexis, Shape};
use crate::lex::{self, Kind};
use crate::limits;
use crate::line_ends::LineEnds;
use crate::lines;
use crate::words;

/// Free layout of each of the three files.
pub(crate) struct Layout([Free; 3]);

/// A file: where its lines start, and where strings run over them.
struct Free {
    starts: Vec<usize>,
    strings: Vec<Range<usize>>,
}

impl Layout {
    /// None where blanks and line ends mean something all over the file.
    pub(crate) fn of(input: &Task) -> Option<Self> {
        input.work.take_len(input.len())?;
        let language = language::of(input.path);
        let [base, ours, theirs] = [input.base.unwrap_or_default(), input.ours, input.theirs];
        Some(Layout([Free::of(base, language)?, Free::of(ours, language)?, Free::of(theirs, language)?]))
    }

    /// Whether no string over lines reaches into the stretch, on any side.
    pub(crate) fn is_free(&self, region: &Region) -> bool {
        let ranges = [&region.base, &region.ours, &region.theirs];
        self.0.iter().zip(ranges).all(|(file, lines)| file.is_free(lines))
    }
}

impl Free {
    fn of(file: &[u8], language: &Language) -> Option<Self> {
        if file.len() > limits::STRUCTURE_BYTES_MAX {
            return None;
        }
        let holds = |fence: &[u8; 3]| file.windows(fence.len()).any(|w| w == fence);
        let strings = match language.shape {
            Shape::Braces(words) if !matches!(words.breaks, Break::Always | Break::Kept) => {
                strings_over_lines(file, &language.lexis)
            }
            Shape::Toml if holds(b"\"\"\"") || holds(b"'''") => return None,
            Shape::Json | Shape::Toml => Vec::new(),
            _ => return None,
        };
        let ends = lines::split(file).into_iter().scan(0, |at, line| {
            *at += line.len();
            Some(*at)
        });
        Some(Free { starts: std::iter::once(0).chain(ends).collect(), strings })
    }

    fn is_free(&self, lines: &Range<usize>) -> bool {
        let (from, to) = (self.starts[lines.start], self.starts[lines.end]);
        let next = self.strings.partition_point(|string| string.end <= from);
        self.strings.get(next).is_none_or(|string| string.start >= to)
    }
}

fn strings_over_lines(file: &[u8], lexis: &Lexis) -> Vec<Range<usize>> {
    let texts = lex::tokens(file, lexis).into_iter().filter(|token| token.kind == Kind::Text);
    texts.map(|token| token.from..token.to).filter(|string| file[string.clone()].contains(&b'\n')).collect()
}

/// The side that edited, where the other only laid the stretch out anew.
///
/// Its own layout stays as it wrote it: nobody can say how the other would have laid out what it did not see.
pub(crate) fn edited<'a>(hunk: &'a Hunk, language: &Language) -> Option<&'a [u8]> {
    if has_other_ends(hunk) {
        return None;
    }
    let [base, ours, theirs] = [&hunk.base, &hunk.ours, &hunk.theirs].map(|side| said(side, language));
    match (base == ours, base == theirs) {
        // Both only laid it out anew: neither has more reason, so the smaller text.
        (true, true) => Some(hunk.ours.as_slice().min(&hunk.theirs)),
        (true, false) => Some(&hunk.theirs),
        (false, true) => Some(&hunk.ours),
        (false, false) => None,
    }
}

/// Whether the lines of one end otherwise than those of another.
fn has_other_ends(hunk: &Hunk) -> bool {
    let ends = [&hunk.base, &hunk.ours, &hunk.theirs].map(|side| LineEnds::of(side));
    let mut said = ends.into_iter().filter(|ends| *ends != LineEnds::Absent);
    said.next().is_some_and(|first| said.any(|ends| ends != first))
}

/// The words of a stretch, with the line ends that say something.
fn said<'a>(side: &'a [u8], language: &Language) -> Vec<&'a [u8]> {
    let mut out = Vec::new();
    for line in lines::split(side) {
        out.extend(words::split(line).into_iter().filter(|word| !words::is_blank(word)));
        if ends_something(line, language) {
            out.push(b"\n");
        }
    }
    out
}

fn ends_something(line: &[u8], language: &Language) -> bool {
    let last = words::split(line).into_iter().rev().find(|word| !words::is_blank(word)).unwrap_or_default();
    let closes = |b: &u8| words::is_word_byte(*b) || b")]}\"'`+-".contains(b);
    language.lexis.may_end_in_comment(line)
        || match language.words().map(|words| words.breaks) {
            Some(Break::Closing) => last.last().is_some_and(closes),
            Some(Break::After(ending)) => ending.iter().any(|word| word.as_bytes() == last),
            _ => false,
        }
}
