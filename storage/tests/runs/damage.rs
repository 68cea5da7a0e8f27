//! Damaged runs: a row is what was written or is named, and what is sound goes on.

use super::*;
use quorate_pbft::Kind;
use quorate_storage::DbError;
use redb::{Database, TableDefinition};
use std::fs;

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

/// A row that a fold writes into a run.
fn put(db: &Db, number: u64) -> Result<(), StoreError> {
    let mut batch = db.begin()?;
    batch.put(Table::Contents, &key(Table::Contents, number), b"more")?;
    batch.commit()?;
    db.fold()
}

/// The first run of a database with as many runs as are merged next.
fn before_a_merge(disk: &Disk) -> (Db, String) {
    let db = Db::on(disk).unwrap();
    (1..4).for_each(|number| put(&db, number).unwrap());
    let first = runs_of(disk).into_iter().next().unwrap();
    (db, first)
}

#[test]
fn a_read_that_the_disk_failed_once_keeps_no_run_from_being_merged() {
    let mut met = 0;
    for read in 0..12 {
        let disk = Disk::new();
        let (db, first) = before_a_merge(&disk);
        let before = disk.reads();
        disk.lose_read_after(read);
        if put(&db, 4).is_err() || disk.reads() - before <= read {
            continue; // a fold met it
        }
        met += 1;

        (5..50).for_each(|number| put(&db, number).unwrap());

        assert_eq!(db.unmerged(), None, "read {read}");
        assert!(!runs_of(&disk).contains(&first), "read {read}");
    }
    assert!(met > 2, "{met} merges met it");
}

#[test]
fn a_run_that_the_disk_does_not_give_at_try_after_try_is_named() {
    let disk = Disk::new();
    let (db, first) = before_a_merge(&disk);
    disk.lose_block(Some((&first, 0)));

    (4..120).for_each(|number| put(&db, number).unwrap());

    assert!(db.unmerged().is_some_and(|damage| damage.0.contains(&first)), "{:?}", db.unmerged());
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
