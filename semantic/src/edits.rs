//! Edits of a file's lines by one side.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::Work;
use crate::diff3;
use crate::lines;
use crate::pairs;

/// Lines of base that a side changed or took away, and lines that it added.
pub(crate) struct Edits<'a> {
    /// The place in base and the new line.
    pub(crate) changed: Vec<(usize, &'a [u8])>,
    /// Places in base.
    pub(crate) gone: BTreeSet<usize>,
    /// Lines where nothing stood.
    pub(crate) added: Vec<&'a [u8]>,
    /// Lines in the place of others that they have little in common with.
    pub(crate) put: Vec<&'a [u8]>,
    /// Those of `put` in the place of each line that is gone; none where nothing is.
    pub(crate) instead: BTreeMap<usize, Range<usize>>,
}

impl<'a> Edits<'a> {
    /// None out of steps.
    pub(crate) fn of(base: &[&'a [u8]], side: &[&'a [u8]], keyed: bool, work: &Work) -> Option<Self> {
        let ([b, s], count) = lines::numbered([base, side]);
        let (changed, added, put) = (Vec::new(), Vec::new(), Vec::new());
        let mut edits = Edits { changed, gone: BTreeSet::new(), added, put, instead: BTreeMap::new() };
        for hunk in pairs::refine(diff3::hunks(&b, &s, count, work)?, base, side, keyed, work)? {
            if hunk.base.len() == 1 && hunk.side.len() == 1 {
                edits.changed.push((hunk.base.start, side[hunk.side.start]));
            } else if hunk.base.is_empty() {
                edits.added.extend_from_slice(&side[hunk.side]);
            } else {
                let put = edits.put.len()..edits.put.len() + hunk.side.len();
                edits.instead.extend(hunk.base.clone().map(|at| (at, put.clone())));
                edits.gone.extend(hunk.base);
                edits.put.extend_from_slice(&side[hunk.side]);
            }
        }
        Some(edits)
    }

    /// Each changed line, before and after.
    pub(crate) fn pairs(&self, base: &[&'a [u8]]) -> Vec<(&'a [u8], &'a [u8])> {
        self.changed.iter().map(|(at, new)| (base[*at], *new)).collect()
    }
}
