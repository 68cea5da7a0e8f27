//! Octopus merges, criss-cross merges, unrelated roots, folded commits that come back; and graphs drawn by chance.

use super::graphs::{ALL, Graph};
use crate::{Base, Counts, History, Side};

use std::collections::BTreeSet;
use std::convert::Infallible;

use gix::ObjectId;

#[test]
fn each_other_parent_of_an_octopus_merge_is_a_side() {
    let graph = Graph::of(&["a:", "x: a", "y: a", "z: y", "b: a", "m: b x z"]);
    assert_eq!(graph.told("m", ALL), "a b m(0:x@a 1:y@a 1:z^y)");
    assert_eq!(graph.counts("m", ALL), Counts { line: 3, sides: 3, merges: 1, folded: 0 });
}

#[test]
fn parents_of_an_octopus_merge_that_fork_from_each_other_are_one_side_with_two_tips() {
    let graph = Graph::of(&["a:", "x: a", "y: x", "z: x", "b: a", "m: b y z"]);
    assert_eq!(graph.told("m", ALL), "a b m(0:x@a 0:y^x 0:z^x)");
    let history = graph.history("m", ALL);
    let merge = history.line[2].merge.as_ref().expect("the merge");
    assert_eq!((merge.sides.len(), merge.sides[0].tips.len()), (1, 2));
}

#[test]
fn a_parent_that_another_parent_contains_adds_nothing() {
    let graph = Graph::of(&["a:", "x: a", "y: x", "b: a", "m: b y x"]);
    assert_eq!(graph.told("m", ALL), "a b m(0:x@a 0:y^x)");
}

#[test]
fn parents_before_children_also_where_one_side_has_merged_the_other() {
    // side 0 (p, q) has merged u, whose ancestor t is the tip of side 1
    let graph = Graph::of(&["a:", "t: a", "u: t", "p: a", "q: p u", "b: a", "m: b q t"]);
    assert_eq!(graph.told("m", ALL), "a b m(0:p@a 1:t@a 0:q^p)");
    assert_eq!(graph.counts("m", ALL).folded, 1);
}

#[test]
fn of_a_criss_cross_each_merge_replays_what_the_other_line_had_by_itself() {
    let graph = Graph::of(&["a:", "b: a", "x: a", "m: b x", "n: x b", "c: m", "y: n", "o: c y"]);
    assert_eq!(graph.told("o", ALL), "a b m(0:x@a) c o(0:n@x 0:y^n)");
    assert_eq!(graph.counts("o", ALL).folded, 0);
}

#[test]
fn a_side_from_an_unrelated_root_is_based_on_nothing() {
    let graph = Graph::of(&["a:", "b: a", "r: ", "s: r", "m: b s"]);
    assert_eq!(graph.told("m", ALL), "a b m(0:r@0 0:s^r)");
    assert_eq!(graph.told("m", 1), "[b] m(0:r@0 0:s^r)");
}

#[test]
fn a_folded_commit_is_replayed_when_a_later_sides_line_runs_through_it() {
    // t is folded into n at m; then v, which continues t, is merged for itself
    let graph = Graph::of(&["a:", "x: a", "t: a", "n: x t", "b: a", "m: b n", "v: t", "o: m v"]);
    assert_eq!(graph.counts("m", ALL), Counts { line: 3, sides: 2, merges: 1, folded: 1 });
    assert_eq!(graph.told("o", ALL), "a b m(0:x@a 0:n^x) o(0:t@a 0:v^t)");
    assert_eq!(graph.counts("o", ALL), Counts { line: 4, sides: 4, merges: 2, folded: 0 });
}

#[test]
fn when_the_main_line_was_merged_into_a_branch_the_old_main_line_is_the_side() {
    // someone merged the main line into local work w and pushed that as the main line
    let graph = Graph::of(&["a:", "b: a", "c: b", "w: a", "m: w c", "d: m"]);
    assert_eq!(graph.told("d", ALL), "a w m(0:b@a 0:c^b) d");
}

#[test]
fn the_same_parent_twice_is_one_side() {
    let graph = Graph::of(&["a:", "b: a", "x: a", "m: b x x"]);
    assert_eq!(graph.told("m", ALL), "a b m(0:x@a)");
}

#[test]
fn sides_take_turns_among_the_authors_that_do_not_sign_the_main_line() {
    let side = |number| Side { number, base: Base::Genesis, tips: Vec::new() };
    assert_eq!([0, 1, 2, 3].map(|number| side(number).author(4)), [1, 2, 3, 1]);
    assert_eq!([0, 1].map(|number| side(number).author(2)), [1, 1]);
    assert_eq!(side(5).author(1), 0);
}

/// A graph of `size` commits, each with one to three parents among the dozen before it; seldom another root.
fn by_chance(seed: u64, size: usize) -> Vec<Vec<usize>> {
    let mut state = seed;
    let mut below = move |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let mut parents = |at: usize| {
        let count = if at == 0 || below(40) == 0 { 0 } else { [1, 1, 2, 2, 3][below(5)] };
        (0..count).map(|_| at - 1 - below(at.min(12))).collect()
    };
    (0..size).map(&mut parents).collect()
}

fn number(index: usize) -> ObjectId {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&(index as u64).to_ne_bytes());
    ObjectId::from(bytes)
}

fn reach(parents: &[Vec<usize>], from: usize) -> BTreeSet<usize> {
    let (mut seen, mut pending) = (BTreeSet::new(), vec![from]);
    while let Some(at) = pending.pop() {
        if seen.insert(at) {
            pending.extend(&parents[at]);
        }
    }
    seen
}

#[test]
fn in_any_graph_every_commit_is_replayed_once_after_its_base_or_folded() {
    const SIZE: usize = 120;
    for seed in 0..300 {
        let parents = by_chance(seed, SIZE);
        let commits_max = if seed % 2 == 0 { ALL } else { 1 + seed as usize % 20 };
        let read = |id: ObjectId| {
            let index = (0..SIZE).find(|&index| number(index) == id).expect("a commit");
            Ok::<_, Infallible>(parents[index].iter().copied().map(number).collect())
        };
        let Ok(history) = History::read(number(SIZE - 1), commits_max, read);
        let mut reached: BTreeSet<_> = history.boundary.into_iter().collect();
        for commit in &history.line {
            let sides = commit.merge.iter().flat_map(|merge| &merge.commits);
            for side in sides {
                match side.base {
                    Base::Revision(base) | Base::Envelope(base) => assert!(reached.contains(&base), "seed {seed}"),
                    Base::Genesis => (),
                }
                assert!(reached.insert(side.id), "seed {seed}: replayed twice");
            }
            assert!(reached.insert(commit.id), "seed {seed}: replayed twice");
        }
        let below = history.boundary.map_or(0, |id| {
            let index = (0..SIZE).find(|&index| number(index) == id).expect("a commit");
            reach(&parents, index).len()
        });
        let Counts { line, sides, folded, .. } = history.counts;
        assert_eq!(line + sides + folded + below, reach(&parents, SIZE - 1).len(), "seed {seed}");
    }
}
