//! A page of locks costs what is on it, not what is in the domain: the rows that it reads are counted.

mod support;

use quorate_ledger::LockMode::{S, X};
use quorate_ledger::keys::{Purpose, prove_possession};
use quorate_ledger::{LockEntry, Op, State};
use quorate_pbft::Signer;
use support::author;
use support::counting::Counting;
use support::locks::acquire_for;
use support::world::{Edit, World};

/// Long enough for all of a test's slots.
const LONG_MS: u64 = 3_600_000;
/// Requests that stand in line in each of the worlds.
const WAITING: u8 = 8;
/// Items of the page that is looked at.
const PAGE: usize = 10;

/// A domain with `many` locks of 60 for each author below `f`, and some who wait for `a`.
fn world(many: usize) -> World {
    let mut world = World::new();
    for who in 10..10 + (many / 60) as u8 {
        let organisation = format!("org-{}", who % 4);
        let proof = prove_possession(Purpose::Author, &organisation, &author(who));
        let enrol = Op::Enrol { key: author(who).public_key(), organisation, proof };
        assert_eq!(world.does_in("@group", who % 4, &[Edit::Other(enrol)]).state, State::Applied);
        for part in 0..4 {
            let locks: Vec<Edit> =
                (0..15).map(|n| acquire_for(&format!("f/{who}/{part}/{n}"), X, LONG_MS, 0)).collect();
            assert_eq!(world.does(who, &locks).state, State::Applied);
        }
    }
    world.does(0, &[acquire_for("a", S, LONG_MS, 0)]);
    for n in 0..WAITING {
        let path = ["a", "a/b", "a/c", "a/d"][usize::from(n) % 4];
        assert_eq!(world.does(1 + n / 4, &[acquire_for(path, X, LONG_MS, LONG_MS)]).state, State::Applied);
    }
    world
}

/// A page, and how many rows it read.
fn page(world: &World, below: &str, from: Option<&str>) -> (Vec<LockEntry>, Option<String>, usize) {
    let counting = Counting::of(&world.store);
    let page = world.ledger.view(&counting).locks("main", below, from, PAGE).expect("known");
    (page.items, page.next, counting.rows())
}

#[test]
fn a_page_reads_the_same_rows_however_many_locks_there_are() {
    let (few, many) = (world(60), world(960));
    for below in ["", "f", "f/10", "a"] {
        let (items, next, rows) = page(&few, below, None);
        let (more_items, more_next, more_rows) = page(&many, below, None);
        let shown = |lock: LockEntry| (lock.path, lock.author, lock.place, lock.waits_for);
        let (items, more_items) = (items.into_iter().map(shown), more_items.into_iter().map(shown));
        assert!(items.eq(more_items) && next == more_next, "{below:?}");
        assert_eq!(rows, more_rows, "{below:?}");
        assert!(rows <= 400, "{rows} rows for {below:?}");
    }
    let (_, next, _) = page(&many, "f", None);
    let (items, _, rows) = page(&many, "f", next.as_deref());
    assert_eq!((items.len(), rows), (PAGE, 2 * (PAGE + 2)), "each path and what is there, one of them seen before");
}

#[test]
fn all_pages_together_are_all_locks_in_order() {
    let world = world(180);
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let (items, next, _) = page(&world, "", from.as_deref());
        found.extend(items.into_iter().map(|lock| (lock.path, lock.author)));
        match next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    assert_eq!(found.len(), 180 + 1 + usize::from(WAITING));
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
}

/// A request for the root waits for more than can be shown.
#[test]
fn one_who_waits_for_everything_is_shown_at_a_bounded_price() {
    let mut many = world(960);
    assert_eq!(many.does(3, &[acquire_for("", X, LONG_MS, LONG_MS)]).state, State::Applied);
    let (items, _, rows) = page(&many, "", None);
    assert_eq!(items[0].path, "");
    assert_eq!(items[0].place, Some(u32::from(WAITING) + 1));
    assert!(!items[0].waits_for.is_empty());
    assert!(rows <= 600, "{rows} rows");
}
