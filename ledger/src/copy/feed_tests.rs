//! Feeds of one domain of two: what comes, what never does, and members that lie.

use super::errand::Errand;
use super::feed::Feed;
use super::frame::{Answer, Ask, Given, Held, Wanted, WantedContent};
use super::{Fed, Refused, Survey, TakeError, Walk, answer};
use crate::format::constants::{GROUP, GROUP_DOMAIN};
use crate::policy::DomainPolicy;
use crate::proof::{Proof, Proved};
use crate::state::ledger::{Ledger, group_domain};
use crate::state::store::{Read, Store, Table};
use crate::state::tree::Tree;
use crate::state::tree::part::Subtree;
use crate::testing::certificate_of;
use crate::testing::world::{World, remove, write};
use core::ops::ControlFlow;
use quorate_ledger::{Act, MemoryStore, OpenError, Principal, QueryError, Reconfiguration, Scope, Sweep};
use quorate_pbft::Digest;
use std::collections::BTreeMap;
use std::sync::Arc;

const SECRET: &str = "that stands in the other domain";

fn scope() -> Scope {
    Scope::from(["main".to_owned()])
}

/// A group with a second domain, which few may read.
fn world() -> World {
    let mut world = World::new();
    world.decide("other", DomainPolicy::new(vec![Principal::Everyone], vec!["org:org-0".parse().expect("one")]));
    let files: Vec<_> = (0..600).map(|n| write(&format!("folder/{n}"), &format!("content {}", n % 40))).collect();
    world.does(0, &files);
    world.does(1, &[write("folder/1", "another")]);
    world.does_in("other", 0, &[write("secret", SECRET)]);
    world
}

fn honest(world: &World, ask: &Ask) -> Vec<u8> {
    assert!(ask.is_within(&["main".to_owned()]), "no other domain is asked about, and no content by its hash alone");
    answer(&world.ledger, &world.store, &certificate_of(&world.ledger), ask).expect("nothing is missing")
}

fn opened(world: &World) -> (Feed, MemoryStore) {
    let mut store = MemoryStore::new();
    quorate_ledger::Ledger::create(&mut store, &world.genesis).expect("memory");
    let (feed, held) = Feed::open(&mut store, &world.genesis, &scope()).expect("a new store");
    assert!(held.is_some_and(|held| held.certificate.is_none()), "it holds what the genesis makes");
    (feed, store)
}

/// Takes the newest state, each answer as `tell` gives it; the refusal of one that was none.
fn take(feed: &mut Feed, store: &mut MemoryStore, mut tell: impl FnMut(&Ask) -> Vec<u8>) -> Result<Fed, Refused> {
    loop {
        let mut errand: Errand = match feed.next(store).expect("memory") {
            Ok(errand) => errand,
            Err(checkpoint) => return Ok(feed.finish(store, &checkpoint).expect("it opens")),
        };
        while let Some(ask) = errand.ask() {
            let before = store.clone();
            match feed.take(&mut errand, store, &tell(&ask)) {
                Ok(()) => (),
                Err(TakeError::Refused(why)) => {
                    assert!(*store == before, "nothing of a refused answer is written");
                    feed.give_back(errand);
                    return Err(why);
                }
                Err(TakeError::Store(error)) => panic!("{error}"),
            }
        }
        feed.install(errand, store).expect("memory");
    }
}

fn fed(world: &World) -> (Feed, MemoryStore, Fed) {
    let (mut feed, mut store) = opened(world);
    feed.begin(&mut store).expect("memory");
    let fed = take(&mut feed, &mut store, |ask| honest(world, ask)).expect("an honest member");
    (feed, store, fed)
}

fn has(store: &MemoryStore, bytes: &[u8]) -> bool {
    let tables = [Table::Contents, Table::Entries, Table::Past, Table::Index, Table::Names, Table::Archive];
    let mut found = false;
    for table in tables {
        store
            .scan(table, &[], &[0xff; 64], &mut |key, value| {
                found |= [key, value].iter().any(|part| part.windows(bytes.len()).any(|window| window == bytes));
                ControlFlow::Continue(())
            })
            .expect("memory");
    }
    found
}

#[test]
fn a_feed_holds_its_domain_as_it_was_certified_and_nothing_of_another() {
    let world = world();
    let (_, store, fed) = fed(&world);
    assert_eq!(fed.ledger.executed(), world.ledger.executed());
    let view = fed.ledger.view(&store);
    let read = |path| view.file("main", path, None).expect("it is held").found().map(|file| file.hash);
    assert_eq!(
        read("folder/1"),
        world.view().file("main", "folder/1", None).expect("it is there").found().map(|f| f.hash)
    );
    let file = view.file("main", "folder/7", None).expect("it is held").found().expect("a file");
    assert_eq!(view.content(&file.hash).expect("memory").expect("it is there"), b"content 7");
    assert!(has(&world.store, SECRET.as_bytes()) && !has(&store, SECRET.as_bytes()));
    let refused = view.file("other", "secret", None);
    assert!(matches!(refused, Err(QueryError::NotHeld { .. })), "{refused:?}");
    assert_eq!(view.domains().expect("memory").len(), 1);
}

#[test]
fn a_proof_from_a_feed_verifies_with_the_genesis_alone() {
    let world = world();
    let (_, store, fed) = fed(&world);
    let certificate = fed.certificate.expect("it is certified");
    let proof = fed.ledger.view(&store).prove_file(&certificate, "main", "folder/1", None).expect("it is held");
    let proved = Proof::File(Box::new(proof)).verify(&world.genesis).expect("it verifies");
    let Proved::File(proved) = proved else { panic!("a proof of a file") };
    assert_eq!(
        proved.hash(),
        world.view().file("main", "folder/1", None).expect("it is there").found().map(|f| f.hash)
    );
    assert!(fed.ledger.view(&store).prove_file(&certificate, "other", "secret", None).is_err());
}

#[test]
fn a_feed_that_holds_the_last_state_of_an_epoch_opens_on_it_and_goes_on_into_the_next() {
    let mut world = world();
    let change = Reconfiguration { rules: Some(9), ..Reconfiguration::default() };
    world.agrees(GROUP_DOMAIN, Act::Reconfigure { change });
    world.fill();
    let (_, mut store, _) = fed(&world);
    let (mut feed, held) = Feed::open(&mut store, &world.genesis, &scope()).expect("its own store");
    assert!(held.is_some_and(|held| held.ledger.executed().is_last()));
    feed.begin(&mut store).expect("memory");
    let again = take(&mut feed, &mut store, |ask| honest(&world, ask)).expect("others are there too");
    assert_eq!(again.ledger.executed(), world.ledger.executed());
    world.does(0, &[write("folder/1", "in the next epoch")]);
    feed.begin(&mut store).expect("memory");
    let next = take(&mut feed, &mut store, |ask| honest(&world, ask)).expect("an honest member");
    assert_eq!(next.ledger.executed().epoch.get(), 1);
}

#[test]
fn a_feed_that_knows_a_later_epoch_than_that_of_its_state_holds_none_and_goes_on() {
    let mut world = world();
    let change = Reconfiguration { rules: Some(9), ..Reconfiguration::default() };
    world.agrees(GROUP_DOMAIN, Act::Reconfigure { change });
    world.fill();
    let (mut feed, mut store, _) = fed(&world);
    let mut later = world.clone();
    later.does(0, &[write("folder/1", "in the next epoch")]);
    feed.begin(&mut store).expect("memory");
    let mut errand = feed.next(&store).expect("memory").expect("a pass begins with a question");
    let ask = errand.ask().expect("a question");
    feed.take(&mut errand, &mut store, &honest(&later, &ask)).expect("an honest member");
    feed.give_back(errand);
    take(&mut feed, &mut store, |ask| honest(&world, ask)).expect("others are at the end of the epoch still");

    let (mut feed, held) = Feed::open(&mut store, &world.genesis, &scope()).expect("its own store");

    assert!(held.is_none(), "members that have left could have signed it");
    feed.begin(&mut store).expect("memory");
    let next = take(&mut feed, &mut store, |ask| honest(&later, ask)).expect("an honest member");
    assert_eq!(next.ledger.executed(), later.ledger.executed());
}

#[test]
fn a_feed_goes_on_from_its_store_by_what_has_changed_alone() {
    let mut world = world();
    let (_, mut store, _) = fed(&world);
    let (mut feed, held) = Feed::open(&mut store, &world.genesis, &scope()).expect("its own store");
    let held = held.expect("it holds a whole state");
    assert_eq!(held.ledger.executed(), world.ledger.executed());
    assert!(held.certificate.is_some());

    world.does(0, &[write("folder/2", "changed"), remove("folder/3")]);
    world.does_in("other", 0, &[write("secret", "that is still nobody's")]);
    feed.begin(&mut store).expect("memory");
    let mut bytes = 0;
    let fed = take(&mut feed, &mut store, |ask| {
        let told = honest(&world, ask);
        bytes += told.len();
        told
    });
    let fed = fed.expect("an honest member");
    assert_eq!(fed.ledger.executed(), world.ledger.executed());
    let view = fed.ledger.view(&store);
    assert!(view.file("main", "folder/3", None).expect("it is held").found().is_none());
    assert!(bytes < 100_000, "{bytes} bytes for three changes");
}

#[test]
fn a_store_keeps_to_its_scope() {
    let world = world();
    let (_, mut store, _) = fed(&world);
    let other = Scope::from(["other".to_owned()]);
    assert!(matches!(Feed::open(&mut store, &world.genesis, &other), Err(OpenError::Scoped(held)) if held == scope()));
    let opened = quorate_ledger::Ledger::open(&store, &world.genesis);
    assert!(matches!(opened, Err(OpenError::Scoped(_))), "it is no whole state");
    let mut whole = world.store.clone();
    assert!(matches!(Feed::open(&mut whole, &world.genesis, &scope()), Err(OpenError::Whole)));
}

#[test]
fn contents_of_another_domain_are_not_given_for_an_entry_of_this_one() {
    let world = world();
    let secret = world.view().file("other", "secret", None).expect("it is there").found().expect("a file").hash;
    let path = crate::state::tree::key_of(&crate::state::name::file("folder/1"));
    let named = |hash| WantedContent { entry: path, place: Vec::new(), hash };
    let of = |hash| {
        let ask = Ask { domain: "main".to_owned(), wanted: Wanted::Named(vec![named(hash)]) };
        let told: Answer = borsh::from_slice(&honest(&world, &ask)).expect("an answer");
        let Given::Contents(given) = told.given else { panic!("contents") };
        given
    };
    let own = world.view().file("main", "folder/1", None).expect("it is there").found().expect("a file").hash;
    assert_eq!(of(own), [Some(b"another".to_vec())]);
    assert_eq!(of(secret), [None]);
    let by_hash = Ask { domain: "main".to_owned(), wanted: Wanted::Contents(vec![secret]) };
    assert!(!by_hash.is_within(&["main".to_owned()]), "not by its hash alone");
}

/// Changes an answer; false if it is not one that the lie is about.
type Lie = fn(&mut Answer) -> bool;

/// Takes a state from a member that lies once, then from an honest one; the refusal.
fn past(lie: Lie) -> Refused {
    let world = world();
    let (mut feed, mut store) = opened(&world);
    feed.begin(&mut store).expect("memory");
    let refused = take(&mut feed, &mut store, |ask| {
        let mut told: Answer = borsh::from_slice(&honest(&world, ask)).expect("an answer");
        lie(&mut told);
        borsh::to_vec(&told).expect("memory")
    });
    let fed = take(&mut feed, &mut store, |ask| honest(&world, ask)).expect("an honest member");
    assert_eq!(fed.ledger.executed(), world.ledger.executed());
    refused.err().expect("the lie is found")
}

fn entries(answer: &mut Answer) -> Option<&mut Vec<(Vec<u8>, Vec<u8>)>> {
    let Given::Parts(parts) = &mut answer.given else { return None };
    parts.iter_mut().find_map(|part| match &mut part.held {
        Held::Entries(entries) if entries.len() > 1 => Some(entries),
        _ => None,
    })
}

#[test]
fn a_wrong_leaf_a_missing_leaf_and_a_wrong_sibling_are_refused() {
    let lies: [Lie; 3] = [
        |answer| {
            entries(answer).is_some_and(|entries| {
                *entries[0].1.last_mut().expect("a value has bytes") ^= 1;
                true
            })
        },
        |answer| entries(answer).is_some_and(|entries| entries.pop().is_some()),
        |answer| {
            let Given::Parts(parts) = &mut answer.given else { return false };
            let mut siblings = parts.iter_mut().flat_map(|part| &mut part.siblings);
            siblings.find(|sibling| matches!(sibling, Subtree::Inner(_))).is_some_and(|sibling| {
                *sibling = Subtree::Inner(Digest([7; 32]));
                true
            })
        },
    ];
    for lie in lies {
        assert_eq!(past(lie), Refused::OtherRoot);
    }
}

#[test]
fn a_wrong_content_and_one_that_is_left_out_are_refused() {
    let wrong = past(|answer| {
        let Given::Contents(contents) = &mut answer.given else { return false };
        contents.iter_mut().flatten().next().is_some_and(|content| {
            content.push(b'!');
            true
        })
    });
    assert!(matches!(wrong, Refused::WrongContent(_)), "{wrong}");
    let missing = past(|answer| {
        let Given::Contents(contents) = &mut answer.given else { return false };
        contents[0].take().is_some()
    });
    assert!(matches!(missing, Refused::MissingContent(_)), "{missing}");
}

#[test]
fn an_older_state_is_never_taken_for_a_newer_one() {
    let old = world();
    let mut new = old.clone();
    new.does(0, &[write("b", "new")]);
    let (mut feed, mut store, _) = fed(&new);
    feed.begin(&mut store).expect("memory");
    let refused = take(&mut feed, &mut store, |ask| honest(&old, ask));
    assert!(matches!(refused.err(), Some(why @ Refused::Old { .. }) if !why.is_lie()));
    let again = take(&mut feed, &mut store, |ask| honest(&new, ask)).expect("an honest member");
    assert_eq!(again.ledger.executed(), new.ledger.executed());
}

#[test]
fn the_groups_own_tree_is_within_every_scope() {
    let ask = Ask { domain: GROUP_DOMAIN.to_owned(), wanted: Wanted::Rows(Vec::new()) };
    assert!(ask.is_within(&[]));
    assert!(!Ask { domain: "other".to_owned(), ..ask }.is_within(&["main".to_owned()]));
}

#[test]
fn a_first_copy_that_was_cut_off_holds_no_state_and_goes_on() {
    let world = world();
    let (mut feed, mut store) = opened(&world);
    feed.begin(&mut store).expect("memory");
    let mut asked = 0;
    let cut_off = take(&mut feed, &mut store, |ask| {
        asked += 1;
        if asked < 6 { honest(&world, ask) } else { Vec::new() }
    });
    assert_eq!(cut_off.err(), Some(Refused::Malformed));
    let (mut feed, held) = Feed::open(&mut store, &world.genesis, &scope()).expect("its own store");
    assert!(held.is_none(), "parts of a state are none");
    feed.begin(&mut store).expect("memory");
    let fed = take(&mut feed, &mut store, |ask| honest(&world, ask)).expect("an honest member");
    assert_eq!(fed.ledger.executed(), world.ledger.executed());
}

#[test]
fn a_feed_holds_a_state_of_rules_that_the_program_does_not_know_for_it_executes_nothing() {
    let world = world();
    let (_, mut store, _) = fed(&world);
    let mut named = None;
    let each = &mut |key: &[u8], row: &[u8]| {
        let at = row.windows(7).position(|part| part == b"rules 8");
        named = at.map(|at| (key.to_vec(), [&row[..at], b"rules 7", &row[at + 7..]].concat())).or(named.take());
        ControlFlow::Continue(())
    };
    store.scan(Table::Entries, &[], &[u8::MAX; 64], each).expect("memory");
    let (key, row) = named.expect("the rules are named");
    store.put(Table::Entries, &key, &row).expect("memory");
    let over = |scope: Option<Arc<Scope>>| {
        let trees = (Tree::open(GROUP, &store).expect("memory"), BTreeMap::from([group_domain()]));
        Ledger::over(&store, &world.genesis, trees, scope).map(drop)
    };
    assert_eq!(over(Some(Arc::new(scope()))), Ok(()));
    assert!(matches!(over(None), Err(OpenError::OtherRules { .. })));
}

/// Sweeps a feed's store once.
fn sweep(fed: &mut Fed, store: &mut MemoryStore) {
    let (mut sweep, oldest) = (Sweep::default(), fed.ledger.executed().seq.next());
    while !fed.ledger.forget(store, &mut sweep, oldest, 64).expect("memory") {}
}

#[test]
fn a_sweep_takes_contents_of_files_that_were_removed_before_the_horizon_and_leaves_the_state_sound() {
    let mut world = world();
    world.does(0, &[write("brief", "that is gone soon")]);
    let (mut feed, mut store, _) = fed(&world);
    world.does(0, &[remove("brief")]);
    for day in 0..70 {
        world.time += 86_400_000;
        world.does(0, &[write("later", &day.to_string())]);
    }
    feed.begin(&mut store).expect("memory");
    let mut fed = take(&mut feed, &mut store, |ask| honest(&world, ask)).expect("an honest member");
    assert!(has(&store, b"that is gone soon"));

    sweep(&mut fed, &mut store);

    assert!(!has(&store, b"that is gone soon"));
    let (mut walk, mut found) = (Walk::default(), Vec::new());
    let survey = Survey::of(&fed.ledger);
    while !survey.go_on(&store, &mut walk, 1 << 20, &mut |damage| found.push(damage)).expect("memory") {}
    assert_eq!(found, []);
    assert!(walk.files > 600, "{walk:?}");
    let (_, held) = Feed::open(&mut store, &world.genesis, &scope()).expect("its own store");
    assert!(held.is_some());
}

#[test]
fn a_sweep_leaves_contents_of_files_that_were_removed_within_the_horizon() {
    let mut world = world();
    world.does(0, &[write("brief", "that is gone soon")]);
    let (mut feed, mut store, _) = fed(&world);
    world.does(0, &[remove("brief")]);
    world.time += 86_400_000;
    world.does(0, &[write("later", "today")]);
    feed.begin(&mut store).expect("memory");
    let mut fed = take(&mut feed, &mut store, |ask| honest(&world, ask)).expect("an honest member");

    sweep(&mut fed, &mut store);

    assert!(has(&store, b"that is gone soon"));
}
