//! Rows that earlier commits removed: in memory until the next fold, and passed once by all scans of a batch.

#[path = "../../ledger/tests/support/memory.rs"]
mod memory;
mod world;

use memory::taken_by;
use proptest::collection::vec;
use proptest::prelude::*;
use quorate_ledger::{Read, Store, Table};
use quorate_storage::{Batch, Db};
use std::collections::BTreeSet;
use world::db;

const REMOVED: u16 = 10_000;

fn commit(db: &Db, write: impl FnOnce(&mut Batch)) {
    let mut batch = db.begin().unwrap();
    write(&mut batch);
    batch.commit().unwrap();
}

/// A database in which so many rows were put and removed since its last fold.
fn emptied() -> Db {
    let db = db();
    commit(&db, |batch| (0..REMOVED).for_each(|at| batch.put(Table::Names, &at.to_be_bytes(), b"").unwrap()));
    commit(&db, |batch| (0..REMOVED).for_each(|at| batch.delete(Table::Names, &at.to_be_bytes()).unwrap()));
    db
}

#[test]
fn a_batch_passes_each_row_that_earlier_ones_removed_once_however_often_it_looks() {
    let db = emptied();
    let mut batch = db.begin().unwrap();
    let first = |batch: &Batch| batch.first_keys(Table::Names, &[], &[0xff; 2], 1).unwrap();
    let once = taken_by(|| assert!(first(&batch).is_empty()));

    let often = taken_by(|| {
        for at in (0..REMOVED).rev().step_by(10) {
            batch.put(Table::Names, &at.to_be_bytes(), b"").unwrap();
            assert_eq!(first(&batch), [at.to_be_bytes()]);
        }
    });

    assert!(often < 20 * once, "{often} bytes for {} looks, {once} for the first", REMOVED / 10);
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8),
    Remove(u8, u8),
    Look(u8, usize),
    Commit,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<u8>().prop_map(Step::Put),
        3 => (any::<u8>(), 0..100u8).prop_map(|(first, run)| Step::Remove(first, first.saturating_add(run))),
        6 => (any::<u8>(), 1..20usize).prop_map(|(from, most)| Step::Look(from, most)),
        1 => Just(Step::Commit),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn scans_find_what_stands_whatever_was_removed_and_put_before_them(steps in vec(step(), 1..200)) {
        let db = db();
        let mut model: BTreeSet<Vec<u8>> = (0..=u8::MAX).map(|at| vec![at]).collect();
        commit(&db, |batch| model.iter().for_each(|key| batch.put(Table::Names, key, b"").unwrap()));
        let mut batch = db.begin().unwrap();
        for step in steps {
            match step {
                Step::Put(key) => {
                    batch.put(Table::Names, &[key], b"").unwrap();
                    model.insert(vec![key]);
                }
                Step::Remove(first, last) => (first..=last).for_each(|key| {
                    batch.delete(Table::Names, &[key]).unwrap();
                    model.remove(&vec![key]);
                }),
                Step::Look(from, most) => {
                    let wanted: Vec<_> = model.range(vec![from]..).take(most).cloned().collect();
                    prop_assert_eq!(batch.first_keys(Table::Names, &[from], &[0xff], most).unwrap(), wanted);
                }
                Step::Commit => {
                    batch.commit().unwrap();
                    batch = db.begin().unwrap();
                }
            }
        }
    }
}
