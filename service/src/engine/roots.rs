//! Roots of checkpoints, kept beside their certificates.
//!
//! A certificate holds the hash of a checkpoint's roots, not the roots. Readers want the newest stable checkpoint's
//! roots, also after a restart: a row for each checkpoint slot since the stable one holds them.

use quorate_ledger::{Read, Store, StoreError, Table};
use quorate_pbft::{Digest, SeqNum};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Prefix of these rows' keys, among the single values.
const PREFIX: &[u8] = b"checkpoint/";

/// The state roots of the stable checkpoint and of those after it.
#[derive(Debug, Default)]
pub(crate) struct Roots(BTreeMap<SeqNum, Digest>);

fn key(seq: SeqNum) -> Vec<u8> {
    [PREFIX, &seq.get().to_be_bytes()].concat()
}

impl Roots {
    /// Reads the rows on the disk.
    pub(super) fn load(read: &dyn Read) -> Result<Self, StoreError> {
        let mut roots = Self::default();
        let (from, to) = (key(SeqNum::default()), key(SeqNum::new(u64::MAX)));
        read.scan(Table::Meta, &from, &to, &mut |key, value| {
            let seq = key.strip_prefix(PREFIX).and_then(|seq| seq.try_into().ok()).map(u64::from_be_bytes);
            if let (Some(seq), Ok(root)) = (seq, value.try_into()) {
                roots.0.insert(SeqNum::new(seq), Digest(root));
            }
            ControlFlow::Continue(())
        })?;
        Ok(roots)
    }

    /// A checkpoint slot was executed.
    pub(crate) fn executed(&mut self, store: &mut dyn Store, seq: SeqNum, root: Digest) -> Result<(), StoreError> {
        self.0.insert(seq, root);
        store.put(Table::Meta, &key(seq), &root.0)
    }

    /// A checkpoint became stable: those before it are asked for no more.
    pub(super) fn stable(&mut self, store: &mut dyn Store, stable: SeqNum) -> Result<(), StoreError> {
        let later = self.0.split_off(&stable);
        for seq in std::mem::replace(&mut self.0, later).into_keys() {
            store.delete(Table::Meta, &key(seq))?;
        }
        Ok(())
    }

    /// The root at a checkpoint.
    pub(super) fn at(&self, seq: SeqNum) -> Option<Digest> {
        self.0.get(&seq).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_ledger::MemoryStore;

    #[test]
    fn roots_outlive_a_restart_and_leave_with_the_next_stable_checkpoint() {
        let (mut store, mut roots) = (MemoryStore::default(), Roots::default());
        for seq in [5, 7, 9] {
            roots.executed(&mut store, SeqNum::new(seq), Digest([seq as u8; 32])).unwrap();
        }

        roots.stable(&mut store, SeqNum::new(7)).unwrap();

        let loaded = Roots::load(&store).unwrap();
        assert_eq!(loaded.0, roots.0);
        assert_eq!(loaded.0.keys().map(|seq| seq.get()).collect::<Vec<_>>(), [7, 9]);
        assert_eq!(loaded.at(SeqNum::new(9)), Some(Digest([9; 32])));
    }
}
