//! diff3 over sequences: which stretches each side changed, cut as git's `xdl_merge` cuts them.
//!
//! Works on numbers for lines (or words), so that one engine serves every granularity. Two changes conflict when they
//! overlap or touch; two that are the same are one.

mod cost;

use std::ops::Range;

use imara_diff::{Algorithm, Diff, NoSliderHeuristic, Token};

use crate::Work;

/// A stretch of base that one side replaced by a stretch of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hunk {
    pub(crate) base: Range<usize>,
    pub(crate) side: Range<usize>,
}

/// The changes that turn `base` into `side`, in order, never touching each other; none where finding them might cost
/// more than is left.
pub(crate) fn hunks(base: &[u32], side: &[u32], ids: u32, work: &Work) -> Option<Vec<Hunk>> {
    work.take(cost::of(base, side, ids))?;
    if work.counts_looks() {
        work.take(cost::of_looks(base, side, ids))?;
    }
    let tokens = |s: &[u32]| s.iter().map(|id| Token(*id)).collect::<Vec<_>>();
    let (before, after) = (tokens(base), tokens(side));
    let mut diff = Diff::default();
    diff.compute_with(Algorithm::Myers, &before, &after, ids);
    diff.postprocess_with(&before, &after, NoSliderHeuristic);
    let range = |r: Range<u32>| r.start as usize..r.end as usize;
    Some(diff.hunks().map(|h| Hunk { base: range(h.before), side: range(h.after) }).collect())
}

/// Stretch of a three-way alignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// The three agree; the range is in base.
    Same(Range<usize>),
    /// Ours alone changed; the ranges are in base and ours.
    Ours(Range<usize>, Range<usize>),
    /// Theirs alone changed; the ranges are in base and theirs.
    Theirs(Range<usize>, Range<usize>),
    /// Both changed to the same; the ranges are in base and ours.
    Both(Range<usize>, Range<usize>),
    /// Both changed, differently.
    Conflict(Region),
}

/// Meeting of two changes: the whole stretch that both together cover, in each of the three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) base: Range<usize>,
    pub(crate) ours: Range<usize>,
    pub(crate) theirs: Range<usize>,
}

/// Freedom of two changes that are not in conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touch {
    /// git's rule: changes that touch conflict.
    Never,
    /// Two changes of base elements next to each other stand apart; insertions at the edge of a change still conflict.
    Replacing,
    /// Also an insertion at the edge of a change stands apart; only two at the same place conflict.
    Always,
}

/// Aligns three sequences, of less than `ids` different elements; the chunks tile base in order.
pub(crate) fn align([base, ours, theirs]: [&[u32]; 3], ids: u32, touch: Touch, work: &Work) -> Option<Vec<Chunk>> {
    let (a, b) = (hunks(base, ours, ids, work)?, hunks(base, theirs, ids, work)?);
    Some(weave(base.len(), (&a, ours), (&b, theirs), touch))
}

/// Whether `next` belongs to the stretch of base that the changes so far cover.
fn joins(covered: &Range<usize>, next: &Range<usize>, touch: Touch) -> bool {
    if next.start != covered.end {
        return next.start < covered.end;
    }
    match touch {
        Touch::Never => true,
        Touch::Replacing => covered.is_empty() || next.is_empty(),
        Touch::Always => covered.is_empty() && next.is_empty(),
    }
}

pub(crate) fn weave(base_len: usize, ours: (&[Hunk], &[u32]), theirs: (&[Hunk], &[u32]), touch: Touch) -> Vec<Chunk> {
    let (mut i, mut j, mut done) = (0, 0, 0);
    let mut out = Vec::new();
    // How far each side's positions run ahead of base's after the changes taken so far.
    let (mut shift_o, mut shift_t) = (0isize, 0isize);
    while i < ours.0.len() || j < theirs.0.len() {
        let (first_i, first_j) = (i, j);
        let Range { start, mut end } = first_of(&ours.0[i..], &theirs.0[j..]);
        // Take every change that meets the stretch so far.
        loop {
            if i < ours.0.len()
                && (i + j == first_i + first_j && ours.0[i].base == (start..end)
                    || joins(&(start..end), &ours.0[i].base, touch))
            {
                end = end.max(ours.0[i].base.end);
                i += 1;
            } else if j < theirs.0.len()
                && (i + j == first_i + first_j && theirs.0[j].base == (start..end)
                    || joins(&(start..end), &theirs.0[j].base, touch))
            {
                end = end.max(theirs.0[j].base.end);
                j += 1;
            } else {
                break;
            }
        }
        if done < start {
            out.push(Chunk::Same(done..start));
        }
        let (taken_o, taken_t) = (&ours.0[first_i..i], &theirs.0[first_j..j]);
        let o = spanned(start, end, &mut shift_o, taken_o);
        let t = spanned(start, end, &mut shift_t, taken_t);
        out.push(if taken_t.is_empty() {
            Chunk::Ours(start..end, o)
        } else if taken_o.is_empty() {
            Chunk::Theirs(start..end, t)
        } else if ours.1[o.clone()] == theirs.1[t.clone()] {
            Chunk::Both(start..end, o)
        } else {
            Chunk::Conflict(Region { base: start..end, ours: o, theirs: t })
        });
        done = end;
    }
    if done < base_len {
        out.push(Chunk::Same(done..base_len));
    }
    out
}

/// The base range of the change that comes first; of two that start together the shorter one.
fn first_of(ours: &[Hunk], theirs: &[Hunk]) -> Range<usize> {
    let first = |h: &[Hunk]| h.first().map(|h| (h.base.start, h.base.end));
    let (start, end) = [first(ours), first(theirs)].into_iter().flatten().min().unwrap_or_default();
    start..end
}

/// The side's range that stands for base `start..end`, given the changes inside it.
fn spanned(start: usize, end: usize, shift: &mut isize, changes: &[Hunk]) -> Range<usize> {
    let from = start.strict_add_signed(*shift);
    for h in changes {
        *shift += h.side.len() as isize - h.base.len() as isize;
    }
    from..end.strict_add_signed(*shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aligned(base: &[u32], ours: &[u32], theirs: &[u32]) -> Vec<Chunk> {
        align([base, ours, theirs], 100, Touch::Never, &Work::default()).expect("little work")
    }

    #[test]
    fn changes_apart_from_each_other_stay_apart() {
        let chunks = aligned(&[1, 2, 3, 4, 5], &[1, 9, 3, 4, 5], &[1, 2, 3, 8, 5]);
        assert_eq!(
            chunks,
            [
                Chunk::Same(0..1),
                Chunk::Ours(1..2, 1..2),
                Chunk::Same(2..3),
                Chunk::Theirs(3..4, 3..4),
                Chunk::Same(4..5)
            ]
        );
    }

    #[test]
    fn changes_that_touch_are_one_conflict() {
        let chunks = aligned(&[1, 2, 3, 4], &[1, 9, 3, 4], &[1, 2, 8, 4]);
        let region = Region { base: 1..3, ours: 1..3, theirs: 1..3 };
        assert_eq!(chunks, [Chunk::Same(0..1), Chunk::Conflict(region), Chunk::Same(3..4)]);
    }

    #[test]
    fn the_same_change_on_both_sides_is_one_change() {
        assert_eq!(
            aligned(&[1, 2], &[1, 9, 2], &[1, 9, 2]),
            [Chunk::Same(0..1), Chunk::Both(1..1, 1..2), Chunk::Same(1..2)]
        );
    }
}
