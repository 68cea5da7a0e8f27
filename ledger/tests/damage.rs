//! A disk that changes what was written is found out where it is read, and nothing of it is taken for truth.

mod support;

use core::ops::ControlFlow;
use quorate_ledger::copy::{Survey, Walk};
use quorate_ledger::{Base, Ledger, MemoryStore, Mode, OpenError, Read, Store, Table};
use support::digest;
use support::world::{Edit, World, write};

/// A world with one file.
fn world() -> World {
    let mut world = World::new();
    let draft = world.draft(0, world.now(), &[Edit::Put("file".into(), Mode::File, b"content".to_vec())]);
    world.slot(&[&draft]);
    world
}

/// Keys and values of a table.
fn rows(world: &World, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    let scanned = world.store.scan(table, &[], &[0xff; 64], &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    });
    scanned.expect("memory does not fail");
    rows
}

#[test]
fn a_content_with_a_changed_bit_is_not_handed_out() {
    let mut world = world();
    let hash = digest(b"content");
    world.store.put(Table::Contents, &hash.0, b"cOntent").expect("memory does not fail");

    let read = world.ledger.view(&world.store).content(&hash);

    assert!(read.is_err_and(|error| error.to_string().contains(&format!("the content {hash} is damaged"))));
}

#[test]
fn a_changed_bit_in_any_entry_of_the_state_is_found_when_the_ledger_opens() {
    let world = world();
    for (key, value) in rows(&world, Table::Entries) {
        for place in [0, 33, 36, value.len() - 1] {
            let (mut damaged, mut row) = (world.clone(), value.clone());
            row[place] ^= 1;
            damaged.store.put(Table::Entries, &key, &row).expect("memory does not fail");

            let opened = Ledger::open(&damaged.store, &damaged.genesis);

            let is_told =
                matches!(opened, Err(OpenError::Store(_) | OpenError::Damaged { .. } | OpenError::DamagedDomain(_)));
            assert!(is_told || matches!(opened, Err(OpenError::OtherRules { .. })), "byte {place} of {key:?}");
        }
    }
}

#[test]
fn an_entry_that_is_gone_from_a_domain_is_told_with_the_domain() {
    let world = world();
    let of_domains = rows(&world, Table::Entries).into_iter().filter(|(key, _)| key[..4] != [0; 4]);
    let without = |key: &[u8]| {
        let mut damaged = world.clone();
        damaged.store.delete(Table::Entries, key).expect("memory does not fail");
        Ledger::open(&damaged.store, &damaged.genesis).expect_err("an entry is gone")
    };

    let told = of_domains.map(|(key, _)| without(&key)).filter(|error| error.to_string().contains("domain \"main\""));

    assert!(told.count() > 0);
}

/// Another replica has the row and accepts: an answer from a damaged one would part them.
#[test]
fn a_damaged_row_of_an_envelope_is_no_envelope_that_nobody_knows() {
    let mut world = world();
    let first = world.draft(0, world.now(), &[write("a", "1")]);
    world.slot(&[&first]);
    let id = world.id(&first);
    let key = [&b"k"[..], id.0.as_bytes()].concat();
    assert!(world.store.get(Table::Index, &key).expect("memory does not fail").is_some(), "this is its row");
    world.store.put(Table::Index, &key, &[]).expect("memory does not fail");

    let second = world.draft(0, Base::Envelope(id), &[write("a", "2")]);
    let lanes = vec![(0, vec![world.item(&second)])];
    let decided = world.decided(lanes);
    let executed = world.ledger.execute(&mut world.store, &decided);

    assert!(executed.is_err_and(|error| error.to_string().contains("envelope")));
}

#[test]
fn a_copy_looks_at_an_entry_once_in_however_many_steps() {
    let mut world = World::new();
    for n in 0..8 {
        let small = (0..20).map(|m| write(&format!("{n}/{m}"), &format!("content {m} of {n}")));
        let large = write(&format!("large {n}"), &n.to_string().repeat(7 << 20));
        world.does(0, &small.chain([large]).collect::<Vec<_>>());
    }
    let survey = Survey::of(&world.ledger);
    let (mut copied, mut walk, mut steps) = (MemoryStore::new(), Walk::default(), 1);
    while !survey.copy_sound(&world.store, &mut copied, &mut walk).expect("memory") {
        steps += 1;
    }
    assert!(steps > 3, "{steps} steps");

    let mut at_once = Walk::default();
    for (key, _) in rows(&world, Table::Receipts) {
        world.store.delete(Table::Receipts, &key).expect("memory");
    }
    survey.go_on(&world.store, &mut at_once, u64::MAX, &mut |damage| panic!("{damage}")).expect("memory");
    assert_eq!((walk.rows, walk.files, walk.bytes), (at_once.rows, at_once.files, at_once.bytes));
}
