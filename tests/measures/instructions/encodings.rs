//! Bytes from others, read and checked as far as that takes no signature.

use crate::support::world::{World, write};
use quorate_ledger::EnvelopeCheck;
use quorate_pbft::{Item, Message};
use std::hint::black_box;

/// Envelopes of the bundle.
const ENVELOPES: usize = 80;

/// Decodes a message with a bundle.
pub fn bundles(_: usize, times: usize) {
    let mut world = World::new();
    let items = (0..ENVELOPES).map(|file| envelope(&mut world, file)).collect();
    let decided = world.decided(vec![(0, items)]);
    let bytes = borsh::to_vec(&Message::Bundle(decided.bundles[0].clone())).expect("memory has room");
    for _ in 0..times {
        let message: Message = borsh::from_slice(black_box(&bytes)).expect("a message");
        black_box(&message);
    }
}

/// Decodes an envelope and checks its form; its signature remains to be checked.
pub fn envelopes(_: usize, times: usize) {
    let mut world = World::new();
    let (item, check) = (envelope(&mut world, 0), EnvelopeCheck::new(&world.genesis));
    for _ in 0..times {
        black_box(&check.decode(black_box(&item.bytes)).expect("an envelope"));
    }
}

/// An envelope that writes a file of 256 bytes.
fn envelope(world: &mut World, file: usize) -> Item {
    let draft = world.draft(0, world.now(), &[write(&format!("src/file-{file}.rs"), &format!("{file:0>256}"))]);
    world.item(&draft)
}
