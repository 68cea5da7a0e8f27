//! How many simple changes one core executes: signed envelopes with one put each, checked before, trees included.
//!
//! `cargo bench -p quorate-ledger`; arguments: files in state, changes in a slot, slots.

#[path = "../tests/support/mod.rs"]
mod support;

use quorate_ledger::{Base, Body, Change, Envelope, Revision};
use quorate_pbft::{Decided, Item, ItemKind, SeqNum, Signer};
use support::world::World;
use support::{author, put};

/// Changes that load the state go in with envelopes of this many operations.
const LOAD: usize = 10_000;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let runs = match numbers[..] {
        [files, changes, slots] => vec![(files, changes, slots)],
        _ => vec![(1_000, 1, 2_000), (1_000, 100, 100), (100_000, 1, 2_000), (100_000, 100, 100), (100_000, 1_000, 20)],
    };
    for (files, changes, slots) in runs {
        measure(files, changes, slots);
    }
}

fn measure(files: usize, changes: usize, slots: usize) {
    let mut world = World::new();
    let mut seq = 1;
    for start in (0..files).step_by(LOAD) {
        let paths = start..(start + LOAD).min(files);
        let ops = paths.clone().map(|n| put(&path(n), content(n, 0).as_bytes())).collect();
        let contents = paths.map(|n| content(n, 0).into_bytes()).collect();
        let base = Base::Revision(Revision::GENESIS);
        world.slot_of(vec![(0, vec![envelope(&world, &mut seq, base, ops, contents)])]);
    }
    let loaded = world.ledger.revision().seq().get();
    let mut number = 0;
    let decided: Vec<Vec<Item>> = (1..=slots)
        .map(|slot| {
            let change = |_| {
                number = (number + 7_919) % files;
                let text = content(number, slot);
                let base = Base::Revision(Revision::slot(SeqNum::new(loaded + slot as u64 - 1)));
                envelope(&world, &mut seq, base, vec![put(&path(number), text.as_bytes())], vec![text.into_bytes()])
            };
            (0..changes).map(change).collect()
        })
        .collect();
    let mut spent = 0;
    let mut applied = 0;
    for items in decided {
        let decided: Decided = world.decided(vec![(0, items)]);
        let begin = cpu_time();
        let outcome = world.ledger.execute(&mut world.store, &decided).expect("memory does not fail");
        spent += cpu_time() - begin;
        applied += outcome.receipts.iter().filter(|receipt| receipt.state == quorate_ledger::State::Applied).count();
    }
    assert_eq!(applied, changes * slots);
    let each = spent / applied;
    println!("{files} files, {changes} changes a slot: {each} ns a change, {} a second", 1_000_000_000 / each);
}

/// Nanoseconds that this thread has run: other programs on the machine do not count.
fn cpu_time() -> usize {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    stat.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).expect("a number")
}

fn path(n: usize) -> String {
    format!("src/module-{}/part-{}/file-{n}.rs", n % 97, n % 11)
}

/// 256 bytes.
fn content(n: usize, slot: usize) -> String {
    format!("{n:0>100}{slot:0>100}{:56}", "")
}

fn envelope(world: &World, seq: &mut u64, base: Base, ops: Vec<quorate_ledger::Op>, contents: Vec<Vec<u8>>) -> Item {
    let body = Body {
        author: author(0).public_key(),
        domain: "main".into(),
        from_seq: *seq,
        to_seq: *seq,
        attempt: 1,
        changes: vec![Change::new(base, ops, "", 0)],
        carried: vec![],
    };
    *seq += 1;
    let bytes = Envelope::sign(&world.genesis.group(), body, contents, &author(0)).encode();
    Item { kind: ItemKind::Envelope, bytes }
}
