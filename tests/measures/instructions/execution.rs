//! Slots executed on a ledger with files, in memory.

use crate::support::world::{Edit, World, write};
use quorate_ledger::{Outcome, State};
use quorate_pbft::{Decided, Item};
use std::hint::black_box;
use std::mem::forget;

/// Files in state before.
const FILES: usize = 1_000;
/// Changes of a slot, each an envelope of its own.
const CHANGES: usize = 100;
/// Far from every size here, so that changes meet the files in no order.
const STRIDE: usize = 7_919;

/// Executes slots, no two of which change the same file. As in a replica, the newest moment is held meanwhile.
pub fn slots(prepared: usize, times: usize) {
    assert!(prepared * CHANGES <= FILES, "each file is changed once");
    let mut world = loaded();
    let slots = decided(&world, prepared);
    for decided in &slots[..times] {
        let held = world.ledger.clone();
        black_box(&world.ledger.execute(&mut world.store, decided).expect("memory does not fail"));
        drop(held);
    }
    forget((world, slots));
}

fn loaded() -> World {
    let mut world = World::new();
    let files: Vec<Edit> = (0..FILES).map(|file| write(&path(file), &content(file, 0))).collect();
    let draft = world.draft(0, world.now(), &files);
    let decided = world.decided(vec![(0, vec![world.item(&draft)])]);
    execute(&mut world, &decided);
    world
}

/// Slots as a group decides them, each based on the state after the one before.
fn decided(world: &World, slots: usize) -> Vec<Decided> {
    let mut ahead = world.clone();
    let slot = |slot: usize| {
        let items: Vec<Item> = (slot * CHANGES..(slot + 1) * CHANGES).map(|change| edit(&mut ahead, change)).collect();
        let decided = ahead.decided(vec![(0, items)]);
        execute(&mut ahead, &decided);
        decided
    };
    (0..slots).map(slot).collect()
}

fn edit(world: &mut World, change: usize) -> Item {
    let file = change * STRIDE % FILES;
    let draft = world.draft(0, world.now(), &[write(&path(file), &content(file, 1))]);
    world.item(&draft)
}

fn execute(world: &mut World, decided: &Decided) {
    let outcome: Outcome = world.ledger.execute(&mut world.store, decided).expect("memory does not fail");
    assert!(outcome.deferred.is_empty() && outcome.receipts.iter().all(|receipt| receipt.state == State::Applied));
}

fn path(file: usize) -> String {
    format!("src/module-{}/part-{}/file-{file}.rs", file % 97, file % 11)
}

/// 256 bytes.
fn content(file: usize, version: usize) -> String {
    format!("{file:0>128}{version:0>128}")
}
