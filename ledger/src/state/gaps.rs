//! Stretches of a table in which every row was removed: a scan jumps over them.
//!
//! Rows that were removed stay in memory as such until they are folded, and each scan passes them. An envelope that
//! writes into a large folder whose files are gone has the folder's rows looked for with each of its operations. It
//! passes each row that was removed once, and not once for each operation.

use core::cell::RefCell;
use core::ops::{Bound, ControlFlow};
use std::collections::BTreeMap;

/// Removed rows in a row that are worth a gap: to begin a scan anew costs as much as to pass so many.
const PASSED_MIN: usize = 16;

/// Stretches of one table without rows: the first key of each, and the first one behind it.
#[derive(Debug, Default)]
pub struct Gaps(BTreeMap<Vec<u8>, Vec<u8>>);

impl Gaps {
    /// The gap that a key lies in.
    fn around(&self, key: &[u8]) -> Option<(&[u8], &[u8])> {
        let (from, behind) = self.0.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back()?;
        (key < behind.as_slice()).then_some((from, behind))
    }

    fn add(&mut self, from: Vec<u8>, behind: Vec<u8>) {
        let inside: Vec<_> = self.0.range(from.clone()..behind.clone()).map(|(from, _)| from.clone()).collect();
        inside.iter().for_each(|from| drop(self.0.remove(from)));
        self.0.insert(from, behind);
    }

    /// A row is there now: what was around it are two gaps.
    pub fn fill(&mut self, key: &[u8]) {
        let Some((from, behind)) = self.around(key).map(|(from, behind)| (from.to_vec(), behind.to_vec())) else {
            return;
        };
        self.0.remove(&from);
        let halves = [(from, key.to_vec()), (next(key), behind)];
        self.0.extend(halves.into_iter().filter(|(from, behind)| from < behind));
    }
}

/// An ascending scan of a table with gaps, which it jumps over and adds to.
pub struct GapScan<'g> {
    gaps: &'g RefCell<Gaps>,
    /// The first removed row since the last one that is there.
    from: Option<Vec<u8>>,
    behind: Vec<u8>,
    passed: usize,
    /// The key from which the scan goes on, behind a known gap.
    jump: Option<Vec<u8>>,
}

impl<'g> GapScan<'g> {
    /// A scan that has passed nothing yet.
    pub fn new(gaps: &'g RefCell<Gaps>) -> Self {
        Self { gaps, from: None, behind: Vec::new(), passed: 0, jump: None }
    }

    /// Passes a removed row; the scan breaks off at a known gap, and goes on at [`GapScan::jump`].
    pub fn removed(&mut self, key: &[u8]) -> ControlFlow<()> {
        let gaps = self.gaps.borrow();
        let known = gaps.around(key);
        self.from.get_or_insert_with(|| known.map_or(key, |(from, _)| from).to_vec());
        self.behind.clear();
        let Some((_, behind)) = known else {
            self.behind.extend(key);
            self.behind.push(0);
            self.passed += 1;
            return ControlFlow::Continue(());
        };
        self.behind.extend(behind);
        self.passed += PASSED_MIN;
        self.jump = Some(behind.to_vec());
        ControlFlow::Break(())
    }

    /// Passes a row that is there: what was passed before it is a gap.
    pub fn row(&mut self, key: &[u8]) {
        self.keep(Some(key));
    }

    /// Key from which a scan that broke off at a gap goes on.
    pub fn jump(&mut self) -> Option<Vec<u8>> {
        self.jump.take()
    }

    /// The end of the scan: what was passed since the last row is a gap.
    pub fn end(mut self) {
        self.keep(None);
    }

    fn keep(&mut self, row: Option<&[u8]>) {
        if let Some(from) = self.from.take()
            && self.passed >= PASSED_MIN
        {
            self.gaps.borrow_mut().add(from, row.unwrap_or(&self.behind).to_vec());
        }
        self.passed = 0;
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
    use crate::state::store::{Live, Read, ReadLive, Store, StoreError, Table};
    use core::cell::Cell;
    use std::collections::BTreeSet;

    const TABLE: Table = Table::Names;

    type Each<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

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
