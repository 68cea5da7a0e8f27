//! Databases of the formats before runs, and of the one before this.

use super::*;
use redb::{Database, ReadableTable as _, TableDefinition};

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
