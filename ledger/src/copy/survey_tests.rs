//! Damage of a stored state: each changed row is named, nothing else is, and a copy takes all that is sound.

use super::{Damage, Fault, Lacking, Refused, Survey, TakeError, Walk, answer};
use crate::format::constants::GROUP;
use crate::state::name;
use crate::state::tree::{key_of, row};
use crate::testing::certificate_of;
use crate::testing::world::{World, revision, write};
use quorate_ledger::{Base, Ledger, MemoryStore, Read, Store, Table};

/// Tables of which every row counts.
const TABLES: [Table; 5] = [Table::Entries, Table::Past, Table::Contents, Table::Index, Table::Names];
/// Kinds of the index that are laid out on demand: nothing says that they must be there.
const ON_DEMAND: [u8; 2] = [b'm', b'w'];
/// Bytes of a step that is small beside an entry of [`long`].
const STEP: u64 = 64 << 10;

/// Files with versions, and a conflict with two sides.
fn world() -> World {
    let mut world = World::new();
    let files: Vec<_> = (0..40).map(|n| write(&format!("folder/{n}"), &format!("content {n}"))).collect();
    world.does(0, &files);
    (0..3).for_each(|n| drop(world.does(1, &[write("folder/1", &format!("version {n}"))])));
    world.does_on(revision("1"), 2, &[write("folder/1", "the other side")]);
    world
}

/// A file with many versions, and an author with a long chain: each has more rows than are in memory at once.
fn long() -> World {
    let mut world = World::new();
    let mut base = world.now();
    for n in 0..170 {
        world.does(0, &[write("often", &format!("{n:2000}"))]);
        let link = world.draft(1, base, &[write("chained", &n.to_string())]);
        world.verdict(&link);
        base = Base::Envelope(world.id(&link));
    }
    world
}

/// Faults of a store, in parts of so many bytes.
fn faults(store: &MemoryStore, world: &World, bytes: u64) -> Vec<(String, Fault)> {
    let survey = Survey::open(store, &world.genesis).expect("the head is sound");
    let (mut walk, mut found) = (Walk::default(), Vec::new());
    let mut note = |damage: Damage| found.push((damage.name.clone(), damage.fault));
    while !survey.go_on(store, &mut walk, bytes, &mut note).expect("memory does not fail") {}
    found
}

fn rows(world: &World, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let all = crate::testing::twin::rows(&world.store, table);
    all.into_iter().filter(|(key, _)| table != Table::Index || !ON_DEMAND.contains(&key[0])).collect()
}

#[test]
fn a_sound_state_has_no_fault_in_parts_of_any_size() {
    let world = world();
    assert!(rows(&world, Table::Past).len() > 3, "the world has rows that are vouched for");
    for bytes in [1, 1_000, u64::MAX] {
        assert_eq!(faults(&world.store, &world, bytes), []);
    }
}

#[test]
fn a_step_ends_within_an_entry_and_the_next_one_goes_on_there() {
    let world = long();
    let mut store = world.store.clone();
    for (key, _) in rows(&world, Table::Receipts) {
        store.delete(Table::Receipts, &key).expect("memory"); // many are looked at in one go
    }
    let survey = Survey::of(&world.ledger);
    let (mut walk, mut at_once, mut found, mut largest) = (Walk::default(), Walk::default(), Vec::new(), 0);
    let mut is_through = false;

    while !is_through {
        let before = walk.bytes;
        is_through = survey.go_on(&store, &mut walk, STEP, &mut |damage| found.push(damage)).expect("memory");
        largest = largest.max(walk.bytes - before);
    }

    assert!(largest < 2 * STEP, "{largest} bytes in one step");
    assert_eq!(survey.go_on(&store, &mut at_once, u64::MAX, &mut |damage| found.push(damage)), Ok(true));
    assert_eq!((walk.rows, walk.files, found), (at_once.rows, at_once.files, vec![]));
}

#[test]
fn a_row_that_is_gone_is_named_on_any_page_of_its_entry() {
    let world = long();
    for table in [Table::Past, Table::Contents, Table::Index] {
        for (key, _) in rows(&world, table).into_iter().step_by(40) {
            let mut store = world.store.clone();
            store.delete(table, &key).expect("memory");
            assert!(!faults(&store, &world, STEP).is_empty(), "{table:?} {key:?}");
        }
    }
}

#[test]
fn an_entry_that_changes_between_two_steps_has_no_fault() {
    let mut world = long();
    let (mut walk, mut found, mut steps) = (Walk::default(), Vec::new(), 0);
    let mut step = |world: &World| {
        let mut note = |damage: Damage| found.push(damage);
        Survey::of(&world.ledger).go_on(&world.store, &mut walk, STEP, &mut note).expect("memory")
    };
    while !step(&world) {
        steps += 1;
        for who in [0, 1] {
            world.does(who, &[write("often", &format!("{steps} by {who}"))]);
        }
    }
    assert!(steps > 5, "{steps} steps");
    assert_eq!(found, []);
}

/// Its slot and its horizon may be wrong: a copy that begins with it would want, or lack, rows of the past.
#[test]
fn a_state_whose_head_has_changed_is_looked_at_and_nothing_is_taken_from_it() {
    let (world, mut store) = (world(), MemoryStore::new());
    let key = row(GROUP, &key_of(name::HEAD));
    let mut changed = world.store.clone();
    let mut head = changed.get(Table::Entries, &key).expect("memory").expect("a head");
    head[0] ^= 1;
    changed.put(Table::Entries, &key, &head).expect("memory");

    let survey = Survey::open(&changed, &world.genesis).expect("it can be read");

    assert_eq!((survey.seq(), survey.copy_sound(&changed, &mut store, &mut Walk::default())), (None, Ok(true)));
    assert!(store == MemoryStore::new());
    let found = faults(&changed, &world, u64::MAX);
    assert_eq!(found.iter().map(|(_, fault)| fault).collect::<Vec<_>>(), [&Fault::Entry]);
}

#[test]
fn a_flipped_bit_of_any_row_is_named() {
    let world = world();
    for table in TABLES {
        for (place, (key, value)) in rows(&world, table).into_iter().enumerate().filter(|(_, row)| !row.1.is_empty()) {
            let (mut store, mut changed) = (world.store.clone(), value.clone());
            changed[place % value.len()] ^= 1 << (place % 8);
            store.put(table, &key, &changed).expect("memory");
            let is_named = match Survey::open(&store, &world.genesis) {
                Ok(_) => !faults(&store, &world, u64::MAX).is_empty(),
                Err(_) => true,
            };
            assert!(is_named, "{table:?} {key:?}");
        }
    }
}

#[test]
fn a_row_that_is_gone_is_named_with_its_entry() {
    let world = world();
    for table in &TABLES[1..] {
        for (key, _) in rows(&world, *table) {
            let mut store = world.store.clone();
            store.delete(*table, &key).expect("memory");
            assert!(!faults(&store, &world, u64::MAX).is_empty(), "{table:?} {key:?}");
        }
    }
}

#[test]
fn a_damaged_content_is_named_by_the_path_that_names_it() {
    let world = world();
    let hash = world.view().file("main", "folder/7", None).expect("memory").found().expect("a file").hash;
    let mut store = world.store.clone();
    store.put(Table::Contents, &hash.0, b"something else").expect("memory");
    let found = faults(&store, &world, 1);
    assert!(found.contains(&("folder/7".to_owned(), Fault::Content(hash))), "{found:?}");
    assert!(found.iter().all(|(_, fault)| *fault == Fault::Content(hash)), "{found:?}");
}

#[test]
fn a_copy_of_the_sound_entries_lacks_those_that_are_damaged() {
    let world = world();
    let mut store = world.store.clone();
    let entries = rows(&world, Table::Entries);
    let is_file = |row: &[u8]| String::from_utf8_lossy(row).contains("folder/7");
    let (key, row) = entries.iter().find(|(_, row)| is_file(row)).expect("a file").clone();
    store.put(Table::Entries, &key, &[&row[..], b"!"].concat()).expect("memory");
    let (mut copied, mut walk) = (MemoryStore::new(), Walk::default());
    let survey = Survey::open(&store, &world.genesis).expect("the head is sound");
    while !survey.copy_sound(&store, &mut copied, &mut walk).expect("memory") {}
    let there = |(key, _): &&(Vec<u8>, Vec<u8>)| copied.get(Table::Entries, key).expect("memory").is_some();
    assert_eq!(entries.iter().filter(there).count(), entries.len() - 1);
    assert_eq!(copied.get(Table::Entries, &key), Ok(None));
    assert!(Ledger::open(&store, &world.genesis).is_err(), "the store itself does not open");
}

#[test]
fn a_step_of_a_copy_ends_when_16_mib_are_full() {
    let mut world = World::new();
    for n in 0..4 {
        world.does(0, &[write(&n.to_string(), &n.to_string().repeat(7 << 20))]);
    }
    let survey = Survey::open(&world.store, &world.genesis).expect("a state");
    let contents = |copied: &MemoryStore| crate::testing::twin::rows(copied, Table::Contents).len();

    let (mut copied, mut walk) = (MemoryStore::new(), Walk::default());
    assert_eq!(survey.copy_sound(&world.store, &mut copied, &mut walk), Ok(false));
    assert_eq!(contents(&copied), 3, "of 7 MiB, which one entry of their author names");

    while !survey.copy_sound(&world.store, &mut copied, &mut walk).expect("memory") {}
    assert_eq!(contents(&copied), 4);
    assert_eq!(
        crate::testing::twin::rows(&copied, Table::Entries),
        crate::testing::twin::rows(&world.store, Table::Entries)
    );
}

#[test]
fn the_versions_of_one_path_take_several_steps_of_a_copy_where_they_are_many() {
    let mut world = World::new();
    (0..60).for_each(|n| drop(world.does(0, &[write("hot", &n.to_string())])));
    let tree = world.ledger.domain("main").expect("a domain").record.number;
    let path = key_of(&name::file("hot"));
    let key = row(tree, &path);
    let hot = world.store.get(Table::Entries, &key).expect("memory").expect("a file");
    let (mut copied, mut steps) = (MemoryStore::new(), 1);
    let step = |copied: &mut MemoryStore| {
        let domain = ("main", world.ledger.floor(tree));
        super::copy_entry(&world.genesis, domain, (&world.store, copied), (&key, &hot), &mut 100).expect("memory")
    };

    while !step(&mut copied) {
        steps += 1;
    }

    let versions = |store: &MemoryStore| {
        let (first, last) = crate::state::rows::past_of(tree, &path);
        let rows = crate::testing::twin::rows(store, Table::Past).into_iter();
        rows.filter(|(key, _)| (first.as_slice()..=last.as_slice()).contains(&key.as_slice())).collect::<Vec<_>>()
    };
    assert_eq!((versions(&copied), versions(&copied).len()), (versions(&world.store), 59));
    assert!(steps > 20, "{steps}");
}

#[test]
fn a_content_is_taken_from_whoever_has_it_and_a_wrong_one_from_nobody() {
    let world = world();
    let hash = world.view().file("main", "folder/7", None).expect("memory").found().expect("a file").hash;
    let (mut store, mut lacking) = (MemoryStore::new(), Lacking::new([hash, quorate_pbft::Digest([7; 32])]));
    let ask = lacking.ask().expect("two are lacking");
    let given = answer(&world.ledger, &world.store, &certificate_of(&world.ledger), &ask).expect("an answer");
    let mut lie = given.clone();
    *lie.iter_mut().rev().find(|byte| **byte == b'7').expect("the content ends the answer") = b'8';

    let refused = lacking.clone().take(&mut store, &lie);
    assert_eq!(refused, Err(TakeError::Refused(Refused::WrongContent(hash))));
    assert_eq!(store, MemoryStore::new());

    assert_eq!(lacking.take(&mut store, &given), Ok(()));
    assert_eq!(store.get(Table::Contents, &hash.0).expect("memory"), Some(b"content 7".to_vec()));
    assert_eq!((lacking.ask(), lacking.left()), (None, [quorate_pbft::Digest([7; 32])].into()));
}
