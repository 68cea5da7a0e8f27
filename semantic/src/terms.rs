//! Conflicts as values: an odd list of terms that are added and taken away in turn.
//!
//! `+A0 -B1 +A1 -B2 +A2 …` is "A0, changed as from B1 to A1, and as from B2 to A2". One term is agreed content; three
//! are an ordinary conflict. The form keeps every side, can be merged on top of without being resolved, and cancels
//! what meets its own negation. After jj (`Merge<T>`, docs/technical/conflicts.md).
//!
//! A term is whatever names content, usually a hash; `None` in an `Option` stands well for "no file here".

/// A conflict, or agreed content, as a sum of terms.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Terms<T> {
    first: T,
    /// Content taken away, with what came in its place.
    changes: Vec<(T, T)>,
}

impl<T: Clone + Ord> Terms<T> {
    /// Agreed content.
    pub fn agreed(content: T) -> Self {
        Terms { first: content, changes: Vec::new() }
    }

    /// An ordinary three-way conflict.
    pub fn conflict(base: T, ours: T, theirs: T) -> Self {
        Terms { first: ours, changes: vec![(base, theirs)] }
    }

    /// The sides: one more than [`Terms::removes`].
    pub fn adds(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(self.changes.iter().map(|(_, added)| added))
    }

    /// The bases between the sides.
    pub fn removes(&self) -> impl Iterator<Item = &T> {
        self.changes.iter().map(|(removed, _)| removed)
    }

    /// Lays a further change over this: what goes from `base` to `side`, three-way.
    ///
    /// A conflict takes part as the sum that it is, so a change on top of it needs no resolution first.
    pub fn and(&self, base: &Terms<T>, side: &Terms<T>) -> Self {
        let adds = self.adds().chain(side.adds()).chain(base.removes());
        let removes = self.removes().chain(base.adds()).chain(side.removes());
        Self::from_parts(adds.cloned().collect(), removes.cloned().collect())
    }

    /// Cancels every term that is both added and taken away; the order of what remains is kept.
    pub fn simplify(&self) -> Self {
        let mut adds: Vec<T> = self.adds().cloned().collect();
        let mut removes: Vec<T> = Vec::new();
        for removed in self.removes() {
            match adds.iter().position(|a| a == removed) {
                Some(i) if adds.len() > 1 => drop(adds.remove(i)),
                _ => removes.push(removed.clone()),
            }
        }
        Self::from_parts(adds, removes)
    }

    /// The content, where all the sides that changed it agree (git's same-change rule: +A −B +A is A).
    pub fn resolved(&self) -> Option<T> {
        let simple = self.simplify();
        let first = &simple.first;
        simple.adds().all(|side| side == first).then(|| first.clone())
    }

    /// Replaces every term by what `name` makes of it, as when hashes are read into bytes.
    pub fn map<U>(&self, mut name: impl FnMut(&T) -> U) -> Terms<U> {
        let first = name(&self.first);
        let changes = self.changes.iter().map(|(removed, added)| (name(removed), name(added))).collect();
        Terms { first, changes }
    }

    /// `adds` is one longer than `removes`: every operation above keeps that balance.
    fn from_parts(adds: Vec<T>, removes: Vec<T>) -> Self {
        assert!(adds.len() == removes.len() + 1, "{} added against {} removed", adds.len(), removes.len());
        let mut adds = adds.into_iter();
        let first = adds.next().expect("adds is one longer than removes, so never empty");
        Terms { first, changes: removes.into_iter().zip(adds).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The terms of `[A0, B1, A1, B2, A2 …]`.
    fn terms(list: &str) -> Terms<char> {
        let removes = list.chars().skip(1).step_by(2);
        Terms::from_parts(list.chars().step_by(2).collect(), removes.collect())
    }

    #[test]
    fn a_term_that_meets_its_negation_cancels() {
        assert_eq!(terms("abcdb").simplify(), terms("adc"));
        assert_eq!(terms("aba").simplify(), terms("aba"));
        assert_eq!(terms("aab").simplify(), Terms::agreed('b'));
    }

    #[test]
    fn the_same_change_on_both_sides_is_that_change() {
        assert_eq!(terms("aba").resolved(), Some('a'));
        assert_eq!(terms("abc").resolved(), None);
    }

    #[test]
    fn a_one_sided_change_resolves_to_it() {
        assert_eq!(Terms::conflict('b', 'b', 'x').resolved(), Some('x'));
        assert_eq!(Terms::conflict('b', 'x', 'b').resolved(), Some('x'));
    }

    #[test]
    fn a_change_on_top_of_a_conflict_keeps_every_side() {
        let conflict = Terms::conflict('b', 'x', 'y');
        let more = conflict.and(&Terms::agreed('b'), &Terms::agreed('z'));
        assert_eq!(more.adds().collect::<String>(), "xyz");
        assert_eq!(more.removes().collect::<String>(), "bb");
    }

    #[test]
    fn writing_over_a_conflict_resolves_it() {
        let conflict = Terms::conflict('b', 'x', 'y');
        let settled = conflict.and(&conflict, &Terms::agreed('z'));
        assert_eq!(settled.resolved(), Some('z'));
    }
}
