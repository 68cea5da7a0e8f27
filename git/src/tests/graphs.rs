//! The order of replay, on graphs drawn with letters.

use std::collections::BTreeMap;
use std::convert::Infallible;

use gix::ObjectId;

use super::fixture::named;
use crate::{Base, Counts, History};

/// A commit graph: each commit's name with its parents' names.
pub struct Graph {
    parents: BTreeMap<ObjectId, Vec<ObjectId>>,
    names: BTreeMap<ObjectId, &'static str>,
}

impl Graph {
    /// Reads `"m: a b"` as commit m with parents a and b.
    pub fn of(lines: &[&'static str]) -> Self {
        let (mut parents, mut names) = (BTreeMap::new(), BTreeMap::new());
        for line in lines {
            let (name, rest) = line.split_once(':').expect("a colon");
            names.insert(named(name), name);
            parents.insert(named(name), rest.split_whitespace().map(named).collect());
        }
        Self { parents, names }
    }

    pub fn history(&self, tip: &str, commits_max: usize) -> History {
        let parents = |id: ObjectId| Ok::<_, Infallible>(self.parents[&id].clone());
        History::read(named(tip), commits_max, parents).unwrap_or_else(|never| match never {})
    }

    /// The history in words: `m(0:x@a 0:y^x)` is merge m before which side 0 replays x on a's revision and y on x's
    /// envelope; `@0` is revision 0, `[b]` the boundary.
    pub fn told(&self, tip: &str, commits_max: usize) -> String {
        let history = self.history(tip, commits_max);
        let name = |id: &ObjectId| self.names[id];
        let base = |base: &Base| match base {
            Base::Genesis => "@0".to_owned(),
            Base::Revision(id) => format!("@{}", name(id)),
            Base::Envelope(id) => format!("^{}", name(id)),
        };
        let boundary = history.boundary.iter().map(|id| format!("[{}]", name(id)));
        let line = history.line.iter().map(|commit| match &commit.merge {
            None => name(&commit.id).to_owned(),
            Some(merge) => {
                let sides = merge.commits.iter().map(|c| format!("{}:{}{}", c.side, name(&c.id), base(&c.base)));
                format!("{}({})", name(&commit.id), sides.collect::<Vec<_>>().join(" "))
            }
        });
        boundary.chain(line).collect::<Vec<_>>().join(" ")
    }

    pub fn counts(&self, tip: &str, commits_max: usize) -> Counts {
        self.history(tip, commits_max).counts
    }
}

pub const ALL: usize = usize::MAX;

#[test]
fn a_line_is_replayed_oldest_first() {
    let graph = Graph::of(&["a:", "b: a", "c: b"]);
    assert_eq!(graph.told("c", ALL), "a b c");
    assert_eq!(graph.counts("c", ALL), Counts { line: 3, ..Counts::default() });
}

#[test]
fn a_side_goes_in_before_its_merge_first_on_the_fork_then_on_its_own_envelopes() {
    let graph = Graph::of(&["a:", "b: a", "x: a", "y: x", "m: b y", "c: m"]);
    assert_eq!(graph.told("c", ALL), "a b m(0:x@a 0:y^x) c");
    assert_eq!(graph.counts("c", ALL), Counts { line: 4, sides: 2, merges: 1, folded: 0 });
}

#[test]
fn a_merge_of_what_is_replayed_already_is_an_ordinary_commit() {
    let graph = Graph::of(&["a:", "b: a", "m: b a"]);
    assert_eq!(graph.told("m", ALL), "a b m");
    assert_eq!(graph.counts("m", ALL).merges, 0);
}

#[test]
fn a_merge_inside_a_side_is_one_commit_and_what_it_brought_is_folded() {
    let graph = Graph::of(&["a:", "x: a", "t: a", "u: t", "n: x u", "y: n", "b: a", "m: b y"]);
    assert_eq!(graph.told("m", ALL), "a b m(0:x@a 0:n^x 0:y^n)");
    assert_eq!(graph.counts("m", ALL), Counts { line: 3, sides: 3, merges: 1, folded: 2 });
}

#[test]
fn an_update_from_the_main_line_inside_a_side_folds_nothing() {
    let graph = Graph::of(&["a:", "b: a", "x: a", "n: x b", "y: n", "c: b", "m: c y"]);
    assert_eq!(graph.told("m", ALL), "a b c m(0:x@a 0:n^x 0:y^n)");
    assert_eq!(graph.counts("m", ALL).folded, 0);
}

#[test]
fn a_side_that_goes_on_after_it_was_merged_is_based_on_its_last_replayed_commit() {
    let graph = Graph::of(&["a:", "x: a", "b: a", "m: b x", "y: x", "n: m y"]);
    assert_eq!(graph.told("n", ALL), "a b m(0:x@a) n(0:y@x)");
}

#[test]
fn more_history_than_asked_for_lies_below_a_boundary() {
    let graph = Graph::of(&["a:", "b: a", "c: b", "d: c"]);
    assert_eq!(graph.told("d", 2), "[b] c d");
    assert_eq!(graph.told("d", 3), "[a] b c d");
    assert_eq!(graph.told("d", 4), "a b c d");
    assert_eq!(graph.told("d", 0), "[d]");
}

#[test]
fn a_side_that_forks_at_the_boundary_is_replayed() {
    let graph = Graph::of(&["a:", "b: a", "c: b", "x: b", "m: c x"]);
    assert_eq!(graph.told("m", 2), "[b] c m(0:x@b)");
}

#[test]
fn a_side_that_forks_below_the_boundary_is_folded() {
    let graph = Graph::of(&["a:", "b: a", "c: b", "x: a", "y: x", "m: c y"]);
    assert_eq!(graph.told("m", 2), "[b] c m");
    assert_eq!(graph.counts("m", 2), Counts { line: 2, sides: 0, merges: 0, folded: 2 });
}

#[test]
fn of_two_sides_only_the_one_from_below_the_boundary_is_folded() {
    let graph = Graph::of(&["a:", "b: a", "c: b", "x: a", "y: b", "m: c x y"]);
    assert_eq!(graph.told("m", 2), "[b] c m(0:y@b)");
    assert_eq!(graph.counts("m", 2).folded, 1);
}

#[test]
fn what_merges_below_the_boundary_had_brought_in_lies_below_too() {
    let graph = Graph::of(&["a:", "x: a", "b: a x", "c: b", "y: x", "m: c y"]);
    assert_eq!(graph.told("m", 2), "[b] c m");
    assert_eq!(graph.counts("m", 2).folded, 1);
}
