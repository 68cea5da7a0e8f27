//! Making and opening: `init` makes the database, `start` never does (E7).

mod world;

use quorate_pbft::{Kind, Record};
use quorate_storage::faulty::{Disk, Loss};
use quorate_storage::{Db, DbError};
use redb::{Database, TableDefinition};
use std::fs;
use tempfile::{TempDir, tempdir};
use world::{digest, executed, own, store};

#[test]
fn open_never_makes_a_database() {
    let dir = tempdir().unwrap();

    assert!(matches!(Db::open(dir.path()), Err(DbError::Missing(_))));

    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn create_refuses_where_a_database_is_and_leaves_it_alone() {
    let dir = tempdir().unwrap();
    store(&Db::create(dir.path()).unwrap(), &[own(Kind::Prepare, 0, 1, digest("a"))]);

    assert!(matches!(Db::create(dir.path()), Err(DbError::Exists(_))));

    let found = Db::open(dir.path()).unwrap().snapshot().unwrap().recover(executed(0, &[])).unwrap();
    assert_eq!(found.statements.len(), 1);
}

#[test]
fn a_database_knows_whose_promises_it_keeps() {
    let dir = tempdir().unwrap();
    Db::create(dir.path()).unwrap().claim(&[1; 32]).unwrap();

    let db = Db::open(dir.path()).unwrap();

    assert!(db.claim(&[1; 32]).is_ok());
    assert!(matches!(db.claim(&[2; 32]), Err(DbError::OtherMember(_))));
}

#[test]
fn create_says_which_folder_is_not_there() {
    let dir = tempdir().unwrap();

    let error = Db::create(&dir.path().join("nowhere")).unwrap_err();

    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[test]
fn what_was_committed_is_there_after_closing_and_opening() {
    let dir = tempdir().unwrap();
    let db = Db::create(dir.path()).unwrap();
    store(&db, &[own(Kind::Prepare, 0, 1, digest("a"))]);
    drop(db);

    let found = Db::open(dir.path()).unwrap().snapshot().unwrap().recover(executed(0, &[])).unwrap();

    assert_eq!(found.statements, [world::said(0, Kind::Prepare, 0, 1, digest("a"))]);
}

#[test]
fn a_second_opener_is_told_that_the_database_is_in_use() {
    let dir = tempdir().unwrap();
    let _first = Db::create(dir.path()).unwrap();

    assert!(matches!(Db::open(dir.path()), Err(DbError::Locked(_))));
}

/// A database that says it has another format.
fn of_format(format: u8) -> TempDir {
    let dir = tempdir().unwrap();
    drop(Db::create(dir.path()).unwrap());
    let raw = Database::open(dir.path().join("quorate.redb")).unwrap();
    let write = raw.begin_write().unwrap();
    let about = TableDefinition::<&[u8], &[u8]>::new("about");
    write.open_table(about).unwrap().insert(b"format".as_slice(), [format, 0, 0, 0, 0].as_slice()).unwrap();
    write.commit().unwrap();
    dir
}

#[test]
fn a_newer_format_is_refused_by_its_number() {
    assert!(matches!(Db::open(of_format(9).path()), Err(DbError::NewerFormat { found: 9, known: 7 })));
}

#[test]
fn an_older_format_is_refused_by_its_number() {
    assert!(matches!(Db::open(of_format(1).path()), Err(DbError::OlderFormat { found: 1, known: 5 })));
}

#[test]
fn a_file_of_something_else_is_not_opened() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("quorate.redb"), "not a database").unwrap();

    assert!(matches!(Db::open(dir.path()), Err(DbError::Redb(_))));
    assert_eq!(fs::read(dir.path().join("quorate.redb")).unwrap(), b"not a database");
}

#[test]
fn a_database_of_somebody_else_is_not_opened() {
    let dir = tempdir().unwrap();
    drop(Database::create(dir.path().join("quorate.redb")).unwrap());

    assert!(matches!(Db::open(dir.path()), Err(DbError::Foreign(_))));
}

/// Whatever a power cut during `create` left under the unfinished name, at any operation and with any loss.
#[test]
fn what_a_cut_short_create_leaves_is_not_opened_and_does_not_hinder_the_next() {
    let whole = Disk::new();
    drop(Db::on(&whole).unwrap());
    for cut in 0..whole.operations() {
        let disk = Disk::new();
        disk.cut_power_after(cut);
        drop(Db::on(&disk));
        disk.crash(Loss::Some { seed: cut });
        let dir = tempdir().unwrap();
        fs::write(dir.path().join("quorate.redb.new"), disk.image("quorate.redb")).unwrap();

        assert!(matches!(Db::open(dir.path()), Err(DbError::Missing(_))), "cut at {cut}");
        let db = Db::create(dir.path()).unwrap();
        store(&db, &[Record::View { epoch: world::EPOCH, view: quorate_pbft::View::new(1), changing: true }]);
    }
}

#[test]
fn create_leaves_the_database_and_the_files_of_its_journal() {
    let dir = tempdir().unwrap();
    let _db = Db::create(dir.path()).unwrap();

    let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();

    assert_eq!(names, ["journal-0", "journal-1", "journal-2", "quorate.redb"]);
}

#[test]
fn stats_say_what_the_file_takes_and_how_many_rows_each_table_has() {
    let dir = tempdir().unwrap();
    let db = Db::create(dir.path()).unwrap();
    store(&db, &[own(Kind::Prepare, 0, 1, digest("a")), own(Kind::Prepare, 0, 2, digest("b"))]);
    db.fold().unwrap();

    let stats = db.stats().unwrap();

    assert_eq!(stats.rows.iter().find(|(name, _)| *name == "statements"), Some(&("statements", 2)));
    assert!(stats.disk_bytes > 0 && stats.file_bytes >= 100_000, "{stats:?}");
}
