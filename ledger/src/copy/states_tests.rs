//! Copies whose answers come from several states: each honest, none refused, and the copy is whole at one of them alone.

use super::errand::Errand;
use super::frame::Wanted;
use super::tests::{finish, honest};
use super::{Ask, Next, Session, TakeError};
use crate::testing::world::{World, write};
use quorate_ledger::{Ledger, Limits, MemoryStore};

/// A world, and the same some slots later, with most versions of its paths beyond the horizon.
fn older_and_newer() -> [World; 2] {
    let mut old = World::with(Limits { base_horizon_ms: 1_000, ..Limits::default() });
    for n in 0..8 {
        old.time += 100;
        old.does(0, &[write("a", &n.to_string())]);
    }
    let mut new = old.clone();
    for n in 0..8 {
        new.time += 200;
        new.does(1, &[write("b", &n.to_string())]);
    }
    [old, new]
}

/// Brings an errand by answers of whichever world is named; false where one is older than what the copy can take.
fn bring<'a>(
    session: &mut Session,
    store: &mut MemoryStore,
    mut errand: Errand,
    by: impl Fn(&Ask) -> &'a World,
) -> bool {
    while let Some(ask) = errand.ask() {
        match session.take(&mut errand, store, &honest(by(&ask), &ask)) {
            Ok(()) => (),
            Err(TakeError::Refused(why)) if !why.is_lie() => {
                session.give_back(errand);
                return false;
            }
            Err(error) => panic!("an honest answer: {error}"),
        }
    }
    session.install(errand, store).expect("memory");
    true
}

fn is_about_rows(ask: &Ask) -> bool {
    matches!(ask.wanted, Wanted::Rows(_))
}

/// Takes errands by both worlds until one of the older is refused; then finishes with the newer one.
fn never_whole_at_the_older<'a>([old, new]: &'a [World; 2], by: impl Fn(usize, &Ask) -> &'a World) {
    let mut store = MemoryStore::new();
    let mut session = Session::open(&mut store, &new.genesis).expect("memory");
    for errands in 0.. {
        let Next::Errand(errand) = session.next(&store).expect("memory") else { panic!("whole at an older state") };
        if !bring(&mut session, &mut store, errand, |ask| by(errands, ask)) {
            break;
        }
        assert!(session.passes() < 3, "an older state is asked about for ever");
    }
    finish(&mut session, &mut store, new);
    let ledger = Ledger::open(&store, &new.genesis).expect("a copy opens");
    assert_eq!(ledger.executed(), new.ledger.executed());
    assert_ne!(ledger.executed(), old.ledger.executed());
}

/// Rows of the newer state that no entry of the older one replaces would stay, and execution would find them.
#[test]
fn a_copy_is_never_whole_at_a_state_older_than_one_of_which_it_has_parts() {
    let worlds = older_and_newer();
    let [old, new] = &worlds;
    never_whole_at_the_older(&worlds, |errands, _| if errands == 0 { new } else { old });
}

/// The newer state vouches for fewer rows than the older one.
#[test]
fn a_copy_is_never_whole_at_a_state_older_than_one_under_which_it_got_rows() {
    let worlds = older_and_newer();
    let [old, new] = &worlds;
    never_whole_at_the_older(&worlds, |_, ask| if is_about_rows(ask) { new } else { old });
}

#[test]
fn a_server_whose_state_steps_back_between_two_answers_is_no_liar() {
    let [old, new] = older_and_newer();
    let mut store = MemoryStore::new();
    let mut session = Session::open(&mut store, &new.genesis).expect("memory");
    for _ in 0..4 {
        let Next::Errand(errand) = session.next(&store).expect("memory") else { break };
        bring(&mut session, &mut store, errand, |ask| if is_about_rows(ask) { &old } else { &new });
    }
    finish(&mut session, &mut store, &new);
    assert_eq!(Ledger::open(&store, &new.genesis).expect("a copy opens").executed(), new.ledger.executed());
}

/// A copy that was cut off asks nobody who lies behind what it holds: passes would follow each other for ever.
#[test]
fn a_copy_that_goes_on_takes_no_state_older_than_one_of_which_it_has_parts() {
    let [old, new] = older_and_newer();
    let mut store = MemoryStore::new();
    let mut session = Session::open(&mut store, &new.genesis).expect("memory");
    for world in [&old, &new] {
        let Next::Errand(errand) = session.next(&store).expect("memory") else { panic!("two trees are wanted") };
        assert!(bring(&mut session, &mut store, errand, |_| world));
    }
    let mut session = Session::open(&mut store, &new.genesis).expect("memory");
    let Next::Errand(errand) = session.next(&store).expect("memory") else { panic!("it is not whole") };
    assert!(!bring(&mut session, &mut store, errand, |_| &old));
    finish(&mut session, &mut store, &new);
}
