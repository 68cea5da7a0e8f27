//! Parts of a tree: all keys that begin with some bits, and the hash of what stands under them.

use crate::state::tree::{Below, Key, Leaf, Top, Tree, TreeNumber, bit, node, row, split};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::Digest;

/// Bits of a key.
const BITS: u16 = 256;

/// Keys that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(crate) struct Part {
    /// The first key: zeros after the common bits.
    first: Key,
    bits: u16,
}

impl Part {
    /// The whole tree.
    pub(crate) const WHOLE: Self = Self { first: [0; 32], bits: 0 };

    /// Number of common bits.
    pub(crate) fn bits(&self) -> u16 {
        self.bits
    }

    /// Whether it is one key: nothing lies below.
    pub(crate) fn is_key(&self) -> bool {
        self.bits == BITS
    }

    /// Whether this is its one encoding.
    pub(crate) fn is_canonical(&self) -> bool {
        self.bits <= BITS && (usize::from(self.bits)..usize::from(BITS)).all(|at| !bit(&self.first, at))
    }

    /// Whether a key begins with its bits.
    pub(crate) fn contains(&self, key: &Key) -> bool {
        (0..usize::from(self.bits)).all(|at| bit(key, at) == bit(&self.first, at))
    }

    /// The parts some levels below, ascending; as many levels as there are bits left.
    pub(crate) fn below(&self, levels: u16) -> Vec<Self> {
        let mut parts = vec![*self];
        for at in self.bits..(self.bits + levels).min(BITS) {
            parts = parts.into_iter().flat_map(|part| part.halves(at)).collect();
        }
        parts
    }

    fn halves(self, at: u16) -> [Self; 2] {
        let (mut right, bits) = (self.first, at + 1);
        right[usize::from(at / 8)] |= 0x80 >> (at % 8);
        [Self { bits, ..self }, Self { first: right, bits }]
    }

    /// The first and the last row of its entries in a tree.
    pub(crate) fn rows(&self, number: TreeNumber) -> ([u8; 36], [u8; 36]) {
        let mut last = self.first;
        (usize::from(self.bits)..usize::from(BITS)).for_each(|at| last[at / 8] |= 0x80 >> (at % 8));
        (row(number, &self.first), row(number, &last))
    }

    /// The subtree of the whole tree, if this one stands in this part beside these siblings, from the root down.
    pub(crate) fn climb(&self, subtree: Subtree, siblings: &[Subtree]) -> Option<Subtree> {
        let is_fit = siblings.len() == usize::from(self.bits);
        let climb = |below: Subtree, (at, sibling): (usize, &Subtree)| match bit(&self.first, at) {
            true => sibling.beside(below),
            false => below.beside(*sibling),
        };
        is_fit.then(|| siblings.iter().enumerate().rev().fold(subtree, climb))
    }
}

/// Subtree by what its hash is made of: one with one leaf is that leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum Subtree {
    /// No leaf.
    Empty,
    /// Leaf that stands alone.
    Leaf(Digest),
    /// Two leaves or more.
    Inner(Digest),
}

impl Subtree {
    /// Its hash; [`Digest::ZERO`] without leaves.
    pub(crate) fn hash(&self) -> Digest {
        match self {
            Self::Empty => Digest::ZERO,
            Self::Leaf(hash) | Self::Inner(hash) => *hash,
        }
    }

    /// The subtree that has this one on its left and another one on its right.
    fn beside(self, right: Self) -> Self {
        match (self, right) {
            (one, Self::Empty) | (Self::Empty, one) if !matches!(one, Self::Inner(_)) => one,
            (left, right) => Self::Inner(node(&left.hash(), &right.hash())),
        }
    }

    /// The subtree of these, neighbours from the left; their number is a power of two.
    pub(crate) fn over(mut row: Vec<Self>) -> Self {
        while row.len() > 1 {
            row = row.chunks(2).map(|pair| pair[0].beside(pair[1])).collect();
        }
        row.first().copied().unwrap_or(Self::Empty)
    }

    /// The subtree of leaves that share their first `depth` bits, ascending by key.
    pub(crate) fn of(leaves: &[(Key, Digest)], depth: u16) -> Self {
        match leaves {
            [] => Self::Empty,
            [(_, hash)] => Self::Leaf(*hash),
            _ => {
                let at = leaves.partition_point(|(key, _)| !bit(key, usize::from(depth)));
                Self::of(&leaves[..at], depth + 1).beside(Self::of(&leaves[at..], depth + 1))
            }
        }
    }
}

/// A part of a tree as it stands.
pub(crate) struct Look<'a> {
    /// Subtrees beside the way to it, from the root down.
    pub(crate) siblings: Vec<Subtree>,
    place: Place<'a>,
    bits: u16,
}

#[derive(Clone, Copy)]
enum Place<'a> {
    Top(&'a Top),
    Leaves(&'a [Leaf]),
}

impl Tree {
    /// Looks at a part.
    pub(crate) fn look(&self, part: &Part) -> Look<'_> {
        let (mut place, mut siblings) = (Place::Top(&self.top), Vec::new());
        for at in 0..part.bits {
            let [left, right] = place.halves(at);
            let (ours, theirs) = if bit(&part.first, usize::from(at)) { (right, left) } else { (left, right) };
            siblings.push(theirs.subtree(at + 1));
            place = ours;
        }
        Look { siblings, place, bits: part.bits }
    }
}

impl Look<'_> {
    /// Number of its leaves.
    pub(crate) fn count(&self) -> u64 {
        match self.place {
            Place::Top(top) => top.count,
            Place::Leaves(leaves) => leaves.len() as u64,
        }
    }

    /// The subtrees some levels below, as [`Part::below`] names them.
    pub(crate) fn below(&self, levels: u16) -> Vec<Subtree> {
        let mut row = vec![self.place];
        let end = (self.bits + levels).min(BITS);
        for at in self.bits..end {
            row = row.into_iter().flat_map(|place| place.halves(at)).collect();
        }
        row.into_iter().map(|place| place.subtree(end)).collect()
    }
}

impl<'a> Place<'a> {
    fn halves(self, depth: u16) -> [Self; 2] {
        let leaves = match self {
            Self::Leaves(leaves) => leaves,
            Self::Top(top) => match &top.below {
                Below::Children(children) => return [Self::Top(&children[0]), Self::Top(&children[1])],
                Below::Bucket(bucket) => bucket,
            },
        };
        let (left, right) = split(leaves, usize::from(depth));
        [Self::Leaves(left), Self::Leaves(right)]
    }

    fn subtree(self, depth: u16) -> Subtree {
        let (hash, count) = match self {
            Self::Top(top) => (top.hash, top.count),
            Self::Leaves(leaves) => (super::subtree(leaves, usize::from(depth)), leaves.len() as u64),
        };
        match count {
            0 => Subtree::Empty,
            1 => Subtree::Leaf(hash),
            _ => Subtree::Inner(hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::memory_store::MemoryStore;
    use crate::state::store::{Store, Table};
    use proptest::prelude::*;

    /// Keys of which many share long prefixes.
    fn any_key() -> impl Strategy<Value = Key> {
        (0u8..4, 0u8..3, any::<u8>()).prop_map(|(first, middle, last)| {
            let mut key = [0; 32];
            (key[0], key[9], key[31]) = (first << 6, middle, last);
            key
        })
    }

    fn tree_of(keys: &[Key]) -> Tree {
        let mut store = MemoryStore::new();
        for key in keys {
            store.put(Table::Entries, &row(1, key), &[key[31]; 32]).expect("memory does not fail");
        }
        Tree::open(1, &store).expect("memory does not fail")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_part_with_its_siblings_makes_the_root(
            keys in proptest::collection::vec(any_key(), 0..60), at in any_key(), bits in 0u16..=256, levels in 0u16..9,
        ) {
            let tree = tree_of(&keys);
            let mut first = at;
            (usize::from(bits)..256).for_each(|at| first[at / 8] &= !(0x80 >> (at % 8)));
            let part = Part { first, bits };
            prop_assert!(part.is_canonical());
            let look = tree.look(&part);
            let subtree = look.below(0)[0];
            let root = part.climb(subtree, &look.siblings).expect("as many siblings as bits");
            prop_assert_eq!(root.hash(), tree.root());
            prop_assert_eq!(Subtree::over(look.below(levels)), subtree);
            for (part, subtree) in part.below(levels).iter().zip(look.below(levels)) {
                prop_assert_eq!(tree.look(part).below(0), vec![subtree]);
            }
        }
    }
}
