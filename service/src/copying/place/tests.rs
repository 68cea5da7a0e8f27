//! Places of databases: first states, copies that were cut off, and marks.

use super::*;
use crate::copying::load::Load;
use crate::copying::mark::marked;
use crate::copying::{self, Plan, restore};
use crate::init::{InitError, create_database};
use quorate_ledger::keys::Purpose;
use quorate_ledger::{DomainRules, Enrolment, FORMAT, GenesisFile, Limits, OpenError, Read as _, Store as _, Table};
use quorate_pbft::{Constants, Digest, Ed25519Signer, Record, SeqNum};
use std::io::ErrorKind;
use std::sync::Arc;

fn genesis() -> Genesis {
    named("places")
}

/// A copy that was stopped after its first fold.
fn begin_a_copy(growing: &Path) -> PathBuf {
    fs::create_dir(growing).expect("a folder");
    let load = Load::open(Db::create(growing).expect("a database"), &genesis()).expect("an empty copy");
    assert!(load.finish(&genesis(), None).expect("a fold").is_none());
    growing.to_owned()
}

/// A repair that was cut off between its renames: the place of the database, the state made whole, the database before.
fn cut_off_repair() -> (tempfile::TempDir, PathBuf, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (growing, before) = (beside(&data, MENDED), beside(&data, BEFORE_REPAIR));
    create_database(&growing, &genesis()).expect("a database");
    fs::create_dir(&before).expect("a folder");
    (folder, data, growing, before)
}

/// A whole copy beside a database: the place of the database, the copy, and where the database is to go.
fn copy_beside_a_database() -> (tempfile::TempDir, PathBuf, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (growing, before) = (beside(&data, GROWING), beside(&data, BEFORE));
    create_database(&growing, &genesis()).expect("a copy");
    create_database(&data, &genesis()).expect("a database");
    (folder, data, growing, before)
}

fn named(name: &str) -> Genesis {
    let member = |number: u8| Ed25519Signer::from_seed(&[number; 32]);
    let file = GenesisFile {
        format: FORMAT.into(),
        name: name.into(),
        rules: None,
        restarted_from: None,
        organisations: vec!["org".into()],
        members: (1..=4).map(|number| Enrolment::prove(Purpose::Member, "org", &member(number))).collect(),
        authors: vec![Enrolment::prove(Purpose::Author, "org", &member(9))],
        domains: vec![DomainRules::open("main")],
        constants: Constants::default(),
        limits: Limits::default(),
    };
    Genesis::build(file).expect("a good genesis")
}

/// A folder that is a file system of its own cannot take the place of another.
#[test]
fn a_first_state_that_was_cut_off_in_a_folder_that_stood_there_is_begun_anew() {
    let data = tempfile::tempdir().expect("a folder");
    drop(Db::create(data.path()).expect("a database")); // and no room for the state

    create_database(data.path(), &genesis()).expect("a database");

    let db = Db::open(data.path()).expect("a database");
    assert!(replay::open(&db, &genesis()).is_ok());
}

/// The mark is in the journal, and the state that it came with was still to be folded.
#[test]
fn a_first_state_beside_the_mark_of_a_copy_that_was_cut_off_is_begun_anew_with_the_mark() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a folder");
    mark(&data, SeqNum::new(7)).expect("a mark");
    let db = Db::create(&data).expect("a database");
    let mut batch = db.begin().expect("a batch");
    batch.record(&Record::Broken(Broken::Copied(SeqNum::new(7)))).expect("the row of a copy");
    batch.commit().expect("a commit");
    drop(db);

    create_database(&data, &genesis()).expect("a database");

    let db = Db::open(&data).expect("a database");
    assert!(replay::open(&db, &genesis()).is_ok());
    let broken = db.snapshot().and_then(|disk| disk.broken()).expect("the disk");
    assert_eq!(broken, Some(Broken::Copied(SeqNum::new(7))));
}

#[test]
fn a_database_without_a_state_that_a_member_has_used_is_not_made_anew() {
    let data = tempfile::tempdir().expect("a folder");
    Db::create(data.path()).and_then(|db| db.claim(&[7; 32])).expect("a database");

    let made = create_database(data.path(), &genesis());

    assert!(matches!(made, Err(InitError::Db(DbError::Exists(_)))), "{made:?}");
}

#[test]
fn a_database_that_was_cut_off_while_it_was_made_is_made_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let growing = beside(&data, "unfinished");
    fs::create_dir(&growing).expect("a folder");
    drop(Db::create(&growing).expect("a database without a state"));

    create_database(&data, &genesis()).expect("a database");

    let db = Db::open(&data).expect("it opens");
    assert!(Ledger::open(&db.snapshot().expect("a snapshot"), &genesis()).is_ok() && !growing.exists());
}

#[test]
fn renames_that_were_cut_off_are_finished_by_the_next_run() {
    let (_folder, data, growing, before) = cut_off_repair();
    assert_eq!(cut_off(&data), Some("repair --from URL"));

    let copied = settle(&data, (&growing, &before), &genesis()).expect("it opens").expect("it was cut off");

    assert_eq!((copied.before.as_deref(), cut_off(&data)), (Some(before.as_path()), None));
    assert!(Db::open(&data).is_ok() && !growing.exists());
}

#[test]
fn a_part_of_a_state_beside_a_replaced_database_is_no_command_that_was_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (growing, before) = (beside(&data, MENDED), beside(&data, BEFORE_REPAIR));
    fs::create_dir(&before).expect("a folder");
    begin_a_copy(&growing);

    let settled = settle(&data, (&growing, &before), &genesis());

    assert!(matches!(settled, Ok(None)) && !data.exists() && growing.exists(), "{settled:?}");
    assert_eq!(cut_off(&data), None);
}

#[test]
fn a_whole_state_that_does_not_open_is_not_called_a_part_of_one() {
    let (_folder, data, growing, before) = cut_off_repair();

    let settled = settle(&data, (&growing, &before), &named("others"));

    assert!(matches!(settled, Err(CopyError::Open(OpenError::OtherGenesis))), "{settled:?}");
}

#[test]
fn what_another_command_has_made_whole_is_left_to_it() {
    let (folder, data, growing, _) = cut_off_repair();
    let restored = restore(&folder.path().join("a.backup"), &data, &genesis(), &[1; 32]);
    for refused in [restored, copied(&data)] {
        assert!(matches!(refused, Err(CopyError::CutOff { command: "repair --from URL", .. })), "{refused:?}");
    }
    assert!(growing.exists());
}

#[test]
fn a_copy_that_was_stopped_before_hides_no_restored_state_that_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    begin_a_copy(&beside(&data, GROWING));
    create_database(&beside(&data, RESTORED), &genesis()).expect("a database");
    fs::create_dir(beside(&data, BEFORE)).expect("a folder");
    assert_eq!(cut_off(&data), Some(RESTORE));
    fs::write(beside(&data, GROWING).join("quorate.redb"), b"no database").expect("it is written");
    assert_eq!(cut_off(&data), Some(RESTORE), "a damaged copy hides it as little");
}

#[test]
fn a_state_that_was_damaged_before_it_came_to_its_place_is_told_with_the_way_back() {
    let spoil: [fn(&mut [u8]); 2] = [|all| all.fill(0x5a), |all| all[4_096..].fill(0x5a)];
    for spoil in spoil {
        let (_folder, data, growing, before) = cut_off_repair();
        let base = growing.join("quorate.redb");
        let mut bytes = fs::read(&base).expect("a file");
        spoil(&mut bytes);
        fs::write(&base, bytes).expect("it is written");

        let settled = settle(&data, (&growing, &before), &genesis());

        assert!(matches!(settled, Err(CopyError::Spoiled { .. })) && growing.exists(), "{settled:?}");
    }
}

#[test]
fn a_state_with_one_damaged_entry_is_told_with_the_way_back() {
    let (_folder, data, growing, before) = cut_off_repair();
    let db = Db::open(&growing).expect("it opens");
    let mut batch = db.begin().expect("a batch");
    let snapshot = db.snapshot().expect("a snapshot");
    let key = snapshot.first_keys(Table::Entries, &[], &[0xff; 64], 1).expect("entries").remove(0);
    drop(snapshot);
    batch.put(Table::Entries, &key, b"another").expect("it is put");
    batch.commit().and_then(|()| db.fold()).expect("it is folded");
    drop(db);

    let settled = settle(&data, (&growing, &before), &genesis());

    assert!(matches!(settled, Err(CopyError::Spoiled { .. })) && growing.exists(), "{settled:?}");
}

#[test]
fn a_database_that_came_while_a_copy_was_made_stays_where_it_is_without_a_mark() {
    let (_folder, data, growing, before) = copy_beside_a_database();
    let running = Db::open(&data).expect("a replica's");

    for replica in [Some(running), None] {
        let swapped = swap(&data, &growing, before.clone(), (None, Some(SeqNum::new(7))));
        assert!(matches!(swapped, Err(CopyError::Taken { .. })), "{swapped:?}");
        drop(replica);
    }
    assert!(growing.exists() && !before.exists() && marked(&data).expect("it is read").is_none());
}

#[test]
fn a_database_that_took_the_place_of_the_one_to_be_replaced_stays_where_it_is() {
    let (folder, data, growing, before) = copy_beside_a_database();
    let old = open_old(&data, &before).expect("it opens").expect("it is there");
    fs::rename(&data, folder.path().join("away")).expect("an operator moves it");
    create_database(&data, &genesis()).expect("a restored one");

    let swapped = swap(&data, &growing, before.clone(), (Some(old.id), Some(SeqNum::new(7))));

    assert!(matches!(swapped, Err(CopyError::Taken { .. })), "{swapped:?}");
    assert!(growing.exists() && !before.exists() && marked(&data).expect("it is read").is_none());
}

#[test]
fn a_database_that_was_put_into_the_folder_of_the_one_to_be_replaced_stays_where_it_is() {
    let (_folder, data, growing, before) = copy_beside_a_database();
    let old = open_old(&data, &before).expect("it opens").expect("it is there");
    for file in fs::read_dir(&data).expect("a folder") {
        fs::remove_file(file.expect("a file").path()).expect("an operator empties it");
    }
    create_database(&data, &genesis()).expect("another one");

    let swapped = swap(&data, &growing, before.clone(), (Some(old.id), Some(SeqNum::new(7))));

    assert!(matches!(swapped, Err(CopyError::Taken { .. })) && !before.exists(), "{swapped:?}");
}

#[test]
fn a_database_that_another_program_opens_is_not_taken_for_a_lost_one() {
    let disk_fails = DbError::Io { path: "data".into(), error: std::io::Error::from_raw_os_error(5) };
    let lost = [disk_fails, DbError::Missing("data".into()), DbError::Foreign("damaged".into())];
    assert!(lost.iter().all(is_lost));
    let refused = DbError::Io { path: "data".into(), error: ErrorKind::PermissionDenied.into() };
    let sound = [DbError::NewerFormat { found: 9, known: 8 }, DbError::Locked("data".into()), refused];
    assert!(!sound.iter().any(is_lost));
}

#[test]
fn a_place_that_no_rename_can_free_is_refused_before_anything_is_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("data");
    std::os::unix::fs::symlink(folder.path().join("lost"), &link).expect("a link");
    assert!(matches!(open_old(&link, &beside(&link, BEFORE)), Err(CopyError::Dangling(_))));
    assert!(matches!(movable(Path::new("/proc")), Err(CopyError::Mounted(_))));
    assert!(movable(folder.path()).is_ok() && movable(&folder.path().join("none")).is_ok());
}

fn copied(data: &Path) -> Result<Copied, CopyError> {
    let from = Vec::new();
    let plan = Plan { data: data.to_owned(), genesis: genesis(), member: [1; 32], from, is_joiner: false };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(copying::run(plan, Arc::new(|_| ())))
}

#[test]
fn a_part_of_a_copy_that_cannot_be_read_back_is_told_with_the_way_out() {
    let damages: [fn(&Path); 2] = [
        |copy| fs::write(Db::file(copy), b"no database").expect("it is written"),
        |copy| fs::remove_file(copy.join("journal-1")).expect("it is removed"),
    ];
    for damage in damages {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        damage(&begin_a_copy(&beside(&data, GROWING)));

        let refused = copied(&data);

        assert!(matches!(refused, Err(CopyError::DamagedPart(_))), "{refused:?}");
    }
}

#[test]
fn a_copy_that_was_stopped_before_its_database_was_made_begins_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    [GROWING, BEFORE].into_iter().for_each(|name| fs::create_dir(beside(&data, name)).expect("a folder"));
    assert_eq!(cut_off(&data), None, "nothing is there that could take the place");
    fs::remove_dir(beside(&data, BEFORE)).expect("our folder"); // a copy asks for that

    let refused = copied(&data);

    assert!(matches!(refused, Err(CopyError::NobodyLeft(_))), "no node was named: {refused:?}");
}

#[test]
fn a_copy_whose_mark_was_cut_off_is_marked_before_it_comes_to_its_place() {
    let (_folder, data, growing, before) = cut_off_repair();
    let db = Db::open(&growing).expect("it opens");
    let mut batch = db.begin().expect("a batch");
    batch.record(&Record::Broken(Broken::Copied(SeqNum::new(7)))).expect("the row of a copy");
    batch.commit().and_then(|()| db.fold()).expect("it is folded");
    drop(db);

    settle(&data, (&growing, &before), &genesis()).expect("it opens").expect("it was cut off");

    assert_eq!(marked(&data).expect("it is read"), Some(SeqNum::new(7)));
}

#[test]
fn a_database_whose_place_cannot_be_marked_stays_where_it_is() {
    let (_folder, data, growing, before) = copy_beside_a_database();
    fs::create_dir(beside(&data, "copied.new")).expect("in the way of the mark");
    let held = database_at(&data);

    let swapped = swap(&data, &growing, before.clone(), (held, Some(SeqNum::new(7))));

    assert!(matches!(swapped, Err(CopyError::Io { .. })) && !before.exists(), "{swapped:?}");
    assert_eq!((database_at(&data), marked(&data).expect("it is read")), (held, None));
}

#[test]
fn no_database_is_made_where_a_copy_is_about_to_come() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let copy = begin_a_copy(&beside(&data, GROWING));
    let held = Db::open(&copy).expect("it opens");
    fs::create_dir(&data).expect("a file system of its own, say");
    assert!(matches!(create_database(&data, &genesis()), Err(InitError::Filling("copy", _))));
    fs::remove_dir(&data).expect("it is empty");

    let refused = create_database(&data, &genesis());

    assert!(matches!(&refused, Err(InitError::Filling("copy", at)) if *at == copy) && !data.exists(), "{refused:?}");
    drop(held);
    create_database(&data, &genesis()).expect("the copy has been stopped");
}

#[test]
fn a_database_that_stays_where_it_is_gets_no_mark() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (growing, before) = (beside(&data, GROWING), beside(&data, BEFORE));
    fs::create_dir_all(before.join("in the way of a rename")).expect("a folder");
    create_database(&data, &genesis()).expect("a database");
    fs::create_dir(&growing).expect("a folder");

    let old = open_old(&data, &before.with_extension("none")).expect("it opens");
    let held = old.as_ref().map(|old| old.id);
    assert!(swap(&data, &growing, before.clone(), (held, Some(SeqNum::new(7)))).is_err());
    assert_eq!(marked(&data).expect("it is read"), None);

    fs::remove_dir_all(&before).expect("it was there");
    swap(&data, &growing, before, (held, Some(SeqNum::new(7)))).expect("a swap");
    assert_eq!(marked(&data).expect("it is read"), Some(SeqNum::new(7)));
}

#[test]
fn a_database_of_another_member_or_group_is_not_said_to_have_no_vote() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    create_database(&data, &genesis()).expect("a database");
    Db::open(&data).and_then(|db| db.claim(&[1; 32])).expect("it is nobody's");

    let of_another = copying::voting(&data, &genesis(), &[2; 32]);
    assert!(matches!(of_another, Err(CopyError::Db(DbError::OtherMember(_)))), "{of_another:?}");
    let of_others = copying::voting(&data, &named("others"), &[1; 32]);
    assert!(matches!(of_others, Err(CopyError::Open(OpenError::OtherGenesis))), "{of_others:?}");
    assert_eq!(copying::voting(&data, &genesis(), &[1; 32]).expect("it is sound"), Some(SeqNum::new(0)));
}

#[test]
fn a_copy_begins_with_a_database_that_stands_there_and_not_with_one_that_has_diverged() {
    let diverged = Broken::Diverged { seq: SeqNum::new(1), ours: Digest([1; 32]), certified: Digest([2; 32]) };
    for (broken, entries) in [(None, 1), (Some(diverged), 0)] {
        let (folder, data, ..) = copy_beside_a_database();
        let (old, fresh) = (Db::open(&data).expect("it opens"), folder.path().join("fresh"));
        let mut batch = old.begin().expect("a batch");
        broken.iter().for_each(|why| batch.record(&Record::Broken(why.clone())).expect("its row"));
        batch.commit().and_then(|()| old.fold()).expect("it is folded");
        fs::create_dir(&fresh).expect("a folder");
        let mut load = Load::open(Db::create(&fresh).expect("a database"), &genesis()).expect("an empty copy");

        load.seed(&old.snapshot().expect("a snapshot").apart(), &genesis()).expect("the disk takes it");

        assert!(load.finish(&genesis(), None).expect("a fold").is_none());
        let copy = Db::open(&fresh).expect("it opens");
        let found = copy.snapshot().expect("a snapshot").first_keys(Table::Entries, &[], &[0xff; 64], 1);
        assert_eq!(found.map(|keys| keys.len()), Ok(entries));
    }
}

#[test]
fn a_database_that_was_replaced_is_in_the_way_even_where_none_stands() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let before = beside(&data, BEFORE_REPAIR);
    fs::create_dir(&before).expect("a folder");
    assert!(matches!(open_old(&data, &before), Err(CopyError::InTheWay(_))));
}
