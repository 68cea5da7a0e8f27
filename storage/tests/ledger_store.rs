//! Tables as the ledger sees them: ordered, a batch reads its own writes, snapshots are of one moment.

mod world;

use proptest::collection::vec;
use proptest::prelude::*;
use quorate_ledger::{Read, Store, Table};
use quorate_storage::faulty::Disk;
use quorate_storage::{Batch, Db, Snapshot};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use world::db;

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn scan(read: &dyn Read, from: &[u8], to: &[u8]) -> Rows {
    let mut rows = Vec::new();
    let mut each = |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    read.scan(Table::Names, from, to, &mut each).unwrap();
    rows
}

fn scan_back(read: &dyn Read, from: &[u8], to: &[u8]) -> Rows {
    let mut rows = Vec::new();
    let mut each = |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    read.scan_back(Table::Names, from, to, &mut each).unwrap();
    rows
}

fn put(db: &Db, key: &[u8], value: &[u8]) {
    let mut batch = db.begin().unwrap();
    batch.put(Table::Names, key, value).unwrap();
    batch.commit().unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    Commit,
    Abandon,
}

/// Short keys of few letters, so that steps meet each other's rows.
fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(0u8..3, 0..4)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (key(), vec(any::<u8>(), 0..3)).prop_map(|(key, value)| Step::Put(key, value)),
        // around the sizes at which a value is kept in one piece more
        1 => (key(), any::<u8>(), 1..4usize, 0..3usize).prop_map(|(key, byte, pieces, beyond)| {
            Step::Put(key, std::vec![byte; pieces * (16_384 - 256) + beyond - 1])
        }),
        3 => key().prop_map(Step::Delete),
        1 => Just(Step::Commit),
        1 => Just(Step::Abandon),
    ]
}

/// Every answer of `read` is the model's.
fn check(read: &dyn Read, model: &BTreeMap<Vec<u8>, Vec<u8>>, from: &[u8], to: &[u8]) {
    let inside = |(key, _): &(&Vec<u8>, &Vec<u8>)| key.as_slice() >= from && key.as_slice() <= to;
    let expected: Rows = model.iter().filter(inside).map(|(key, value)| (key.clone(), value.clone())).collect();
    assert_eq!(scan(read, from, to), expected);
    assert_eq!(scan_back(read, from, to), expected.into_iter().rev().collect::<Rows>());
    for key in [from, to] {
        assert_eq!(read.get(Table::Names, key).unwrap().as_ref(), model.get(key));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_batch_and_a_snapshot_answer_as_an_ordered_map(steps in vec((step(), key(), key()), 1..60)) {
        let db = db();
        let (mut kept, mut now) = (BTreeMap::new(), BTreeMap::new());
        let mut batch = db.begin().unwrap();
        for (step, from, to) in steps {
            match step {
                Step::Put(key, value) => {
                    batch.put(Table::Names, &key, &value).unwrap();
                    now.insert(key, value);
                }
                Step::Delete(key) => {
                    batch.delete(Table::Names, &key).unwrap();
                    now.remove(&key);
                }
                Step::Commit => {
                    batch.commit().unwrap();
                    kept = now.clone();
                    batch = db.begin().unwrap();
                }
                Step::Abandon => {
                    drop(batch);
                    now = kept.clone();
                    batch = db.begin().unwrap();
                }
            }
            check(&batch, &now, &from, &to);
            check(&db.snapshot().unwrap(), &kept, &from, &to);
        }
    }
}

#[test]
fn a_scan_stops_when_told() {
    let db = db();
    [b"a", b"b", b"c"].iter().for_each(|key| put(&db, *key, b""));
    let (mut seen, snapshot) = (Vec::new(), db.snapshot().unwrap());

    let mut each = |key: &[u8], _: &[u8]| {
        seen.push(key.to_vec());
        if key == b"b" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    snapshot.scan(Table::Names, b"a", b"z", &mut each).unwrap();

    assert_eq!(seen, [b"a", b"b"]);
}

#[test]
fn a_batch_can_be_read_within_a_scan_of_the_same_table() {
    let db = db();
    put(&db, b"a", b"1");
    let mut batch = db.begin().unwrap();
    batch.put(Table::Names, b"b", b"2").unwrap();
    let mut values = Vec::new();

    let mut each = |key: &[u8], _: &[u8]| {
        values.push(batch.get(Table::Names, key).unwrap().unwrap());
        ControlFlow::Continue(())
    };
    batch.scan(Table::Names, b"a", b"z", &mut each).unwrap();

    assert_eq!(values, [b"1", b"2"]);
}

#[test]
fn a_snapshot_keeps_its_moment() {
    let db = db();
    put(&db, b"a", b"before");
    let snapshot = db.snapshot().unwrap();
    put(&db, b"a", b"after");

    assert_eq!(snapshot.get(Table::Names, b"a").unwrap().unwrap(), b"before");
    assert_eq!(db.snapshot().unwrap().get(Table::Names, b"a").unwrap().unwrap(), b"after");
}

#[test]
fn tables_do_not_share_rows() {
    let db = db();
    put(&db, b"a", b"name");
    let snapshot = db.snapshot().unwrap();

    for table in [Table::Entries, Table::Contents, Table::Receipts, Table::Range, Table::Past, Table::Meta] {
        assert_eq!(snapshot.get(table, b"a").unwrap(), None);
    }
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index % 251) as u8).collect()
}

fn pieces(db: &Db) -> u64 {
    db.fold().unwrap();
    db.stats().unwrap().rows.into_iter().find(|(name, _)| *name == "pieces").unwrap().1
}

#[test]
fn a_value_of_sixteen_mebibytes_comes_back() {
    let db = db();
    put(&db, b"file", &pattern(16 << 20));

    assert_eq!(db.snapshot().unwrap().get(Table::Names, b"file").unwrap().unwrap(), pattern(16 << 20));
}

/// redb alone would take twice as much.
#[test]
fn a_large_value_takes_little_more_than_itself() {
    let disk = Disk::new();
    let db = Db::on(&disk).unwrap();
    let before = disk.taken_bytes();
    put(&db, b"file", &pattern(16 << 20));
    db.fold().unwrap();

    let taken = disk.taken_bytes() - before;
    assert!(taken < (16 << 20) + (1 << 20), "{taken} bytes");
}

#[test]
fn the_pieces_of_a_value_go_with_it() {
    let db = db();
    put(&db, b"file", &pattern(100_000));
    assert_eq!(pieces(&db), 7);

    put(&db, b"file", &pattern(40_000));
    assert_eq!(pieces(&db), 3);
    put(&db, b"file", b"small");
    assert_eq!(pieces(&db), 0);

    put(&db, b"file", &pattern(40_000));
    let mut batch = db.begin().unwrap();
    batch.delete(Table::Names, b"file").unwrap();
    batch.commit().unwrap();
    assert_eq!(pieces(&db), 0);
}

#[test]
fn pieces_of_keys_that_begin_alike_do_not_meet() {
    let db = db();
    let keys: [&[u8]; 3] = [b"a", b"a\0\0\0\0", b"a\0\0\0\x01"];
    keys.iter().zip(1..).for_each(|(key, number)| put(&db, key, &vec![number; 50_000]));
    put(&db, keys[1], b"small");

    let read = |key| db.snapshot().unwrap().get(Table::Names, key).unwrap().unwrap();
    assert_eq!((read(keys[0]), read(keys[1]), read(keys[2])), (vec![1; 50_000], b"small".to_vec(), vec![3; 50_000]));
}

#[test]
fn snapshots_can_be_shared_between_threads_and_batches_can_move() {
    fn shared<T: Send + Sync>() {}
    fn moved<T: Send>() {}
    shared::<Db>();
    shared::<Snapshot>();
    moved::<Batch>();
}
