//! Supplies: answers from the disk, and how many bytes of them a peer gets.

use crate::group::{Group, STEP_MS, author, key_of};
use quorate_ledger::Revision;
use quorate_net::Channel;
use quorate_pbft::{Epoch, Message, Position, Question, ReplicaId, Wanted};
use quorate_service::engine::Request;

/// Bytes of the envelope in the bundle that is asked for.
const BYTES: usize = 4 << 20;
/// Bytes that a peer may have in a second.
const BYTES_PER_SECOND_MAX: usize = 64 << 20;
/// Questions that weigh as much in the core's books.
const QUESTIONS: usize = 65;

/// A group in which a heavy bundle of the second member was executed.
fn with_a_heavy_bundle() -> Group {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    let envelope = group.signed(&author(), (1, Revision::GENESIS), "a", vec![7; BYTES]);
    group.submit(1, &envelope);
    group.until("a receipt", |group| group.receipt(0, &envelope.id).is_some());
    group
}

/// Bytes of bundles that replica 0 sends a member which asks for that bundle again and again.
fn bytes_for(group: &mut Group, asker: usize) -> usize {
    let at = Position::new(1);
    let question =
        Question { epoch: Epoch::default(), wanted: Wanted::Bundles { lane: ReplicaId::new(1), from: at, to: at } };
    let frame = borsh::to_vec(&Message::Ask(question)).expect("memory");
    let checked = |_| group.sites[0].checker.check(key_of(asker), Channel::Votes, &frame).expect("a question");
    let requests = (0..QUESTIONS).map(checked).map(|message| Request::Message(Box::new(message))).collect();
    let round = group.round(0, requests).expect("a round");
    let bundles = round.outbox.iter().filter(|leaving| matches!(*leaving.message, Message::Bundle(_)));
    bundles.map(|leaving| borsh::object_length(&leaving.message).expect("memory")).sum()
}

#[test]
fn a_peer_that_asks_for_heavy_bundles_gets_as_many_bytes_in_a_round_as_it_may_have_in_a_second() {
    let mut group = with_a_heavy_bundle();

    let bytes = bytes_for(&mut group, 3);

    assert!((BYTES_PER_SECOND_MAX..BYTES_PER_SECOND_MAX + 2 * BYTES).contains(&bytes), "{bytes} bytes");
}

#[test]
fn each_peer_has_its_own_share_and_none_of_it_comes_twice_in_a_second() {
    let mut group = with_a_heavy_bundle();
    group.until("a second begins", |group| group.now.ticks.get().is_multiple_of(1_000));
    bytes_for(&mut group, 3);
    group.now.ticks = group.now.ticks.after(STEP_MS);

    assert_eq!(bytes_for(&mut group, 3), 0);
    assert!(bytes_for(&mut group, 2) > 0);

    group.now.ticks = group.now.ticks.after(1_000);
    assert!(bytes_for(&mut group, 3) > 0);
}
