//! Frontier of a walk: parts of trees that may differ, in the order in which they are asked for.
//!
//! The walk goes deep before it goes wide. One that begins again at the root then lists those parts alone of which some
//! entries are held; a part of which none are is asked for by its entries at once, for keys are hashes, and lie evenly.

use super::frame::{LEVELS, PARTS_MAX, WantedPart};
use crate::state::tree::Tree;
use crate::state::tree::part::{Part, Subtree};
use quorate_pbft::Digest;
use std::collections::VecDeque;

/// Entries of a part that are asked for at once where the store holds none of them.
const ENTRIES_WHERE_NONE: u64 = 256;
/// The same where it holds some: most of them are the same.
const ENTRIES_WHERE_SOME: u64 = 16;
/// Entries, by estimate, that one errand asks for: an errand that a stop cuts off is asked for again.
const ENTRIES_AT_ONCE: u64 = 512;
/// The same at first.
pub(super) const ENTRIES_AT_FIRST: u64 = 128;
/// Share of the entries that this walk has brought which one errand asks for, between the two: one in so many.
const ENTRIES_SHARE: u64 = 64;
/// Parts of one errand that are asked for by their subtrees.
const SUBTREES_AT_ONCE: usize = 16;

/// Parts that may differ.
#[derive(Default)]
pub(super) struct Frontier {
    todo: VecDeque<Todo>,
    /// Entries that the walk has brought.
    brought: u64,
}

/// Part that may differ.
struct Todo {
    domain: String,
    wanted: WantedPart,
    /// Entries by estimate.
    weight: u64,
}

impl Frontier {
    pub(super) fn is_empty(&self) -> bool {
        self.todo.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.todo.clear();
    }

    /// Wants the whole tree of a domain, which has `count` entries elsewhere.
    pub(super) fn want_tree(&mut self, domain: &str, tree: &Tree, count: u64) {
        let wanted = WantedPart { part: Part::WHOLE, entries: is_few(count, tree.count() > 0) };
        self.todo.push_back(Todo { domain: domain.to_owned(), wanted, weight: count });
    }

    /// Wants the parts below one whose hashes differ from those of a tree, in a tree of `count` entries.
    pub(super) fn compare(&mut self, domain: &str, tree: &Tree, listed: &WantedPart, theirs: &[Subtree], count: u64) {
        let ours = tree.look(&listed.part).hashes(LEVELS);
        let parts = listed.part.below(LEVELS).into_iter().zip(theirs.iter().zip(&ours));
        let cells = parts.map(|(part, both)| Cell::of(part, both, count)).collect();
        // Entries that did not fit into one answer are asked for in small parts.
        let cells = if listed.entries { cells } else { gathered(&listed.part, cells, count) };
        for (wanted, weight) in cells.into_iter().flat_map(|cell| cell.wishes).rev() {
            self.todo.push_front(Todo { domain: domain.to_owned(), wanted, weight });
        }
    }

    /// Notes entries that are here.
    pub(super) fn brings(&mut self, entries: usize) {
        self.brought += entries as u64;
    }

    /// Wants parts first of all that an answer had no room for, or, with more weight, that an errand did not bring in
    /// time: the next ones are smaller.
    pub(super) fn want_again(&mut self, domain: &str, parts: Vec<WantedPart>, weight: u64) {
        for wanted in parts.into_iter().rev() {
            self.todo.push_front(Todo { domain: domain.to_owned(), wanted, weight });
        }
    }

    /// The next parts of one tree that are asked for alike, and its domain.
    pub(super) fn next(&mut self) -> Option<(String, Vec<WantedPart>)> {
        let first = self.todo.pop_front()?;
        let (domain, entries) = (first.domain, first.wanted.entries);
        let (mut parts, mut weight) = (vec![first.wanted], first.weight);
        let most = if entries { PARTS_MAX } else { SUBTREES_AT_ONCE };
        let enough = (self.brought / ENTRIES_SHARE).clamp(ENTRIES_AT_FIRST, ENTRIES_AT_ONCE);
        while let Some(next) = self.todo.pop_front_if(|next| {
            let is_alike = next.domain == domain && next.wanted.entries == entries;
            is_alike && parts.len() < most && (!entries || weight < enough)
        }) {
            weight += next.weight.max(1);
            parts.push(next.wanted);
        }
        Some((domain, parts))
    }
}

/// Part as it is wanted, and its entries by estimate.
type Wish = (WantedPart, u64);

/// Part below one that is compared.
struct Cell {
    /// Whether the store holds nothing of it.
    is_absent: bool,
    /// Entries of it elsewhere, by estimate; none where it is the same.
    weight: u64,
    wishes: Vec<Wish>,
}

impl Cell {
    fn of(part: Part, (theirs, ours): (&Subtree, &Digest), count: u64) -> Self {
        let weight = match theirs {
            _ if theirs.hash() == *ours => 0,
            Subtree::Inner(_) => estimate(count, &part),
            _ => 1,
        };
        let is_absent = *ours == Digest::ZERO;
        let entries = is_few(weight, !is_absent);
        let wishes = match (0..=LEVELS).find(|levels| weight >> levels <= ENTRIES_WHERE_NONE) {
            _ if weight == 0 => Vec::new(),
            Some(levels) if is_absent && !entries => {
                let wish = |part| (WantedPart { part, entries: true }, weight >> levels);
                part.below(levels).into_iter().map(wish).collect()
            }
            _ => vec![(WantedPart { part, entries }, weight)],
        };
        Self { is_absent, weight, wishes }
    }

    /// This part and the one on its right as one, where nothing of both is held and few entries are in them.
    fn beside(mut self, right: Self, both: Part, count: u64) -> Self {
        let is_absent = self.is_absent && right.is_absent;
        let weight = match self.weight + right.weight {
            0 => 0,
            sum => sum.max(estimate(count, &both)),
        };
        self.wishes.extend(right.wishes);
        let is_one = is_absent && weight > 0 && is_few(weight, false);
        let wishes = if is_one { vec![(WantedPart { part: both, entries: true }, weight)] } else { self.wishes };
        Self { is_absent, weight, wishes }
    }
}

/// Cells below a part, gathered into larger ones below it.
fn gathered(part: &Part, mut cells: Vec<Cell>, count: u64) -> Vec<Cell> {
    while cells.len() > 2 {
        let parts = part.below(cells.len().ilog2() as u16 - 1); // a part has as many levels below it as a key has bits, at most
        let mut cells_of = cells.into_iter();
        let pair = || Some((cells_of.next()?, cells_of.next()?));
        cells =
            core::iter::from_fn(pair).zip(parts).map(|((left, right), both)| left.beside(right, both, count)).collect();
    }
    cells
}

fn estimate(count: u64, part: &Part) -> u64 {
    count.checked_shr(part.bits().into()).unwrap_or(0).max(1)
}

fn is_few(theirs: u64, holds_some: bool) -> bool {
    theirs <= if holds_some { ENTRIES_WHERE_SOME } else { ENTRIES_WHERE_NONE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::memory_store::MemoryStore;
    use crate::state::store::{Store, Table};
    use crate::state::tree::{Key, row};
    use sha2::{Digest as _, Sha256};

    /// Tree of the keys of some numbers, of those that a part contains.
    fn tree(numbers: core::ops::Range<u64>, of: &Part) -> Tree {
        stored(numbers, of).0
    }

    /// The same, with its entries.
    fn stored(numbers: core::ops::Range<u64>, of: &Part) -> (Tree, MemoryStore) {
        let mut store = MemoryStore::new();
        let keys = numbers.map(|number| Key::from(Sha256::digest(number.to_be_bytes())));
        for key in keys.filter(|key| of.contains(key)) {
            store.put(Table::Entries, &row(1, &key), &[key[31]; 32]).expect("memory does not fail");
        }
        (Tree::open(1, &store).expect("memory does not fail"), store)
    }

    /// Parts asked for by their subtrees, entries asked for and parts in which they are, from the root of what is held to all.
    fn walk(held: &Tree, (all, store): &(Tree, MemoryStore)) -> (usize, u64, usize) {
        let mut frontier = Frontier::default();
        frontier.want_tree("a", held, all.count());
        let (mut listed, mut entries, mut parts) = (0, 0, 0);
        while let Some((_, asked)) = frontier.next() {
            for wanted in asked {
                let look = all.look(&wanted.part);
                if wanted.entries {
                    (entries, parts) = (entries + look.count(), parts + 1);
                    assert!(look.count() <= 2 * ENTRIES_WHERE_NONE, "{} entries at once", look.count());
                } else {
                    listed += 1;
                    let below = look.below(LEVELS, store).expect("memory does not fail");
                    frontier.compare("a", held, &wanted, &below, all.count());
                }
            }
        }
        (listed, entries, parts)
    }

    #[test]
    fn a_tree_of_which_nothing_is_held_is_listed_once() {
        for count in [1_000, 10_000, 100_000] {
            let all = stored(0..count, &Part::WHOLE);
            let (listed, entries, parts) = walk(&tree(0..0, &Part::WHOLE), &all);
            assert_eq!((listed, entries), (1, count));
            assert!(parts as u64 <= count / 50, "{parts} parts of {count} entries");
        }
    }

    #[test]
    fn a_walk_that_begins_again_lists_what_is_held_in_part_alone_and_asks_for_no_entry_that_is_there() {
        let all = stored(0..100_000, &Part::WHOLE);
        let of = |bits: u16, at: usize| tree(0..100_000, &Part::WHOLE.below(8)[at].below(bits - 8)[0]);
        for (held, lists) in [(of(8, 3), 1), (of(9, 3), 2), (of(12, 3), 2)] {
            let (listed, entries, parts) = walk(&held, &all);
            assert_eq!((listed, entries), (lists, 100_000 - held.count()));
            assert!(parts <= 520, "{parts}");
        }
    }

    #[test]
    fn a_few_changes_in_a_tree_that_is_held_are_found_by_listing_the_way_to_each() {
        let all = stored(0..100_000, &Part::WHOLE);
        let (listed, entries, parts) = walk(&tree(5..100_000, &Part::WHOLE), &all);
        assert!(listed <= 6 && entries < 30 && parts == 5, "{listed} {entries} {parts}");
    }
}
