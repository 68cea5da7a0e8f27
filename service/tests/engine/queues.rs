//! The durable queue while nothing is executed: what others have in it closes it to nobody, and no row of it ends a start.

use crate::group::Group;
use quorate_ledger::Revision;
use quorate_pbft::{Constants, Ed25519Signer, Time};
use quorate_service::engine::{Candidate, Place};
use quorate_storage::Db;
use quorate_storage::faulty::Loss;

const MIB: usize = 1 << 20;

/// An envelope of an author of its own.
fn envelope_of(group: &Group, organisation: &str, author: u8, bytes: usize) -> Candidate {
    let key = Ed25519Signer::from_seed(&[author; 32]);
    let envelope = group.signed(&key, (1, Revision::GENESIS), "file", vec![author; bytes]);
    Candidate { organisation: organisation.to_owned(), ..envelope }
}

/// Queues what two organisations may have: more than a replica holds in memory before it takes nothing on the lane.
fn queue_of_two(group: &mut Group) {
    for author in 10..17 {
        let organisation = if author < 14 { "first" } else { "second" };
        let envelope = envelope_of(group, organisation, author, 15 * MIB);
        group.queue(0, &envelope);
        assert_eq!(group.place(0, &envelope.id), Some(Place::Queued), "author {author}");
    }
}

fn database(group: &mut Group) -> Db {
    group.crash(0, Loss::Nothing);
    Db::on(&group.sites[0].disk).expect("the disk")
}

#[test]
fn what_two_organisations_queue_leaves_a_third_its_room() {
    let mut group = Group::left_alone();
    queue_of_two(&mut group);
    let third = envelope_of(&group, "third", 20, 1_024);

    group.queue(0, &third);

    assert_eq!(group.place(0, &third.id), Some(Place::Queued));
}

#[test]
fn what_is_queued_goes_to_the_tables_where_the_last_slot_is_a_certified_checkpoint() {
    let mut group = Group::with(4, Constants { checkpoint_period: 1, window: 8, ..Constants::default() });
    let envelope = group.envelope(1, "file");
    group.submit(0, &envelope);
    let stable = |group: &Group| group.sites[0].engine.as_ref()?.core().stable().map(|certificate| certificate.seq());
    group.until("the slot is certified", |group| {
        group.receipt(0, &envelope.id).is_some() && stable(group) == Some(group.executed(0))
    });
    group.leave_alone();

    queue_of_two(&mut group);

    let unfolded = database(&mut group).unfolded_bytes();
    assert!(unfolded < 64 * MIB as u64, "{unfolded} bytes");
    group.start(0);
    assert!(group.receipt(0, &envelope.id).is_some(), "the state is that of the checkpoint");
}

/// Authors hand in again what has no verdict.
#[test]
fn a_row_of_the_queue_that_does_not_decode_ends_no_start_and_goes() {
    let mut group = Group::left_alone();
    let db = database(&mut group);
    let mut batch = db.begin().expect("a batch");
    batch.queue(9, Time::new(1), b"no envelope");
    batch.commit().expect("a commit");
    drop(db);

    group.start(0);
    group.turn();

    let db = database(&mut group);
    assert_eq!(db.snapshot().and_then(|disk| disk.queue()).expect("the disk"), []);
}
