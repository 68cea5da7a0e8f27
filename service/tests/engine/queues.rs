//! The durable queue while nothing is executed: what others have in it closes it to nobody, and no row of it ends a start.

use crate::epochs::removing;
use crate::group::Group;
use quorate_ledger::Revision;
use quorate_pbft::{Constants, Ed25519Signer, Time};
use quorate_service::engine::{Candidate, Notice, Place};
use quorate_storage::Db;
use quorate_storage::faulty::Loss;
use std::collections::BTreeSet;

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

/// A group that replica 3 has left, which was cut off meanwhile and has queued an envelope.
fn left_by_one_that_queues() -> (Group, Candidate) {
    let mut group = Group::soon();
    group.confirmed(0, 1);
    group.cut_off = BTreeSet::from([3]);
    group.until("it hears nobody", |group| !group.engine(3).core().can_order());
    let envelope = group.envelope(2, "queued");
    group.queue(3, &envelope);
    assert_eq!(group.place(3, &envelope.id), Some(Place::Queued));
    group.reconfigure(0, 1, removing(3));
    group.until("the others go on", |group| group.is_in(&[0, 1, 2], 1));
    group.cut_off.clear();
    group.until("it has left", |group| group.engine(3).number().is_none());
    (group, envelope)
}

fn is_expired(group: &Group, envelope: &Candidate) -> bool {
    let mempool = group.engine(3).shared_mempool();
    let mempool = mempool.lock().expect("one thread");
    mempool.place(&envelope.id).is_none() && mempool.expired(&envelope.id).is_some()
}

/// Others have lanes, and its own is gone.
#[test]
fn what_a_replica_that_leaves_has_queued_ends_as_expired_and_leaves_its_disk() {
    let (mut group, envelope) = left_by_one_that_queues();

    assert!(is_expired(&group, &envelope));
    let told = |notice: &Notice| matches!(notice, Notice::Expired(id) if *id == envelope.id);
    assert!(group.sites[3].notices.iter().any(told));
    group.crash(3, Loss::All);
    let disk = Db::on(&group.sites[3].disk).expect("the disk");
    assert_eq!(disk.snapshot().and_then(|disk| disk.queue()).expect("the disk"), []);
}

#[test]
fn a_row_of_the_queue_that_one_who_has_left_finds_at_its_start_is_expired_and_goes() {
    let (mut group, _) = left_by_one_that_queues();
    let envelope = group.envelope(3, "found");
    group.crash(3, Loss::Nothing);
    let db = Db::on(&group.sites[3].disk).expect("the disk");
    let mut batch = db.begin().expect("a batch");
    batch.queue(9, Time::new(1), &envelope.bytes);
    batch.commit().expect("a commit");
    drop(db);

    group.start(3);
    group.turn();

    assert!(is_expired(&group, &envelope));
    group.crash(3, Loss::Nothing);
    let disk = Db::on(&group.sites[3].disk).expect("the disk");
    assert_eq!(disk.snapshot().and_then(|disk| disk.queue()).expect("the disk"), []);
}
