//! Sorted runs: rows at the place of a hash are what was written, whatever was folded and merged, and whenever the power
//! goes.

#[path = "../world/mod.rs"]
mod world;

mod damage;
mod formats;
mod space;

use quorate_ledger::{Read, Store, StoreError, Table};
use quorate_storage::faulty::{Disk, Loss};
use quorate_storage::{Batch, Db};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Tables with rows in runs; in two of them other rows lie in the tree.
const TABLES: [Table; 4] = [Table::Contents, Table::Receipts, Table::Past, Table::Index];

type Model = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Keys of a table by number: of the past versions and numbers, of the index rows of envelopes and others.
fn key(table: Table, number: u64) -> Vec<u8> {
    let hash = quorate_pbft::hash_parts("key", &[&number.to_be_bytes()]).0;
    match table {
        Table::Past => {
            let entry = quorate_pbft::hash_parts("entry", &[&(number / 4).to_be_bytes()]).0;
            let place = if number.is_multiple_of(3) { 16 } else { 12 };
            [&1_u32.to_be_bytes()[..], &entry, &vec![number as u8; place]].concat()
        }
        Table::Index => [if number.is_multiple_of(3) { &b"z"[..] } else { &b"k"[..] }, &hash].concat(),
        _ => hash.to_vec(),
    }
}

/// A value; one of eight too large for a run, some of them for a page.
fn value(dice: &mut Dice) -> Vec<u8> {
    let length = match dice.below(16) {
        0 => 4_097 + dice.below(100),
        1 => 20_000 + dice.below(40_000),
        2 => 4_096,
        _ => 1 + dice.below(60),
    };
    vec![dice.next() as u8; length as usize]
}

/// Writes and removes some rows, the same in the model.
fn change(batch: &mut Batch, model: &mut Model, dice: &mut Dice, keys: u64) -> Result<(), StoreError> {
    for _ in 0..dice.below(24) {
        let table = TABLES[dice.below(4) as usize];
        let key = key(table, dice.below(keys));
        if dice.below(3) == 0 {
            batch.delete(table, &key)?;
            model.remove(&(table, key));
        } else {
            let value = value(dice);
            batch.put(table, &key, &value)?;
            model.insert((table, key), value);
        }
    }
    Ok(())
}

/// Rows of a range of a table, by a scan up and by one down, which must say the same.
fn rows(read: &dyn Read, table: Table, from: &[u8], to: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let each = |rows: &mut Vec<_>, key: &[u8], value: &[u8]| rows.push((key.to_vec(), value.to_vec()));
    let mut up_to = |key: &[u8], value: &[u8]| {
        each(&mut up, key, value);
        ControlFlow::Continue(())
    };
    read.scan(table, from, to, &mut up_to).unwrap();
    let mut down_to = |key: &[u8], value: &[u8]| {
        each(&mut down, key, value);
        ControlFlow::Continue(())
    };
    read.scan_back(table, from, to, &mut down_to).unwrap();
    down.reverse();
    assert_eq!(up, down, "{table:?}");
    up
}

fn assert_is(read: &dyn Read, model: &Model, dice: &mut Dice, keys: u64) {
    for table in TABLES {
        let expected: Vec<_> = model.iter().filter(|((of, _), _)| *of == table).collect();
        let all = rows(read, table, &[], &[0xff; 64]);
        assert!(all.iter().map(|(key, value)| (key, value)).eq(expected.iter().map(|((_, key), value)| (key, *value))));
        for number in 0..keys {
            let key = key(table, number);
            assert_eq!(read.get(table, &key).unwrap().as_ref(), model.get(&(table, key)), "{table:?} {number}");
        }
        let (a, b) = (key(table, dice.below(keys)), key(table, dice.below(keys)));
        let (from, to) = (a.clone().min(b.clone()), a.max(b));
        let some = rows(read, table, &from, &to);
        let expected = expected.iter().filter(|((_, key), _)| (&from..=&to).contains(&key)).count();
        assert_eq!(some.len(), expected, "{table:?} from {from:?} to {to:?}");
    }
    // below the key of one entry, as the versions of a path are read
    for number in 0..keys {
        let entry = key(Table::Past, number)[..36].to_vec();
        let (from, to) = ([&entry[..], &[0; 12]].concat(), [&entry[..], &[0xff; 16]].concat());
        let expected = model.keys().filter(|(table, key)| *table == Table::Past && key.starts_with(&entry)).count();
        assert_eq!(rows(read, Table::Past, &from, &to).len(), expected);
    }
}

fn runs_of(disk: &Disk) -> BTreeSet<String> {
    disk.names().into_iter().filter(|name| name.starts_with("run-")).collect()
}

#[test]
fn rows_are_what_was_written_after_any_folds_merges_and_starts() {
    for seed in 0..24 {
        let (disk, mut dice, mut model) = (Disk::new(), Dice(seed), Model::new());
        let mut db = Db::on(&disk).unwrap();
        let keys = 20 + dice.below(400);
        let mut most = 0;
        for round in 0..120 {
            let mut batch = db.begin().unwrap();
            change(&mut batch, &mut model, &mut dice, keys).unwrap();
            if round % 20 == 7 {
                assert_is(&batch, &model, &mut dice, keys);
            }
            batch.commit().unwrap();
            if dice.below(3) > 0 {
                db.fold().unwrap();
            }
            if round % 20 == 13 {
                db.fold().unwrap(); // rows of execution that are not folded are made again by others
                drop(db);
                db = Db::on(&disk).unwrap();
            }
            if round % 10 == 0 {
                assert_is(&db.snapshot().unwrap(), &model, &mut dice, keys);
            }
            most = most.max(runs_of(&disk).len());
        }
        assert!(most < 24, "{most} runs at a time, seed {seed}");
    }
}

#[test]
fn a_reader_sees_its_moment_whatever_is_merged_meanwhile() {
    let (disk, mut dice, mut model) = (Disk::new(), Dice(1), Model::new());
    let db = Db::on(&disk).unwrap();
    let mut moments = Vec::new();
    for round in 0..60 {
        let mut batch = db.begin().unwrap();
        change(&mut batch, &mut model, &mut dice, 80).unwrap();
        batch.commit().unwrap();
        if round % 12 == 5 {
            moments.push((db.snapshot().unwrap(), model.clone()));
        }
        db.fold().unwrap();
    }
    for (snapshot, model) in &moments {
        assert_is(snapshot, model, &mut dice, 80);
    }
    let many = runs_of(&disk).len();
    drop(moments);
    db.begin()
        .and_then(|mut batch| batch.put(Table::Contents, &[7; 32], b"one more").and_then(|()| batch.commit()))
        .unwrap();
    db.fold().unwrap();
    assert!(runs_of(&disk).len() < many, "runs that nobody reads any more are removed");
}

/// Writes, folds after each batch, and notes the model of each batch whose fold ended.
fn work(disk: &Disk, seed: u64, rounds: u64) -> Vec<Model> {
    let (mut dice, mut model, mut done) = (Dice(seed), Model::new(), vec![Model::new()]);
    let Ok(db) = Db::on(disk) else { return done };
    for _ in 0..rounds {
        let Ok(mut batch) = db.begin() else { break };
        if change(&mut batch, &mut model, &mut dice, 60).is_err() || batch.commit().is_err() || db.fold().is_err() {
            done.push(model);
            return done;
        }
        done.push(model.clone());
    }
    done.push(model);
    done
}

#[test]
fn a_cut_at_any_operation_leaves_the_state_of_a_whole_fold() {
    const ROUNDS: u64 = 14;
    let (made, whole) = (Disk::new(), Disk::new());
    drop(Db::on(&made).unwrap());
    work(&whole, 5, ROUNDS);
    for cut in made.operations()..whole.operations() {
        for loss in [Loss::Nothing, Loss::All, Loss::Some { seed: cut }] {
            let disk = Disk::new();
            disk.cut_power_after(cut);
            let done = work(&disk, 5, ROUNDS);
            disk.crash(loss);

            let db = Db::on(&disk).unwrap_or_else(|error| panic!("cut at {cut}, {loss:?}: {error}"));
            let snapshot = db.snapshot().unwrap();
            let found: Model = TABLES
                .into_iter()
                .flat_map(|table| rows(&snapshot, table, &[], &[0xff; 64]).into_iter().map(move |row| (table, row)))
                .map(|(table, (key, value))| ((table, key), value))
                .collect();
            // the fold that was cut may be there, whole
            let newest = &done[done.len().saturating_sub(2)..];
            assert!(newest.contains(&found), "cut at {cut}, {loss:?}");

            // what a crash left is gone after the next fold
            drop(snapshot);
            let mut batch = db.begin().unwrap();
            batch.put(Table::Contents, &[7; 32], b"next").unwrap();
            batch.commit().unwrap();
            db.fold().unwrap();
            db.fold().unwrap();
            let folded = db.snapshot().unwrap();
            assert_eq!(folded.get(Table::Contents, &[7; 32]).unwrap().as_deref(), Some(&b"next"[..]));
        }
    }
}

#[test]
fn a_value_that_grows_and_shrinks_is_the_newest_wherever_it_lies() {
    let (disk, at) = (Disk::new(), key(Table::Receipts, 1));
    let db = Db::on(&disk).unwrap();
    let lengths = [10, 5_000, 20, 40_000, 0, 4_096, 4_097, 3];
    for (round, length) in lengths.iter().cycle().take(64).enumerate() {
        let mut batch = db.begin().unwrap();
        match length {
            0 => batch.delete(Table::Receipts, &at).unwrap(),
            length => batch.put(Table::Receipts, &at, &vec![round as u8; *length]).unwrap(),
        }
        batch.commit().unwrap();
        db.fold().unwrap();

        let expected = (*length > 0).then(|| vec![round as u8; *length]);
        assert_eq!(db.snapshot().unwrap().get(Table::Receipts, &at).unwrap(), expected, "round {round}");
        let listed = rows(&db.snapshot().unwrap(), Table::Receipts, &[], &[0xff; 32]);
        assert_eq!(listed, expected.map(|value| (at.clone(), value)).into_iter().collect::<Vec<_>>(), "round {round}");
    }
}

/// Folds rows of contents, `rows` in each, and removes each again so many folds later.
fn rolling(db: &Db, folds: std::ops::Range<u64>, kept: u64, mut look: impl FnMut(u64)) {
    const ROWS: u64 = 5;
    for fold in folds {
        let mut batch = db.begin().unwrap();
        for number in fold * ROWS..(fold + 1) * ROWS {
            batch.put(Table::Contents, &key(Table::Contents, number), &[number as u8; 100]).unwrap();
        }
        batch.put(Table::Meta, b"other", &[0; 600]).unwrap();
        for old in fold.checked_sub(kept).map_or(0..0, |old| old * ROWS..(old + 1) * ROWS) {
            batch.delete(Table::Contents, &key(Table::Contents, old)).unwrap();
        }
        batch.commit().unwrap();
        db.fold().unwrap();
        look(fold);
    }
}
