//! Questions that cost their server more than they bring: what is read in vain is counted, and bounded.

use super::answer::given_rows;
use super::frame::{Answer, Given, Wanted, WantedContent, WantedPart, WantedRows};
use super::{Ask, answer_at_cost};
use crate::state::record::{FileRecord, Version};
use crate::state::tree::part::Part;
use crate::state::tree::{Key, TreeNumber, key_of, row};
use crate::state::{entry, name, rows};
use crate::testing::certificate_of;
use crate::testing::digest;
use crate::testing::world::{World, write};
use core::ops::ControlFlow;
use quorate_ledger::{Read, Table};
use quorate_pbft::Digest;

/// A path with a hundred versions, one of them the newest.
fn world() -> World {
    let mut world = World::new();
    for n in 0..100 {
        world.does(0, &[write("a", &n.to_string())]);
    }
    world
}

fn number(world: &World) -> TreeNumber {
    world.ledger.domain("main").expect("it is there").tree.number()
}

fn entry() -> Key {
    key_of(&name::file("a"))
}

fn asking(wanted: Wanted) -> Ask {
    Ask { domain: "main".to_owned(), wanted }
}

fn asked(world: &World, wanted: Wanted) -> (Given, usize) {
    let (told, cost) = answer_at_cost(&world.ledger, &world.store, &certificate_of(&world.ledger), &asking(wanted))
        .expect("nothing is missing");
    (borsh::from_slice::<Answer>(&told).expect("an answer").given, cost)
}

/// Rows of the path from a hash on.
fn beside() -> WantedRows {
    WantedRows { entry: entry(), from: Digest([7; 32]), held: Digest::ZERO, after: Vec::new() }
}

#[test]
fn a_question_that_names_one_thing_twice_is_none() {
    let (entry, hash, place) = ([0; 32], Digest::ZERO, Vec::new());
    let parts = [true, false].map(|entries| WantedPart { part: Part::WHOLE, entries });
    let rows = [hash, Digest([1; 32])].map(|from| WantedRows { entry, from, held: hash, after: Vec::new() });
    let twice = [
        Wanted::Parts(parts.to_vec()),
        Wanted::Rows(rows.to_vec()),
        Wanted::Contents(vec![hash; 2]),
        Wanted::Named(vec![WantedContent { entry, place, hash }; 2]),
    ];
    for wanted in twice {
        assert_eq!(Ask::decode(&asking(wanted).encode()), None);
    }
    assert!(Ask::decode(&asking(Wanted::Rows(rows[..1].to_vec())).encode()).is_some());
}

#[test]
fn rows_that_are_read_in_vain_cost_as_much_as_they_are() {
    let world = world();
    let past = rows::past_of(number(&world), &entry());
    let stored = world.store.get(Table::Entries, &row(number(&world), &entry())).expect("memory").expect("a file");
    let mut bytes = stored.len();
    world
        .store
        .scan(Table::Past, &past.0, &past.1, &mut |_, value| {
            bytes += value.len().max(64);
            ControlFlow::Continue(())
        })
        .expect("memory");
    let (given, cost) = asked(&world, Wanted::Rows(vec![beside()]));
    assert_eq!(given, Given::Rows(vec![None]));
    assert!(bytes > 90 * 64 && (bytes - 64 * 4..=bytes).contains(&cost), "{cost} of {bytes}");
    let placed = WantedRows { after: vec![0xff; 12], ..beside() };
    let (given, cost) = asked(&world, Wanted::Rows(vec![placed]));
    assert_eq!((given, cost), (Given::Rows(vec![None]), stored.len()), "no row stands there");
    assert_eq!(asked(&world, Wanted::Parts(vec![WantedPart { part: Part::WHOLE, entries: true }])).1, 0);
}

#[test]
fn a_search_for_rows_in_vain_ends_where_the_answer_has_no_room() {
    let world = world();
    let tree = &world.ledger.domain("main").expect("it is there").tree;
    let floor = world.ledger.floor(tree.number());
    let (given, vain) =
        given_rows(&world.ledger, (tree, &world.store), floor, &beside(), 1_000).expect("nothing is missing");
    assert!(given.is_none() && (1_000..3_000).contains(&vain), "{vain}");
}

#[test]
fn rows_behind_a_place_are_given_without_a_look_at_those_before() {
    let world = world();
    let record: Option<FileRecord> = entry::load(&world.store, number(&world), &name::file("a")).expect("memory");
    let first = record.expect("a file").before;
    let (given, _) = asked(&world, Wanted::Rows(vec![WantedRows { from: first, ..beside() }]));
    let Given::Rows(given) = given else { panic!("rows were asked for") };
    let all = given[0].clone().expect("they are there").rows;
    let (half, rest) = all.split_at(50);
    let from = entry::value_of::<Version>(&half[49].1).expect("a version").before;
    let wanted = WantedRows { from, after: half[49].0.clone(), ..beside() };
    let (given, cost) = asked(&world, Wanted::Rows(vec![wanted.clone()]));
    let Given::Rows(given) = given else { panic!("rows were asked for") };
    assert_eq!(given[0].clone().expect("they are there").rows.as_slice(), rest);
    assert!(cost < 1_000, "the entry alone: {cost}");
    let (given, _) = asked(&world, Wanted::Rows(vec![WantedRows { from: first, ..wanted }]));
    assert_eq!(given, Given::Rows(vec![None]), "another hash than the one before that place");
}

#[test]
fn a_content_is_given_by_the_row_that_names_it_alone() {
    let world = world();
    let past = rows::past_of(number(&world), &entry());
    let mut oldest = None;
    world
        .store
        .scan(Table::Past, &past.0, &past.1, &mut |key, _| {
            oldest = Some(key[rows::PAST_BYTES..].to_vec());
            ControlFlow::Break(())
        })
        .expect("memory");
    let named = |place: Vec<u8>, text: &str| {
        let wanted = WantedContent { entry: entry(), place, hash: digest(text.as_bytes()) };
        asked(&world, Wanted::Named(vec![wanted])).0
    };
    let oldest = oldest.expect("a version");
    assert_eq!(named(oldest.clone(), "0"), Given::Contents(vec![Some(b"0".to_vec())]));
    assert_eq!(named(Vec::new(), "99"), Given::Contents(vec![Some(b"99".to_vec())]));
    for (place, text) in [(oldest, "1"), (Vec::new(), "0"), (vec![7; 12], "0")] {
        assert_eq!(named(place, text), Given::Contents(vec![None]));
    }
}
