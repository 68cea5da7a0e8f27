//! Rung 2: lines.

use crate::diff3::{self, Chunk, Region, Touch};
use crate::hunk::{self, Hunk};
use crate::limits;
use crate::lines::{self, Interner};
use crate::{Input, Piece, Rung};

/// What the rules for disputed stretches may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode {
    /// Merge edits of different words of one line.
    pub(crate) same_line: bool,
    /// Let the newer of two bumps of one version win.
    pub(crate) newest_version: bool,
    /// Put lines that both sides added at one place one after the other.
    pub(crate) both_added: BothAdded,
}

/// What to do with different lines added at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BothAdded {
    /// They conflict.
    Conflict,
    /// Both stand, the smaller text first.
    SmallerFirst,
    /// Both stand, the larger text first.
    LargerFirst,
}

impl Mode {
    /// What the path's policy allows.
    pub(crate) fn of(input: &Input) -> Mode {
        Mode {
            same_line: input.options.same_line,
            newest_version: input.options.newest_version,
            both_added: BothAdded::Conflict,
        }
    }
}

/// The three files as lines.
struct Lines<'a> {
    base: Vec<&'a [u8]>,
    ours: Vec<&'a [u8]>,
    theirs: Vec<&'a [u8]>,
}

impl Lines<'_> {
    fn hunk(&self, region: &Region) -> Hunk {
        Hunk {
            base: self.base[region.base.clone()].concat(),
            ours: self.ours[region.ours.clone()].concat(),
            theirs: self.theirs[region.theirs.clone()].concat(),
        }
    }
}

/// Merges by lines, and the highest rung that a stretch needed; none above the limits.
///
/// [`Rung::OneSided`] stands for a merge that git would make.
pub(crate) fn merge(input: &Input, mode: Mode) -> Option<(Vec<Piece>, Rung)> {
    let lines = Lines {
        base: lines::split(input.base.unwrap_or_default()),
        ours: lines::split(input.ours),
        theirs: lines::split(input.theirs),
    };
    if [&lines.base, &lines.ours, &lines.theirs].iter().any(|l| l.len() > limits::LINES_MAX) {
        return None;
    }
    let mut interner = Interner::default();
    let (b, o, t) = (interner.ids(&lines.base), interner.ids(&lines.ours), interner.ids(&lines.theirs));
    let mut out = Vec::new();
    let mut highest = Rung::OneSided;
    for chunk in diff3::align(&b, &o, &t, interner.len(), Touch::Never) {
        match chunk {
            Chunk::Same(base) => agree(&mut out, lines.base[base].concat()),
            Chunk::Ours(_, ours) | Chunk::Both(_, ours) => agree(&mut out, lines.ours[ours].concat()),
            Chunk::Theirs(_, theirs) => agree(&mut out, lines.theirs[theirs].concat()),
            Chunk::Conflict(region) => {
                let hunk = lines.hunk(&region);
                match hunk::resolve(&hunk, input, mode) {
                    Some((bytes, rung)) => {
                        highest = highest.max(rung);
                        agree(&mut out, bytes);
                    }
                    None => out.push(Piece::Disputed { base: hunk.base, ours: hunk.ours, theirs: hunk.theirs }),
                }
            }
        }
    }
    Some((out, highest))
}

/// Appends agreed bytes, to the piece before where that is agreed too.
fn agree(out: &mut Vec<Piece>, bytes: Vec<u8>) {
    match out.last_mut() {
        Some(Piece::Agreed(before)) => before.extend_from_slice(&bytes),
        _ => out.push(Piece::Agreed(bytes)),
    }
}

/// The file, if nothing is disputed.
pub(crate) fn whole(pieces: &[Piece]) -> Option<Vec<u8>> {
    let agreed = |p: &Piece| match p {
        Piece::Agreed(bytes) => Some(bytes.clone()),
        Piece::Disputed { .. } => None,
    };
    pieces.iter().map(agreed).collect::<Option<Vec<_>>>().map(|all| all.concat())
}
