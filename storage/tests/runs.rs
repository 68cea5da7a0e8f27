//! Sorted runs: rows at the place of a hash are what was written, whatever was folded and merged, and whenever the power
//! goes.

mod world;

use quorate_ledger::{Read, Store, StoreError, Table};
use quorate_pbft::Kind;
use quorate_storage::faulty::{Disk, Loss};
use quorate_storage::{Batch, Db, DbError};
use redb::{Database, ReadableTable as _, TableDefinition};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
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

#[test]
fn what_is_removed_gives_its_space_back() {
    let disk = Disk::new();
    let db = Db::on(&disk).unwrap();
    let fold = |write: &dyn Fn(&mut Batch, &[u8]), numbers: std::ops::Range<u64>| {
        let mut batch = db.begin().unwrap();
        numbers.for_each(|number| write(&mut batch, &key(Table::Contents, number)));
        batch.commit().unwrap();
        db.fold().unwrap();
    };
    let bytes = || runs_of(&disk).iter().map(|name| disk.image(name).len()).sum::<usize>();
    (0..40).for_each(|part| {
        fold(&|batch, key| batch.put(Table::Contents, key, &[1; 200]).unwrap(), part * 20..part * 20 + 20)
    });
    let full = bytes();
    (0..40).for_each(|part| fold(&|batch, key| batch.delete(Table::Contents, key).unwrap(), part * 20..part * 20 + 20));
    (0..400).for_each(|_| fold(&|batch, key| batch.put(Table::Contents, key, b"last").unwrap(), 0..1));

    assert!(bytes() * 10 < full, "{} of {full} bytes are left", bytes());
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

/// Runs with rows and removals of 16 keys of each table, on a disk.
fn written() -> (Disk, Model) {
    let (disk, mut dice, mut model) = (Disk::new(), Dice(3), Model::new());
    let db = Db::on(&disk).unwrap();
    for _ in 0..6 {
        let mut batch = db.begin().unwrap();
        change(&mut batch, &mut model, &mut dice, 16).unwrap();
        batch.commit().unwrap();
        db.fold().unwrap();
    }
    (disk, model)
}

/// Whether each row is as it was written, or named as damaged.
fn are_named(db: &Db, model: &Model, what: &str) -> bool {
    let snapshot = db.snapshot().unwrap().apart();
    let mut are_named = false;
    for table in TABLES {
        for key in (0..16).map(|number| key(table, number)) {
            let expected = model.get(&(table, key.clone()));
            match snapshot.get(table, &key) {
                Ok(found) if found.as_ref() == expected => {}
                Ok(Some(found)) => {
                    assert!(found.is_empty(), "{what}: another value");
                    are_named = true;
                }
                Ok(None) => panic!("{what}: a row is gone"),
                Err(error) => {
                    assert!(error.0.contains("run-"), "{error}");
                    are_named = true;
                }
            }
        }
    }
    are_named
}

/// Bits of each run, one after the other: a row is what was written, or the disk says that it is damaged.
#[test]
fn a_changed_bit_is_never_read_as_a_row() {
    let (disk, model) = written();
    let (mut refused, mut named) = (0, 0);
    for name in runs_of(&disk) {
        for bit in (0..8 * disk.image(&name).len() as u64).step_by(3) {
            disk.flip(&name, bit);
            match Db::on(&disk) {
                Ok(db) => named += u64::from(are_named(&db, &model, &format!("bit {bit} of {name}"))),
                Err(error) => {
                    assert!(error.is_damage() && error.to_string().contains(&name), "{error}");
                    refused += 1;
                }
            }
            disk.flip(&name, bit);
        }
    }
    assert!(refused > 100 && named > 300, "{refused} refused, {named} named");
}

/// A merge that copied damage would hide it.
#[test]
fn a_changed_bit_is_no_row_after_merges_either() {
    let names = runs_of(&written().0);
    let mut named = 0;
    for name in names {
        for bit in (0..8 * written().0.image(&name).len() as u64).step_by(41) {
            let (disk, model) = written();
            disk.flip(&name, bit);
            let Ok(db) = Db::on(&disk) else { continue };
            for number in 100..112 {
                let mut batch = db.begin().unwrap();
                batch.put(Table::Contents, &key(Table::Contents, number), b"more").unwrap();
                batch.commit().unwrap();
                db.fold().unwrap();
            }
            named += u64::from(are_named(&db, &model, &format!("bit {bit} of {name}")));
        }
    }
    assert!(named > 20, "{named} named");
}

/// As `repair` does once all rows are back: damaged ones below them keep runs from being merged.
#[test]
fn damaged_rows_under_sound_ones_are_left_out_and_no_merge_stops_at_them() {
    let mut left_out = 0;
    for name in runs_of(&written().0) {
        for bit in (0..8 * written().0.image(&name).len() as u64).step_by(41) {
            let (disk, model) = written();
            disk.flip(&name, bit);
            let Ok(db) = Db::on(&disk) else { continue };
            let mut batch = db.begin().unwrap();
            for (table, key) in
                TABLES.into_iter().flat_map(|table| (0..16).map(move |number| (table, key(table, number))))
            {
                match model.get(&(table, key.clone())) {
                    Some(value) => batch.put(table, &key, value).unwrap(),
                    None => batch.delete(table, &key).unwrap(),
                }
            }
            batch.commit().unwrap();
            db.fold().unwrap();
            if db.unsound_rows().is_empty() || db.leave_out_unsound(|_| Ok(())).is_err() {
                continue; // of the rows none was hit, or the list of a section was
            }
            left_out += 1;
            let what = format!("bit {bit} of {name}");
            assert_eq!((db.unsound_rows(), db.unmerged()), (vec![], None), "{what}");
            assert_is(&db.snapshot().unwrap(), &model, &mut Dice(1), 16);
            drop(db);
            assert_is(&Db::on(&disk).expect(&what).snapshot().unwrap(), &model, &mut Dice(1), 16);
        }
    }
    assert!(left_out > 20, "{left_out}");
}

/// The runs in force stay until the commit that names the one in their place.
#[test]
fn a_cut_while_rows_are_left_out_leaves_a_database_that_opens() {
    let (whole, model) = written();
    drop(Db::on(&whole).unwrap());
    let begun = whole.operations();
    Db::on(&whole).unwrap().leave_out_unsound(|_| Ok(())).unwrap();
    let operations = whole.operations() - begun;
    assert!(operations > 10, "{operations}");
    for cut in 0..operations {
        for loss in [Loss::Nothing, Loss::All, Loss::Some { seed: cut }] {
            let (disk, _) = written();
            drop(Db::on(&disk).unwrap());
            disk.cut_power_after(cut);
            let _ = Db::on(&disk).map(|db| db.leave_out_unsound(|_| Ok(())));
            disk.crash(loss);
            let db = Db::on(&disk).unwrap_or_else(|error| panic!("cut at {cut}, {loss:?}: {error}"));
            assert_is(&db.snapshot().unwrap(), &model, &mut Dice(1), 16);
        }
    }
}

/// A sweep goes on behind a row that cannot be read, and the core beside it.
#[test]
fn damage_of_a_run_fails_its_reader_alone() {
    let name = runs_of(&written().0).pop_first().expect("there are runs");
    let mut failed = 0;
    for bit in (0..8 * written().0.image(&name).len() as u64).step_by(7) {
        let (disk, _) = written();
        disk.flip(&name, bit);
        let Ok(db) = Db::on(&disk) else { continue };
        let batch = db.begin().unwrap();
        let read = |table| batch.scan(table, &[], &[0xff; 64], &mut |_, _| ControlFlow::Continue(()));
        failed += TABLES.into_iter().filter(|table| read(*table).is_err()).count();
        assert_eq!(db.failure(), None, "bit {bit}");
    }
    assert!(failed > 0, "some damage fails a scan");
}

#[test]
fn promises_can_be_read_where_a_run_is_damaged_or_missing() {
    for is_missing in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::create(dir.path()).unwrap();
        world::store(&db, &[world::own(Kind::Prepare, 0, 1, world::digest("a"))]);
        let mut batch = db.begin().unwrap();
        batch.put(Table::Contents, &[7; 32], b"content").unwrap();
        batch.commit().unwrap();
        db.fold().unwrap();
        drop(db);
        let run = dir.path().join("run-0");
        let mut bytes = fs::read(&run).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&run, bytes).unwrap();
        if is_missing {
            fs::remove_file(&run).unwrap();
        }

        let refused = Db::open(dir.path()).unwrap_err();
        let db = Db::open_damaged(dir.path()).unwrap();

        assert!(matches!(refused, DbError::Runs(_)) && refused.is_damage(), "{refused}");
        assert!(refused.to_string().contains("run-0"), "{refused}");
        let snapshot = db.snapshot().unwrap().apart();
        let found = snapshot.recover(world::executed(0, &[])).unwrap();
        assert_eq!(found.statements.len(), 1);
        assert!(snapshot.get(Table::Contents, &[7; 32]).is_err());
    }
}

/// A run that rots is left as it is: what can be read goes on to be read, and what comes is written.
#[test]
fn a_damaged_run_is_not_merged_and_stops_nothing_else() {
    let (disk, mut dice) = (Disk::new(), Dice(4));
    let db = Db::on(&disk).unwrap();
    let put = |number: u64, value: &[u8]| {
        let mut batch = db.begin().unwrap();
        batch.put(Table::Contents, &key(Table::Contents, number), value).unwrap();
        batch.commit().unwrap();
        db.fold().unwrap();
    };
    put(1, b"one");
    let first = runs_of(&disk).into_iter().next().unwrap();
    disk.flip(&first, 8 * 2 + dice.below(4)); // a length
    (2..40).for_each(|number| put(number, b"more"));

    let read = |number: u64| db.snapshot().unwrap().apart().get(Table::Contents, &key(Table::Contents, number));
    assert!(runs_of(&disk).contains(&first));
    assert!(db.unmerged().is_some_and(|damage| damage.0.contains(&first)));
    assert!(read(1).is_err() || read(1).unwrap().is_some_and(|value| value.is_empty()));
    assert!((2..40).all(|number| read(number).unwrap().as_deref() == Some(&b"more"[..])));
}

/// Merges need room beside what they merge: without it they wait, and folds go on.
#[test]
fn a_disk_without_room_for_a_merge_is_written_on() {
    for blocks in 1..40 {
        let disk = Disk::new();
        let db = Db::on(&disk).unwrap();
        let put = |number: u64| {
            let mut batch = db.begin()?;
            batch.put(Table::Contents, &key(Table::Contents, number), &[number as u8; 100])?;
            batch.commit()?;
            db.fold()
        };
        (0..3).for_each(|number| put(number).unwrap());
        disk.fill_after(blocks);
        let written = (3..30).take_while(|number| put(*number).is_ok()).count() as u64 + 3;
        disk.crash(Loss::Nothing);
        disk.free();

        let db = Db::on(&disk).unwrap();
        for number in 0..written {
            let value = db.snapshot().unwrap().get(Table::Contents, &key(Table::Contents, number)).unwrap();
            assert_eq!(value, Some(vec![number as u8; 100]), "{number} of {written}, {blocks} blocks");
        }
    }
}

/// A program of format 6 looks for rows that this one does not write any more.
#[test]
fn the_first_fold_of_any_row_makes_a_database_of_this_format() {
    let disk = Disk::new();
    drop(Db::on(&disk).unwrap());
    let format = |value: Option<&[u8]>| {
        let raw = Database::builder().create_with_backend(disk.file("quorate.redb")).unwrap();
        let write = raw.begin_write().unwrap();
        let mut about = write.open_table(TableDefinition::<&[u8], &[u8]>::new("about")).unwrap();
        let before = about.get(&b"format"[..]).unwrap().map(|value| value.value().to_vec());
        value.into_iter().for_each(|value| drop(about.insert(&b"format"[..], value).unwrap()));
        drop(about);
        write.commit().unwrap();
        before
    };
    let newest = format(Some(&[6, 0, 0, 0, 0]));
    let db = Db::on(&disk).unwrap();
    let mut batch = db.begin().unwrap();
    batch.put(Table::Names, b"a row of a tree", b"").unwrap();
    batch.commit().unwrap();
    db.fold().unwrap();
    drop(db);

    assert_eq!(format(None), newest);
}

/// Format 5 had no runs: rows of the same tables lie in trees.
#[test]
fn rows_of_the_format_before_are_read_hidden_and_removed() {
    let (disk, content) = (Disk::new(), |number| key(Table::Contents, number));
    drop(Db::on(&disk).unwrap());
    let raw = Database::builder().create_with_backend(disk.file("quorate.redb")).unwrap();
    let write = raw.begin_write().unwrap();
    let old = [1, 2, 3].map(|number| ("ledger-contents", content(number), &b"old\0"[..]));
    let format = ("about", b"format".to_vec(), &[5, 0, 0, 0, 0][..]);
    for (table, key, value) in old.into_iter().chain([format]) {
        let table = TableDefinition::<&[u8], &[u8]>::new(table);
        write.open_table(table).unwrap().insert(key.as_slice(), value).unwrap();
    }
    write.commit().unwrap();
    drop(raw);
    let change = |db: &Db, key: &[u8], value: Option<&[u8]>| {
        let mut batch = db.begin().unwrap();
        match value {
            Some(value) => batch.put(Table::Contents, key, value).unwrap(),
            None => batch.delete(Table::Contents, key).unwrap(),
        }
        batch.commit().unwrap();
        db.fold().unwrap();
    };
    let found = |db: &Db| {
        let snapshot = db.snapshot().unwrap();
        let found = [1, 2, 3].map(|number| snapshot.get(Table::Contents, &content(number)).unwrap());
        let all = rows(&snapshot, Table::Contents, &[], &[0xff; 32]);
        let known = [1, 2, 3].map(content);
        let listed = all.iter().filter(|(key, _)| known.contains(key)).count();
        assert_eq!(listed, found.iter().flatten().count());
        found.map(|value| value.map(|value| String::from_utf8(value).unwrap()))
    };
    let said = |words: [Option<&str>; 3]| words.map(|word| word.map(str::to_owned));

    let db = Db::on(&disk).unwrap();
    assert_eq!(found(&db), said([Some("old"), Some("old"), Some("old")]));
    change(&db, &content(1), None);
    change(&db, &content(2), Some(b"new"));
    assert_eq!(found(&db), said([None, Some("new"), Some("old")]));
    drop(db);
    let db = Db::on(&disk).unwrap();
    (10..60).for_each(|number| change(&db, &content(number), Some(b"more"))); // merged several times
    assert_eq!(found(&db), said([None, Some("new"), Some("old")]));
    change(&db, &content(2), None);
    (60..90).for_each(|number| change(&db, &content(number), Some(b"more")));
    assert_eq!(found(&db), said([None, None, Some("old")]));
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

fn bytes_of_runs(disk: &Disk) -> usize {
    runs_of(disk).iter().map(|name| disk.image(name).len()).sum()
}

#[test]
fn under_constant_load_with_a_history_the_runs_take_a_bounded_multiple_of_what_they_hold() {
    let disk = Disk::new();
    let db = Db::on(&disk).unwrap();
    let (mut most, mut most_runs) = (0, 0);
    rolling(&db, 0..4_000, 300, |fold| {
        if fold > 300 {
            most = most.max(bytes_of_runs(&disk));
            most_runs = most_runs.max(runs_of(&disk).len());
        }
    });

    let live = 300 * 5 * 143;
    assert!(most < 5 * live, "{most} bytes at most for {live}");
    assert!(most_runs < 40, "{most_runs} files at most");
}

/// A row is copied by the logarithm of their number: sixteen times as many rows cost less than twice as many copies of each.
#[test]
fn merges_copy_each_row_a_few_times() {
    let written = |folds: u64| {
        let (mut written, mut known) = (0, BTreeSet::new());
        let disk = Disk::new();
        let db = Db::on(&disk).unwrap();
        rolling(&db, 0..folds, u64::MAX, |_| {
            for name in runs_of(&disk) {
                if known.insert(name.clone()) {
                    written += disk.image(&name).len() as u64;
                }
            }
        });
        written / folds
    };
    let (few, many) = (written(100), written(1_600));
    assert!(many < 2 * few, "{few} bytes a fold, then {many}");
}

/// Another program may leave a replica no more than its reserve for weeks.
#[test]
fn beside_a_disk_without_room_small_runs_are_merged_all_the_same() {
    let disk = Disk::new();
    let db = Db::on(&disk).unwrap();
    disk.leave_the_reserve();
    let mut most = 0;
    rolling(&db, 0..300, u64::MAX, |_| most = most.max(runs_of(&disk).len()));

    assert!(most < 100, "{most} files after 300 folds");
}

#[test]
fn a_stop_leaves_no_file_of_a_merge_that_was_under_way() {
    let (disk, mut were_removed) = (Disk::new(), 0);
    for round in 0..60 {
        let db = Db::on(&disk).unwrap();
        rolling(&db, round * 10..round * 10 + 10, u64::MAX, |_| {});
        let before = runs_of(&disk).len();
        drop(db);
        were_removed += before - runs_of(&disk).len();
    }
    assert!(were_removed > 10, "{were_removed} files");
    let db = Db::on(&disk).unwrap();
    for number in 0..60 * 10 * 5 {
        let found = db.snapshot().unwrap().get(Table::Contents, &key(Table::Contents, number)).unwrap();
        assert_eq!(found, Some(vec![number as u8; 100]));
    }
}

/// Over the quota nothing is ordered, so that nothing would be folded.
#[test]
fn where_room_is_short_folds_of_no_rows_end_the_merges() {
    let disk = Disk::new();
    let db = Db::on(&disk).unwrap();
    db.room().note_short(true);
    let mut folded = 0;
    while folded < 20 || !db.gives_space_back() {
        rolling(&db, folded..folded + 1, 10, |_| {});
        folded += 1;
    }
    let before = bytes_of_runs(&disk);
    db.room().note_short(false);
    assert!(db.freeze().unwrap().is_none(), "nothing is to be folded");

    db.room().note_short(true);
    let mut folds = 0;
    while let Some(fold) = db.freeze().unwrap() {
        fold.run().unwrap();
        folds += 1;
        assert!(folds < 50, "they end");
    }

    assert!(folds > 0 && bytes_of_runs(&disk) < before, "{folds} folds, {} of {before} bytes", bytes_of_runs(&disk));
}

/// A database that is over its quota and full of removed rows, for whose merge there is no room.
fn crowded() -> (Disk, Db) {
    let disk = Disk::new();
    let db = Db::on(&disk).unwrap();
    disk.leave_the_reserve();
    rolling(&db, 0..100, 30, |_| {});
    db.room().note_short(true);
    fold_to_the_end(&db);
    (disk, db)
}

/// Folds as long as that gives space back.
fn fold_to_the_end(db: &Db) {
    let folds = (0..300).take_while(|_| db.freeze().unwrap().map(|fold| fold.run().unwrap()).is_some()).count();
    assert!(folds < 300, "they end");
}

#[test]
fn over_the_quota_a_merge_that_had_no_room_begins_once_there_is_some() {
    let (disk, db) = crowded();
    let before = bytes_of_runs(&disk);
    disk.free();

    fold_to_the_end(&db);

    assert!(2 * bytes_of_runs(&disk) < before, "{} of {before} bytes", bytes_of_runs(&disk));
}

#[test]
fn over_the_quota_a_merge_that_was_given_up_is_made_once_there_is_room_again() {
    let (disk, db) = crowded();
    disk.free();
    db.fold().unwrap(); // begins it
    disk.refuse_merges();
    fold_to_the_end(&db);
    let before = bytes_of_runs(&disk);
    disk.free();

    fold_to_the_end(&db);

    assert!(2 * bytes_of_runs(&disk) < before, "{} of {before} bytes", bytes_of_runs(&disk));
}

#[test]
fn a_database_whose_list_of_runs_is_gone_is_not_opened() {
    let disk = Disk::new();
    let db = Db::on(&disk).unwrap();
    rolling(&db, 0..1, 1, |_| {});
    drop(db);
    let raw = Database::builder().create_with_backend(disk.file("quorate.redb")).unwrap();
    let write = raw.begin_write().unwrap();
    write.open_table(TableDefinition::<&[u8], &[u8]>::new("about")).unwrap().remove(&b"runs"[..]).unwrap();
    write.commit().unwrap();
    drop(raw);

    let refused = Db::on(&disk).unwrap_err();

    assert!(refused.is_damage() && refused.to_string().contains("list of runs"), "{refused}");
    assert_eq!(runs_of(&disk).len(), 1, "its files stay");
}

/// Versions of a path are read by range: a row whose key has changed must not leave the range without a word.
#[test]
fn a_walk_past_a_changed_bit_names_it() {
    let entry = |path: u64| key(Table::Past, path * 4)[..36].to_vec();
    let at = |path: u64, revision: u64| [&entry(path)[..], &revision.to_be_bytes(), &0_u32.to_be_bytes()].concat();
    let disk = Disk::new();
    let db = Db::on(&disk).unwrap();
    let mut batch = db.begin().unwrap();
    let all: Vec<_> = (0..6).flat_map(|path| (1..5).map(move |revision| (path, revision))).collect();
    all.iter().for_each(|(path, revision)| batch.put(Table::Past, &at(*path, *revision), &[7; 30]).unwrap());
    batch.commit().unwrap();
    db.fold().unwrap();
    drop(db);
    let name = runs_of(&disk).into_iter().next().unwrap();
    let mut named = 0;
    for bit in (0..8 * disk.image(&name).len() as u64).step_by(3) {
        disk.flip(&name, bit);
        if let Ok(db) = Db::on(&disk) {
            let snapshot = db.snapshot().unwrap().apart();
            let (mut are_all, mut is_told) = (true, false);
            for path in 0..6 {
                let mut found = Vec::new();
                let mut each = |key: &[u8], value: &[u8]| {
                    found.push((key.to_vec(), value.to_vec()));
                    ControlFlow::Continue(())
                };
                let walked = snapshot.scan_back(Table::Past, &at(path, 0), &at(path, 100), &mut each);
                is_told |= walked.is_err() || found.iter().any(|(_, value)| value.is_empty());
                are_all &= found == [4, 3, 2, 1].map(|revision| (at(path, revision), vec![7; 30]));
            }
            assert!(are_all || is_told, "bit {bit}: rows are gone without a word");
            named += u64::from(is_told);
        }
        disk.flip(&name, bit);
    }
    assert!(named > 300, "{named} named");
}
