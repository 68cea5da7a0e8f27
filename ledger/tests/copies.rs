//! Copies of a state: what lacks a vouched row or a content, or has another one, is refused.

mod support;

use quorate_ledger::policy::{DomainPolicy, PathRule};
use quorate_ledger::{Act, Ledger, MemoryStore, Op, Principal, Read, State, Store, StoreError, Table};
use support::world::{Edit, World, write};

/// A world with vouched rows of all four kinds: versions, numbers, sides of a conflict, a pending envelope.
fn world() -> World {
    let reviewed = PathRule { pattern: "reviewed/**".into(), approvals: 1, ..PathRule::default() };
    let policy = DomainPolicy { paths: vec![reviewed], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    world.does(0, &[write("a", "one")]);
    let base = world.now();
    world.does(0, &[write("a", "two")]);
    assert_eq!(world.does_on(base, 1, &[write("a", "three")]).state, State::Conflict);
    assert_eq!(world.does(3, &[write("reviewed/a", "x")]).state, State::Pending);
    world
}

/// A row of each kind in the past, by the bytes of its place: pending, side, version, number.
fn past_rows(world: &World) -> Vec<Vec<u8>> {
    let rows = world.rows(Table::Past);
    let of = |bytes: usize| rows.iter().find(|key| key.len() == 36 + bytes).expect("a row of each kind").clone();
    [0, 4, 12, 16].map(of).to_vec()
}

fn copied(world: &World) -> Result<MemoryStore, StoreError> {
    let mut copy = MemoryStore::new();
    world.ledger.copy(&world.store, &mut copy).map(|()| copy)
}

#[test]
fn a_copy_opens_at_the_same_root_and_has_no_history() {
    let world = world();
    let copy = copied(&world).expect("nothing is missing");
    let ledger = Ledger::open(&copy, &world.genesis).expect("a copy opens");
    assert_eq!(ledger.executed(), world.ledger.executed());
    for table in [Table::Receipts, Table::Range] {
        let scanned = copy.scan(table, &[], &[0xff; 64], &mut |key, _| panic!("{table:?} has {key:?}"));
        scanned.expect("memory does not fail");
    }
}

/// Ledgers that were copied, by either door, and their stores.
fn copies(world: &World) -> [(Ledger, MemoryStore); 2] {
    let asked = support::twin::asked(&world.ledger, &world.store, MemoryStore::new(), usize::MAX);
    [copied(world).expect("nothing is missing"), asked]
        .map(|store| (Ledger::open(&store, &world.genesis).expect("a copy opens"), store))
}

#[test]
fn readers_of_a_copy_find_the_conflicts_that_stand() {
    let world = world();
    for open in [None, Some(true), Some(false)] {
        let kept = world.view().conflicts(None, open, None, 10).expect("a page");
        for (ledger, store) in copies(&world) {
            assert_eq!(ledger.view(&store).conflicts(None, open, None, 10).expect("a page"), kept);
        }
    }
    let id = world.view().conflicts(None, None, None, 1).expect("a page").items[0].id;
    for (ledger, store) in copies(&world) {
        assert_eq!(ledger.view(&store).conflict(&id), world.view().conflict(&id));
    }
}

#[test]
fn readers_of_a_copy_find_the_proposals_that_stand() {
    let mut world = world();
    let act = Act::SetPolicy { policy: DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    world.does(0, &[Edit::Other(Op::Propose { act })]);
    for open in [true, false] {
        let kept = world.view().proposals(None, open, None, 10).expect("a page");
        assert!(!kept.items.is_empty());
        for (ledger, store) in copies(&world) {
            assert_eq!(ledger.view(&store).proposals(None, open, None, 10).expect("a page"), kept);
        }
    }
}

#[test]
fn no_copy_is_taken_where_a_vouched_row_is_missing_or_another() {
    let whole = world();
    for key in past_rows(&whole) {
        let mut lacking = whole.clone();
        lacking.store.delete(Table::Past, &key).expect("memory does not fail");
        assert!(copied(&lacking).is_err(), "{} bytes", key.len());
        let mut other = whole.clone();
        let mut row = other.store.get(Table::Past, &key).expect("memory does not fail").expect("a row");
        *row.last_mut().expect("a row has bytes") ^= 1;
        other.store.put(Table::Past, &key, &row).expect("memory does not fail");
        assert!(copied(&other).is_err(), "{} bytes", key.len());
    }
}

#[test]
fn no_copy_is_taken_where_a_vouched_row_was_moved() {
    let whole = world();
    for key in past_rows(&whole).into_iter().filter(|key| key.len() > 40) {
        let mut moved = whole.clone();
        let row = moved.store.get(Table::Past, &key).expect("memory does not fail").expect("a row");
        let mut elsewhere = key.clone();
        elsewhere[43] ^= 1; // the slot of a version, the number of an author
        moved.store.delete(Table::Past, &key).expect("memory does not fail");
        moved.store.put(Table::Past, &elsewhere, &row).expect("memory does not fail");
        assert!(copied(&moved).is_err(), "{} bytes", key.len());
    }
}

#[test]
fn no_copy_is_taken_where_a_content_is_missing_or_another() {
    let whole = world();
    for key in whole.rows(Table::Contents) {
        let mut lacking = whole.clone();
        lacking.store.delete(Table::Contents, &key).expect("memory does not fail");
        assert!(copied(&lacking).is_err());
        let mut other = whole.clone();
        other.store.put(Table::Contents, &key, b"another").expect("memory does not fail");
        assert!(copied(&other).is_err());
    }
}
