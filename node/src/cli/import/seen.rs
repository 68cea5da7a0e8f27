//! Commits of a line of which a log tells.

use quorate_git::Part;
use std::collections::BTreeSet;

/// Parts of commits: the commit's place on the line, the count of its parts, and the part's number.
pub struct Seen(BTreeSet<(usize, usize, usize)>);

impl Seen {
    /// None yet, but for a commit whose files are there, as somebody says.
    pub fn after(place: Option<usize>) -> Self {
        Self(place.into_iter().map(|place| (place, 1, 1)).collect())
    }

    /// Notes a part of a commit.
    pub fn note(&mut self, place: usize, part: Part) {
        self.0.insert((place, part.of, part.number));
    }

    /// Place of the oldest commit that is missing before one that is there, or lacks a part before another; a log that is cut may
    /// begin within a commit.
    pub fn gap(&self, is_cut: bool) -> Option<usize> {
        let (&(furthest, ..), &(oldest, ..)) = self.0.first().zip(self.0.last())?;
        let is_missing = |place: &usize| match self.is_whole(*place) {
            Some(is_whole) => !is_whole,
            None => *place > furthest,
        };
        (furthest..=oldest).rev().skip(usize::from(is_cut)).find(is_missing)
    }

    /// Whether all parts are there of a commit of which the last one is; none where that is not.
    fn is_whole(&self, place: usize) -> Option<bool> {
        let ends = self.0.range((place, 0, 0)..=(place, usize::MAX, usize::MAX)).filter(|(_, of, number)| number == of);
        ends.map(|&(_, of, _)| self.0.range((place, of, 0)..=(place, of, of)).count() >= of).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(parts: &[(usize, usize, usize)], is_cut: bool) -> Option<usize> {
        let mut seen = Seen::after(None);
        for &(place, number, of) in parts {
            seen.note(place, Part { number, of, is_whole: false });
        }
        seen.gap(is_cut)
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
