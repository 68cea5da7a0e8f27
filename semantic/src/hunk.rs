//! A stretch of lines that both sides changed, and the rules that may still make it one.
//!
//! In order: import statements as a set; edits of different lines, cut as the diff cuts them; the same with edited
//! lines paired; edits of different words on different lines. What git merges cleanly never comes here.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::diff3::{self, Chunk, Region, Touch};
use crate::elements;
use crate::imports;
use crate::indent;
use crate::ladder::Task;
use crate::language::{self, Imports, Language, Shape};
use crate::layout;
use crate::lex;
use crate::limits;
use crate::lines::{self, Interner};
use crate::pairs;
use crate::text::{BothAdded, Mode};
use crate::versions;
use crate::words;
use crate::{Piece, Rung, Work};

/// Steps of all the rules for one byte of a stretch, where they only read it.
const READ_STEPS: usize = 16;

/// Steps of looking whether one byte stands in a whole element, wherever the stretch is slid to.
const ELEMENT_STEPS: usize = 64;

/// Text of the three at one stretch.
#[derive(Debug)]
pub(crate) struct Hunk {
    pub(crate) base: Vec<u8>,
    pub(crate) ours: Vec<u8>,
    pub(crate) theirs: Vec<u8>,
    /// Lines that all three have above the stretch, a few.
    pub(crate) above: Vec<u8>,
    /// And below.
    pub(crate) below: Vec<u8>,
    /// Whether blanks and most line ends mean nothing here.
    pub(crate) is_free: bool,
}

impl Hunk {
    /// A stretch of nothing.
    pub(crate) fn empty() -> Self {
        let nothing = Vec::new;
        Self { base: nothing(), ours: nothing(), theirs: nothing(), above: nothing(), below: nothing(), is_free: false }
    }

    /// As a piece that nobody could merge.
    pub(crate) fn disputed(self) -> Piece {
        Piece::Disputed { base: self.base, ours: self.ours, theirs: self.theirs }
    }

    /// Bytes of all three.
    pub(crate) fn len(&self) -> usize {
        self.base.len() + self.ours.len() + self.theirs.len()
    }

    fn is_small(&self) -> bool {
        [&self.base, &self.ours, &self.theirs].iter().all(|side| side.len() <= limits::HUNK_BYTES_MAX)
    }
}

/// Why a rule gives no answer.
enum No {
    /// This rule does not apply; another may.
    Next,
    /// The edits are about one thing: no rule may answer.
    Never,
}

/// The stretch as one, with the rung that did it.
pub(crate) fn resolve(hunk: &Hunk, input: &Task, mode: Mode) -> Option<(Vec<u8>, Rung)> {
    if !hunk.is_small() {
        return None;
    }
    // Each rule below reads the stretch a few times, and looks for its lines and words among all.
    input.work.take_len(READ_STEPS * hunk.len())?;
    let language = language::of(input.path);
    if language.imports != Imports::None
        && let Some(bytes) = imports::resolve(hunk, language.imports, input.work)
    {
        return Some((bytes, Rung::Imports));
    }
    if hunk.is_free
        && let Some(bytes) = layout::edited(hunk, language)
    {
        return Some((bytes.to_vec(), Rung::Text));
    }
    let merged = match indent::shifted(hunk) {
        Some(shifted) => by_shifted(&shifted, hunk, language, mode, input.work),
        None => by_edits(hunk, language, mode, input.work),
    };
    merged.map(|bytes| (bytes, Rung::Text))
}

/// An edit of lines that the other side shifted. Where indentation says something, no other rule may place it.
fn by_shifted(shifted: &Hunk, hunk: &Hunk, language: &Language, mode: Mode, work: &Work) -> Option<Vec<u8>> {
    let says_something = matches!(language.shape, Shape::Indent(_));
    let merged =
        if hunk.is_free || says_something && !has_fence(hunk) { by_edits(shifted, language, mode, work) } else { None };
    merged.or_else(|| if says_something { None } else { by_edits(hunk, language, mode, work) })
}

/// Whether a string over lines may be near, whose lines are not shifted without harm.
fn has_fence(hunk: &Hunk) -> bool {
    let has = |side: &[u8]| [b"\"\"\"", b"'''"].iter().any(|fence| side.windows(fence.len()).any(|w| w == *fence));
    [&hunk.base, &hunk.ours, &hunk.theirs].iter().any(|side| has(side))
}

/// By lines, then by words.
fn by_edits(hunk: &Hunk, language: &Language, mode: Mode, work: &Work) -> Option<Vec<u8>> {
    for cut in [Cut::Plain, Cut::Paired] {
        match by_lines(hunk, cut, language, mode, work) {
            Ok(bytes) => return Some(bytes),
            Err(No::Next) => (),
            Err(No::Never) => return None,
        }
    }
    // Words of one line may stand in two blocks.
    let leaves = |side: &[u8]| leaves_its_block(&hunk.base, side, language);
    if leaves(&hunk.ours) || leaves(&hunk.theirs) { None } else { by_words(hunk, mode, work) }
}

/// Whether a side closes more than what it replaces: what stands beside it would come to stand in another block.
fn leaves_its_block(base: &[u8], side: &[u8], language: &Language) -> bool {
    let (Shape::Braces(words) | Shape::Indent(words)) = language.shape else { return false };
    lex::lowest(side, words.dialect) < lex::lowest(base, words.dialect)
}

/// Cut of the changes of a side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// As the line diff gives them.
    Plain,
    /// At lines that are another line edited.
    Paired,
}

/// The three as lines.
struct Lines<'a> {
    base: Vec<&'a [u8]>,
    ours: Vec<&'a [u8]>,
    theirs: Vec<&'a [u8]>,
}

/// Edits of different lines, even adjacent ones, go through.
fn by_lines(hunk: &Hunk, cut: Cut, language: &Language, mode: Mode, work: &Work) -> Result<Vec<u8>, No> {
    let lines =
        Lines { base: lines::split(&hunk.base), ours: lines::split(&hunk.ours), theirs: lines::split(&hunk.theirs) };
    let mut interner = Interner::default();
    let (b, o, t) = (interner.ids(&lines.base), interner.ids(&lines.ours), interner.ids(&lines.theirs));
    let mut ours = diff3::hunks(&b, &o, interner.len(), work).ok_or(No::Never)?;
    let mut theirs = diff3::hunks(&b, &t, interner.len(), work).ok_or(No::Never)?;
    if cut == Cut::Paired {
        ours = pairs::refine(ours, &lines.base, &lines.ours, language.is_data(), work).ok_or(No::Never)?;
        theirs = pairs::refine(theirs, &lines.base, &lines.theirs, language.is_data(), work).ok_or(No::Never)?;
    }
    let chunks = diff3::weave(b.len(), (&ours, &o), (&theirs, &t), Touch::Always);
    for pair in chunks.windows(2) {
        refuse_neighbours(&pair[0], &pair[1], &lines, language)?;
    }
    let mut out = Vec::new();
    for chunk in chunks {
        match chunk {
            Chunk::Same(range) => out.push(lines.base[range].concat()),
            Chunk::Ours(_, range) | Chunk::Both(_, range) => out.push(lines.ours[range].concat()),
            Chunk::Theirs(_, range) => out.push(lines.theirs[range].concat()),
            Chunk::Conflict(region) => out.push(inside(&region, &lines, hunk, language, mode, work).ok_or(No::Next)?),
        }
    }
    let merged = out.concat();
    if doubles_a_line(&merged, &lines) { Err(No::Next) } else { Ok(merged) }
}

/// Neighbouring edits of different sides that are about one thing.
fn refuse_neighbours(first: &Chunk, second: &Chunk, lines: &Lines, language: &Language) -> Result<(), No> {
    let (Some(a), Some(b)) = (Edit::of(first, lines), Edit::of(second, lines)) else { return Ok(()) };
    if a.is_ours == b.is_ours {
        return Ok(());
    }
    // What was added beside something was likely meant for it: not where the other side took that away.
    if (a.base.is_empty() && b.takes_away()) || (a.takes_away() && b.base.is_empty()) {
        return Err(No::Never);
    }
    // What stands after an edit that leaves its block stands in another one.
    if (a.base.is_empty() || b.base.is_empty()) && [&a, &b].iter().any(|edit| edit.leaves_its_block(language)) {
        return Err(No::Next);
    }
    // A comment speaks of the line below it.
    let is_comment = |line: &&[u8]| {
        let line = line.trim_ascii();
        let in_block = language.line_comment == "//" && [&b"/*"[..], b"* ", b"*/"].iter().any(|m| line.starts_with(m));
        line.is_empty() || in_block || line == b"*" || line.starts_with(language.line_comment.as_bytes())
    };
    let said = a.base.iter().chain(a.side).any(|l| !l.trim_ascii().is_empty());
    if said && a.base.iter().chain(a.side).all(is_comment) {
        return Err(No::Never);
    }
    Ok(())
}

/// A change that one side alone made.
struct Edit<'a> {
    is_ours: bool,
    base: &'a [&'a [u8]],
    side: &'a [&'a [u8]],
}

impl<'a> Edit<'a> {
    /// Whether nothing is left but blank lines.
    fn takes_away(&self) -> bool {
        let is_blank = |lines: &[&[u8]]| lines.iter().all(|line| line.trim_ascii().is_empty());
        self.side.is_empty() || is_blank(self.side) && !is_blank(self.base)
    }

    fn leaves_its_block(&self, language: &Language) -> bool {
        leaves_its_block(&self.base.concat(), &self.side.concat(), language)
    }

    fn of(chunk: &Chunk, lines: &'a Lines) -> Option<Edit<'a>> {
        match chunk {
            Chunk::Ours(base, side) => {
                Some(Edit { is_ours: true, base: &lines.base[base.clone()], side: &lines.ours[side.clone()] })
            }
            Chunk::Theirs(base, side) => {
                Some(Edit { is_ours: false, base: &lines.base[base.clone()], side: &lines.theirs[side.clone()] })
            }
            _ => None,
        }
    }
}

/// Lines that both changed: by words, or where nothing was there before, both.
fn inside(
    region: &Region,
    lines: &Lines,
    around: &Hunk,
    language: &Language,
    mode: Mode,
    work: &Work,
) -> Option<Vec<u8>> {
    let (base, ours, theirs) =
        (&lines.base[region.base.clone()], &lines.ours[region.ours.clone()], &lines.theirs[region.theirs.clone()]);
    if base.is_empty()
        && let Some(larger) = elements::larger(&ours.concat(), &theirs.concat(), language)
    {
        return Some(larger.to_vec());
    }
    if base.is_empty() && mode.both_added == BothAdded::Elements {
        // Among other edits nobody knows in which block it would come to stand.
        let is_alone = lines.base.is_empty();
        let (above, below) = (&around.above[..], &around.below[..]);
        let (ours, theirs) = (ours.concat(), theirs.concat());
        work.take_len(ELEMENT_STEPS * (ours.len() + theirs.len()))?;
        let added = elements::Added { ours: &ours, theirs: &theirs, above, below };
        return if is_alone { added.both(language) } else { None };
    }
    if base.is_empty() && mode.both_added != BothAdded::Conflict {
        let (ours, theirs) = (ours.concat(), theirs.concat());
        let ours_first = (ours <= theirs) == (mode.both_added == BothAdded::SmallerFirst);
        let (first, second) = if ours_first { (ours, theirs) } else { (theirs, ours) };
        return first.ends_with(b"\n").then(|| [first, second].concat());
    }
    let hunk = Hunk { base: base.concat(), ours: ours.concat(), theirs: theirs.concat(), ..Hunk::empty() };
    by_words(&hunk, mode, work)
}

/// Whether a line that both added, each once, would stand twice.
fn doubles_a_line(merged: &[u8], lines: &Lines) -> bool {
    let merged = lines::split(merged);
    let entry =
        |line: &'_ [u8]| line.trim_ascii_end().strip_suffix(b",").map_or(line.trim_ascii_end().len(), <[u8]>::len);
    let mut counts: BTreeMap<&[u8], [usize; 4]> = BTreeMap::new();
    for (column, file) in [&lines.base, &lines.ours, &lines.theirs, &merged].into_iter().enumerate() {
        for line in file.iter().filter(|l| l.iter().any(u8::is_ascii_alphanumeric)) {
            counts.entry(&line[..entry(line)]).or_default()[column] += 1;
        }
    }
    counts.values().any(|[b, o, t, m]| o > b && t > b && m > o.max(t))
}

/// Most words of one side of a stretch that are compared: a diff of words that differ costs the square of their number.
const WORDS_MAX: usize = 4096;

/// Edits of different words go through; of one line only where policy allows.
fn by_words(hunk: &Hunk, mode: Mode, work: &Work) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    fn resolved(path: &str, base: &str, ours: &str, theirs: &str) -> Option<String> {
        let options = Options::default();
        let work = Work::default();
        let input = Task { base: Some(b""), ours: b"", theirs: b"", path, options: &options, work: &work };
        let is_free = !path.ends_with(".py");
        let hunk = Hunk { base: base.into(), ours: ours.into(), theirs: theirs.into(), is_free, ..Hunk::empty() };
        resolve(&hunk, &input, Mode::of(&input)).map(|(bytes, _)| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn edits_of_adjacent_lines_go_through() {
        let merged = resolved("a.txt", "one\ntwo\n", "one!\ntwo\n", "one\ntwo!\n");
        assert_eq!(merged.as_deref(), Some("one!\ntwo!\n"));
    }

    #[test]
    fn a_side_that_only_laid_out_anew_gives_way() {
        let merged = resolved("a.ts", "f(a, b);\n", "f(\n  a, b);\n", "f(a, c);\n");
        assert_eq!(merged.as_deref(), Some("f(a, c);\n"));
        let (ours, theirs) = ("f(\n  a, b);\n", "f(a,\n  b);\n");
        assert_eq!(resolved("a.ts", "f(a, b);\n", ours, theirs), resolved("a.ts", "f(a, b);\n", theirs, ours));
        assert_eq!(resolved("a.ts", "f('a b');\n", "f('a  b');\n", "f('a c');\n"), None);
        assert_eq!(resolved("a.py", "f(a)\n", "  f(a)\n", "f(b)\n"), None);
    }

    #[test]
    fn an_addition_beside_an_edit_goes_through() {
        let merged = resolved("a.txt", "one x y\n", "one x z\n", "one x y\nsomething else\n");
        assert_eq!(merged.as_deref(), Some("one x z\nsomething else\n"));
    }

    #[test]
    fn an_addition_beside_a_removal_is_refused() {
        assert_eq!(resolved("a.txt", "one\n", "", "one\ntwo\n"), None);
    }

    #[test]
    fn edits_of_one_line_are_refused() {
        assert_eq!(resolved("a.rs", "f(a, b, c)\n", "f(x, b, c)\n", "f(a, b, y)\n"), None);
    }

    #[test]
    fn an_edited_comment_above_an_edited_line_is_refused() {
        assert_eq!(
            resolved("a.rs", "// at most 3\nn = 3;\n", "// at most three\nn = 3;\n", "// at most 3\nn = 4;\n"),
            None
        );
    }

    #[test]
    fn an_addition_among_edited_lines_finds_its_place() {
        let base = "a = { v = 1, path = x }\nb = { v = 1, path = y }\n";
        let ours = "a = { v = 2, path = x }\nb = { v = 2, path = y }\n";
        let theirs = "a = { v = 1, path = x }\nnew = true\nb = { v = 1, path = y }\n";
        let merged = resolved("a.txt", base, ours, theirs);
        assert_eq!(merged.as_deref(), Some("a = { v = 2, path = x }\nnew = true\nb = { v = 2, path = y }\n"));
    }

    #[test]
    fn a_line_that_both_added_stands_once() {
        let merged = resolved("a.txt", "x = 1\n", "note\nx = 2\n", "note\nx = 1\n");
        assert_eq!(merged.as_deref(), Some("note\nx = 2\n"));
    }
}
