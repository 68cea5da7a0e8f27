//! Merkle trees over digests, in the shape of RFC 9162: leaf tag, node tag, split at the largest power of two.
//!
//! Merkle trees of one shape for everything that the core names by a root: items of a bundle, nonces of a read mark, slots of a
//! view change.

use crate::wire::{Digest, hash_parts};
use alloc::vec::Vec;

/// Levels above a leaf, at most: those of a tree whose leaves are counted by 64 bits.
pub const MERKLE_DEPTH_MAX: usize = 64;

/// The root over `values` in order; [`Digest::ZERO`] of none.
pub fn merkle_root(values: &[Digest]) -> Digest {
    let leaves: Vec<Digest> = values.iter().map(leaf).collect();
    subtree(&leaves)
}

/// The siblings from the value at `index` up to the root; none if there is no such value.
pub fn merkle_path(values: &[Digest], index: usize) -> Option<Vec<Digest>> {
    if index >= values.len() {
        return None;
    }
    let leaves: Vec<Digest> = values.iter().map(leaf).collect();
    let mut path = Vec::new();
    climb(&leaves, index, &mut path);
    Some(path)
}

/// Whether `value` is at `index` of `count` values under `root`. A path of another length proves nothing.
pub fn merkle_proves(root: &Digest, value: &Digest, index: usize, count: usize, path: &[Digest]) -> bool {
    index < count && descend(leaf(value), index, count, path) == Some(*root)
}

fn leaf(value: &Digest) -> Digest {
    hash_parts("quorate/v1/leaf", &[&value.0])
}

fn node(left: &Digest, right: &Digest) -> Digest {
    hash_parts("quorate/v1/node", &[&left.0, &right.0])
}

fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

fn subtree(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::ZERO,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&subtree(left), &subtree(right))
        }
    }
}

fn climb(leaves: &[Digest], index: usize, path: &mut Vec<Digest>) {
    if leaves.len() < 2 {
        return;
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if index < left.len() {
        climb(left, index, path);
        path.push(subtree(right));
    } else {
        climb(right, index - left.len(), path);
        path.push(subtree(left));
    }
}

/// The root that a path leads to; the path's last element is the sibling just below the root.
fn descend(value: Digest, index: usize, count: usize, path: &[Digest]) -> Option<Digest> {
    if count == 1 {
        return path.is_empty().then_some(value);
    }
    let (sibling, below) = path.split_last()?;
    let left = split(count);
    if index < left {
        Some(node(&descend(value, index, left, below)?, sibling))
    } else {
        Some(node(sibling, &descend(value, index - left, count - left, below)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: u8) -> Vec<Digest> {
        (0..count).map(|byte| Digest([byte; 32])).collect()
    }

    #[test]
    fn every_value_of_a_tree_of_any_size_is_proved_at_its_place_only() {
        for count in 1..=17 {
            let all = values(count);
            let root = merkle_root(&all);
            for index in 0..all.len() {
                let path = merkle_path(&all, index).expect("in range");
                for place in 0..all.len() {
                    assert_eq!(merkle_proves(&root, &all[index], place, all.len(), &path), place == index);
                }
            }
        }
    }

    #[test]
    fn a_path_that_is_too_long_or_too_short_proves_nothing() {
        let all = values(6);
        let root = merkle_root(&all);
        let mut path = merkle_path(&all, 2).expect("in range");
        path.push(Digest::ZERO);
        assert!(!merkle_proves(&root, &all[2], 2, 6, &path));
        path.truncate(1);
        assert!(!merkle_proves(&root, &all[2], 2, 6, &path));
    }
}
