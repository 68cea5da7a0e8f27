//! Rung 2: lines.

use std::collections::{BTreeMap, BTreeSet};

use crate::check;
use crate::diff3::{self, Chunk, Region, Touch};
use crate::elements::SLIDE_MAX;
use crate::hunk::{self, Hunk};
use crate::ladder::Task;
use crate::language::{self, Shape};
use crate::layout::Layout;
use crate::limits;
use crate::lines;
use crate::{Piece, Rules, Rung, Work};

/// Permissions of the rules for disputed stretches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode {
    /// Rules that answer.
    pub(crate) rules: Rules,
    /// Merge edits of different words of one line.
    pub(crate) same_line: bool,
    /// Whether the three files are known to be data that read.
    pub(crate) is_read: bool,
    /// Let the newer of two bumps of one version win.
    pub(crate) newest_version: bool,
    /// Put lines that both sides added at one place one after the other.
    pub(crate) both_added: BothAdded,
}

/// Treatment of different lines added at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BothAdded {
    /// They conflict.
    Conflict,
    /// Both stand, the smaller text first.
    SmallerFirst,
    /// Both stand, the larger text first.
    LargerFirst,
    /// Both stand in agreed order, where each is made of whole elements.
    Elements,
}

impl Mode {
    /// Mode that the path's policy allows.
    pub(crate) fn of(input: &Task) -> Mode {
        Mode {
            rules: input.options.rules,
            is_read: false,
            same_line: input.options.same_line,
            newest_version: input.options.newest_version,
            both_added: BothAdded::Conflict,
        }
    }
}

/// Steps of finding one line among all.
const LOOK_STEPS: usize = 16;

/// How often each line stands in base, ours and theirs.
type Counts<'a> = [BTreeMap<&'a [u8], usize>; 3];

/// The three files as lines.
struct Lines<'a> {
    base: Vec<&'a [u8]>,
    ours: Vec<&'a [u8]>,
    theirs: Vec<&'a [u8]>,
}

impl<'a> Lines<'a> {
    fn hunk(&self, region: &Region) -> Hunk {
        Hunk {
            base: self.base[region.base.clone()].concat(),
            ours: self.ours[region.ours.clone()].concat(),
            theirs: self.theirs[region.theirs.clone()].concat(),
            above: self.base[region.base.start.saturating_sub(SLIDE_MAX)..region.base.start].concat(),
            below: self.base[region.base.end..self.base.len().min(region.base.end + SLIDE_MAX)].concat(),
            moved: [BTreeSet::new(), BTreeSet::new()],
            is_read: false,
            is_free: false,
        }
    }

    /// Lines of the stretch that each side has elsewhere: no less often in the whole file than base has them.
    fn moved(&self, region: &Region, counts: &Counts) -> [BTreeSet<Vec<u8>>; 2] {
        let base = &self.base[region.base.clone()];
        let sides = [&self.ours[region.ours.clone()], &self.theirs[region.theirs.clone()]];
        [0, 1].map(|i| {
            let side: BTreeSet<&[u8]> = sides[i].iter().copied().collect();
            let is_gone = |line: &&&[u8]| !side.contains(**line) && line.iter().any(u8::is_ascii_alphanumeric);
            let is_elsewhere = |line: &&&[u8]| counts[i + 1].get(*line) >= counts[0].get(*line);
            base.iter().filter(is_gone).filter(is_elsewhere).map(|line| line.to_vec()).collect()
        })
    }

    /// How often each line stands in base, ours and theirs; none out of steps.
    fn counts(&self, work: &Work) -> Option<Counts<'a>> {
        work.take_len(LOOK_STEPS * (self.base.len() + self.ours.len() + self.theirs.len()))?;
        Some([&self.base, &self.ours, &self.theirs].map(|lines| {
            let mut counts = BTreeMap::new();
            lines.iter().for_each(|line| *counts.entry(*line).or_default() += 1);
            counts
        }))
    }

    /// Stretch on which the sides differ; a side that changed nothing there stands as base does.
    fn region(&self, chunk: &Chunk) -> Option<Hunk> {
        let (base, ours, theirs) = match chunk {
            Chunk::Same(_) | Chunk::Both(..) => return None,
            Chunk::Ours(base, ours) => (base, &self.ours[ours.clone()], &self.base[base.clone()]),
            Chunk::Theirs(base, theirs) => (base, &self.base[base.clone()], &self.theirs[theirs.clone()]),
            Chunk::Conflict(region) => return Some(self.hunk(region)),
        };
        let base = self.base[base.clone()].concat();
        Some(Hunk { base, ours: ours.concat(), theirs: theirs.concat(), ..Hunk::empty() })
    }

    /// The three files; none above the limits.
    fn of(input: &Task<'a>) -> Option<Self> {
        input.work.take_len(input.len())?;
        let lines = Lines {
            base: lines::split(input.base.unwrap_or_default()),
            ours: lines::split(input.ours),
            theirs: lines::split(input.theirs),
        };
        [&lines.base, &lines.ours, &lines.theirs].iter().all(|l| l.len() <= limits::LINES_MAX).then_some(lines)
    }

    /// As git aligns them.
    fn chunks(&self, work: &Work) -> Option<Vec<Chunk>> {
        work.take_len(LOOK_STEPS * (self.base.len() + self.ours.len() + self.theirs.len()))?;
        let ([b, o, t], count) = lines::numbered([&self.base, &self.ours, &self.theirs]);
        diff3::align([&b, &o, &t], count, Touch::Never, work)
    }

    /// Text of a stretch without a conflict.
    fn agreed(&self, chunk: &Chunk) -> Option<Vec<u8>> {
        match chunk {
            Chunk::Same(base) => Some(self.base[base.clone()].concat()),
            Chunk::Ours(_, ours) | Chunk::Both(_, ours) => Some(self.ours[ours.clone()].concat()),
            Chunk::Theirs(_, theirs) => Some(self.theirs[theirs.clone()].concat()),
            Chunk::Conflict(_) => None,
        }
    }
}

/// Merges by lines, and the highest rung that a stretch needed; none above the limits,
/// or out of steps.
///
/// [`Rung::OneSided`] stands for a merge that git would make.
pub(crate) fn merge(input: &Task, mode: Mode) -> Option<(Vec<Piece>, Rung)> {
    let lines = Lines::of(input)?;
    let (mut out, mut highest) = (Vec::new(), Rung::OneSided);
    let chunks = lines.chunks(input.work)?;
    let in_conflict = chunks.iter().any(|chunk| matches!(chunk, Chunk::Conflict(_)));
    let layout = in_conflict.then(|| Layout::of(input)).flatten();
    let looks_around = in_conflict && mode.rules >= Rules::V22;
    let is_read = looks_around && (mode.is_read || check::is_read(input));
    // Keys and declarations are checked by name, other lines are looked for.
    let is_text = looks_around && language::of(input.path).shape == Shape::Text;
    let counts = if is_text { lines.counts(input.work)? } else { Counts::default() };
    for chunk in chunks {
        if let Chunk::Conflict(region) = &chunk {
            let moved = if is_text { lines.moved(region, &counts) } else { Default::default() };
            let is_free = layout.as_ref().is_some_and(|layout| layout.is_free(region));
            let hunk = Hunk { moved, is_read, is_free, ..lines.hunk(region) };
            // Two files that both are new are two files, whatever their lines have in common.
            match input.base.and_then(|_| hunk::resolve(&hunk, input, mode)) {
                Some((bytes, rung)) => {
                    highest = highest.max(rung);
                    agree(&mut out, bytes);
                }
                None => out.push(hunk.disputed()),
            }
        } else if let Some(bytes) = lines.agreed(&chunk) {
            agree(&mut out, bytes);
        }
    }
    Some((out, highest))
}

/// Pieces of the merge that git makes: disputed is what it leaves in conflict.
pub(crate) fn as_git(input: &Task) -> Option<Vec<Piece>> {
    let lines = Lines::of(input)?;
    let mut out = Vec::new();
    for chunk in lines.chunks(input.work)? {
        match (lines.agreed(&chunk), lines.region(&chunk)) {
            (None, Some(hunk)) => out.push(hunk.disputed()),
            (bytes, _) => agree(&mut out, bytes.unwrap_or_default()),
        }
    }
    Some(out)
}

/// Pieces of a merge that a check refused: disputed is what git leaves in conflict, and where it leaves nothing,
/// every change that one side alone made. So nobody takes the refused merge for a clean one.
pub(crate) fn reopened(input: &Task) -> Vec<Piece> {
    let read = Lines::of(input).and_then(|lines| Some((lines.chunks(input.work)?, lines)));
    let Some((chunks, lines)) = read else { return Vec::new() };
    let in_conflict = chunks.iter().any(|chunk| matches!(chunk, Chunk::Conflict(_)));
    let mut out = Vec::new();
    for chunk in &chunks {
        match (lines.agreed(chunk), lines.region(chunk)) {
            (Some(bytes), _) if in_conflict => agree(&mut out, bytes),
            (_, Some(hunk)) => out.push(hunk.disputed()),
            (bytes, None) => agree(&mut out, bytes.unwrap_or_default()),
        }
    }
    out
}

/// Appends agreed bytes, to the piece before where that is agreed too.
fn agree(out: &mut Vec<Piece>, bytes: Vec<u8>) {
    match out.last_mut() {
        Some(Piece::Agreed(before)) => before.extend_from_slice(&bytes),
        _ => out.push(Piece::Agreed(bytes)),
    }
}

/// Whether nothing is disputed.
pub(crate) fn is_whole(pieces: &[Piece]) -> bool {
    pieces.iter().all(|piece| matches!(piece, Piece::Agreed(_)))
}

/// The file, if nothing is disputed.
pub(crate) fn whole(pieces: &[Piece]) -> Option<Vec<u8>> {
    let agreed = |p: &Piece| match p {
        Piece::Agreed(bytes) => Some(bytes.clone()),
        Piece::Disputed { .. } => None,
    };
    pieces.iter().map(agreed).collect::<Option<Vec<_>>>().map(|all| all.concat())
}
