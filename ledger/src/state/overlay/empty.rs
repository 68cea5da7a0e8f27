//! Stretches of a table in which the envelope in hand has removed every row: a scan jumps over them.
//!
//! An envelope that removes the files of a large folder and writes into it has the folder's rows looked for with each of its
//! operations. It passes each row that it removed once, and not once for each operation.

use crate::state::store::Table;
use core::ops::{Bound, ControlFlow};
use std::collections::BTreeMap;

/// Removed rows in a row that are worth a stretch: to begin a scan anew costs as much as to pass so many.
const PASSED_MIN: usize = 16;

/// First key of each stretch, and the first one behind it.
#[derive(Default)]
pub(super) struct Empty(BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>);

impl Empty {
    /// The stretch that a key lies in.
    fn around(&self, table: Table, key: &[u8]) -> Option<(&[u8], &[u8])> {
        let (from, behind) =
            self.0.get(&table)?.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back()?;
        (key < behind.as_slice()).then_some((from, behind))
    }

    fn add(&mut self, table: Table, from: Vec<u8>, behind: Vec<u8>) {
        let stretches = self.0.entry(table).or_default();
        let inside: Vec<_> = stretches.range(from.clone()..behind.clone()).map(|(from, _)| from.clone()).collect();
        inside.iter().for_each(|from| drop(stretches.remove(from)));
        stretches.insert(from, behind);
    }

    /// A row is there now: what was around it are two stretches.
    pub(super) fn fill(&mut self, table: Table, key: &[u8]) {
        let Some((from, behind)) = self.around(table, key).map(|(from, behind)| (from.to_vec(), behind.to_vec()))
        else {
            return;
        };
        let stretches = self.0.entry(table).or_default();
        stretches.remove(&from);
        let halves = [(from, key.to_vec()), (next(key), behind)];
        stretches.extend(halves.into_iter().filter(|(from, behind)| from < behind));
    }

    /// Other rows than before may be there.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Removed rows that a scan passes one after the other.
#[derive(Default)]
pub(super) struct Passed {
    from: Option<Vec<u8>>,
    behind: Vec<u8>,
    count: usize,
    /// Where the scan goes on, behind a known stretch.
    jump: Option<Vec<u8>>,
}

impl Passed {
    /// Passes a removed row; a scan breaks off where a known stretch begins.
    pub(super) fn pass(&mut self, empty: &Empty, table: Table, key: &[u8]) -> ControlFlow<()> {
        let known = empty.around(table, key);
        self.from.get_or_insert_with(|| known.map_or(key, |(from, _)| from).to_vec());
        self.behind.clear();
        let Some((_, behind)) = known else {
            self.behind.extend(key);
            self.behind.push(0);
            self.count += 1;
            return ControlFlow::Continue(());
        };
        self.behind.extend(behind);
        self.count += PASSED_MIN;
        self.jump = Some(behind.to_vec());
        ControlFlow::Break(())
    }

    /// Keeps what was passed, up to the row that is there, or else to the last one that was removed.
    pub(super) fn end(&mut self, empty: &mut Empty, table: Table, row: Option<&[u8]>) {
        if let Some(from) = self.from.take()
            && self.count >= PASSED_MIN
        {
            empty.add(table, from, row.unwrap_or(&self.behind).to_vec());
        }
        self.count = 0;
    }

    /// The key from which a scan that broke off goes on.
    pub(super) fn jump(&mut self) -> Option<Vec<u8>> {
        self.jump.take()
    }
}

/// The key behind one.
fn next(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::memory_store::MemoryStore;
    use crate::state::overlay::Overlay;
    use crate::state::overlay::scan::Each;
    use crate::state::store::{Live, Read, ReadLive, Store, StoreError};
    use core::cell::Cell;
    use std::collections::BTreeSet;

    const TABLE: Table = Table::Names;

    fn keys(overlay: &Overlay, from: &[u8], most: usize) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let each = &mut |key: &[u8], _: &[u8]| {
            found.push(key.to_vec());
            if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        overlay.scan(Live::Names, from, &[0xff], each).unwrap();
        found
    }

    #[test]
    fn scans_find_what_stands_whatever_was_removed_and_put_before_them() {
        let mut dice = 0x9e37_79b9_u64;
        let mut below = |bound: u64| {
            dice = dice.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (dice >> 33) % bound
        };
        for _ in 0..40 {
            let mut store = MemoryStore::default();
            let mut model: BTreeSet<Vec<u8>> = (0..200_u8).map(|at| vec![at]).collect();
            model.iter().for_each(|key| store.put(TABLE, key, b"").unwrap());
            let mut overlay = Overlay::new(&mut store, None);
            for _ in 0..300 {
                let (key, run) = (below(200) as u8, below(60) as u8);
                match below(3) {
                    0 => (key..key.saturating_add(run).min(200)).for_each(|at| {
                        model.remove(&vec![at]);
                        overlay.remove_row(Live::Names, vec![at]);
                    }),
                    1 => {
                        model.insert(vec![key]);
                        overlay.put_row(TABLE, vec![key], vec![]);
                    }
                    _ => {
                        let most = 1 + below(20) as usize;
                        let wanted: Vec<_> = model.range(vec![key]..).take(most).cloned().collect();
                        assert_eq!(keys(&overlay, &[key], most), wanted);
                    }
                }
            }
        }
    }

    /// A store that counts the rows which its scans hand out.
    #[derive(Default)]
    struct Counting(MemoryStore, Cell<usize>);

    impl Read for Counting {
        fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            self.0.get(table, key)
        }

        fn scan(&self, table: Table, from: &[u8], to: &[u8], each: Each<'_>) -> Result<(), StoreError> {
            self.0.scan(table, from, to, &mut |key, value| {
                self.1.set(self.1.get() + 1);
                each(key, value)
            })
        }

        fn scan_back(&self, table: Table, from: &[u8], to: &[u8], each: Each<'_>) -> Result<(), StoreError> {
            self.0.scan_back(table, from, to, each)
        }
    }

    impl Store for Counting {
        fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
            self.0.put(table, key, value)
        }

        fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
            self.0.delete(table, key)
        }
    }

    #[test]
    fn an_envelope_passes_each_row_that_it_removed_once_however_often_it_looks() {
        let name = |at: u16| at.to_be_bytes().to_vec();
        let mut store = Counting::default();
        (0..1_000).for_each(|at| store.put(TABLE, &name(at), b"").unwrap());
        let mut overlay = Overlay::new(&mut store, None);
        (0..1_000).for_each(|at| overlay.remove_row(Live::Names, name(at)));
        for at in (0..1_000).step_by(3) {
            overlay.put_row(TABLE, name(at), vec![]);
            assert_eq!(keys(&overlay, &[], 1), [name(at)]);
            overlay.remove_row(Live::Names, name(at));
            assert_eq!(keys(&overlay, &[], 1), [[0; 0]; 0]);
        }
        drop(overlay);
        assert!(store.1.get() < 4_000, "{} rows for 668 looks", store.1.get());
    }
}
