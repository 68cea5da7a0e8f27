//! The journal and the rows in memory above redb: readers see one moment, and damage is named.

mod world;

use quorate_ledger::{Read, Store, Table};
use quorate_pbft::{Kind, Record};
use quorate_storage::faulty::{Disk, Loss};
use quorate_storage::{Db, DbError};
use redb::StorageBackend;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};
use world::{cert, digest, executed, own, store};

fn put(db: &Db, key: &[u8], value: &[u8]) {
    let mut batch = db.begin().unwrap();
    batch.put(Table::Names, key, value).unwrap();
    batch.commit().unwrap();
}

fn rows(read: &impl Read) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let each = &mut |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    read.scan(Table::Names, &[], &[u8::MAX; 4], each).unwrap();
    found
}

fn rows_back(read: &impl Read) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let each = &mut |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    read.scan_back(Table::Names, &[], &[u8::MAX; 4], each).unwrap();
    found.reverse();
    found
}

#[test]
fn a_snapshot_stays_as_it_was_while_rows_are_committed_and_folded() {
    let db = world::db();
    put(&db, b"a", b"1");
    db.fold().unwrap();
    put(&db, b"b", b"1");
    let before = db.snapshot().unwrap();
    put(&db, b"a", b"2");
    let fold = db.freeze().unwrap().unwrap();
    let between = db.snapshot().unwrap();
    put(&db, b"b", b"3");
    fold.run().unwrap();
    put(&db, b"c", b"4");

    let row = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
    assert_eq!(rows(&before), [row("a", "1"), row("b", "1")]);
    assert_eq!(rows(&between), [row("a", "2"), row("b", "1")]);
    assert_eq!(rows(&db.snapshot().unwrap()), [row("a", "2"), row("b", "3"), row("c", "4")]);
}

/// Rows in redb, set aside, in memory and in a batch, with removals between them: reads give what a map gives.
#[test]
fn rows_of_all_layers_read_as_one_table() {
    let db = world::db();
    let mut model = BTreeMap::new();
    let mut dice = 1_u64;
    let mut fold = None;
    for round in 0..400_u32 {
        let mut batch = db.begin().unwrap();
        for _ in 0..12 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = (dice >> 48).to_be_bytes()[6..].to_vec();
            if dice >> 40 & 3 == 0 {
                batch.delete(Table::Names, &key).unwrap();
                model.remove(&key);
            } else {
                batch.put(Table::Names, &key, &round.to_be_bytes()).unwrap();
                model.insert(key, round.to_be_bytes().to_vec());
            }
        }
        let expected: Vec<_> = model.clone().into_iter().collect();
        assert_eq!(rows(&batch), expected, "round {round}");
        assert_eq!(rows_back(&batch), expected, "round {round}");
        batch.commit().unwrap();
        match round % 40 {
            9 => fold = db.freeze().unwrap(),
            25 => fold.take().unwrap().run().unwrap(),
            _ => {}
        }
    }
}

#[test]
fn only_one_fold_is_aside_at_a_time() {
    let db = world::db();
    put(&db, b"a", b"1");
    let fold = db.freeze().unwrap();
    put(&db, b"b", b"1");

    assert!(db.is_folding() && db.freeze().unwrap().is_none());
    fold.unwrap().run().unwrap();

    assert!(!db.is_folding() && db.freeze().unwrap().is_some());
}

/// A disk with some statements behind each other, none of them folded.
fn disk_of(statements: u64) -> Disk {
    let disk = Disk::new();
    let db = Db::on(&disk).unwrap();
    (1..=statements).for_each(|seq| store(&db, &[own(Kind::Prepare, 0, seq, digest("a"))]));
    disk.crash(Loss::Nothing);
    disk
}

fn statements(db: &Db) -> usize {
    db.snapshot().unwrap().recover(executed(0, &[])).unwrap().statements.len()
}

#[test]
fn a_changed_bit_in_the_journal_is_named_unless_it_looks_like_a_torn_end() {
    let whole = disk_of(20).image("journal-1");
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let (mut named, mut torn, mut harmless) = (0, 0, 0);
    for at in (0..used).step_by(13) {
        let disk = disk_of(20);
        disk.file("journal-1").write(at as u64, &[whole[at] ^ 1 << (at % 8)]).unwrap();
        match Db::on(&disk) {
            Err(DbError::Journal(why)) => {
                assert!(why.contains("journal"), "{why}");
                named += 1;
            }
            Err(other) => panic!("{other}"),
            Ok(db) if statements(&db) == 20 => harmless += 1, // zeros between two records
            Ok(db) => {
                assert_eq!(statements(&db), 19, "byte {at}");
                torn += 1;
            }
        }
    }
    assert!(named > 200 && torn < 30 && harmless < 30, "{named} named, {torn} torn ends, {harmless} harmless");
}

/// E1: a start that synced nothing left a whole record behind the end; what the next start wrote and synced counts.
#[test]
fn a_record_that_an_earlier_start_left_behind_the_end_is_none() {
    let mut stale = 0;
    for seed in 0..300 {
        let disk = disk_of(1);
        let db = Db::on(&disk).unwrap();
        store(&db, &[Record::LaneCert(cert(Kind::Ack, 1, 7, digest("one")))]);
        disk.cut_power_after(1);
        let unheard = [own(Kind::Prepare, 0, 2, digest("never said"))];
        assert!(world::try_store(&db, &unheard).is_err());
        disk.crash(Loss::Some { seed });
        let db = Db::on(&disk).unwrap();
        if statements(&db) == 2 {
            continue; // both records survived: the sync that failed was done
        }
        store(&db, &[Record::LaneCert(cert(Kind::Ack, 1, 7, digest("two")))]);
        let said = own(Kind::ViewChange, 1, 0, digest("said"));
        store(&db, std::slice::from_ref(&said));
        let before = statements(&db);
        disk.crash(Loss::All);

        assert_eq!(statements(&Db::on(&disk).unwrap()), before, "seed {seed}");
        stale += 1;
    }
    assert!(stale > 50, "{stale} disks");
}

/// A record that a fault left in the system's cache only is found by the next start, and by the one after a power cut.
fn a_start_makes_durable_what_is_left_by(fault: impl Fn(&Disk)) {
    let disk = disk_of(3);
    let db = Db::on(&disk).unwrap();
    fault(&disk);
    assert!(world::try_store(&db, &[own(Kind::Prepare, 0, 4, digest("a"))]).is_err());
    disk.crash(Loss::Nothing);
    assert_eq!(statements(&Db::on(&disk).unwrap()), 4);

    disk.crash(Loss::All);

    assert_eq!(statements(&Db::on(&disk).unwrap()), 4);
}

/// A killed process leaves records in the system's cache only: the next start may let out what rests on them.
#[test]
fn what_a_start_finds_it_makes_durable() {
    a_start_makes_durable_what_is_left_by(|disk| disk.cut_power_after(1));
}

/// The system drops from its list what a failed sync was to write: to the next start it looks as if it were on the disk.
#[test]
fn what_a_sync_has_lost_the_next_start_writes_again() {
    a_start_makes_durable_what_is_left_by(|disk| disk.lose_sync_after(0));
}

#[test]
fn a_generation_whose_first_sync_has_failed_is_written_again() {
    let disk = disk_of(3);
    let db = Db::on(&disk).unwrap();
    disk.lose_sync_after(0);
    assert!(db.freeze().is_err());
    disk.crash(Loss::Nothing);
    let db = Db::on(&disk).unwrap();
    store(&db, &[own(Kind::Prepare, 0, 4, digest("a"))]);

    disk.crash(Loss::All);

    assert_eq!(statements(&Db::on(&disk).unwrap()), 4);
}

/// A standstill is told by where it stands.
#[test]
fn a_thread_that_sets_rows_aside_waits_for_the_disk() {
    let disk = disk_of(3);
    let db = Db::on(&disk).unwrap();
    put(&db, b"a", b"1");
    let (hung, begun) = (disk.hang(), Instant::now());
    let waits = thread::scope(|scope| {
        let folder = scope.spawn(|| db.freeze().unwrap().is_some());
        while !db.pulse().is_at_disk() && begun.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(1));
        }
        let waits = db.pulse().is_at_disk();
        drop(hung);
        assert!(folder.join().unwrap());
        waits
    });
    assert!(waits && !db.pulse().is_at_disk());
}

#[test]
fn a_broken_end_of_a_generation_that_another_follows_is_named() {
    let disk = Disk::new();
    let db = Db::on(&disk).unwrap();
    (1..=3).for_each(|seq| store(&db, &[own(Kind::Prepare, 0, seq, digest("a"))]));
    let fold = db.freeze().unwrap();
    (4..=6).for_each(|seq| store(&db, &[own(Kind::Prepare, 0, seq, digest("a"))]));
    disk.crash(Loss::Nothing);
    drop(fold);
    let image = disk.image("journal-1");
    let end = image.iter().rposition(|byte| *byte != 0).unwrap();

    disk.file("journal-1").write(end as u64, &[image[end] ^ 1]).unwrap();

    assert!(matches!(Db::on(&disk), Err(DbError::Journal(_))));
}

/// Bytes that look like heads of long records, as an author may have put them into a file.
#[test]
fn bytes_that_look_like_records_cost_a_start_no_reads() {
    let disk = disk_of(3);
    let head = [1 << 20, u32::MAX].map(u32::to_le_bytes).concat();
    let pattern: Vec<u8> = head.iter().copied().cycle().take(4 << 20).collect();
    for (file, at) in [("journal-1", disk.image("journal-1").len()), ("journal-2", 0)] {
        disk.file(file).set_len((at + pattern.len()) as u64).unwrap();
        disk.file(file).write(at as u64, &pattern).unwrap();
    }
    let before = disk.reads();

    assert_eq!(statements(&Db::on(&disk).unwrap()), 3);

    assert!(disk.reads() - before < 200, "{} reads", disk.reads() - before);
}

/// The head of a record without a payload in the first generation of a disk, whose seed is zeros.
fn head(number: u64, durable: u64) -> [u8; 56] {
    let numbers = [number, durable].map(u64::to_le_bytes).concat();
    let hash = Sha256::new().chain_update([0; 16]).chain_update(&numbers).chain_update([0; 16 + 4]).finalize();
    let mut head = [0; 56];
    head[4..8].copy_from_slice(&hash[..4]);
    head[8..24].copy_from_slice(&numbers);
    head
}

/// End of the records in a file of which nothing but zeros follows.
fn end_of(image: &[u8]) -> u64 {
    let mut at = 0;
    while let Some(length) =
        image[at..].first_chunk().map(|bytes| u32::from_le_bytes(*bytes)).filter(|bytes| *bytes > 0)
    {
        at += (56 + length as usize).next_multiple_of(8);
    }
    at as u64
}

/// A disk with three statements and, as many bytes behind their end as `heads` have, a head of the record `number` that says
/// the record at the end was durable.
fn disk_with_head_behind(heads: u64, number: u64) -> Disk {
    let disk = disk_of(3);
    let place = end_of(&disk.image("journal-1")) + heads * 56;
    disk.file("journal-1").write(place, &head(number, 5)).unwrap();
    disk
}

#[test]
fn a_head_behind_the_end_with_room_for_the_records_between_is_damage() {
    assert!(matches!(Db::on(&disk_with_head_behind(3, 4 + 3)), Err(DbError::Journal(_))));
}

/// Bytes of an earlier use of the file, of which one in 2^32 looks like a head of this generation.
#[test]
fn a_head_behind_the_end_without_room_for_the_records_between_is_none() {
    for number in [4 + 4, 1 << 32, u64::MAX] {
        assert_eq!(statements(&Db::on(&disk_with_head_behind(3, number)).unwrap()), 3, "record {number}");
    }
}

#[test]
fn a_database_is_not_made_beside_the_journal_of_a_lost_one() {
    let dir = tempfile::tempdir().unwrap();
    drop(Db::create(dir.path()).unwrap());
    fs::remove_file(dir.path().join("quorate.redb")).unwrap();

    assert!(matches!(Db::create(dir.path()), Err(DbError::Journal(_))));
}

#[test]
fn a_lost_journal_is_not_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    store(&Db::create(dir.path()).unwrap(), &[own(Kind::Prepare, 0, 1, digest("a"))]);
    fs::remove_file(dir.path().join("journal-1")).unwrap();

    let error = Db::open(dir.path()).unwrap_err();

    assert!(matches!(error, DbError::Journal(_)) && error.to_string().contains("--new-database"), "{error}");
}

#[test]
fn the_journal_of_another_database_is_refused() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (dir, folds) in [(&dir, 3), (&other, 4)] {
        let db = Db::create(dir.path()).unwrap();
        for seq in 1..=folds {
            store(&db, &[own(Kind::Prepare, 0, seq, digest(&folds.to_string()))]);
            db.fold().unwrap();
        }
    }
    for file in ["journal-0", "journal-1", "journal-2"] {
        fs::copy(other.path().join(file), dir.path().join(file)).unwrap();
    }

    assert!(matches!(Db::open(dir.path()), Err(DbError::Journal(_))));
}

#[test]
fn the_files_of_the_journal_are_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::create(dir.path()).unwrap();
    let mut lengths = Vec::new();
    for seq in 1..=30 {
        store(&db, &[own(Kind::Prepare, 0, seq, digest("a"))]);
        db.fold().unwrap();
        let length = |name: &str| fs::metadata(dir.path().join(name)).unwrap().len();
        lengths.push(["journal-0", "journal-1", "journal-2"].map(length));
    }

    assert_eq!(lengths[5], lengths[29]);
}
