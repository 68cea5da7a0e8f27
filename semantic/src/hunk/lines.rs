//! Edits of different lines of one stretch, even adjacent ones.

use std::collections::BTreeMap;

use super::{Hunk, has_fence, leaves_its_block, opens_a_block, words};
use crate::diff3::{self, Chunk, Region, Touch};
use crate::elements;
use crate::indent;
use crate::language::{Language, Shape};
use crate::lines;
use crate::pairs;
use crate::text::{BothAdded, Mode};
use crate::{Rules, Work};

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
    /// Whether a line that one side only indented is indented in the edit of the other: indentation tells the block here, and
    /// no string over lines is near.
    shifts: bool,
}

/// Edits of different lines, even adjacent ones, go through.
pub(super) fn merge(hunk: &Hunk, cut: Cut, language: &Language, mode: Mode, work: &Work) -> Result<Vec<u8>, No> {
    let lines = Lines {
        base: lines::split(&hunk.base),
        ours: lines::split(&hunk.ours),
        theirs: lines::split(&hunk.theirs),
        shifts: mode.rules >= Rules::V22 && language.has_indented_blocks() && !has_fence(hunk),
    };
    let ([b, o, t], count) = lines::numbered([&lines.base, &lines.ours, &lines.theirs]);
    let mut ours = diff3::hunks(&b, &o, count, work).ok_or(No::Never)?;
    let mut theirs = diff3::hunks(&b, &t, count, work).ok_or(No::Never)?;
    if cut == Cut::Paired {
        ours = pairs::refine(ours, &lines.base, &lines.ours, language.is_data(), work).ok_or(No::Never)?;
        theirs = pairs::refine(theirs, &lines.base, &lines.theirs, language.is_data(), work).ok_or(No::Never)?;
    }
    let chunks = diff3::weave(b.len(), (&ours, &o), (&theirs, &t), Touch::Always);
    for pair in chunks.windows(2) {
        refuse_neighbours(&pair[0], &pair[1], &lines, hunk, language, mode.rules, work)?;
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
fn refuse_neighbours(
    first: &Chunk,
    second: &Chunk,
    lines: &Lines,
    around: &Hunk,
    language: &Language,
    rules: Rules,
    work: &Work,
) -> Result<(), No> {
    let (Some(a), Some(b)) = (Edit::of(first, lines), Edit::of(second, lines)) else { return Ok(()) };
    if a.is_ours == b.is_ours {
        return Ok(());
    }
    if (a.base.is_empty() && b.takes_away() || a.takes_away() && b.base.is_empty())
        && !are_apart(&a, &b, around.is_read, language, rules, work).ok_or(No::Never)?
    {
        return Err(No::Never);
    }
    if rules >= Rules::V22 && belong_together(&a, &b, around, language) {
        return Err(No::Never);
    }
    // An entry needs the comma that the other side took from the one above it.
    if rules >= Rules::V23 && language.words().is_some() && b.adds(language) && a.drops_its_comma(language) {
        return Err(No::Never);
    }
    // What stands after an edit that leaves its block stands in another one.
    if (a.base.is_empty() || b.base.is_empty()) && [&a, &b].iter().any(|edit| edit.leaves_its_block(language)) {
        return Err(No::Next);
    }
    // What stands behind an edit that opens a block stands in it.
    if rules >= Rules::V26 && b.adds(language) && a.opens_a_block(language) {
        return Err(No::Next);
    }
    // Where indentation tells the block, what stands beside an edit that shifts its border stands in another one.
    if rules >= Rules::V22
        && language.indents()
        && (b.shifts_its_start_below(&a, language) || a.shifts_its_end_above(&b, language))
    {
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

/// Whether one edit is about what the other says beside it.
fn belong_together(a: &Edit, b: &Edit, around: &Hunk, language: &Language) -> bool {
    // What a side moved elsewhere may be what the other's edit beside it belongs to. Keys and declarations are checked by name.
    if language.shape == Shape::Text && [a, b].iter().any(|edit| edit.moves(around)) {
        return true;
    }
    // What goes on with an expression was meant for the one that stood there.
    let goes_on = || b.goes_on(language) && a.is_rewritten(language) || a.is_open() && b.is_rewritten(language);
    // What stands behind a jump never runs.
    let is_dead = || a.jumps_anew() && b.adds(language);
    language.words().is_some() && (goes_on() || is_dead())
}

/// Whether an addition has nothing to do with what the other side took away beside it. Else it was likely meant for that.
///
/// Entries of data that read are told apart by their keys and places, and those of Markdown by their marks. None out of steps.
fn are_apart(a: &Edit, b: &Edit, is_read: bool, language: &Language, rules: Rules, work: &Work) -> Option<bool> {
    let (added, gone) = if a.base.is_empty() { (a, b) } else { (b, a) };
    let (added, gone) = (added.side.concat(), gone.base.concat());
    work.take_len(ELEMENT_STEPS * (added.len() + gone.len()))?;
    let are_entries = match rules {
        Rules::V21 => language.is_data() || language.shape == Shape::Markdown,
        _ => is_read || language.shape == Shape::Markdown && elements::are_blocks(&added, &gone),
    };
    Some(are_entries || elements::are_apart(&added, &gone, language, rules))
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

    /// Whether a line that it takes away stands elsewhere on its side.
    fn moves(&self, around: &Hunk) -> bool {
        let moved = &around.moved[usize::from(!self.is_ours)];
        self.base.iter().any(|line| moved.contains(*line))
    }

    /// Whether it adds a line that only goes on with the one above.
    fn goes_on(&self, language: &Language) -> bool {
        self.base.is_empty() && said(self.side, language).next().is_some_and(elements::goes_on)
    }

    /// Whether it adds a line with which the one below goes on.
    fn is_open(&self) -> bool {
        let open: [&[u8]; 4] = [b"&&", b"||", b" and", b" or"];
        let line = self.side.last().map_or(&b""[..], |line| line.trim_ascii_end());
        self.base.is_empty() && open.iter().any(|mark| line.ends_with(mark))
    }

    /// Whether it edits more than what stands in brackets.
    fn is_rewritten(&self, language: &Language) -> bool {
        let outermost = |lines: &[&[u8]]| elements::outermost(&lines.concat(), language);
        !self.base.is_empty() && !self.takes_away() && outermost(self.base) != outermost(self.side)
    }

    /// Whether its last line leaves the block, which that of base did not.
    fn jumps_anew(&self) -> bool {
        let [from, to] = [self.base, self.side].map(|lines| lines.last().is_some_and(|line| elements::jumps(line)));
        to && !from && !self.base.is_empty()
    }

    /// Whether its last line lost the comma that ended it.
    fn drops_its_comma(&self, language: &Language) -> bool {
        let ends = |lines: &[&[u8]]| {
            said(lines, language).next_back().is_some_and(|line| line.trim_ascii_end().ends_with(b","))
        };
        ends(self.base) && !self.side.is_empty() && !ends(self.side)
    }

    fn leaves_its_block(&self, language: &Language) -> bool {
        leaves_its_block(&self.base.concat(), &self.side.concat(), language)
    }

    fn opens_a_block(&self, language: &Language) -> bool {
        opens_a_block(&self.base.concat(), &self.side.concat(), language)
    }

    fn shifts_its_start_below(&self, added: &Edit, language: &Language) -> bool {
        added.adds(language) && shifts(said(self.base, language).next(), said(self.side, language).next())
    }

    fn shifts_its_end_above(&self, added: &Edit, language: &Language) -> bool {
        added.adds(language) && shifts(said(self.base, language).last(), said(self.side, language).last())
    }

    /// Whether more than comments stands where nothing stood.
    fn adds(&self, language: &Language) -> bool {
        self.base.is_empty() && said(self.side, language).next().is_some()
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

/// The lines that are neither blank nor a comment.
pub(super) fn said<'a>(lines: &'a [&'a [u8]], language: &Language) -> impl DoubleEndedIterator<Item = &'a [u8]> {
    lines.iter().copied().filter(|line| !line.trim_ascii().is_empty() && !language.lexis.is_comment(line.trim_ascii()))
}

/// Whether a line stands deeper, or less deep, than the one that it replaces.
pub(super) fn shifts(from: Option<&[u8]>, to: Option<&[u8]>) -> bool {
    from.zip(to).is_some_and(|(from, to)| indent::of(from) != indent::of(to))
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
    // Who only indented a line gives way to the words of the other's edit.
    if lines.shifts
        && let Some(shifted) = indent::shifted_line(&base.concat(), &ours.concat(), &theirs.concat())
    {
        return Some(shifted);
    }
    if mode.rules >= Rules::V23
        && let Some(entry) = elements::with_comma(&base.concat(), &ours.concat(), &theirs.concat())
    {
        return Some(entry);
    }
    if let Some(larger) = elements::larger(&base.concat(), &ours.concat(), &theirs.concat(), language, mode.rules) {
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
        let added = elements::Added { ours: &ours, theirs: &theirs, above, below, rules: mode.rules };
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
