//! The authenticated map: a binary Merkle tree over hashed names whose root depends on the content only.
//!
//! A subtree with one leaf *is* that leaf and an empty one is 32 zero bytes, so a tree has one shape whatever its
//! history. No node is stored. The leaves are rows of [`Table::Entries`], which must exist anyway; in memory there are
//! the leaves' hashes, some to a bucket, and above the buckets a binary tree of hashes: about 100 bytes an entry, so
//! that a change reads no row of its neighbours. Buckets and children are shared, so that a clone is a version: it
//! stays provable while newer slots execute.

#[cfg(feature = "execution")]
pub(crate) mod part;
pub(crate) mod proof;

use crate::state::store::{Read, StoreError, Table};
use crate::state::tree::proof::{End, TreeProof};
use core::ops::ControlFlow;
use quorate_pbft::{Digest, hash, hash_parts};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Leaves in a bucket: all of its inner hashes are made anew for each change in it, and all of its leaves are copied.
const BUCKET: usize = 8;
/// A node that has no more leaves than this becomes a bucket; half of one, so that it does not flutter.
const JOIN: u64 = BUCKET as u64 / 2;

/// Position of an entry in the tree: SHA-256 of its name.
pub(crate) type Key = [u8; 32];

/// Changes of a tree: the hash of each new value, none where the entry is gone.
pub(crate) type Changes = BTreeMap<Key, Option<Digest>>;

/// The place of a name in its tree.
pub(crate) fn key_of(name: &[u8]) -> Key {
    Sha256::digest(name).into()
}

/// The hash of a leaf.
pub(crate) fn leaf(key: &Key, value_hash: &Digest) -> Digest {
    hash_parts("quorate/v1/entry", &[key, &value_hash.0])
}

/// The hash of a node with two subtrees, at least one of which has two leaves or more.
pub(crate) fn node(left: &Digest, right: &Digest) -> Digest {
    hash_parts("quorate/v1/branch", &[&left.0, &right.0])
}

/// Root of the state that a checkpoint certifies.
pub(crate) fn state_root(group: &Digest, count: u64) -> Digest {
    hash("quorate/v1/state", &(group, count))
}

/// The `depth`-th bit of a key, from the most significant.
pub(crate) fn bit(key: &Key, depth: usize) -> bool {
    (key[depth / 8] >> (7 - depth % 8)) & 1 == 1
}

/// A tree's number in the tables; 0 is the group's.
pub(crate) type TreeNumber = u32;

/// Tree: its number and the part of it that is in memory.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    number: TreeNumber,
    top: Top,
}

#[derive(Debug, Clone)]
struct Top {
    hash: Digest,
    count: u64,
    below: Below,
}

#[derive(Debug, Clone)]
enum Below {
    /// Ascending by key.
    Bucket(Arc<[Leaf]>),
    /// More than [`JOIN`] leaves.
    Children(Arc<[Top; 2]>),
}

#[derive(Debug, Clone, Copy)]
struct Leaf {
    key: Key,
    hash: Digest,
}

/// A leaf that changed; no hash where it is gone.
type Touched = (Key, Option<Digest>);

/// The row of an entry: its tree's number and its key.
pub(crate) fn row(number: TreeNumber, key: &Key) -> [u8; 36] {
    let mut row = [0; 36];
    row[..4].copy_from_slice(&number.to_be_bytes());
    row[4..].copy_from_slice(key);
    row
}

impl Tree {
    /// A tree without entries.
    pub(crate) fn empty(number: TreeNumber) -> Self {
        Self { number, top: Top::build(&[], 0) }
    }

    /// Reads all leaves of a tree.
    pub(crate) fn open(number: TreeNumber, read: &dyn Read) -> Result<Self, StoreError> {
        Ok(Self { number, top: Top::build(&leaves(read, number)?, 0) })
    }

    /// Its number in the tables.
    pub(crate) fn number(&self) -> TreeNumber {
        self.number
    }

    /// Hash of all entries; [`Digest::ZERO`] without any.
    pub(crate) fn root(&self) -> Digest {
        self.top.hash
    }

    /// Number of entries.
    pub(crate) fn count(&self) -> u64 {
        self.top.count
    }

    /// Takes note of what was written.
    pub(crate) fn touch(&mut self, changes: &Changes) {
        let hashed = |(key, value): (&Key, &Option<Digest>)| (*key, value.map(|value| leaf(key, &value)));
        let touched: Vec<Touched> = changes.iter().map(hashed).collect();
        if !touched.is_empty() {
            self.top.touch(0, &touched);
        }
    }

    /// The proof of what stands, or does not stand, under a key.
    pub(crate) fn prove(&self, key: &Key, read: &dyn Read) -> Result<TreeProof, StoreError> {
        let (mut top, mut depth, mut siblings) = (&self.top, 0, Vec::new());
        let bucket = loop {
            match &top.below {
                Below::Children(children) => {
                    let side = usize::from(bit(key, depth));
                    siblings.push(children[1 - side].hash);
                    (top, depth) = (&children[side], depth + 1);
                }
                Below::Bucket(bucket) => break bucket,
            }
        };
        let end = descend(bucket, key, depth, &mut siblings).filter(|end| end.key != *key);
        let end = end.map(|end| self.end(&end.key, read)).transpose()?;
        Ok(TreeProof::new(&siblings, end))
    }

    /// Another entry, at which a proof of absence ends.
    fn end(&self, key: &Key, read: &dyn Read) -> Result<End, StoreError> {
        let row = read.get(Table::Entries, &row(self.number, key))?;
        let value_hash = row.as_ref().and_then(|row| row.first_chunk()).copied().map(Digest);
        let value_hash = value_hash.ok_or_else(|| damaged(self.number))?;
        Ok(End { key: *key, value_hash })
    }
}

/// Finishes a proof inside a bucket, and gives the leaf at which it ends.
fn descend(mut leaves: &[Leaf], key: &Key, mut depth: usize, siblings: &mut Vec<Digest>) -> Option<Leaf> {
    while leaves.len() > 1 {
        let (left, right) = split(leaves, depth);
        let (ours, theirs) = if bit(key, depth) { (right, left) } else { (left, right) };
        siblings.push(subtree(theirs, depth + 1));
        leaves = ours;
        depth += 1;
    }
    leaves.first().copied()
}

/// Leaves, ascending by key, whose next bit is 0, and those whose is 1.
fn split(leaves: &[Leaf], depth: usize) -> (&[Leaf], &[Leaf]) {
    leaves.split_at(leaves.partition_point(|leaf| !bit(&leaf.key, depth)))
}

/// The hash of a subtree whose leaves share their first `depth` bits.
fn subtree(leaves: &[Leaf], depth: usize) -> Digest {
    match leaves {
        [] => Digest::ZERO,
        [leaf] => leaf.hash,
        _ => {
            let (left, right) = split(leaves, depth);
            node(&subtree(left, depth + 1), &subtree(right, depth + 1))
        }
    }
}

impl Top {
    fn build(leaves: &[Leaf], depth: usize) -> Self {
        if leaves.len() <= BUCKET {
            let hash = subtree(leaves, depth);
            return Self { hash, count: leaves.len() as u64, below: Below::Bucket(leaves.into()) };
        }
        let (left, right) = split(leaves, depth);
        Self::join(Arc::new([Self::build(left, depth + 1), Self::build(right, depth + 1)]))
    }

    /// A node over children that have two leaves or more between them.
    fn join(children: Arc<[Top; 2]>) -> Self {
        let [left, right] = &*children;
        let (hash, count) = (node(&left.hash, &right.hash), left.count + right.count);
        Self { hash, count, below: Below::Children(children) }
    }

    /// Takes in what changed below, at least one leaf, ascending by key.
    fn touch(&mut self, depth: usize, touched: &[Touched]) {
        let below = core::mem::replace(&mut self.below, Below::Bucket(Arc::default()));
        *self = match below {
            Below::Bucket(bucket) => Self::build(&merged(&bucket, touched), depth),
            Below::Children(mut shared) => {
                let children = Arc::make_mut(&mut shared);
                let (left, right) = touched.split_at(touched.partition_point(|(key, _)| !bit(key, depth)));
                for (child, touched) in children.iter_mut().zip([left, right]) {
                    if !touched.is_empty() {
                        child.touch(depth + 1, touched);
                    }
                }
                if children.iter().map(|child| child.count).sum::<u64>() > JOIN {
                    Self::join(shared)
                } else {
                    Self::build(&all(children), depth)
                }
            }
        };
    }
}

/// Leaves below some nodes, ascending by key.
fn all(nodes: &[Top]) -> Vec<Leaf> {
    let below = |node: &Top| match &node.below {
        Below::Bucket(bucket) => bucket.to_vec(),
        Below::Children(children) => all(&**children),
    };
    nodes.iter().flat_map(below).collect()
}

/// A bucket's leaves after a change. Both are ascending by key.
fn merged(bucket: &[Leaf], touched: &[Touched]) -> Vec<Leaf> {
    let mut leaves = Vec::with_capacity(bucket.len() + touched.len());
    let mut old = bucket.iter().peekable();
    for (key, hash) in touched {
        while let Some(leaf) = old.next_if(|leaf| leaf.key < *key) {
            leaves.push(*leaf);
        }
        old.next_if(|leaf| leaf.key == *key);
        leaves.extend(hash.map(|hash| Leaf { key: *key, hash }));
    }
    leaves.extend(old);
    leaves
}

/// Leaves of a tree as they are stored, ascending by key.
fn leaves(read: &dyn Read, number: TreeNumber) -> Result<Vec<Leaf>, StoreError> {
    let mut found = Vec::new();
    let mut is_damaged = false;
    read.scan(Table::Entries, &row(number, &[0; 32]), &row(number, &[0xff; 32]), &mut |row, value| {
        match (row.get(4..).and_then(|key| key.try_into().ok()), value.first_chunk()) {
            (Some(key), Some(value_hash)) => found.push(Leaf { key, hash: leaf(&key, &Digest(*value_hash)) }),
            _ => is_damaged = true,
        }
        if is_damaged { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if is_damaged { Err(damaged(number)) } else { Ok(found) }
}

fn damaged(number: TreeNumber) -> StoreError {
    StoreError(format!("an entry of tree {number} is damaged"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::memory_store::MemoryStore;
    use crate::state::store::Store;
    use proptest::prelude::*;

    type Model = BTreeMap<Key, Digest>;

    /// The definition, without buckets or sharing.
    fn naive_root(model: &Model) -> Digest {
        let leaves: Vec<Leaf> = model.iter().map(|(key, value)| Leaf { key: *key, hash: leaf(key, value) }).collect();
        subtree(&leaves, 0)
    }

    fn write(store: &mut MemoryStore, key: &Key, value: Option<Digest>) {
        let row = row(1, key);
        match value {
            Some(value) => store.put(Table::Entries, &row, &value.0),
            None => store.delete(Table::Entries, &row),
        }
        .expect("memory does not fail");
    }

    fn apply(tree: &mut Tree, store: &mut MemoryStore, model: &mut Model, batch: &[(Key, Option<Digest>)]) {
        let batch: Changes = batch.iter().copied().collect();
        for (key, value) in &batch {
            write(store, key, *value);
            match value {
                Some(value) => drop(model.insert(*key, *value)),
                None => drop(model.remove(key)),
            }
        }
        tree.touch(&batch);
    }

    /// Keys that often share long prefixes, as somebody who grinds names could make them.
    fn any_key() -> impl Strategy<Value = Key> {
        (0u8..4, 0u8..3, any::<u8>()).prop_map(|(first, middle, last)| {
            let mut key = [0; 32];
            (key[0], key[9], key[31]) = (first << 6, middle, last);
            key
        })
    }

    fn any_batches() -> impl Strategy<Value = Vec<Vec<(Key, Option<Digest>)>>> {
        let change = (any_key(), proptest::option::weighted(0.6, any::<u8>()));
        let change = change.prop_map(|(key, value)| (key, value.map(|byte| Digest([byte; 32]))));
        proptest::collection::vec(proptest::collection::vec(change, 1..60), 1..8)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_root_is_that_of_the_naive_tree_after_every_batch(batches in any_batches()) {
            let (mut tree, mut store, mut model) = (Tree::empty(1), MemoryStore::new(), Model::new());
            for batch in &batches {
                apply(&mut tree, &mut store, &mut model, batch);
                prop_assert_eq!(tree.root(), naive_root(&model));
                prop_assert_eq!(tree.count(), model.len() as u64);
                prop_assert_eq!(Tree::open(1, &store).expect("memory").root(), tree.root());
            }
        }

        #[test]
        fn every_key_is_proved_to_be_there_or_not(batches in any_batches(), asked in any_key()) {
            let (mut tree, mut store, mut model) = (Tree::empty(1), MemoryStore::new(), Model::new());
            for batch in &batches {
                apply(&mut tree, &mut store, &mut model, batch);
            }
            for key in model.keys().copied().chain([asked]) {
                let proof = tree.prove(&key, &store).expect("memory");
                let value = model.get(&key);
                prop_assert_eq!(proof.root(&key, value), Some(tree.root()));
                let other = Digest(core::array::from_fn(|at| at as u8)); // no value of these trees
                prop_assert_ne!(proof.root(&key, Some(&other)), Some(tree.root()));
                if value.is_some() {
                    prop_assert_ne!(proof.root(&key, None), Some(tree.root()));
                }
            }
        }

        #[test]
        fn a_clone_stays_provable_while_the_tree_goes_on(batches in any_batches()) {
            let (mut tree, mut store, mut model) = (Tree::empty(1), MemoryStore::new(), Model::new());
            apply(&mut tree, &mut store, &mut model, &batches[0]);
            let (held, held_store, held_model) = (tree.clone(), store.clone(), model.clone());
            for batch in &batches[1..] {
                apply(&mut tree, &mut store, &mut model, batch);
            }
            prop_assert_eq!(held.root(), naive_root(&held_model));
            for (key, value) in &held_model {
                prop_assert_eq!(held.prove(key, &held_store).expect("memory").root(key, Some(value)), Some(held.root()));
            }
        }
    }
}
