//! The authenticated map: a binary Merkle tree over hashed names whose root depends on the content only.
//!
//! A subtree with one leaf *is* that leaf and an empty one is 32 zero bytes, so a tree has one shape whatever its
//! history. No node is stored. The leaves are rows of [`Table::Entries`], which must exist anyway; above subtrees of
//! at most [`BUCKET`] leaves a small tree in memory holds the hashes. Its children are shared, so that a clone is a
//! version: with a snapshot of the rows from the same moment it stays provable while newer slots execute.

use crate::proof::{End, TreeProof};
use crate::store::{Read, StoreError, Table};
use core::ops::ControlFlow;
use quorate_pbft::{Digest, hash_parts};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// Leaves below one node of the tree in memory: a bucket is read in one scan.
const BUCKET: u64 = 16;
/// A node that has no more leaves than this loses its children; half a bucket, so that it does not flutter.
const JOIN: u64 = BUCKET / 2;

/// Where an entry hangs: SHA-256 of its name.
pub(crate) type Key = [u8; 32];

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

/// The `depth`-th bit of a key, from the most significant.
pub(crate) fn bit(key: &Key, depth: usize) -> bool {
    (key[depth / 8] >> (7 - depth % 8)) & 1 == 1
}

/// A tree's number in the tables; 0 is the group's.
pub(crate) type TreeNumber = u32;

/// One tree: its number and what of it is in memory.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    number: TreeNumber,
    top: Top,
}

/// What a subtree is; only the last kind has a hash that is not a leaf's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Empty,
    Leaf,
    Inner,
}

#[derive(Debug, Clone)]
struct Top {
    shape: Shape,
    hash: Digest,
    count: u64,
    children: Option<Arc<[Top; 2]>>,
}

/// (key, leaf hash), ascending by key.
type Leaves = Vec<(Key, Digest)>;

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
        let leaves = scan(read, number, &[0; 32], &[0xff; 32])?;
        Ok(Self { number, top: Top::build(&leaves, 0) })
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

    /// Takes note that the rows of these keys, strictly ascending, were written or removed.
    pub(crate) fn touch(&mut self, keys: &[Key], read: &dyn Read) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.top.touch(&Place::ROOT, keys, self.number, read)
    }

    /// The proof of what stands, or does not stand, under a key.
    pub(crate) fn prove(&self, key: &Key, read: &dyn Read) -> Result<TreeProof, StoreError> {
        let mut siblings = Vec::new();
        let (mut top, mut place) = (&self.top, Place::ROOT);
        while let (Some(children), Shape::Inner) = (&top.children, top.shape) {
            let side = usize::from(bit(key, place.depth));
            siblings.push(children[1 - side].hash);
            place = place.child(side == 1);
            top = &children[side];
        }
        let (from, to) = place.ends();
        let leaves = scan_hashes(read, self.number, &from, &to)?;
        Ok(descend(&leaves, key, place.depth, siblings))
    }
}

/// Finishes a proof inside a bucket: (key, value hash), ascending by key.
fn descend(mut leaves: &[(Key, Digest)], key: &Key, mut depth: usize, mut siblings: Vec<Digest>) -> TreeProof {
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at(leaves.partition_point(|(key, _)| !bit(key, depth)));
        let (ours, theirs) = if bit(key, depth) { (right, left) } else { (left, right) };
        let hashed: Leaves = theirs.iter().map(|(key, value)| (*key, leaf(key, value))).collect();
        siblings.push(subtree(&hashed, depth + 1).1);
        leaves = ours;
        depth += 1;
    }
    let end = leaves
        .first()
        .filter(|(end, _)| end != key)
        .map(|(key, value_hash)| End { key: *key, value_hash: *value_hash });
    TreeProof::new(&siblings, end)
}

/// Shape and hash of a subtree whose leaves share their first `depth` bits.
fn subtree(leaves: &[(Key, Digest)], depth: usize) -> (Shape, Digest) {
    match leaves {
        [] => (Shape::Empty, Digest::ZERO),
        [(_, hash)] => (Shape::Leaf, *hash),
        _ => {
            let (left, right) = leaves.split_at(leaves.partition_point(|(key, _)| !bit(key, depth)));
            (Shape::Inner, node(&subtree(left, depth + 1).1, &subtree(right, depth + 1).1))
        }
    }
}

impl Top {
    fn build(leaves: &[(Key, Digest)], depth: usize) -> Self {
        if leaves.len() as u64 <= BUCKET {
            let (shape, hash) = subtree(leaves, depth);
            return Self { shape, hash, count: leaves.len() as u64, children: None };
        }
        let (left, right) = leaves.split_at(leaves.partition_point(|(key, _)| !bit(key, depth)));
        Self::join(Arc::new([Self::build(left, depth + 1), Self::build(right, depth + 1)]))
    }

    fn join(children: Arc<[Top; 2]>) -> Self {
        let [left, right] = &*children;
        let count = left.count + right.count;
        let (shape, hash) = match (left.shape, right.shape) {
            (Shape::Empty | Shape::Leaf, Shape::Empty) => (left.shape, left.hash),
            (Shape::Empty, Shape::Leaf) => (right.shape, right.hash),
            _ => (Shape::Inner, node(&left.hash, &right.hash)),
        };
        Self { shape, hash, count, children: Some(children) }
    }

    fn touch(&mut self, place: &Place, keys: &[Key], number: TreeNumber, read: &dyn Read) -> Result<(), StoreError> {
        if let Some(mut shared) = self.children.take() {
            let children = Arc::make_mut(&mut shared);
            let (left, right) = keys.split_at(keys.partition_point(|key| !bit(key, place.depth)));
            if !left.is_empty() {
                children[0].touch(&place.child(false), left, number, read)?;
            }
            if !right.is_empty() {
                children[1].touch(&place.child(true), right, number, read)?;
            }
            if children[0].count + children[1].count > JOIN {
                *self = Self::join(shared);
                return Ok(());
            }
        }
        let (from, to) = place.ends();
        *self = Self::build(&scan(read, number, &from, &to)?, place.depth);
        Ok(())
    }
}

/// A node's place: the first `depth` bits of the keys below it.
struct Place {
    prefix: Key,
    depth: usize,
}

impl Place {
    const ROOT: Self = Self { prefix: [0; 32], depth: 0 };

    fn child(&self, right: bool) -> Self {
        let mut prefix = self.prefix;
        if right {
            prefix[self.depth / 8] |= 0x80 >> (self.depth % 8);
        }
        Self { prefix, depth: self.depth + 1 }
    }

    /// The first and the last key below it.
    fn ends(&self) -> (Key, Key) {
        let mut last = self.prefix;
        for at in self.depth..256 {
            last[at / 8] |= 0x80 >> (at % 8);
        }
        (self.prefix, last)
    }
}

fn scan(read: &dyn Read, number: TreeNumber, from: &Key, to: &Key) -> Result<Leaves, StoreError> {
    let mut leaves = scan_hashes(read, number, from, to)?;
    for (key, hash) in &mut leaves {
        *hash = leaf(key, hash);
    }
    Ok(leaves)
}

/// (key, value hash), ascending by key.
fn scan_hashes(read: &dyn Read, number: TreeNumber, from: &Key, to: &Key) -> Result<Leaves, StoreError> {
    let mut found = Leaves::new();
    let mut damaged = false;
    read.scan(Table::Entries, &row(number, from), &row(number, to), &mut |row, value| {
        match (row.get(4..).and_then(|key| key.try_into().ok()), value.first_chunk()) {
            (Some(key), Some(value_hash)) => found.push((key, Digest(*value_hash))),
            _ => damaged = true,
        }
        if damaged { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if damaged { Err(StoreError(format!("an entry of tree {number} is damaged"))) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;
    use crate::store::Store;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Model = BTreeMap<Key, Digest>;

    /// The definition, without buckets or sharing.
    fn naive_root(model: &Model) -> Digest {
        let leaves: Leaves = model.iter().map(|(key, value)| (*key, leaf(key, value))).collect();
        subtree(&leaves, 0).1
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
        let batch: BTreeMap<Key, Option<Digest>> = batch.iter().copied().collect();
        for (key, value) in &batch {
            write(store, key, *value);
            match value {
                Some(value) => drop(model.insert(*key, *value)),
                None => drop(model.remove(key)),
            }
        }
        let keys: Vec<Key> = batch.keys().copied().collect();
        tree.touch(&keys, store).expect("memory does not fail");
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
