//! Space of runs: merges, what they cost, and disks without room.

use super::*;

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

#[test]
fn a_small_table_of_removed_rows_is_no_reason_to_copy_a_large_one() {
    let disk = Disk::new();
    let db = Db::on(&disk).unwrap();
    let fold = |write: &dyn Fn(&mut Batch)| {
        let mut batch = db.begin().unwrap();
        write(&mut batch);
        batch.commit().unwrap();
        db.fold().unwrap();
    };
    let put = |batch: &mut Batch, number| batch.put(Table::Contents, &key(Table::Contents, number), &[1; 200]).unwrap();
    let receipt = |number| key(Table::Receipts, number);
    fold(&|batch| (0..600).for_each(|number| put(batch, number)));
    let large = runs_of(&disk);

    fold(&|batch| batch.put(Table::Receipts, &receipt(0), b"soon removed").unwrap());
    fold(&|batch| batch.delete(Table::Receipts, &receipt(0)).unwrap());
    (0..150).for_each(|_| fold(&|batch| batch.put(Table::Receipts, &receipt(1), b"the same").unwrap()));

    assert!(large.iter().all(|run| runs_of(&disk).contains(run)), "{large:?}, then {:?}", runs_of(&disk));
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
