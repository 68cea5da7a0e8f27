//! Trees of a fork beside each other: for every path what base and the sides have there, moved files at their new places.

use quorate_git::{Entry, Tree};
use quorate_semantic::{Destination, Renames};
use std::collections::{BTreeMap, BTreeSet};

/// Entries that meet at one path.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Meeting {
    /// Path in base, where it is another.
    pub from: Option<String>,
    pub base: Option<Entry>,
    pub ours: Option<Entry>,
    pub theirs: Option<Entry>,
    /// Whether two files would come to stand here.
    pub is_crowded: bool,
}

/// Meetings by path, and files of base that the sides moved to different places.
#[derive(Debug, Default)]
pub struct Meetings {
    pub by_path: BTreeMap<String, Meeting>,
    pub split: Vec<Split>,
}

/// A file that the sides moved to different places.
#[derive(Debug)]
pub struct Split {
    pub from: String,
    pub ours: String,
    pub theirs: String,
}

impl Meetings {
    pub fn of(base: &Tree, ours: &Tree, theirs: &Tree) -> Self {
        let moves = [ours, theirs].map(|side| Renames::of(&contents(base), &contents(side), &[]));
        let (mut meetings, mut taken) = (Self::default(), [BTreeSet::new(), BTreeSet::new()]);
        for (path, entry) in &base.files {
            let [at_ours, at_theirs] = moves.each_ref().map(|moves| moves.follow(path));
            match Renames::destination(path, &moves[0], &moves[1]) {
                Destination::At(to) => {
                    let from = (to != *path).then(|| path.clone());
                    let (ours, theirs) = (ours.files.get(&at_ours), theirs.files.get(&at_theirs));
                    meetings.put(to, Meeting { from, ..Meeting::new(Some(entry), ours, theirs) });
                }
                Destination::Split(ours, theirs) => meetings.split.push(Split { from: path.clone(), ours, theirs }),
            }
            taken[0].insert(at_ours);
            taken[1].insert(at_theirs);
        }
        for (path, entry) in ours.files.iter().filter(|(path, _)| !taken[0].contains(*path)) {
            meetings.put(moves[1].follow(path), Meeting::new(None, Some(entry), None));
        }
        for (path, entry) in theirs.files.iter().filter(|(path, _)| !taken[1].contains(*path)) {
            meetings.put(moves[0].follow(path), Meeting::new(None, None, Some(entry)));
        }
        meetings
    }

    fn put(&mut self, path: String, new: Meeting) {
        let there = self.by_path.entry(path).or_default();
        let is_twice = |a: Option<Entry>, b: Option<Entry>| a.is_some() && b.is_some();
        there.is_crowded |= is_twice(there.base, new.base) || is_twice(there.ours, new.ours);
        there.is_crowded |= is_twice(there.theirs, new.theirs);
        // A file that a side added meets one of base that was moved here.
        there.is_crowded |= there.base.is_some() && new.base.is_none();
        there.from = there.from.take().or(new.from);
        there.base = there.base.or(new.base);
        there.ours = there.ours.or(new.ours);
        there.theirs = there.theirs.or(new.theirs);
    }
}

impl Meeting {
    fn new(base: Option<&Entry>, ours: Option<&Entry>, theirs: Option<&Entry>) -> Self {
        Self { base: base.copied(), ours: ours.copied(), theirs: theirs.copied(), ..Self::default() }
    }

    /// Whether neither side changed it.
    pub fn is_still(&self) -> bool {
        self.base == self.ours && self.base == self.theirs && self.from.is_none() && !self.is_crowded
    }

    /// Why what meets here cannot be merged, whatever it holds.
    pub fn clash(&self) -> Option<&'static str> {
        if self.is_crowded {
            Some("more than one file would come to stand here")
        } else if self.from.is_some() && self.ours.is_some() != self.theirs.is_some() {
            Some("one side moved it here, and the other removed it")
        } else {
            None
        }
    }

    /// Entry after the merge where the sides agree or one alone changed it.
    pub fn one_sided(&self) -> Option<Option<Entry>> {
        if self.clash().is_some() {
            None
        } else if self.ours == self.theirs || self.base == self.theirs {
            Some(self.ours)
        } else if self.base == self.ours {
            Some(self.theirs)
        } else {
            None
        }
    }
}

/// Entries by path, which name contents.
fn contents(tree: &Tree) -> BTreeMap<&str, Entry> {
    tree.files.iter().map(|(path, entry)| (path.as_str(), *entry)).collect()
}
