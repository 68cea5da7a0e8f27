//! A stretch that one side indented otherwise: the same shift is done to the other side's edit.

use crate::hunk::Hunk;
use crate::lines;

/// Lines that must be shifted alike before it is a shift.
const LINES_MIN: usize = 2;

/// Blanks that every line has in front more, or less, than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shift<'a> {
    In(&'a [u8]),
    Out(&'a [u8]),
}

/// The stretch with base and one side shifted as the other side shifted it; none where neither did that to all lines.
pub(crate) fn shifted(hunk: &Hunk) -> Option<Hunk> {
    let of_ours = Shift::of(&hunk.base, &hunk.ours);
    let of_theirs = Shift::of(&hunk.base, &hunk.theirs);
    let (shift, is_ours) = match (of_ours, of_theirs) {
        (Some(shift), None) => (shift, true),
        (None, Some(shift)) => (shift, false),
        _ => return None,
    };
    let base = shift.done_to(&hunk.base)?;
    let (ours, theirs) = match is_ours {
        true => (hunk.ours.clone(), shift.done_to(&hunk.theirs)?),
        false => (shift.done_to(&hunk.ours)?, hunk.theirs.clone()),
    };
    let (moved, is_read) = (hunk.moved.clone(), hunk.is_read);
    Some(Hunk { base, ours, theirs, moved, is_read, ..Hunk::empty() })
}

/// The edit of one line with the indentation that the other side gave it; none where neither side only indented it.
pub(crate) fn shifted_line(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    let is_one = |text: &[u8]| lines::split(text).len() == 1;
    let only_shifts = |side: &[u8]| is_one(side) && side.trim_ascii() == base.trim_ascii();
    let (side, edit) = match (only_shifts(ours), only_shifts(theirs)) {
        (true, false) => (ours, theirs),
        (false, true) => (theirs, ours),
        _ => return None,
    };
    let stands = is_one(base) && !base.trim_ascii().is_empty() && of(edit) == of(base) && edit.ends_with(b"\n");
    Shift::between(of(base), of(side)).filter(|_| stands)?.done_to(edit)
}

impl<'a> Shift<'a> {
    /// The one shift of all lines of base, each of which stands on the side in its order.
    fn of(base: &'a [u8], side: &'a [u8]) -> Option<Self> {
        let said = |text: &'a [u8]| lines::split(text).into_iter().filter(|l| !l.trim_ascii().is_empty());
        let (mut rest, mut shift) = (said(side), None);
        if said(base).count() < LINES_MIN {
            return None;
        }
        for line in said(base) {
            let there = rest.find(|other| other.trim_ascii() == line.trim_ascii())?;
            let this = Self::between(of(line), of(there))?;
            if *shift.get_or_insert(this) != this {
                return None;
            }
        }
        shift.filter(|shift| !matches!(shift, Shift::In(b"")))
    }

    fn between(from: &'a [u8], to: &'a [u8]) -> Option<Self> {
        match (to.strip_suffix(from), from.strip_suffix(to)) {
            (Some(more), _) => Some(Shift::In(more)),
            (None, Some(less)) => Some(Shift::Out(less)),
            (None, None) => None,
        }
    }

    fn done_to(self, text: &[u8]) -> Option<Vec<u8>> {
        let line = |line: &[u8]| match self {
            _ if line.trim_ascii().is_empty() => Some(line.to_vec()),
            Shift::In(more) => Some([more, line].concat()),
            Shift::Out(less) => line.strip_prefix(less).map(<[u8]>::to_vec),
        };
        lines::split(text).into_iter().map(line).collect::<Option<Vec<_>>>().map(|lines| lines.concat())
    }
}

/// The blanks in front of a line.
pub(crate) fn of(line: &[u8]) -> &[u8] {
    &line[..line.len() - line.trim_ascii_start().len()]
}
