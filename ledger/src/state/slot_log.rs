//! The append-only tree of executed slots (RFC 9162): what happened in each, under one root for ever.
//!
//! Its nodes are appended to [`Table::Range`] and never rewritten; the state holds its size and its peaks. Leaf and
//! node hashes are those of [`quorate_pbft::merkle_root`], so a path is checked by [`quorate_pbft::merkle_proves`].

use crate::state::store::{Read, StoreError, Table};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, MERKLE_DEPTH_MAX, SeqNum, bounded, hash_parts};

/// Callback that writes a row.
pub(crate) type Put<'a> = &'a mut dyn FnMut(Table, &[u8], &[u8]) -> Result<(), StoreError>;

/// Size and peaks of the tree: all that appending and the root need.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct SlotLog {
    /// Number of leaves.
    size: u64,
    /// Roots of the whole subtrees, largest first: one for each bit that is set in `size`.
    #[borsh(deserialize_with = "bounded::list::<MERKLE_DEPTH_MAX, _, _>")]
    peaks: Vec<Digest>,
}

pub(crate) fn leaf(value: &Digest) -> Digest {
    hash_parts("quorate/v1/leaf", &[&value.0])
}

pub(crate) fn node(left: &Digest, right: &Digest) -> Digest {
    hash_parts("quorate/v1/node", &[&left.0, &right.0])
}

fn row(level: u32, index: u64) -> [u8; 9] {
    let mut row = [0; 9];
    row[0] = level as u8; // at most 63: `index` has 64 bits
    row[1..].copy_from_slice(&index.to_be_bytes());
    row
}

impl SlotLog {
    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over all leaves; [`Digest::ZERO`] without any. None unless there is a peak for each bit of the size.
    pub fn root(&self) -> Option<Digest> {
        if self.peaks.len() != self.size.count_ones() as usize {
            return None;
        }
        let bagged = self.peaks.iter().rev().copied().reduce(|right, left| node(&left, &right));
        Some(bagged.unwrap_or(Digest::ZERO))
    }

    /// Appends a value.
    pub(crate) fn push(&mut self, value: &Digest, put: Put<'_>) -> Result<(), StoreError> {
        let (mut level, mut index, mut hash) = (0, self.size, leaf(value));
        put(Table::Range, &row(level, index), &hash.0)?;
        while index & 1 == 1 {
            let left = self.peaks.pop().expect("a peak for each bit of the size");
            hash = node(&left, &hash);
            (level, index) = (level + 1, index >> 1);
            put(Table::Range, &row(level, index), &hash.0)?;
        }
        self.peaks.push(hash);
        self.size += 1;
        Ok(())
    }

    /// Writes the peaks: with them alone all leaves that follow are proved, where the nodes of older ones are not.
    pub(crate) fn put_peaks(&self, put: Put<'_>) -> Result<(), StoreError> {
        let levels = (0..u64::BITS).rev().filter(|level| (self.size >> level) & 1 == 1);
        let mut from = 0;
        for (level, peak) in levels.zip(&self.peaks) {
            put(Table::Range, &row(level, from >> level), &peak.0)?;
            from += 1 << level;
        }
        Ok(())
    }

    /// The path of a leaf, from its sibling up; none if there is no such leaf.
    pub(crate) fn prove(&self, index: u64, read: &dyn Read) -> Result<Option<Vec<Digest>>, StoreError> {
        if index >= self.size {
            return Ok(None);
        }
        let (mut from, mut to, mut path) = (0, self.size, Vec::new());
        while to - from > 1 {
            let middle = from + split(to - from);
            if index < middle {
                path.push(subtree(middle, to, read)?);
                to = middle;
            } else {
                path.push(subtree(from, middle, read)?);
                from = middle;
            }
        }
        path.reverse();
        Ok(Some(path))
    }
}

/// Whether a node, by its row, is on no path of a leaf from `oldest` on nor beside one: all below its parent are older.
pub(crate) fn is_off_all_paths(row: &[u8], oldest: SeqNum) -> bool {
    let Some((level, index)) = row.split_first() else { return false };
    let Some(index) = index.first_chunk().map(|index| u64::from_be_bytes(*index)) else { return false };
    let forgotten = u128::from(oldest.get().saturating_sub(1)); // leaf 0 is slot 1
    ((u128::from(index) >> 1) + 1) << (u32::from(*level) + 1).min(64) <= forgotten
}

/// The largest power of two below `count`, for a `count` of at least two.
fn split(count: u64) -> u64 {
    1 << (63 - (count - 1).leading_zeros())
}

/// The root over the leaves `from..to`, at least one, which begin where a whole subtree does.
fn subtree(from: u64, to: u64, read: &dyn Read) -> Result<Digest, StoreError> {
    let count = to - from;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        let stored = read.get(Table::Range, &row(level, from >> level))?;
        let digest = stored.and_then(|bytes| bytes.try_into().ok()).map(Digest);
        return digest.ok_or_else(|| StoreError(format!("node {level}/{} of the range is missing", from >> level)));
    }
    let middle = from + split(count);
    Ok(node(&subtree(from, middle, read)?, &subtree(middle, to, read)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::memory_store::MemoryStore;
    use crate::state::store::Store;
    use quorate_pbft::{merkle_proves, merkle_root};

    #[test]
    fn every_leaf_is_proved_at_every_size() {
        let (mut log, mut store) = (SlotLog::default(), MemoryStore::new());
        let values: Vec<Digest> = (0..40).map(|byte| Digest([byte; 32])).collect();
        for size in 0..=values.len() {
            let root = log.root().expect("a peak for each bit");
            assert_eq!(root, merkle_root(&values[..size]));
            for (index, value) in values[..size].iter().enumerate() {
                let path = log.prove(index as u64, &store).expect("memory").expect("a leaf");
                assert!(merkle_proves(&root, value, index, size, &path), "{index} of {size}");
                assert!(!merkle_proves(&root, value, (index + 1) % size, size, &path) || size == 1);
            }
            if let Some(value) = values.get(size) {
                log.push(value, &mut |table, key, value| store.put(table, key, value)).expect("memory");
            }
        }
    }

    #[test]
    fn leaves_from_any_slot_on_are_proved_without_what_is_off_their_paths() {
        let values: Vec<Digest> = (0..40).map(|byte| Digest([byte; 32])).collect();
        for oldest in 0..=41_u64 {
            let (mut log, mut store) = (SlotLog::default(), MemoryStore::new());
            for value in &values {
                log.push(value, &mut |table, key, value| store.put(table, key, value)).expect("memory");
            }
            let mut nodes = Vec::new();
            let each = &mut |key: &[u8], _: &[u8]| {
                nodes.push(key.to_vec());
                core::ops::ControlFlow::Continue(())
            };
            store.scan(Table::Range, &[], &[0xff; 9], each).expect("memory");
            let gone: Vec<_> = nodes.iter().filter(|node| is_off_all_paths(node, SeqNum::new(oldest))).collect();
            gone.iter().for_each(|node| store.delete(Table::Range, node).expect("memory"));
            let root = log.root().expect("a peak for each bit");
            for index in oldest.saturating_sub(1)..40 {
                let path = log.prove(index, &store).expect("nothing is missing").expect("a leaf");
                assert!(
                    merkle_proves(&root, &values[index as usize], index as usize, 40, &path),
                    "{index} from {oldest}"
                );
            }
            assert!(
                gone.len() as u64 + 12 >= 2 * oldest.saturating_sub(1),
                "{} nodes are gone, from {oldest}",
                gone.len()
            );
        }
    }

    #[test]
    fn leaves_that_follow_a_copy_are_proved_from_its_peaks() {
        let values: Vec<Digest> = (0..40).map(|byte| Digest([byte; 32])).collect();
        for copied in 0..40_u64 {
            let (mut log, mut gone) = (SlotLog::default(), MemoryStore::new());
            for value in &values[..copied as usize] {
                log.push(value, &mut |table, key, value| gone.put(table, key, value)).expect("memory");
            }
            let mut store = MemoryStore::new();
            log.put_peaks(&mut |table, key, value| store.put(table, key, value)).expect("memory");
            for (index, value) in values.iter().enumerate().skip(copied as usize) {
                log.push(value, &mut |table, key, value| store.put(table, key, value)).expect("memory");
                let root = log.root().expect("a peak for each bit");
                for (leaf, value) in values.iter().enumerate().take(index + 1).skip(copied as usize) {
                    let path = log.prove(leaf as u64, &store).expect("nothing is missing").expect("a leaf");
                    assert!(merkle_proves(&root, value, leaf, index + 1, &path), "{leaf} after {copied}");
                }
            }
        }
    }

    #[test]
    fn a_range_that_lacks_a_peak_has_no_root() {
        let log = SlotLog { size: 3, peaks: vec![Digest([1; 32])] };
        assert_eq!(log.root(), None);
    }
}
