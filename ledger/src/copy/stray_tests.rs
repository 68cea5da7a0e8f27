//! A store of another state, as of a diverged replica: a copy into it leaves nothing of that state.

use super::frame::{Answer, Given};
use super::{Ask, Next, Session, answer};
use crate::testing::certificate_of;
use crate::testing::locks::acquire;
use crate::testing::twin::{asked, rows};
use crate::testing::world::{Edit, World, revision, write};
use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::{Act, GROUP_DOMAIN, Ledger, LockMode, MemoryStore, Op, Principal, ProposalId, Store as _, Table};

fn copied(world: &World, into: MemoryStore) -> MemoryStore {
    asked(&world.ledger, &world.store, into, usize::MAX)
}

/// A domain that three organisations agree to.
fn founds(world: &mut World, name: &str) {
    let act = Act::CreateDomain { name: name.into(), policy: DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let proposed = world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(Op::Propose { act })]);
    for who in [1, 2] {
        let proposal = ProposalId::of(&proposed.id, 0);
        world.does_in(GROUP_DOMAIN, who, &[Edit::Other(Op::Approve { proposal })]);
    }
}

/// The store of a copy of one state into that of another is the one of a copy into nothing.
fn leaves_nothing(theirs: &World, certified: &World) {
    let seed = copied(theirs, MemoryStore::new());
    let (mended, fresh) = (copied(certified, seed), copied(certified, MemoryStore::new()));
    for table in [Table::Entries, Table::Past, Table::Index, Table::Names] {
        assert_eq!(rows(&mended, table), rows(&fresh, table), "{table:?}");
    }
    let opened = Ledger::open(&mended, &certified.genesis).expect("a copy opens");
    assert_eq!(opened.executed(), certified.ledger.executed());
}

#[test]
fn versions_and_numbers_of_a_diverged_state_are_gone_after_a_copy() {
    let mut certified = World::new();
    certified.does(0, &[write("a", "1"), write("b", "1")]);
    let mut diverged = certified.clone();
    for n in 0..4 {
        certified.does(0, &[write("a", &format!("certified {n}"))]);
        diverged.does(0, &[write("a", &format!("diverged {n}")), write("only here", &n.to_string())]);
    }
    leaves_nothing(&diverged, &certified);
}

#[test]
fn a_domain_that_only_a_diverged_state_has_is_gone_after_a_copy() {
    let mut certified = World::new();
    certified.does(0, &[write("a", "1")]);
    let mut diverged = certified.clone();
    founds(&mut diverged, "theirs");
    certified.does(0, &[write("a", "2")]);
    while certified.ledger.executed().seq < diverged.ledger.executed().seq {
        certified.does(0, &[write("a", "3")]);
    }
    leaves_nothing(&diverged, &certified);
}

#[test]
fn a_domain_under_the_number_that_a_diverged_state_gave_another_is_copied_whole() {
    let mut certified = World::new();
    certified.does(0, &[write("a", "1")]);
    let mut diverged = certified.clone();
    for (world, names) in [(&mut diverged, ["one", "two"]), (&mut certified, ["two", "one"])] {
        for name in names {
            founds(world, name);
            world.does_in(name, 0, &[write("in", name)]);
        }
    }
    leaves_nothing(&diverged, &certified);
}

/// Entries are written in the order of their hashes: either path may come first.
#[test]
fn a_place_in_line_that_a_diverged_state_gave_at_another_path_is_copied() {
    for paths in [["here", "there"], ["there", "here"]] {
        let mut certified = World::new();
        certified.does(0, &[write("a", "1")]);
        let mut diverged = certified.clone();
        for (world, path) in [&mut certified, &mut diverged].into_iter().zip(paths) {
            [0, 1].into_iter().for_each(|who| drop(world.does(who, &[acquire(path, LockMode::X)])));
            assert_eq!(world.place(1, path), Some(1), "the second one waits");
        }
        leaves_nothing(&diverged, &certified);
    }
}

/// A program before disk format 7 wrote a second row of each path with a file; a copy that it began goes on by this one.
#[test]
fn a_second_row_of_a_path_goes_with_its_file() {
    let mut certified = World::new();
    certified.does(0, &[write("stays", "1")]);
    let mut before = certified.clone();
    before.does(0, &[write("goes", "1")]);
    certified.does(0, &[write("stays", "2")]);
    let mut begun = copied(&before, MemoryStore::new());
    for listed in rows(&begun, Table::Names).into_keys() {
        begun.put(Table::Index, &[b"p", listed.as_slice()].concat(), &[]).expect("memory does not fail");
    }

    let ended = copied(&certified, begun);

    let (names, index) = (rows(&ended, Table::Names), rows(&ended, Table::Index));
    let second = index.keys().filter_map(|key| key.strip_prefix(b"p"));
    assert!(second.into_iter().all(|listed| names.contains_key(listed)), "a path without a record has a row");
}

/// A conflict may have more sides than one answer holds.
#[test]
fn sides_of_a_conflict_come_in_pages() {
    let mut world = World::new();
    world.does(0, &[write("a", "the limit is 10 a minute\n")]);
    for (who, text) in [(1, "the limit is 20 a minute\n"), (2, "the limit is 10 an hour\n"), (3, "no limit\n")] {
        world.does_on(revision("1"), who, &[write("a", text)]);
    }
    let (mut store, mut pages) = (MemoryStore::new(), 0);
    let mut session = Session::open(&mut store, &world.genesis).expect("memory");
    loop {
        match session.next(&store).expect("memory") {
            Next::Errand(mut errand) => {
                while let Some(ask) = errand.ask() {
                    let (told, is_page) = page(&world, &ask);
                    pages += usize::from(is_page);
                    session.take(&mut errand, &mut store, &told).expect("an honest answer");
                }
                session.install(errand, &mut store).expect("memory");
            }
            Next::Wait => panic!("nothing is on its way"),
            Next::Whole(checkpoint) => {
                session.finish(&mut store, &checkpoint).expect("memory");
                break;
            }
        }
    }
    assert!(pages >= 2, "the conflict has three sides: {pages}");
    assert_eq!(rows(&store, Table::Past), rows(&copied(&world, MemoryStore::new()), Table::Past));
}

/// An answer that holds one side of a conflict at most, and whether it leaves some for later.
fn page(world: &World, ask: &Ask) -> (Vec<u8>, bool) {
    let told = answer(&world.ledger, &world.store, &certificate_of(&world.ledger), ask).expect("nothing is missing");
    let mut answer: Answer = borsh::from_slice(&told).expect("an answer");
    let Given::Rows(given) = &mut answer.given else { return (told, false) };
    let (mut is_page, place_of_a_side) = (false, 4);
    for rows in given.iter_mut().flatten() {
        if rows.rows.len() > 1 && rows.rows[0].0.len() == place_of_a_side {
            rows.rows.truncate(1);
            (rows.more, is_page) = (true, true);
        }
    }
    (borsh::to_vec(&answer).expect("memory"), is_page)
}
