//! Commits of a line of which a log tells.

use quorate_git::Part;
use std::collections::BTreeSet;

/// Commits of which trusted keys tell, and those of which any colleague does: an untrusted one may fill a gap, and makes none.
pub struct Seen {
    trusted: Parts,
    all: Parts,
}

/// Parts of commits: the commit's place on the line, the count of its parts, and the part's number.
#[derive(Clone)]
struct Parts(BTreeSet<(usize, usize, usize)>);

impl Seen {
    /// None yet, but for a commit whose files are there, as somebody says.
    pub fn after(place: Option<usize>) -> Self {
        let trusted = Parts(place.into_iter().map(|place| (place, 1, 1)).collect());
        Self { all: trusted.clone(), trusted }
    }

    /// Notes a part of a commit.
    pub fn note(&mut self, place: usize, part: Part, is_trusted: bool) {
        let row = (place, part.of, part.number);
        self.all.0.insert(row);
        if is_trusted {
            self.trusted.0.insert(row);
        }
    }

    /// Place of the oldest commit that is missing before one that is there, or lacks a part before another; a log that is cut may
    /// begin within a commit.
    pub fn gap(&self, is_cut: bool) -> Option<usize> {
        let (&(furthest, ..), &(oldest, ..)) = self.trusted.0.first().zip(self.trusted.0.last())?;
        let is_missing = |place: &usize| match self.trusted.is_whole(*place) {
            Some(is_whole) => !is_whole,
            None => *place > furthest,
        };
        let is_there = |place: usize| self.all.is_whole(place) == Some(true);
        let places = (furthest..=oldest).rev().skip(usize::from(is_cut));
        places.filter(is_missing).find(|place| !is_there(*place))
    }
}

impl Parts {
    /// Whether all parts are there of a commit of which the last one is; none where that is not.
    fn is_whole(&self, place: usize) -> Option<bool> {
        let ends = self.0.range((place, 0, 0)..=(place, usize::MAX, usize::MAX)).filter(|(_, of, number)| number == of);
        ends.map(|&(_, of, _)| self.0.range((place, of, 0)..=(place, of, of)).count() >= of).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(parts: &[(usize, usize, usize)], is_trusted: bool, seen: &mut Seen) {
        for &(place, number, of) in parts {
            seen.note(place, Part { number, of, is_whole: false }, is_trusted);
        }
    }

    fn gap(parts: &[(usize, usize, usize)], is_cut: bool) -> Option<usize> {
        let mut seen = Seen::after(None);
        noted(parts, true, &mut seen);
        seen.gap(is_cut)
    }

    #[test]
    fn an_untrusted_colleague_fills_gaps_and_makes_none() {
        let mut seen = Seen::after(None);
        noted(&[(2, 1, 2), (4, 1, 1), (6, 1, 1)], true, &mut seen);
        assert_eq!(seen.gap(false), Some(5));
        noted(&[(0, 1, 1), (2, 5, 5), (4, 3, 3), (9, 1, 1)], false, &mut seen);
        assert_eq!(seen.gap(false), Some(5));
        noted(&[(3, 1, 1), (5, 1, 1)], false, &mut seen);
        assert_eq!(seen.gap(false), None);
    }

    #[test]
    fn a_commit_is_missing_where_an_older_and_a_later_one_are_there() {
        let whole = [(2, 1, 1), (3, 1, 1), (5, 1, 1), (7, 1, 1)];
        assert_eq!((gap(&whole, false), gap(&whole[..2], false), gap(&[], false)), (Some(6), None, None));
    }

    #[test]
    fn a_commit_is_missing_where_it_lacks_a_part_before_another_unless_it_was_begun_anew() {
        assert_eq!(gap(&[(0, 2, 2), (1, 1, 1)], false), Some(0));
        assert_eq!(gap(&[(0, 1, 3), (1, 1, 1)], false), None);
        assert_eq!(gap(&[(0, 1, 1), (1, 1, 3), (2, 1, 1)], false), Some(1));
        assert_eq!(gap(&[(0, 1, 1), (1, 1, 3), (1, 1, 2), (1, 2, 2)], false), None);
    }

    #[test]
    fn the_oldest_commit_of_a_log_that_is_cut_lacks_nothing() {
        assert_eq!((gap(&[(0, 1, 1), (1, 2, 2)], false), gap(&[(0, 1, 1), (1, 2, 2)], true)), (Some(1), None));
    }
}
