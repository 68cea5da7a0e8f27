//! Merkle paths of state entries: that something stands under a name, or that nothing does.

use crate::state::tree::{Key, bit, leaf, node};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, bounded};

/// Depth of the deepest leaf: the bits of a key.
const DEPTH_MAX: usize = 256;

/// A path from an entry's place up to the root of its tree.
///
/// A proof has one encoding: a bit for each level says whether the sibling there is empty, and empty ones are not
/// written.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TreeProof {
    /// Levels from the root to the place.
    depth: u16,
    /// Bit i, most significant first: whether the sibling at level i + 1 is not empty.
    #[borsh(deserialize_with = "bounded::list::<{ DEPTH_MAX / 8 }, _, _>")]
    present: Vec<u8>,
    /// The siblings that are not empty, from the root down.
    #[borsh(deserialize_with = "bounded::list::<DEPTH_MAX, _, _>")]
    siblings: Vec<Digest>,
    /// For an absent name: the other leaf that stands at its place; none where the place is empty.
    end: Option<End>,
}

/// A leaf that stands where an absent name would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct End {
    /// Its place.
    pub key: [u8; 32],
    /// Hash of its value.
    pub value_hash: Digest,
}

impl TreeProof {
    /// From all siblings, empty ones included, from the root down.
    pub(crate) fn new(all: &[Digest], end: Option<End>) -> Self {
        let mut present = vec![0; all.len().div_ceil(8)];
        for (level, _) in all.iter().enumerate().filter(|(_, sibling)| **sibling != Digest::ZERO) {
            present[level / 8] |= 0x80 >> (level % 8);
        }
        let siblings = all.iter().filter(|sibling| **sibling != Digest::ZERO).copied().collect();
        let depth = u16::try_from(all.len()).expect("a key has 256 bits");
        Self { depth, present, siblings, end }
    }

    /// The root that follows if `value_hash` stands under `key`, or nothing does; none where the form is wrong.
    pub(crate) fn root(&self, key: &Key, value_hash: Option<&Digest>) -> Option<Digest> {
        let siblings = self.all_siblings()?;
        let start = match (value_hash, &self.end) {
            (Some(value_hash), None) => leaf(key, value_hash),
            (None, None) => Digest::ZERO,
            (None, Some(end)) if end.shares_place(key, siblings.len()) => leaf(&end.key, &end.value_hash),
            _ => return None,
        };
        let climb = |hash: Digest, (level, sibling): (usize, &Digest)| match bit(key, level) {
            true => node(sibling, &hash),
            false => node(&hash, sibling),
        };
        Some(siblings.iter().enumerate().rev().fold(start, climb))
    }

    /// The siblings with the empty ones; none unless this is the one encoding of them.
    fn all_siblings(&self) -> Option<Vec<Digest>> {
        let depth = usize::from(self.depth);
        if depth > DEPTH_MAX || self.present.len() != depth.div_ceil(8) || self.siblings.contains(&Digest::ZERO) {
            return None;
        }
        let is_present = |level: usize| self.present[level / 8] & (0x80 >> (level % 8)) != 0;
        if (depth..self.present.len() * 8).any(is_present) {
            return None;
        }
        let mut written = self.siblings.iter().copied();
        let mut all = Vec::with_capacity(depth);
        for level in 0..depth {
            all.push(if is_present(level) { written.next()? } else { Digest::ZERO });
        }
        written.next().is_none().then_some(all)
    }
}

impl End {
    fn shares_place(&self, key: &Key, depth: usize) -> bool {
        self.key != *key && (0..depth).all(|level| bit(&self.key, level) == bit(key, level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_with_spare_bits_or_surplus_siblings_has_no_root() {
        let good = TreeProof::new(&[Digest([1; 32]), Digest::ZERO, Digest([2; 32])], None);
        assert!(good.root(&[0; 32], None).is_some());

        let mut spare = good.clone();
        spare.present[0] |= 1;
        assert_eq!(spare.root(&[0; 32], None), None);
        let mut surplus = good.clone();
        surplus.siblings.push(Digest([3; 32]));
        assert_eq!(surplus.root(&[0; 32], None), None);
        let mut zero = good.clone();
        zero.siblings[0] = Digest::ZERO;
        assert_eq!(zero.root(&[0; 32], None), None);
        let mut deep = good;
        deep.depth = 300;
        assert_eq!(deep.root(&[0; 32], None), None);
    }
}
