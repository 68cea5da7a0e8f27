//! Servers that lie: each lie is refused and named, nothing of it is written, and the copy arrives from an honest one.

use super::frame::{Answer, Given, Held, Wanted, WantedPart, WantedRows};
use super::{Ask, Next, Refused, Session, TakeError, answer, answer_at_cost};
use crate::state::name;
use crate::state::tree::key_of;
use crate::state::tree::part::{Part, Subtree};
use crate::testing::certificate_of;
use crate::testing::world::{World, write};
use quorate_ledger::{Ledger, MemoryStore};
use quorate_pbft::Digest;

/// More files than one answer tells of, with older versions.
fn world() -> World {
    let mut world = World::new();
    let files: Vec<_> = (0..1_500).map(|n| write(&format!("folder/{n}"), &format!("content {}", n % 40))).collect();
    world.does(0, &files);
    world.does(1, &[write("folder/1", "another")]);
    world.does(2, &[write("folder/2", "a third")]);
    world
}

fn honest(world: &World, ask: &Ask) -> Vec<u8> {
    answer(&world.ledger, &world.store, &certificate_of(&world.ledger), ask).expect("nothing is missing")
}

/// Changes an answer; false if it is not one that the lie is about.
type Lie = fn(&mut Answer) -> bool;

/// An honest answer, changed if the lie is about it.
fn lying(world: &World, ask: &Ask, lie: Lie) -> (Vec<u8>, bool) {
    let mut told: Answer = borsh::from_slice(&honest(world, ask)).expect("an answer");
    let lied = lie(&mut told);
    (borsh::to_vec(&told).expect("memory"), lied)
}

/// Copies from a server that lies until it is found out, then from an honest one. Returns the refusal.
fn copied_past(world: &World, lie: Lie) -> Refused {
    let (mut store, mut refused) = (MemoryStore::new(), None);
    let mut session = Session::open(&mut store, &world.genesis).expect("memory");
    loop {
        match session.next(&store).expect("memory") {
            Next::Errand(mut errand) => {
                let mut outcome = Ok(());
                while let Some(ask) = errand.ask().filter(|_| outcome.is_ok()) {
                    let (bytes, lied) = match refused {
                        None => lying(world, &ask, lie),
                        Some(_) => (honest(world, &ask), false),
                    };
                    let before = store.clone();
                    outcome = session.take(&mut errand, &mut store, &bytes);
                    assert_eq!(outcome.is_err(), lied, "a lie is refused, and nothing else");
                    assert!(outcome.is_ok() || store == before, "nothing of a lie is written");
                }
                match outcome {
                    Ok(()) => session.install(errand, &mut store).expect("memory"),
                    Err(TakeError::Refused(why)) => {
                        refused = Some(why);
                        session.give_back(errand);
                    }
                    Err(TakeError::Store(error)) => panic!("{error}"),
                }
            }
            Next::Wait => panic!("nothing is on its way"),
            Next::Whole(checkpoint) => {
                session.finish(&mut store, &checkpoint).expect("memory");
                break;
            }
        }
    }
    let ledger = Ledger::open(&store, &world.genesis).expect("a copy opens");
    assert_eq!(ledger.executed(), world.ledger.executed());
    refused.expect("the lie was told")
}

fn entries(answer: &mut Answer) -> Option<&mut Vec<(Vec<u8>, Vec<u8>)>> {
    let Given::Parts(parts) = &mut answer.given else { return None };
    parts.iter_mut().find_map(|part| match &mut part.held {
        Held::Entries(entries) if !entries.is_empty() => Some(entries),
        _ => None,
    })
}

#[test]
fn a_wrong_leaf_is_refused() {
    let refused = copied_past(&world(), |answer| {
        entries(answer).is_some_and(|entries| {
            *entries[0].1.last_mut().expect("a value has bytes") ^= 1;
            true
        })
    });
    assert_eq!(refused, Refused::OtherRoot);
}

#[test]
fn a_missing_leaf_is_refused() {
    let refused = copied_past(&world(), |answer| entries(answer).is_some_and(|entries| entries.pop().is_some()));
    assert_eq!(refused, Refused::OtherRoot);
}

#[test]
fn a_wrong_sibling_is_refused() {
    let refused = copied_past(&world(), |answer| {
        let Given::Parts(parts) = &mut answer.given else { return false };
        let mut siblings = parts.iter_mut().flat_map(|part| &mut part.siblings);
        siblings.find(|sibling| matches!(sibling, Subtree::Inner(_))).is_some_and(|sibling| {
            *sibling = Subtree::Inner(Digest([7; 32]));
            true
        })
    });
    assert_eq!(refused, Refused::OtherRoot);
}

#[test]
fn a_wrong_root_of_a_domain_is_refused() {
    let refused = copied_past(&world(), |answer| {
        answer.domain.as_mut().is_some_and(|path| {
            path.root.count += 1;
            true
        })
    });
    assert_eq!(refused, Refused::OtherRoot);
}

fn rows(answer: &mut Answer) -> Option<&mut Vec<(Vec<u8>, Vec<u8>)>> {
    let Given::Rows(given) = &mut answer.given else { return None };
    given.iter_mut().flatten().map(|given| &mut given.rows).find(|rows| !rows.is_empty())
}

#[test]
fn a_wrong_vouched_row_is_refused() {
    let refused = copied_past(&world(), |answer| {
        rows(answer).is_some_and(|rows| {
            *rows[0].1.last_mut().expect("a row has bytes") ^= 1;
            true
        })
    });
    assert!(matches!(refused, Refused::WrongRow(_)), "{refused}");
}

#[test]
fn a_vouched_row_at_another_place_is_refused() {
    let refused = copied_past(&world(), |answer| {
        rows(answer).is_some_and(|rows| {
            *rows[0].0.last_mut().expect("a place has bytes") ^= 1;
            true
        })
    });
    assert!(matches!(refused, Refused::WrongRow(_)), "{refused}");
}

#[test]
fn a_missing_vouched_row_is_refused() {
    let refused = copied_past(&world(), |answer| rows(answer).is_some_and(|rows| rows.pop().is_some()));
    assert_eq!(refused, Refused::MissingRow);
}

#[test]
fn a_wrong_content_is_refused() {
    let refused = copied_past(&world(), |answer| {
        let Given::Contents(contents) = &mut answer.given else { return false };
        contents.iter_mut().flatten().next().is_some_and(|content| {
            content.push(b'!');
            true
        })
    });
    assert!(matches!(refused, Refused::WrongContent(_)), "{refused}");
}

#[test]
fn a_missing_content_is_refused() {
    let refused = copied_past(&world(), |answer| {
        let Given::Contents(contents) = &mut answer.given else { return false };
        contents[0].take().is_some()
    });
    assert!(matches!(refused, Refused::MissingContent(_)), "{refused}");
}

#[test]
fn a_state_that_was_not_certified_is_refused() {
    let refused = copied_past(&world(), |answer| {
        answer.checkpoint.group_count += 1;
        true
    });
    assert!(matches!(refused, Refused::NotCertified(_)), "{refused}");
}

#[test]
fn an_old_root_given_as_new_is_refused_once_a_newer_one_is_known() {
    let old = world();
    let mut new = old.clone();
    new.time += 61_000;
    new.does(0, &[write("b", "new")]);
    let mut store = MemoryStore::new();
    let mut session = Session::open(&mut store, &new.genesis).expect("memory");
    let Next::Errand(mut first) = session.next(&store).expect("memory") else { panic!("nothing is held yet") };
    let ask = first.ask().expect("a question");
    session.take(&mut first, &mut store, &honest(&new, &ask)).expect("an honest answer");
    session.install(first, &mut store).expect("memory");
    let Next::Errand(mut second) = session.next(&store).expect("memory") else { panic!("domains are wanted") };
    let ask = second.ask().expect("a question");
    let refused = session.take(&mut second, &mut store, &honest(&old, &ask));
    assert!(matches!(refused, Err(TakeError::Refused(Refused::Old { .. }))), "{refused:?}");
}

/// Rows of the newer state that no entry of the older one replaces would stay, and execution would find them.
#[test]
fn a_copy_is_never_whole_at_a_state_older_than_one_of_which_it_has_parts() {
    let old = world();
    let mut new = old.clone();
    new.does(0, &[write("b", "new")]);
    let (mut store, mut from) = (MemoryStore::new(), &new);
    let mut session = Session::open(&mut store, &new.genesis).expect("memory");
    for _ in 0..40 {
        let Next::Errand(mut errand) = session.next(&store).expect("memory") else { panic!("whole at an older state") };
        while let Some(ask) = errand.ask() {
            session.take(&mut errand, &mut store, &honest(from, &ask)).expect("an honest answer");
        }
        session.install(errand, &mut store).expect("memory");
        from = &old;
    }
    finish(&mut session, &mut store, &new);
    let ledger = Ledger::open(&store, &new.genesis).expect("a copy opens");
    assert_eq!(ledger.executed(), new.ledger.executed());
}

#[test]
fn no_state_is_copied_that_is_older_than_the_one_held() {
    let old = world();
    let mut new = old.clone();
    new.does(0, &[write("b", "new")]);
    let mut store = new.store.clone();
    let mut session = Session::open(&mut store, &new.genesis).expect("memory");
    let Next::Errand(mut first) = session.next(&store).expect("memory") else {
        panic!("a pass begins with a question")
    };
    let ask = first.ask().expect("a question");
    let refused = session.take(&mut first, &mut store, &honest(&old, &ask));
    assert!(matches!(&refused, Err(TakeError::Refused(why @ Refused::Old { .. })) if !why.is_lie()), "{refused:?}");
}

/// Every byte of an answer counts: changed, it is refused, or the copy is the same all the same.
#[test]
fn no_changed_byte_of_an_answer_makes_another_copy() {
    let world = world();
    for step in 0..100_usize {
        let (mut store, mut at, mut asked) = (MemoryStore::new(), step * 3_907, 0);
        let mut session = Session::open(&mut store, &world.genesis).expect("memory");
        while let Next::Errand(mut errand) = session.next(&store).expect("memory") {
            let mut outcome = Ok(());
            while let Some(ask) = errand.ask().filter(|_| outcome.is_ok()) {
                let mut bytes = honest(&world, &ask);
                asked += 1;
                if asked == 1 + step % 5 {
                    at %= bytes.len();
                    bytes[at] ^= 1 << (step % 8);
                }
                outcome = session.take(&mut errand, &mut store, &bytes);
            }
            match outcome {
                Ok(()) => session.install(errand, &mut store).expect("memory"),
                Err(_) => session.give_back(errand),
            }
            if asked > 8 {
                break; // the changed byte lies behind
            }
        }
        let mut session = Session::open(&mut store, &world.genesis).expect("memory");
        finish(&mut session, &mut store, &world);
        let ledger = Ledger::open(&store, &world.genesis).expect("a copy opens");
        assert_eq!(ledger.state_root(), world.ledger.state_root(), "byte {at} in step {step}");
    }
}

fn finish(session: &mut Session, store: &mut MemoryStore, world: &World) {
    loop {
        match session.next(store).expect("memory") {
            Next::Errand(mut errand) => {
                while let Some(ask) = errand.ask() {
                    session.take(&mut errand, store, &honest(world, &ask)).expect("an honest answer");
                }
                session.install(errand, store).expect("memory");
            }
            Next::Wait => panic!("nothing is on its way"),
            Next::Whole(checkpoint) => return session.finish(store, &checkpoint).expect("memory"),
        }
    }
}

/// A thousand links of a chain are not sent again for one more.
#[test]
fn only_new_rows_of_a_chain_are_asked_for() {
    let mut world = World::new();
    for n in 0..100 {
        world.does(0, &[write("a", &n.to_string())]);
    }
    let mut store = MemoryStore::new();
    let mut session = Session::open(&mut store, &world.genesis).expect("memory");
    finish(&mut session, &mut store, &world);
    world.does(0, &[write("a", "one more")]);
    let (mut session, mut sent) = (Session::open(&mut store, &world.genesis).expect("memory"), 0);
    while let Next::Errand(mut errand) = session.next(&store).expect("memory") {
        while let Some(ask) = errand.ask() {
            let bytes = honest(&world, &ask);
            let mut told: Answer = borsh::from_slice(&bytes).expect("an answer");
            sent += rows(&mut told).map_or(0, |rows| rows.len());
            session.take(&mut errand, &mut store, &bytes).expect("an honest answer");
        }
        session.install(errand, &mut store).expect("memory");
    }
    assert_eq!(sent, 1, "one version of the path; the author's one number comes in the same answer, after it");
}

fn asking(wanted: Wanted) -> Ask {
    Ask { domain: "main".to_owned(), wanted }
}

#[test]
fn a_question_that_names_one_thing_twice_is_none() {
    let (entry, hash) = ([0; 32], Digest::ZERO);
    let parts = [true, false].map(|entries| WantedPart { part: Part::WHOLE, entries });
    let rows = [hash, Digest([1; 32])].map(|from| WantedRows { entry, from, held: hash });
    let twice = [
        Wanted::Parts(parts.to_vec()),
        Wanted::Rows(rows.to_vec()),
        Wanted::Contents(vec![hash; 2]),
        Wanted::Named(vec![(entry, hash); 2]),
    ];
    for wanted in twice {
        assert_eq!(Ask::decode(&asking(wanted).encode()), None);
    }
    assert!(Ask::decode(&asking(Wanted::Rows(rows[..1].to_vec())).encode()).is_some());
}

#[test]
fn rows_that_are_read_in_vain_cost_as_much_as_they_are() {
    let mut world = World::new();
    for n in 0..100 {
        world.does(0, &[write("a", &n.to_string())]);
    }
    let entry = key_of(&name::file("a"));
    let cost = |wanted| {
        let certificate = certificate_of(&world.ledger);
        answer_at_cost(&world.ledger, &world.store, &certificate, &asking(wanted)).expect("nothing is missing").1
    };
    let beside = WantedRows { entry, from: Digest([7; 32]), held: Digest::ZERO };
    assert_eq!(cost(Wanted::Rows(vec![beside])), 99 * 64, "of a hundred versions one is the entry itself");
    assert_eq!(cost(Wanted::Named(vec![(entry, Digest([7; 32]))])), 99 * 64);
    assert_eq!(cost(Wanted::Parts(vec![WantedPart { part: Part::WHOLE, entries: true }])), 0);
}
