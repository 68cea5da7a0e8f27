//! Edits of different lines of one stretch, even adjacent ones.

use std::collections::BTreeMap;

use super::{Hunk, leaves_its_block, words};
use crate::Work;
use crate::diff3::{self, Chunk, Region, Touch};
use crate::elements;
use crate::language::{Language, Shape};
use crate::lines;
use crate::pairs;
use crate::text::{BothAdded, Mode};

/// Steps of looking whether one byte stands in a whole element, wherever the stretch is slid to.
const ELEMENT_STEPS: usize = 64;

/// Why a rule gives no answer.
pub(super) enum No {
    /// This rule does not apply; another may.
    Next,
    /// The edits are about one thing: no rule may answer.
    Never,
}

/// Cut of the changes of a side.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
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
pub(super) fn merge(hunk: &Hunk, cut: Cut, language: &Language, mode: Mode, work: &Work) -> Result<Vec<u8>, No> {
    let lines =
        Lines { base: lines::split(&hunk.base), ours: lines::split(&hunk.ours), theirs: lines::split(&hunk.theirs) };
    let ([b, o, t], count) = lines::numbered([&lines.base, &lines.ours, &lines.theirs]);
    let mut ours = diff3::hunks(&b, &o, count, work).ok_or(No::Never)?;
    let mut theirs = diff3::hunks(&b, &t, count, work).ok_or(No::Never)?;
    if cut == Cut::Paired {
        ours = pairs::refine(ours, &lines.base, &lines.ours, language.is_data(), work).ok_or(No::Never)?;
        theirs = pairs::refine(theirs, &lines.base, &lines.theirs, language.is_data(), work).ok_or(No::Never)?;
    }
    let chunks = diff3::weave(b.len(), (&ours, &o), (&theirs, &t), Touch::Always);
    for pair in chunks.windows(2) {
        refuse_neighbours(&pair[0], &pair[1], &lines, language, work)?;
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
    if doubles_a_line(&merged, &lines, language, mode) { Err(No::Next) } else { Ok(merged) }
}

/// Neighbouring edits of different sides that are about one thing.
fn refuse_neighbours(first: &Chunk, second: &Chunk, lines: &Lines, language: &Language, work: &Work) -> Result<(), No> {
    let (Some(a), Some(b)) = (Edit::of(first, lines), Edit::of(second, lines)) else { return Ok(()) };
    if a.is_ours == b.is_ours {
        return Ok(());
    }
    if (a.base.is_empty() && b.takes_away() || a.takes_away() && b.base.is_empty())
        && !are_apart(&a, &b, language, work).ok_or(No::Never)?
    {
        return Err(No::Never);
    }
    // What stands after an edit that leaves its block stands in another one.
    if (a.base.is_empty() || b.base.is_empty()) && [&a, &b].iter().any(|edit| edit.leaves_its_block(language)) {
        return Err(No::Next);
    }
    // A comment speaks of the line below it.
    let is_comment = |line: &&[u8]| {
        let line = line.trim_ascii();
        line.is_empty() || language.lexis.is_comment(line)
    };
    let said = a.base.iter().chain(a.side).any(|l| !l.trim_ascii().is_empty());
    if said && a.base.iter().chain(a.side).all(is_comment) {
        return Err(No::Never);
    }
    Ok(())
}

/// Whether an addition has nothing to do with what the other side took away beside it. Else it was likely meant for that.
///
/// Entries of data are told apart by their keys and places, and those of Markdown by their marks. None out of steps.
fn are_apart(a: &Edit, b: &Edit, language: &Language, work: &Work) -> Option<bool> {
    let (added, gone) = if a.base.is_empty() { (a, b) } else { (b, a) };
    let (added, gone) = (added.side.concat(), gone.base.concat());
    work.take_len(ELEMENT_STEPS * (added.len() + gone.len()))?;
    let are_entries = language.is_data() || language.shape == Shape::Markdown;
    Some(are_entries || elements::are_apart(&added, &gone, language))
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
    if let Some(larger) = elements::larger(&base.concat(), &ours.concat(), &theirs.concat(), language) {
        return Some(larger.to_vec());
    }
    if base.is_empty() && mode.newest_version {
        let newest = words::newest_of_both(&ours.concat(), &theirs.concat(), work);
        if newest.is_some() {
            return newest;
        }
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
    let is_free = around.is_free;
    let hunk = Hunk { base: base.concat(), ours: ours.concat(), theirs: theirs.concat(), is_free, ..Hunk::empty() };
    words::merge(&hunk, mode, work)
}

/// Whether a line that both added, each once, would stand twice.
///
/// Inside of two whole elements lines may well be alike.
fn doubles_a_line(merged: &[u8], lines: &Lines, language: &Language, mode: Mode) -> bool {
    let end = language.words().and_then(|words| words.end).unwrap_or_default();
    let merged = lines::split(merged);
    let indent = |line: &[u8]| line.len() - line.trim_ascii_start().len();
    let outermost = merged.first().map_or(0, |line| indent(line));
    let is_inside =
        |line: &[u8]| mode.both_added == BothAdded::Elements && lines.base.is_empty() && indent(line) > outermost;
    let entry =
        |line: &'_ [u8]| line.trim_ascii_end().strip_suffix(b",").map_or(line.trim_ascii_end().len(), <[u8]>::len);
    let mut counts: BTreeMap<&[u8], [usize; 4]> = BTreeMap::new();
    for (column, file) in [&lines.base, &lines.ours, &lines.theirs, &merged].into_iter().enumerate() {
        for line in file
            .iter()
            .filter(|l| l.iter().any(u8::is_ascii_alphanumeric) && l.trim_ascii() != end.as_bytes() && !is_inside(l))
        {
            counts.entry(&line[..entry(line)]).or_default()[column] += 1;
        }
    }
    counts.values().any(|[b, o, t, m]| o > b && t > b && m > o.max(t))
}
