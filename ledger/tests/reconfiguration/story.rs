//! A group that takes in a fifth member and gives another one a new key, slot by slot.

use super::*;
use quorate_ledger::copy::{Next, Refused, Session, TakeError, answer};
use quorate_ledger::proof::{
    Epochs, Proof, ProofError, ProveError, Proved, is_of_history, of_one_history, restart_from,
};
use quorate_ledger::{Ledger, MemoryStore, Read, Store, Table};
use quorate_pbft::{Constants, Digest, Epoch, SeqNum, Tip};
use support::twin;
use support::world::write;

fn boundary(executed: u64) -> SeqNum {
    let Constants { window, checkpoint_period, .. } = Constants::default();
    let mut boundary = checkpoint_period;
    while boundary < executed + window {
        boundary += checkpoint_period;
    }
    SeqNum::new(boundary)
}

/// A world in which a fifth member is to join after the newest slot.
fn decided() -> World {
    let mut world = World::new();
    world.does(0, &[write("old", "of the first epoch")]);
    let joins = add(&world, 4);
    agreed(&mut world, joins);
    world
}

/// A state opens at what it was executed to.
fn opens_alike(world: &World) {
    let opened = Ledger::open(&world.store, &world.genesis).expect("it opens");
    assert_eq!(opened.executed(), world.ledger.executed());
    assert_eq!((opened.voters(), opened.next_voters()), (world.ledger.voters(), world.ledger.next_voters()));
}

#[test]
fn the_next_members_stand_in_the_point_from_the_slot_that_decides_to_the_boundary() {
    let mut world = decided();
    let (founders, last) = (world.genesis.founders().clone(), boundary(world.ledger.executed().seq.get()));
    let five: Vec<PublicKey> = (0..5).map(key).collect();
    while world.ledger.executed().seq < last {
        let point = world.ledger.executed();
        let next = point.next.as_ref().expect("the members are named");
        assert_eq!((next.epoch(), next.base(), point.epoch), (Epoch::new(1), last, Epoch::new(0)));
        assert!(next.keys().eq(&five), "the joiner comes last");
        assert_eq!(point.members_after, founders.digest(), "slot {}", point.seq);
        assert_eq!(members(&world), five[..4]);
        let (ends, named) = world.view().next_members().expect("memory").expect("pending");
        assert_eq!((ends, named[4].organisation.as_str()), (last, "org-0"));
        assert_eq!(named[4].addresses, ["/ip4/10.0.0.5/tcp/7700"]);
        world.slot(&[]);
        opens_alike(&world);
    }
    let point = world.ledger.executed().clone();
    assert!(point.is_last());
    assert_eq!(point.members_after, point.next.as_ref().expect("named").digest(), "the checkpoint names the next list");
    assert_eq!((point.tips.len(), members(&world).len()), (4, 4), "the epoch is the old one still");
}

#[test]
fn the_epoch_begins_with_the_slot_after_the_boundary_and_lanes_begin_anew() {
    let mut world = decided();
    world.fill();
    let before = world.ledger.executed().clone();
    world.does(0, &[write("new", "of the second epoch")]);
    let point = world.ledger.executed();
    assert_eq!((point.epoch, point.seq, &point.next), (Epoch::new(1), before.seq.next(), &None));
    assert_eq!(point.members_after, world.ledger.voters().digest());
    assert_eq!(members(&world), [0, 1, 2, 3, 4].map(key));
    assert_eq!(point.tips[0].position.get(), 1, "the first bundle of the lane");
    assert_eq!(point.tips[1..], [Tip::default(); 4]);
    assert_ne!(before.tips[0], Tip::default());
    opens_alike(&world);
    let listed = world.view().epochs(None, 10).expect("memory").items;
    let periods: Vec<_> = listed.iter().map(|epoch| (epoch.after, epoch.until, epoch.members.len())).collect();
    assert_eq!(periods, [(SeqNum::new(0), Some(before.seq), 4), (before.seq, None, 5)]);
}

/// Every slot of the story is executed by a ledger of its own and by one that is copied again and again.
#[test]
fn two_ledgers_come_to_the_same_root_at_every_slot() {
    let mut world = decided();
    let mut other = (MemoryStore::new(), world.ledger.clone());
    world.ledger.copy(&world.store, &mut other.0).expect("nothing is missing");
    let mut epochs = 0;
    while epochs < 3 {
        let draft = world.draft(1, world.now(), &[write("f", &world.time.to_string())]);
        let decided = world.decided(vec![(1, vec![world.item(&draft)])]);
        let ours = world.executes(&decided);
        let theirs = other.1.execute(&mut other.0, &decided).expect("memory does not fail");
        assert_eq!(ours, theirs);
        assert_eq!(world.ledger.executed(), other.1.executed());
        if world.ledger.executed().is_last() {
            epochs += 1;
        } else if world.ledger.next_voters().is_none() && epochs < 3 {
            let change = if epochs == 1 { rekey(&world, 1, 5) } else { remove(2) };
            agreed(&mut world, change);
            other = (MemoryStore::new(), world.ledger.clone());
            world.ledger.copy(&world.store, &mut other.0).expect("nothing is missing");
        }
    }
    world.slot(&[]);
    assert_eq!(members(&world), [0, 5, 3, 4].map(key));
    assert_eq!(world.ledger.executed().epoch, Epoch::new(3));
}

#[test]
fn a_copy_before_the_boundary_at_it_and_after_it_counts_by_the_list_of_its_epoch() {
    let mut world = decided();
    let mut seen = Vec::new();
    loop {
        let copied = twin::asked(&world.ledger, &world.store, MemoryStore::new(), usize::MAX);
        let opened = Ledger::open(&copied, &world.genesis).expect("a copy opens");
        assert_eq!(opened.executed(), world.ledger.executed());
        seen.push((opened.voters().len(), opened.next_voters().map(|next| next.len())));
        let chain = |ledger: &Ledger, read: &dyn Read| ledger.view(read).chain_of_epochs().expect("sound");
        let is_over = world.ledger.executed().is_last();
        assert_eq!(chain(&opened, &copied).committees().len(), if is_over { 2 } else { seen.len().min(2) });
        match seen.len() {
            1 => world.fill(),
            2 => drop(world.does(0, &[write("new", "x")])),
            _ => break,
        }
    }
    assert_eq!(seen, [(4, Some(5)), (4, Some(5)), (5, None)]);
}

fn file(world: &World, path: &str) -> Result<Vec<u8>, ProveError> {
    let proof = world.view().prove_file(&certificate_of(&world.ledger), "main", path, None)?;
    Ok(Proof::File(Box::new(proof)).encode())
}

fn proved(world: &World, bytes: &[u8]) -> Result<Option<Digest>, ProofError> {
    match Proof::decode(bytes)?.verify(&world.genesis)? {
        Proved::File(file) => Ok(file.hash()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn proofs_of_either_epoch_hold_for_who_has_the_genesis_alone() {
    let mut world = decided();
    let of_old = |text: &str| Ok(Some(support::digest(text.as_bytes())));
    let first = file(&world, "old").expect("in this state");
    world.fill();
    let last = file(&world, "old").expect("in this state");
    world.does(0, &[write("new", "of the second epoch")]);
    let second = file(&world, "new").expect("in this state");
    assert_eq!(proved(&world, &first), of_old("of the first epoch"));
    assert_eq!(proved(&world, &last), of_old("of the first epoch"), "by the checkpoint that names the next members");
    assert_eq!(proved(&world, &second), of_old("of the second epoch"));

    let epochs = world.view().chain_of_epochs().expect("sound");
    assert_eq!(Epochs::decode(&epochs.encode(), &world.genesis), Ok(epochs.clone()));
    assert_eq!(epochs.newest(), world.ledger.voters());
    let again = Proof::decode(&first).expect("a proof").verify_after(&world.genesis, &epochs).map(drop);
    assert_eq!(again, Err(ProofError::OlderEpoch { ends: Epoch::new(0), known: Epoch::new(1) }));
}

#[test]
fn a_step_is_kept_by_the_certificate_of_the_last_slot_alone() {
    let mut world = decided();
    let early = certificate_of(&world.ledger);
    assert_eq!(world.ledger.keep_step(&mut world.store, early.claim()), Err(ProveError::OtherState));
    world.fill();
    assert_eq!(world.ledger.keep_step(&mut world.store, early.claim()), Err(ProveError::OtherState));
}

#[test]
fn a_chain_of_epochs_that_lacks_a_step_is_damage() {
    let mut world = decided();
    world.fill();
    world.slot(&[]);
    assert!(world.view().chain_of_epochs().is_ok());
    let steps = world.rows(Table::Meta).into_iter().filter(|key| key.starts_with(b"epoch-step"));
    for key in steps.collect::<Vec<_>>() {
        world.store.delete(Table::Meta, &key).expect("memory does not fail");
    }
    assert!(world.view().chain_of_epochs().is_err());
}

/// History in which this member joins after the first epoch.
fn history(before: &World, joins: u8) -> World {
    let mut world = before.clone();
    let change = add(&world, joins);
    agreed(&mut world, change);
    world.fill();
    world
}

/// M3: members of the first epoch sign another end of it, with a next list of their own.
#[test]
fn a_copy_that_knows_an_epoch_takes_no_state_of_a_second_history_and_says_where_it_parts() {
    let mut before = World::new();
    before.does(0, &[write("old", "of the first epoch")]);
    let (mut first, mut second) = (history(&before, 4), history(&before, 5));
    first.does(0, &[write("new", "after 4")]);
    second.does(0, &[write("new", "after 5")]);
    second.does(0, &[write("later", "than the first")]);
    let mut late = before.clone();
    (0..200).for_each(|_| drop(late.slot(&[])));
    let refused = |liar: &World| {
        let mut store = twin::certified(&first.ledger, &first.store).0;
        let mut session = Session::open(&mut store, &first.genesis).expect("its own state");
        let Ok(Next::Errand(mut errand)) = session.next(&store) else { panic!("a pass begins with a question") };
        let ask = errand.ask().expect("a question");
        let answered = answer(&liar.ledger, &liar.store, &certificate_of(&liar.ledger), &ask).expect("its own state");
        match session.take(&mut errand, &mut store, &answered) {
            Err(TakeError::Refused(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    let lie = refused(&second);
    assert_eq!((&lie, lie.is_lie()), (&Refused::NotCertified(ProofError::OtherHistory(Epoch::new(1))), true));
    assert!(lie.to_string().contains("members of epoch 1"), "{lie}");
    let older = refused(&late);
    let known = ProofError::OlderEpoch { ends: Epoch::new(0), known: Epoch::new(1) };
    assert_eq!((&older, older.is_lie()), (&Refused::NotCertified(known), false), "it may be late");
}

/// M3 where it is needed most: what is left of a group is looked for among files, and keys of the first members are lost.
#[test]
fn states_that_are_left_of_two_histories_are_told_apart_by_their_epochs_and_slots() {
    let mut before = World::new();
    before.does(0, &[write("old", "of the first epoch")]);
    let left = |world: &World| {
        let (_, checkpoint) = twin::certified(&world.ledger, &world.store);
        restart_from(&world.genesis, &checkpoint).expect("signed by members of its epoch")
    };
    let are_one = |(one, epochs): &(_, _), (other, theirs): &(_, _)| of_one_history((one, epochs), (other, theirs));
    let (mut world, forged) = (history(&before, 4), history(&before, 5));
    let (early, last, forged) = (left(&before), left(&world), left(&forged));
    world.does(0, &[write("new", "of the second epoch")]);
    let newest = left(&world);
    let mut late = before.clone();
    while late.ledger.executed().seq.get() <= last.0.seq {
        late.slot(&[]);
    }
    let late = left(&late);
    let mut beside = before.clone();
    beside.does(0, &[write("old", "otherwise")]);
    before.slot(&[]);

    for (one, other) in [(&early, &last), (&last, &newest), (&early, &newest)] {
        assert_eq!((are_one(one, other), are_one(other, one)), (Ok(()), Ok(())));
    }
    let other_members = Err(ProofError::OtherHistory(Epoch::new(1)));
    assert_eq!((are_one(&forged, &last), are_one(&newest, &forged)), (other_members.clone(), other_members));
    let above_the_end = Err(ProofError::OtherState(late.0.seq));
    assert_eq!((are_one(&late, &last), are_one(&newest, &late)), (above_the_end.clone(), above_the_end.clone()));
    assert_eq!(is_of_history((&late.0, &late.1), &newest.1), above_the_end);
    assert_eq!(is_of_history((&early.0, &early.1), &newest.1), Ok(()));
    let beside = left(&beside);
    assert_eq!(are_one(&left(&before), &beside), Err(ProofError::OtherState(beside.0.seq)));
}
