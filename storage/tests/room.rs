//! A full disk: writes wait for room, readers do not, and nothing is lost.

mod world;

use quorate_ledger::{Read, Store, Table};
use quorate_pbft::Kind;
use quorate_storage::faulty::{Disk, Loss};
use quorate_storage::{Db, ROOM_FOR_BALLAST, compact, compact_on, file_bytes};
use std::thread;
use std::time::Duration;
use tempfile::tempdir;
use world::{digest, executed, own, store};

/// Bytes of a row that fills several blocks.
const ROW: usize = 40_000;

fn put(db: &Db, number: u64) -> Result<(), quorate_ledger::StoreError> {
    let mut batch = db.begin()?;
    batch.record(&own(Kind::Prepare, 0, number, digest("a"))).expect("a promise fits");
    batch.put(Table::Contents, &number.to_be_bytes(), &vec![number as u8; ROW])?;
    batch.commit()?;
    db.fold()
}

fn patient(disk: &Disk) -> Db {
    let db = Db::on(disk).unwrap();
    db.room().be_patient();
    db
}

fn votes_on(db: &Db) -> usize {
    let found = db.snapshot().unwrap().recover(executed(0, &[])).unwrap();
    found.statements.iter().filter(|said| said.statement.kind == Kind::Prepare).count()
}

fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_write_waits_for_room_and_readers_do_not() {
    for blocks in 0..40 {
        let disk = Disk::new();
        let db = patient(&disk);
        put(&db, 1).unwrap();
        disk.fill_after(blocks);
        thread::scope(|scope| {
            let writer = scope.spawn(|| (2..=12).try_for_each(|number| put(&db, number)));
            until(|| db.room().is_awaited());
            let read = db.snapshot().and_then(|snapshot| snapshot.get(Table::Contents, &1u64.to_be_bytes()));
            disk.free();
            assert_eq!(read, Ok(Some(vec![1; ROW])));
            writer.join().unwrap().unwrap_or_else(|error| panic!("{blocks} blocks: {error}"));
        });
        assert!(!db.room().is_awaited() && db.failure().is_none());
        drop(db);
        disk.crash(Loss::All);
        assert_eq!(votes_on(&Db::on(&disk).unwrap()), 12, "{blocks} blocks");
    }
}

#[test]
fn a_process_that_is_killed_while_a_write_waits_has_lost_nothing() {
    for seed in 0..20 {
        let disk = Disk::new();
        let db = patient(&disk);
        put(&db, 1).unwrap();
        disk.fill_after(seed as usize);
        thread::scope(|scope| {
            let writer = scope.spawn(|| (2..=12).try_for_each(|number| put(&db, number)));
            until(|| db.room().is_awaited());
            disk.crash(Loss::Some { seed });
            assert!(writer.join().unwrap().is_err(), "the power is off");
        });
        drop(db);

        let db = Db::on(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(votes_on(&db) >= 1);
        disk.free();
        drop(db);
        let db = Db::on(&disk).unwrap();
        put(&db, 13).unwrap();
    }
}

#[test]
fn a_process_that_ends_waits_no_longer() {
    let disk = Disk::new();
    let db = patient(&disk);
    disk.fill_after(0);
    thread::scope(|scope| {
        let writer = scope.spawn(|| (1..=12).try_for_each(|number| put(&db, number)));
        until(|| db.room().is_awaited());
        db.room().give_up();
        let error = writer.join().unwrap().unwrap_err();
        assert!(error.0.contains("space"), "{error}");
    });
}

#[test]
fn an_open_on_a_full_disk_never_waits() {
    let disk = Disk::new();
    put(&patient(&disk), 1).unwrap();
    disk.crash(Loss::All);
    disk.fill_after(0);

    let db = Db::on(&disk).unwrap();
    assert_eq!(votes_on(&db), 1);

    let error = (2..=12).try_for_each(|number| put(&db, number)).unwrap_err();
    assert!(error.0.contains("space"), "nobody was told to wait: {error}");
}

/// Whether no word comes often, and no byte more often than another.
fn is_noise(bytes: &[u8]) -> bool {
    let mut words: Vec<&[u8]> = bytes.chunks(8).collect();
    words.sort_unstable();
    words.dedup();
    let mut counts = [0; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let mean = bytes.len() / 256;
    words.len() > bytes.len() / 8 - 16
        && counts.iter().all(|count| (mean - mean / 10..mean + mean / 10).contains(count))
}

#[test]
fn a_ballast_is_laid_once_and_only_where_there_is_much_room() {
    let dir = tempdir().unwrap();
    drop(Db::create(dir.path()).unwrap());
    let db = Db::open(dir.path()).unwrap();
    let ballast = dir.path().join("ballast");

    db.room().lay_ballast(ROOM_FOR_BALLAST - 1).unwrap();
    assert!(!ballast.exists());
    db.room().lay_ballast(ROOM_FOR_BALLAST).unwrap();
    db.room().lay_ballast(ROOM_FOR_BALLAST).unwrap();
    assert_eq!(ballast.metadata().unwrap().len(), quorate_storage::BALLAST_BYTES);
    assert!(
        is_noise(&std::fs::read(&ballast).unwrap()),
        "a file system that compresses gives it its room all the same"
    );
}

#[test]
fn a_ballast_that_a_kill_left_short_is_laid_anew() {
    let dir = tempdir().unwrap();
    drop(Db::create(dir.path()).unwrap());
    let (db, ballast) = (Db::open(dir.path()).unwrap(), dir.path().join("ballast"));
    std::fs::write(&ballast, [7; 1_000]).unwrap();
    db.room().lay_ballast(ROOM_FOR_BALLAST).unwrap();
    assert_eq!(ballast.metadata().unwrap().len(), quorate_storage::BALLAST_BYTES);
}

/// A vote and many contents, and then all but every tenth of these gone.
fn mostly_dead(db: &Db, contents: u64) {
    store(db, &[own(Kind::Prepare, 0, 1, digest("a"))]);
    for is_there in [true, false] {
        let mut batch = db.begin().unwrap();
        for number in 0..contents {
            let key = number.to_be_bytes();
            match is_there || number % 10 == 0 {
                true => batch.put(Table::Contents, &key, &vec![number as u8; ROW]).unwrap(),
                false => batch.delete(Table::Contents, &key).unwrap(),
            }
        }
        batch.commit().unwrap();
        db.fold().unwrap();
    }
}

/// What [`mostly_dead`] left is there.
fn check(db: &Db, contents: u64) {
    assert_eq!(votes_on(db), 1);
    let snapshot = db.snapshot().unwrap();
    for number in 0..contents {
        let content = snapshot.get(Table::Contents, &number.to_be_bytes()).unwrap();
        assert_eq!(content, (number % 10 == 0).then(|| vec![number as u8; ROW]), "{number}");
    }
}

#[test]
fn compaction_gives_dead_pages_back_and_keeps_every_row() {
    let dir = tempdir().unwrap();
    mostly_dead(&Db::create(dir.path()).unwrap(), 300);
    let before = file_bytes(dir.path()).unwrap();

    let compacted = compact(dir.path(), 50).unwrap();

    assert_eq!(compacted.before, before);
    assert!(compacted.after < before / 4, "{compacted:?}");
    assert_eq!(file_bytes(dir.path()).unwrap(), compacted.after);
    check(&Db::open(dir.path()).unwrap(), 300);
}

#[test]
fn a_crash_at_any_write_of_a_compaction_leaves_a_good_database() {
    const CONTENTS: u64 = 40;
    let made = || {
        let disk = Disk::new();
        mostly_dead(&Db::on(&disk).unwrap(), CONTENTS);
        disk
    };
    let whole = made();
    let before = whole.operations();
    compact_on(&whole).unwrap();
    let operations = whole.operations() - before;
    check(&Db::on(&whole).unwrap(), CONTENTS);
    assert!(operations > 10, "{operations}");

    for cut in (0..operations).step_by(3) {
        for loss in [Loss::All, Loss::Some { seed: cut }] {
            let disk = made();
            disk.cut_power_after(cut);
            drop(compact_on(&disk)); // the last operations are those of its end, which tells nobody
            disk.crash(loss);
            let db = Db::on(&disk).unwrap_or_else(|error| panic!("cut at {cut}, {loss:?}: {error}"));
            check(&db, CONTENTS);
        }
    }
}

/// A start goes on without it.
#[test]
fn a_compaction_without_room_leaves_a_good_database() {
    const CONTENTS: u64 = 40;
    for blocks in 0..8 {
        let disk = Disk::new();
        mostly_dead(&Db::on(&disk).unwrap(), CONTENTS);
        disk.fill_after(blocks);
        drop(compact_on(&disk));
        check(&Db::on(&disk).unwrap_or_else(|error| panic!("{blocks} blocks: {error}")), CONTENTS);
    }
}

#[test]
fn a_file_of_which_less_is_dead_is_left_alone() {
    let dir = tempdir().unwrap();
    mostly_dead(&Db::create(dir.path()).unwrap(), 300);

    let left = compact(dir.path(), 99).unwrap();

    assert!(left.live < left.before / 4 && left.after > left.before / 10 * 9, "{left:?}");
}

#[test]
fn a_database_in_use_is_not_compacted() {
    let dir = tempdir().unwrap();
    drop(Db::create(dir.path()).unwrap());
    let _used = Db::open(dir.path()).unwrap();

    assert!(matches!(compact(dir.path(), 0), Err(quorate_storage::DbError::Locked(_))));
}
