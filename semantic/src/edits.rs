//! Edits of a file's lines by one side.

use std::collections::BTreeSet;

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
}

impl<'a> Edits<'a> {
    /// None out of steps.
    pub(crate) fn of(base: &[&'a [u8]], side: &[&'a [u8]], keyed: bool, work: &Work) -> Option<Self> {
        let ([b, s], count) = lines::numbered([base, side]);
        let mut edits = Edits { changed: Vec::new(), gone: BTreeSet::new(), added: Vec::new(), put: Vec::new() };
        for hunk in pairs::refine(diff3::hunks(&b, &s, count, work)?, base, side, keyed, work)? {
            if hunk.base.len() == 1 && hunk.side.len() == 1 {
                edits.changed.push((hunk.base.start, side[hunk.side.start]));
            } else if hunk.base.is_empty() {
                edits.added.extend_from_slice(&side[hunk.side]);
            } else {
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
