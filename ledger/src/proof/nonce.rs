//! A reader's nonce in a read mark.

use crate::state::slot_log::{leaf, node};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, MERKLE_DEPTH_MAX, bounded, merkle_path};

/// A nonce and its path to the root that the mark holds.
///
/// The mark does not say how many nonces it has, so each step names its side: one path, one encoding.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NonceProof {
    nonce: Digest,
    #[borsh(deserialize_with = "bounded::list::<MERKLE_DEPTH_MAX, _, _>")]
    steps: Vec<NonceStep>,
}

/// Step up the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum NonceStep {
    /// The sibling is on the left.
    Left(Digest) = 1,
    /// The sibling is on the right.
    Right(Digest) = 2,
}

impl NonceProof {
    /// The proof of the nonce at `index` of a mark made of `nonces`; none if there is no such nonce.
    pub fn new(nonces: &[Digest], index: usize) -> Option<Self> {
        let siblings = merkle_path(nonces, index)?;
        let (mut below, mut count, mut sides) = (index, nonces.len(), Vec::new());
        while count > 1 {
            let left = count.next_power_of_two() / 2;
            sides.push(below < left);
            (below, count) = if below < left { (below, left) } else { (below - left, count - left) };
        }
        let step = |(sibling, is_left): (Digest, bool)| match is_left {
            true => NonceStep::Right(sibling),
            false => NonceStep::Left(sibling),
        };
        let steps = siblings.into_iter().zip(sides.into_iter().rev()).map(step).collect();
        Some(Self { nonce: nonces[index], steps })
    }

    /// The reader's own.
    pub fn nonce(&self) -> Digest {
        self.nonce
    }

    /// Root that the mark must hold.
    pub fn root(&self) -> Digest {
        self.steps.iter().fold(leaf(&self.nonce), |below, step| match step {
            NonceStep::Left(sibling) => node(sibling, &below),
            NonceStep::Right(sibling) => node(&below, sibling),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::merkle_root;

    #[test]
    fn every_nonce_leads_to_the_marks_root() {
        for count in 1..=9_u8 {
            let nonces: Vec<Digest> = (0..count).map(|byte| Digest([byte; 32])).collect();
            for index in 0..nonces.len() {
                let proof = NonceProof::new(&nonces, index).expect("in range");
                assert_eq!((proof.nonce(), proof.root()), (nonces[index], merkle_root(&nonces)));
            }
            assert_eq!(NonceProof::new(&nonces, nonces.len()), None);
        }
    }
}
