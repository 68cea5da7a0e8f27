//! States of a later epoch: what a copy knows of epochs outlasts a stop, and no server adds to it what nobody signed.

use super::frame::Answer;
use super::tests::{finish, honest};
use super::{Ask, Next, Refused, Session, TakeError, copy_steps};
use crate::format::constants::{GROUP, GROUP_DOMAIN};
use crate::state::name;
use crate::state::tree::{key_of, row};
use crate::testing::world::{World, write};
use quorate_ledger::{Act, MemoryStore, Reconfiguration, Store as _, Table};
use quorate_pbft::Epoch;

/// A world in its epoch 0, and the same in epoch 1.
fn before_and_after() -> [World; 2] {
    let mut world = World::new();
    world.does(0, &[write("a", "1")]);
    let before = world.clone();
    let change = Reconfiguration { rules: Some(9), ..Reconfiguration::default() };
    world.agrees(GROUP_DOMAIN, Act::Reconfigure { change });
    world.fill();
    world.does(0, &[write("a", "2")]);
    [before, world]
}

/// Takes the first answer from a state of epoch 1, and all others, changed, from the one after it.
fn copied_with(change: impl Fn(&mut Answer)) {
    let [_, first] = before_and_after();
    let mut world = first.clone();
    world.does(1, &[write("b", "1")]);
    let (mut store, mut asked) = (MemoryStore::new(), 0);
    let mut session = Session::open(&mut store, &world.genesis).expect("memory");
    let checkpoint = loop {
        match session.next(&store).expect("memory") {
            Next::Errand(mut errand) => {
                while let Some(ask) = errand.ask() {
                    let from = if asked == 0 { &first } else { &world };
                    let mut told: Answer = borsh::from_slice(&honest(from, &ask)).expect("an answer");
                    if asked > 0 {
                        change(&mut told);
                    }
                    asked += 1;
                    session.take(&mut errand, &mut store, &borsh::to_vec(&told).expect("memory")).expect("no lie");
                }
                session.install(errand, &mut store).expect("memory");
            }
            Next::Wait => panic!("nothing is on its way"),
            Next::Whole(checkpoint) => break checkpoint,
        }
    };
    session.finish(&mut store, &checkpoint).expect("memory");
    checkpoint.verify(&world.genesis).expect("it leads from the genesis on");
    assert_eq!(checkpoint.epochs.len(), 1);
}

#[test]
fn a_state_that_shows_no_way_to_its_epoch_is_kept_by_the_way_that_is_known() {
    copied_with(|answer| answer.checkpoint.epochs.clear());
}

#[test]
fn steps_to_known_members_that_nobody_signed_are_not_kept() {
    copied_with(|answer| {
        let mut step = answer.checkpoint.epochs[0].clone();
        step.certificate.signatures.clear();
        answer.checkpoint.epochs = vec![step; 100];
    });
}

/// The first errand of a copy, brought by a world.
fn begins(session: &mut Session, store: &mut MemoryStore, ask_of: impl Fn(&Ask) -> Vec<u8>) -> Result<(), TakeError> {
    let Next::Errand(mut errand) = session.next(store).expect("memory") else { panic!("it is not whole") };
    while let Some(ask) = errand.ask() {
        session.take(&mut errand, store, &ask_of(&ask))?;
    }
    session.install(errand, store).expect("memory");
    Ok(())
}

#[test]
fn a_copy_that_was_cut_off_knows_the_epochs_that_it_has_met() {
    let [before, after] = before_and_after();
    let mut store = MemoryStore::new();
    let mut session = Session::open(&mut store, &after.genesis).expect("memory");
    begins(&mut session, &mut store, |ask| honest(&after, ask)).expect("an honest answer");
    let mut session = Session::open(&mut store, &after.genesis).expect("memory");
    assert_eq!(session.certified.epoch(), Epoch::new(1));
    let refused = begins(&mut session, &mut store, |ask| honest(&before, ask));
    assert!(matches!(refused, Err(TakeError::Refused(Refused::NotCertified(_)))), "{refused:?}");
    let mut session = Session::open(&mut store, &after.genesis).expect("memory");
    finish(&mut session, &mut store, &after);
}

/// The head of the older store says which epoch it is in; where it is damaged, the steps do.
#[test]
fn a_copy_that_takes_over_the_epochs_of_an_older_store_believes_no_members_before_its_last_one() {
    let [before, after] = before_and_after();
    for is_damaged in [false, true] {
        let (mut old, mut store) = (after.store.clone(), MemoryStore::new());
        if is_damaged {
            old.put(Table::Entries, &row(GROUP, &key_of(name::HEAD)), b"damage").expect("memory");
        }
        Session::open(&mut store, &after.genesis).expect("memory");
        copy_steps(&old, &after.genesis, &mut store).expect("memory");
        let mut session = Session::open(&mut store, &after.genesis).expect("memory");
        let refused = begins(&mut session, &mut store, |ask| honest(&before, ask));
        assert!(matches!(refused, Err(TakeError::Refused(Refused::NotCertified(_)))), "{refused:?}");
    }
}

#[test]
fn a_copy_that_takes_over_the_last_state_of_an_epoch_believes_those_who_signed_it() {
    let [mut world, _] = before_and_after();
    let change = Reconfiguration { rules: Some(9), ..Reconfiguration::default() };
    world.agrees(GROUP_DOMAIN, Act::Reconfigure { change });
    world.fill();
    let mut store = MemoryStore::new();
    Session::open(&mut store, &world.genesis).expect("memory");
    copy_steps(&world.store, &world.genesis, &mut store).expect("memory");
    let mut session = Session::open(&mut store, &world.genesis).expect("memory");
    finish(&mut session, &mut store, &world);
}
