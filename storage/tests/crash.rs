//! The power goes at any moment: what was confirmed is there, and nothing is there by half.

mod world;

use quorate_ledger::{Read, Store, StoreError, Table};
use quorate_pbft::{Kind, Record};
use quorate_storage::Db;
use quorate_storage::faulty::{Disk, Loss};
use std::sync::Arc;
use world::{bundle, digest, executed, own};

/// Batches of the workload.
const BATCHES: u64 = 12;

/// Commits a batch: a vote, a bundle of 40,000 bytes (kept in pieces) and the ledger's point, all with the batch's
/// number.
fn write(db: &Db, number: u64) -> Result<(), StoreError> {
    let mut batch = db.begin()?;
    let item = quorate_pbft::Item { kind: quorate_pbft::ItemKind::Envelope, bytes: vec![number as u8; 40_000] };
    let records = [own(Kind::Prepare, 0, number, digest("a")), Record::Bundle(Arc::new(bundle(1, number, vec![item])))];
    for record in &records {
        batch.record(record).map_err(|error| StoreError(error.to_string()))?;
    }
    batch.put(Table::Meta, b"point", &number.to_be_bytes())?;
    batch.put(Table::History, &number.to_be_bytes(), b"executed")?;
    batch.delete(Table::History, &(number - 1).to_be_bytes())?;
    batch.commit()
}

/// Writes until the disk fails; how many batches were confirmed.
fn work(disk: &Disk) -> u64 {
    let Ok(db) = Db::with_backend(disk.backend()) else { return 0 };
    let failed = (1..=BATCHES).find(|number| write(&db, *number).is_err());
    failed.map_or(BATCHES, |number| number - 1)
}

/// Count of the batches on the disk; each must be there whole.
fn batches_on(db: &Db) -> u64 {
    let snapshot = db.snapshot().unwrap();
    let point = snapshot.get(Table::Meta, b"point").unwrap();
    let found = snapshot.recover(executed(0, &[])).unwrap();
    let count = point.map_or(0, |point| u64::from_be_bytes(point.try_into().unwrap()));
    let votes: Vec<u64> = found.statements.iter().map(|said| said.statement.seq.get()).collect();
    let bundles: Vec<u64> = found.bundles.iter().map(|bundle| bundle.header.position.get()).collect();
    let all: Vec<u64> = (1..=count).collect();
    assert_eq!((&votes, &bundles), (&all, &all), "statements and bundles of {count} batches");
    let executed =
        (0..=BATCHES).filter(|number| snapshot.get(Table::History, &number.to_be_bytes()).unwrap().is_some());
    assert_eq!(executed.collect::<Vec<_>>(), all.last().copied().into_iter().collect::<Vec<_>>());
    count
}

/// Operations of the whole workload, and of making the database.
fn operations() -> (u64, u64) {
    let disk = Disk::new();
    let db = Db::with_backend(disk.backend()).unwrap();
    let made = disk.operations();
    (1..=BATCHES).for_each(|number| write(&db, number).unwrap());
    (made, disk.operations())
}

#[test]
fn one_commit_is_one_sync() {
    let disk = Disk::new();
    let db = Db::with_backend(disk.backend()).unwrap();
    let before = disk.syncs();

    (1..=BATCHES).for_each(|number| write(&db, number).unwrap());

    assert_eq!(disk.syncs() - before, BATCHES);
}

#[test]
fn a_batch_that_wrote_nothing_costs_no_sync() {
    let disk = Disk::new();
    let db = Db::with_backend(disk.backend()).unwrap();
    let before = disk.operations();

    db.begin().unwrap().commit().unwrap();

    assert_eq!(disk.operations(), before);
}

#[test]
fn a_cut_at_any_operation_keeps_every_confirmed_batch_and_no_half_one() {
    let (made, whole) = operations();
    let mut images = 0;
    for cut in made..whole {
        for loss in [Loss::Nothing, Loss::All].into_iter().chain((0..6).map(|seed| Loss::Some { seed: seed + cut * 6 }))
        {
            let disk = Disk::new();
            disk.cut_power_after(cut);
            let confirmed = work(&disk);
            disk.crash(loss);

            let db = Db::with_backend(disk.backend()).unwrap_or_else(|error| panic!("cut at {cut}, {loss:?}: {error}"));
            let found = batches_on(&db);

            // a batch whose commit had not returned may be there, whole
            assert!((confirmed..=confirmed + 1).contains(&found), "{found} of {confirmed}, cut at {cut}, {loss:?}");
            images += 1;
        }
    }
    assert!(images > 400, "{images} images");
}

#[test]
fn after_a_crash_the_work_goes_on_where_it_was_confirmed() {
    let (made, whole) = operations();
    for cut in (made..whole).step_by(7) {
        let disk = Disk::new();
        disk.cut_power_after(cut);
        work(&disk);
        disk.crash(Loss::Some { seed: cut });
        let db = Db::with_backend(disk.backend()).unwrap();
        let found = batches_on(&db);

        (found + 1..=BATCHES).for_each(|number| write(&db, number).unwrap());
        drop(db);

        assert_eq!(batches_on(&Db::with_backend(disk.backend()).unwrap()), BATCHES, "cut at {cut}");
    }
}

#[test]
fn a_killed_process_loses_nothing_that_was_confirmed() {
    let disk = Disk::new();
    let db = Db::with_backend(disk.backend()).unwrap();
    (1..=5).for_each(|number| write(&db, number).unwrap());
    let mut batch = db.begin().unwrap();
    batch.put(Table::Meta, b"point", b"never committed").unwrap();
    disk.crash(Loss::Nothing);

    assert_eq!(batches_on(&Db::with_backend(disk.backend()).unwrap()), 5);
}

/// Pitfall: what goes on after a failed write is the second half of a torn one.
#[test]
fn after_the_first_error_everything_fails() {
    let disk = Disk::new();
    let db = Db::with_backend(disk.backend()).unwrap();
    write(&db, 1).unwrap();
    let reader = db.snapshot().unwrap();
    disk.cut_power_after(1);
    let first = write(&db, 2).unwrap_err();

    assert_eq!(db.begin().err(), Some(first.clone()));
    assert_eq!(db.snapshot().err(), Some(first.clone()));
    assert_eq!(reader.get(Table::Meta, b"point"), Err(first.clone()));
    assert_eq!(db.failure(), Some(first));
}

#[test]
fn a_full_disk_fails_the_commit_and_keeps_what_was_confirmed_even_while_full() {
    for blocks in 0..40 {
        let disk = Disk::new();
        let db = Db::with_backend(disk.backend()).unwrap();
        write(&db, 1).unwrap();
        disk.fill_after(blocks);
        let failed = (2..=BATCHES).find(|number| write(&db, *number).is_err());
        let confirmed = failed.map_or(BATCHES, |number| number - 1);
        drop(db);
        disk.crash(Loss::All);

        let db = Db::with_backend(disk.backend()).unwrap_or_else(|error| panic!("{blocks} blocks: {error}"));
        let found = batches_on(&db);
        assert!((confirmed..=confirmed + 1).contains(&found), "{found} of {confirmed} with {blocks} blocks");

        disk.free();
        drop(db);
        let db = Db::with_backend(disk.backend()).unwrap();
        (found + 1..=BATCHES).for_each(|number| write(&db, number).unwrap());
    }
}

#[test]
fn a_full_disk_says_so() {
    let disk = Disk::new();
    let db = Db::with_backend(disk.backend()).unwrap();
    disk.fill_after(0);

    let error = (1..=BATCHES).find_map(|number| write(&db, number).err()).unwrap();

    assert!(error.0.contains("space"), "{error}");
}

#[test]
fn a_dead_process_cannot_write_to_the_disk_of_its_successor() {
    let disk = Disk::new();
    let old = Db::with_backend(disk.backend()).unwrap();
    write(&old, 1).unwrap();
    disk.crash(Loss::Nothing);
    let new = Db::with_backend(disk.backend()).unwrap();

    assert!(write(&old, 2).is_err());
    drop(old);

    write(&new, 2).unwrap();
    assert_eq!(batches_on(&new), 2);
}
