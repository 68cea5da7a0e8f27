//! Contents on a replica's disk: they stay while a row names them, and no longer.

mod support;

use core::ops::ControlFlow;
use quorate_ledger::policy::{DomainPolicy, PathRule};
use quorate_ledger::{Base, Limits, Op, Principal, Read, State, Store as _, Sweep, Table};
use quorate_pbft::{Digest, SeqNum};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use support::world::{Edit, World, remove, rename, write};

/// Domain, entry and revision.
const VERSION_KEY_BYTES: usize = 4 + 32 + 12;

fn short() -> World {
    World::with(Limits { base_horizon_ms: 1_000, ..Limits::default() })
}

/// Lets time pass until every earlier revision lies beyond the horizon.
fn time_passes(world: &mut World) {
    for _ in 0..4 {
        world.time += 2_000;
        world.slot(&[]);
    }
}

fn next(world: &World) -> SeqNum {
    world.ledger.executed().seq.next()
}

/// One step of a sweep that keeps no history. Whether it is through.
fn step(world: &mut World, sweep: &mut Sweep, most: usize) -> bool {
    let oldest = next(world);
    world.ledger.forget(&mut world.store, sweep, oldest, most).expect("memory does not fail")
}

fn sweep(world: &mut World) {
    let mut sweep = Sweep::default();
    while !step(world, &mut sweep, 5) {}
}

fn content(text: &str) -> Digest {
    Digest(Sha256::digest(text).into())
}

fn has(world: &World, text: &str) -> bool {
    world.store.get(Table::Contents, &content(text).0).expect("memory does not fail").is_some()
}

/// Contents of a store, and those of another one whose digests stand anywhere in the bytes of its rows.
fn kept_and_named(world: &World, whole: &World) -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
    let mut bytes = BTreeSet::new();
    for table in [Table::Entries, Table::Past] {
        let scanned = world.store.scan(table, &[], &[0xff; 64], &mut |_, value| {
            bytes.extend(value.windows(32).map(<[u8]>::to_vec));
            ControlFlow::Continue(())
        });
        scanned.expect("memory does not fail");
    }
    let named = whole.rows(Table::Contents).into_iter().filter(|content| bytes.contains(content)).collect();
    (world.rows(Table::Contents).into_iter().collect(), named)
}

/// Of what an old version names nobody knows then which contents are its own.
#[test]
fn a_version_that_cannot_be_read_stops_no_sweep_and_keeps_contents() {
    let mut world = short();
    ["one", "two"].into_iter().for_each(|text| drop(world.does(0, &[write("a", text)])));
    let damaged = world.rows(Table::Past).into_iter().find(|key| key.len() == VERSION_KEY_BYTES).expect("a version");
    world.store.put(Table::Past, &damaged, b"").expect("memory does not fail");
    let (mut sweep, mut met) = (Sweep::default(), None);
    let oldest = SeqNum::new(1);
    while !world.ledger.forget(&mut world.store, &mut sweep, oldest, 5).expect("memory does not fail") {
        met = met.or(sweep.damage().cloned());
    }
    assert!(met.is_some() && has(&world, "one") && has(&world, "two"));
}

/// A domain in which some paths want approvals.
fn reviewed(mut world: World) -> World {
    let reviewed = PathRule { pattern: "reviewed/**".into(), approvals: 1, ..PathRule::default() };
    let policy = DomainPolicy { paths: vec![reviewed], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    world.decide("main", policy);
    world
}

/// Versions, a merge, a conflict and its sides, a chain, renames, deletions, a change that waits: below a folder of
/// their own.
fn story(world: &mut World, folder: &str) {
    let at = |name: &str| format!("{folder}/{name}");
    let put = |name: &str, text: &str| write(&at(name), &format!("{text}{folder}\n"));
    let base = world.now();
    world.does(0, &[put("a", "one\ntwo\nthree\n"), put("b", "first "), put("gone", "deleted ")]);
    let seen = world.now();
    world.does(0, &[put("a", "ONE\ntwo\nthree\n"), put("b", "left ")]);
    assert_eq!(world.does_on(seen, 2, &[put("a", "one\ntwo\nTHREE\n")]).state, State::Merged);
    assert_eq!(world.does_on(base, 1, &[put("b", "right ")]).state, State::Conflict);
    let chained = world.does(3, &[put("c", "link ")]).id;
    world.does_on(Base::Envelope(chained), 3, &[put("c", "next link ")]);
    world.does(0, &[remove(&at("gone")), rename(&at("c"), &at("d"))]);
    assert_eq!(world.does(3, &[write(&format!("reviewed/{folder}"), &at("waits"))]).state, State::Pending);
}

#[test]
fn a_content_leaves_once_no_version_that_is_kept_names_it() {
    let mut world = short();
    for text in ["one", "two", "three"] {
        world.does(0, &[write("a", text)]);
    }
    sweep(&mut world);
    assert!(has(&world, "one"), "a base may lie there");

    time_passes(&mut world);
    world.does(0, &[write("b", "x")]);
    sweep(&mut world);

    assert!(!has(&world, "one") && !has(&world, "two"));
    assert_eq!(world.text("a").as_deref(), Some("three"));
}

#[test]
fn contents_that_stay_are_those_that_rows_name() {
    let mut world = reviewed(short());
    for folder in ["1", "2", "3"] {
        story(&mut world, folder);
        let whole = world.clone();
        sweep(&mut world);
        let (kept, named) = kept_and_named(&world, &whole);
        assert_eq!(kept, named, "within the horizon");

        time_passes(&mut world);
        sweep(&mut world);
        let (kept, named) = kept_and_named(&world, &whole);
        assert_eq!(kept, named, "beyond it");
        assert!(kept.len() < whole.rows(Table::Contents).len());
    }
}

#[test]
fn a_content_that_left_comes_back_with_its_envelope() {
    let mut world = short();
    for text in ["one", "two"] {
        world.does(0, &[write("a", text)]);
    }
    time_passes(&mut world);
    world.does(0, &[write("a", "three")]);
    time_passes(&mut world);
    sweep(&mut world);
    assert!(!has(&world, "one"));

    world.does(1, &[write("other", "one")]);
    assert_eq!(world.text("other").as_deref(), Some("one"));
    sweep(&mut world);
    assert_eq!(world.text("other").as_deref(), Some("one"));
}

/// Whatever row a sweep looks at, contents that come meanwhile stay.
#[test]
fn contents_that_come_while_a_sweep_looks_stay() {
    let mut world = reviewed(short());
    story(&mut world, "1");
    time_passes(&mut world);
    let mut sweep = Sweep::default();
    for round in 0.. {
        let is_through = step(&mut world, &mut sweep, 1);
        if round % 3 == 0 {
            world.does(0, &[write(&format!("file-{}", round % 7), &format!("text {round}"))]);
            let written = world.text(&format!("file-{}", round % 7));
            assert_eq!(written, Some(format!("text {round}")));
        }
        for path in ["1/a", "1/d"] {
            assert!(world.text(path).is_some(), "{path} after {round} rows");
        }
        if is_through {
            assert!(round > 100, "{round} rows were looked at");
            break;
        }
    }
    for number in 0..7 {
        assert!(world.text(&format!("file-{number}")).is_some(), "file-{number}");
    }
}

#[test]
fn a_change_that_waits_keeps_its_contents() {
    let mut world = reviewed(short());
    let late = world.does(3, &[write("reviewed/late", "late")]);
    for _ in 0..3 {
        time_passes(&mut world);
        sweep(&mut world);
        assert!(has(&world, "late"), "those who approve it read it");
    }
    let waits = world.does(3, &[write("reviewed/a", "waits")]);
    sweep(&mut world);
    world.does(1, &[Edit::Other(Op::Attest { envelope: waits.id, approve: true })]);
    world.does(1, &[Edit::Other(Op::Attest { envelope: late.id, approve: true })]);
    assert_eq!(world.text("reviewed/a").as_deref(), Some("waits"));
    assert_eq!(world.text("reviewed/late"), None, "its base lies beyond the horizon");

    time_passes(&mut world);
    sweep(&mut world);
    sweep(&mut world);
    assert!(has(&world, "waits") && !has(&world, "late"));
}
