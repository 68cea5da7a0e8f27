//! Parts of a tree: all keys that begin with some bits, and the hash of what stands under them.

use crate::state::store::{Read, StoreError};
use crate::state::tree::proof::End;
use crate::state::tree::{Below, Key, Leaf, Top, Tree, TreeNumber, bit, leaf, node, row, split};
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

    /// The part that has one more common bit than the first `at` of this one's, and another one.
    fn sibling(&self, at: u16) -> Self {
        let mut first = self.first;
        (usize::from(at) + 1..usize::from(BITS)).for_each(|at| first[at / 8] &= !(0x80 >> (at % 8)));
        first[usize::from(at / 8)] ^= 0x80 >> (at % 8);
        Self { first, bits: at + 1 }
    }

    /// The first and the last row of its entries in a tree.
    pub(crate) fn rows(&self, number: TreeNumber) -> ([u8; 36], [u8; 36]) {
        let mut last = self.first;
        (usize::from(self.bits)..usize::from(BITS)).for_each(|at| last[at / 8] |= 0x80 >> (at % 8));
        (row(number, &self.first), row(number, &last))
    }

    /// The subtree of the whole tree, if this one stands in this part beside these siblings, from the root down; none where
    /// a leaf does not belong where it is put. A leaf that stands alone has one hash at all depths: without its key it could
    /// be put beside a part that it lies in, which would then seem empty.
    pub(crate) fn climb(&self, subtree: Subtree, siblings: &[Subtree]) -> Option<Subtree> {
        let is_fit = siblings.len() == usize::from(self.bits)
            && (0..).zip(siblings).all(|(at, sibling)| sibling.may_stand_in(&self.sibling(at)));
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
    Leaf(End),
    /// Two leaves or more.
    Inner(Digest),
}

impl Subtree {
    /// Its hash; [`Digest::ZERO`] without leaves.
    pub(crate) fn hash(&self) -> Digest {
        match self {
            Self::Empty => Digest::ZERO,
            Self::Leaf(alone) => leaf(&alone.key, &alone.value_hash),
            Self::Inner(hash) => *hash,
        }
    }

    /// Whether it is not a leaf of another part.
    pub(crate) fn may_stand_in(&self, part: &Part) -> bool {
        !matches!(self, Self::Leaf(alone) if !part.contains(&alone.key))
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
    pub(crate) fn of(leaves: &[End], depth: u16) -> Self {
        match leaves {
            [] => Self::Empty,
            [alone] => Self::Leaf(*alone),
            _ => {
                let at = leaves.partition_point(|leaf| !bit(&leaf.key, usize::from(depth)));
                Self::of(&leaves[..at], depth + 1).beside(Self::of(&leaves[at..], depth + 1))
            }
        }
    }
}

/// A part of a tree as it stands.
pub(crate) struct Look<'a> {
    tree: &'a Tree,
    /// Places beside the way to it, from the root down.
    beside: Vec<Place<'a>>,
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
        let (mut place, mut beside) = (Place::Top(&self.top), Vec::new());
        for at in 0..part.bits {
            let [left, right] = place.halves(at);
            let (ours, theirs) = if bit(&part.first, usize::from(at)) { (right, left) } else { (left, right) };
            beside.push(theirs);
            place = ours;
        }
        Look { tree: self, beside, place, bits: part.bits }
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

    /// Subtrees beside the way to it, from the root down.
    pub(crate) fn siblings(&self, read: &dyn Read) -> Result<Vec<Subtree>, StoreError> {
        (1..).zip(&self.beside).map(|(depth, place)| self.subtree(*place, depth, read)).collect()
    }

    /// The subtrees some levels below, as [`Part::below`] names them.
    pub(crate) fn below(&self, levels: u16, read: &dyn Read) -> Result<Vec<Subtree>, StoreError> {
        let (places, depth) = self.places(levels);
        places.into_iter().map(|place| self.subtree(place, depth, read)).collect()
    }

    /// The hashes of the same.
    pub(crate) fn hashes(&self, levels: u16) -> Vec<Digest> {
        let (places, depth) = self.places(levels);
        places.into_iter().map(|place| place.hash(depth)).collect()
    }

    /// Places some levels below, and their depth.
    fn places(&self, levels: u16) -> (Vec<Place<'_>>, u16) {
        let mut row = vec![self.place];
        let end = (self.bits + levels).min(BITS);
        for at in self.bits..end {
            row = row.into_iter().flat_map(|place| place.halves(at)).collect();
        }
        (row, end)
    }

    fn subtree(&self, place: Place<'_>, depth: u16, read: &dyn Read) -> Result<Subtree, StoreError> {
        match place.leaves() {
            Some([]) => Ok(Subtree::Empty),
            Some([alone]) => self.tree.end(&alone.key, read).map(Subtree::Leaf),
            _ => Ok(Subtree::Inner(place.hash(depth))),
        }
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

    fn hash(self, depth: u16) -> Digest {
        match self {
            Self::Top(top) => top.hash,
            Self::Leaves(leaves) => super::subtree(leaves, usize::from(depth)),
        }
    }

    /// Its leaves, unless there are more than fit into a bucket.
    fn leaves(self) -> Option<&'a [Leaf]> {
        match self {
            Self::Leaves(leaves) => Some(leaves),
            Self::Top(Top { below: Below::Bucket(bucket), .. }) => Some(bucket),
            Self::Top(_) => None,
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

    fn tree_of(keys: &[Key]) -> (Tree, MemoryStore) {
        let mut store = MemoryStore::new();
        for key in keys {
            store.put(Table::Entries, &row(1, key), &[key[31]; 32]).expect("memory does not fail");
        }
        (Tree::open(1, &store).expect("memory does not fail"), store)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_part_with_its_siblings_makes_the_root(
            keys in proptest::collection::vec(any_key(), 0..60), at in any_key(), bits in 0u16..=256, levels in 0u16..9,
        ) {
            let (tree, store) = tree_of(&keys);
            let mut first = at;
            (usize::from(bits)..256).for_each(|at| first[at / 8] &= !(0x80 >> (at % 8)));
            let part = Part { first, bits };
            prop_assert!(part.is_canonical());
            let look = tree.look(&part);
            let below = |look: &Look<'_>, levels| look.below(levels, &store).expect("memory does not fail");
            let (subtree, siblings) = (below(&look, 0)[0], look.siblings(&store).expect("memory does not fail"));
            let root = part.climb(subtree, &siblings).expect("as many siblings as bits");
            prop_assert_eq!(root.hash(), tree.root());
            prop_assert_eq!(Subtree::over(below(&look, levels)), subtree);
            for (part, subtree) in part.below(levels).iter().zip(below(&look, levels)) {
                prop_assert_eq!(below(&tree.look(part), 0), vec![subtree]);
            }
            let hashes: Vec<Digest> = below(&look, levels).iter().map(Subtree::hash).collect();
            prop_assert_eq!(look.hashes(levels), hashes);
        }

        #[test]
        fn a_leaf_that_is_put_beside_the_part_it_lies_in_makes_no_root(
            at in any_key(), lone in 0u16..256, bits in 1u16..=256,
        ) {
            let alone = End { key: at, value_hash: Digest([7; 32]) };
            let mut first = at;
            (usize::from(bits)..256).for_each(|at| first[at / 8] &= !(0x80 >> (at % 8)));
            let (part, lone) = (Part { first, bits }, usize::from(lone % bits));
            let siblings: Vec<_> =
                (0..usize::from(bits)).map(|at| if at == lone { Subtree::Leaf(alone) } else { Subtree::Empty }).collect();
            prop_assert_eq!(part.climb(Subtree::Empty, &siblings), None);
        }
    }
}
