//! A disk that loses a block: readers are told, and nothing is read in its stead.

mod world;

use quorate_ledger::{Read, Store, Table};
use quorate_pbft::{Question, SeqNum, Wanted};
use quorate_storage::faulty::Disk;
use quorate_storage::shelter::sheltered;
use quorate_storage::{Db, SupplyLimits};
use world::{EPOCH, mark_slot, store};

/// The file of the tables.
const FILE: &str = "quorate.redb";
/// Contents, each in a page of its own or more.
const CONTENTS: u64 = 24;

fn put(db: &Db, table: Table, number: u64, bytes: usize) {
    let mut batch = db.begin().unwrap();
    batch.put(table, &number.to_be_bytes(), &vec![number as u8; bytes]).unwrap();
    batch.commit().unwrap();
}

/// A folded database, opened by a replica that runs, of which nothing is in memory yet.
fn running() -> (Disk, Db) {
    let disk = Disk::new();
    let db = Db::on(&disk).unwrap();
    (0..CONTENTS).for_each(|number| put(&db, Table::Contents, number, 5_000));
    put(&db, Table::Names, 0, 10);
    db.fold().unwrap();
    drop(db);
    let db = Db::on(&disk).unwrap();
    db.room().be_patient();
    (disk, db)
}

/// A fold over zeros would lose rows without an error.
#[test]
#[cfg_attr(debug_assertions, ignore = "redb reads every page at the opening in a debug build: none is left to be lost")]
fn nothing_is_looked_past_where_a_replica_runs() {
    let disk = running().0;
    let (blocks, mut failed) = (disk.image(FILE).len() as u64 / 4_096, 0);
    for block in 1..blocks {
        disk.lose_block(None);
        let db = Db::on(&disk).unwrap();
        db.room().be_patient();
        disk.lose_block(Some((FILE, block)));
        let rows = db.snapshot().unwrap();
        let is_read = (0..CONTENTS).all(|number| rows.get(Table::Contents, &number.to_be_bytes()).is_ok());
        assert_eq!(
            (is_read, db.room().unread()),
            (db.failure().is_none(), 0),
            "block {block}: the next round ends by it"
        );
        failed += usize::from(!is_read);
    }
    assert!(failed >= CONTENTS as usize, "{failed}");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "redb reads every page at the opening in a debug build: none is left to be lost")]
fn an_answer_to_a_peer_that_needs_a_lost_block_is_an_error_of_its_own() {
    let filled = || {
        let disk = Disk::new();
        let db = Db::on(&disk).unwrap();
        (1..=4).for_each(|seq| store(&db, &mark_slot(seq, 1, seq)));
        db.fold().unwrap();
        drop(db);
        let db = Db::on(&disk).unwrap();
        db.room().be_patient();
        (disk, db)
    };
    let wanted = Wanted::Slots { from: SeqNum::new(1), to: SeqNum::new(4) };
    let question = Question { epoch: EPOCH, wanted };
    let (blocks, mut missed) = (filled().0.image(FILE).len() as u64 / 4_096, 0);
    for block in 1..blocks {
        let (disk, db) = filled();
        disk.lose_block(Some((FILE, block)));
        let answer = db.snapshot().unwrap().apart().supply(&question, SupplyLimits::default());
        missed += usize::from(answer.is_err());
        assert_eq!(db.failure(), None, "block {block}");
        let _ = sheltered(|| drop(db));
    }
    assert!(missed > 0, "some block holds the slots");
}
