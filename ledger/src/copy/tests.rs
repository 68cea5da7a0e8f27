//! Servers that lie: each lie is refused and named, nothing of it is written, and the copy arrives from an honest one.

use super::errand::Errand;
use super::frame::{Answer, Given, GivenPart, Held, Wanted, WantedContent, WantedPart};
use super::{Ask, Next, Refused, Session, TakeError, answer};
use crate::policy::{DomainPolicy, PathRule};
use crate::proof::ProveError;
use crate::state::entry::value_hash;
use crate::state::name;
use crate::state::tree::key_of;
use crate::state::tree::part::{Part, Subtree};
use crate::state::tree::proof::End;
use crate::testing::world::{World, write};
use crate::testing::{certificate_of, digest};
use quorate_ledger::{Envelope, Ledger, Limits, MemoryStore, Principal, Store as _, Table};
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

pub(super) fn honest(world: &World, ask: &Ask) -> Vec<u8> {
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

/// The first bits of a file's key, which no other file shares.
fn part_of_one(path: &str) -> Part {
    let key = key_of(&name::file(path));
    let half = |part: Part, _| part.below(1).into_iter().find(|half| half.contains(&key)).expect("one of both");
    (0..60).fold(Part::WHOLE, half)
}

/// The refusal of an answer about the part of one file, changed by a lie.
fn refused_of_one(entries: bool, lie: impl Fn(&mut GivenPart)) -> Option<Refused> {
    let (world, mut store) = (world(), MemoryStore::new());
    let mut session = Session::open(&mut store, &world.genesis).expect("memory");
    finish(&mut session, &mut store, &world);
    let (number, wanted) = (session.trees["main"].number(), WantedPart { part: part_of_one("folder/7"), entries });
    let mut errand = Errand::new("main".into(), number, vec![wanted]);
    let ask = errand.ask().expect("a question");
    let mut told: Answer = borsh::from_slice(&honest(&world, &ask)).expect("an answer");
    let Given::Parts(parts) = &mut told.given else { panic!("parts were asked for") };
    lie(&mut parts[0]);
    match session.take(&mut errand, &mut store, &borsh::to_vec(&told).expect("memory")) {
        Err(TakeError::Refused(why)) => Some(why),
        _ => None,
    }
}

/// The leaf of the file, in the cell that it lies in.
fn alone(part: &mut GivenPart) -> &mut Subtree {
    let Held::Subtrees(subtrees) = &mut part.held else { panic!("subtrees were asked for") };
    subtrees.iter_mut().find(|subtree| **subtree != Subtree::Empty).expect("one")
}

/// Puts a leaf beside the part, next to where it lies.
fn beside(part: &mut GivenPart, leaf: Subtree) {
    let last = part.siblings.last_mut().expect("as many as bits");
    assert_eq!(core::mem::replace(last, leaf), Subtree::Empty);
}

#[test]
fn a_part_is_not_emptied_by_its_entry_as_a_leaf_beside_it() {
    let refused = refused_of_one(true, |part| {
        let Held::Entries(entries) = &mut part.held else { panic!("entries were asked for") };
        let (name, value) = entries.pop().expect("one");
        beside(part, Subtree::Leaf(End { key: key_of(&name), value_hash: value_hash(&value) }));
    });
    assert_eq!(refused, Some(Refused::OtherRoot));
}

#[test]
fn a_part_is_not_emptied_by_its_subtree_as_a_leaf_beside_it() {
    let refused = refused_of_one(false, |part| {
        let leaf = core::mem::replace(alone(part), Subtree::Empty);
        beside(part, leaf);
    });
    assert_eq!(refused, Some(Refused::OtherRoot));
}

#[test]
fn a_leaf_in_another_cell_than_its_own_is_refused() {
    let refused = refused_of_one(false, |part| {
        let leaf = core::mem::replace(alone(part), Subtree::Empty);
        let Held::Subtrees(subtrees) = &mut part.held else { panic!("subtrees were asked for") };
        let cells = &mut subtrees[..2];
        assert_eq!(cells, [Subtree::Empty; 2]);
        cells[1] = leaf;
    });
    assert_eq!(refused, Some(Refused::OtherRoot));
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

/// The id of an envelope does not cover its signature.
#[test]
fn a_pending_change_with_another_signature_is_refused() {
    let mut world = World::new();
    let reviewed = PathRule { pattern: "reviewed/**".into(), approvals: 2, ..PathRule::default() };
    let everyone = DomainPolicy::new(vec![Principal::Everyone], vec![]);
    world.decide("main", DomainPolicy { paths: vec![reviewed], ..everyone });
    world.does(0, &[write("reviewed/a", "waits")]);
    let refused = copied_past(&world, |answer| {
        let Given::Rows(given) = &mut answer.given else { return false };
        let waiting = given.iter_mut().flatten().flat_map(|given| &mut given.rows).find(|(place, _)| place.is_empty());
        waiting.is_some_and(|(_, envelope)| {
            let signed = Envelope::decode(envelope, &Limits::default()).expect("an envelope").signature;
            let at = envelope.windows(signed.0.len()).position(|window| window == signed.0).expect("it is in there");
            envelope[at + 40] ^= 1;
            true
        })
    });
    assert!(matches!(refused, Refused::WrongRow(_)), "{refused}");
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

pub(super) fn finish(session: &mut Session, store: &mut MemoryStore, world: &World) {
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

#[test]
fn a_content_that_the_disk_of_an_honest_server_has_changed_is_no_answer() {
    let (mut world, hash) = (world(), digest(b"another"));
    world.store.put(Table::Contents, &hash.0, b"anOther").expect("memory");
    let named = WantedContent { entry: key_of(&name::file("folder/1")), place: Vec::new(), hash };

    for wanted in [Wanted::Contents(vec![hash]), Wanted::Named(vec![named])] {
        let ask = Ask { domain: "main".to_owned(), wanted };
        let given = answer(&world.ledger, &world.store, &certificate_of(&world.ledger), &ask);
        assert!(matches!(given, Err(ProveError::Store(_))), "{given:?}");
    }
}

#[test]
fn contents_before_one_that_the_disk_has_changed_are_given() {
    let (mut world, hash) = (world(), digest(b"another"));
    world.store.put(Table::Contents, &hash.0, b"anOther").expect("memory");

    let ask = Ask { domain: "main".to_owned(), wanted: Wanted::Contents(vec![digest(b"a third"), hash]) };
    let told: Answer = borsh::from_slice(&honest(&world, &ask)).expect("an answer");

    let Given::Contents(given) = told.given else { panic!("contents were asked for") };
    assert_eq!(given, [Some(b"a third".to_vec())]);
}
