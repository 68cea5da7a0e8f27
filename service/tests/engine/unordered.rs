//! Envelopes of which nothing can be ordered now: no quorum is missing for them.

use crate::group::{Group, author};
use quorate_ledger::{EnvelopeId, Revision};
use quorate_pbft::{Digest, Ed25519Signer};
use quorate_service::engine::{Candidate, Lack, Notice, Place};

#[test]
fn a_change_for_a_domain_that_is_not_there_does_not_count_as_one_that_could_be_ordered() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    let early = group.early("nowhere");
    group.submit(0, &early);

    group.until("it is parked", |group| matches!(group.place(0, &early.id), Some(Place::Parked { .. })));

    let report = group.sites[0].engine.as_ref().expect("it runs").published().report;
    assert_eq!((report.pending, report.orderable()), (1, 0));
}

#[test]
fn a_change_that_lacks_the_number_before_it_is_not_paused_by_an_outage() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    let gapped = group.envelope(3, "file");
    group.submit(0, &gapped);
    assert_eq!(group.place(0, &gapped.id), Some(Place::Gap { waits_for: 1 }));
    group.leave_alone();
    group.sites[0].notices.clear();

    (1..4).for_each(|site| group.start(site));

    let resumed = |notice: &Notice| match notice {
        Notice::Resumed { paused, since } => Some((paused.len(), *since)),
        _ => None,
    };
    let told = |group: &Group| group.sites[0].notices.iter().find_map(resumed);
    group.until("it hears a quorum again", |group| told(group).is_some());
    assert_eq!(told(&group), Some((0, None)));
}

/// Bytes of an envelope that is large beside the room of a lane.
const LARGE: usize = 6 << 20;

/// A replica that is alone, whose lane has no room for a large envelope more.
fn with_a_full_lane() -> Group {
    let mut group = Group::left_alone();
    for filler in 10..40 {
        let key = Ed25519Signer::from_seed(&[filler; 32]);
        let envelope = group.signed(&key, (1, Revision::GENESIS), "file", vec![filler; LARGE]);
        let envelope = Candidate { organisation: filler.to_string(), ..envelope };
        group.submit(0, &envelope);
        if group.place(0, &envelope.id).is_none() {
            return group;
        }
    }
    panic!("a lane without an end");
}

#[test]
fn a_later_attempt_that_finds_no_room_on_the_lane_waits_in_the_place_of_the_parked_one() {
    let mut group = with_a_full_lane();
    let parked = group.signed(&author(), (2, Revision::GENESIS), "large", vec![1; LARGE]);
    group.submit(0, &parked);
    let first = group.envelope(1, "first");
    group.submit(0, &first);
    let for_room = |place| matches!(place, Some(Place::Parked { lacks: Lack::Room, .. }));
    assert!(for_room(group.place(0, &parked.id)), "{:?}", group.place(0, &parked.id));

    let later = Candidate { id: EnvelopeId(Digest([9; 32])), attempt: 2, ..parked.clone() };
    group.submit(0, &later);

    assert!(for_room(group.place(0, &later.id)), "{:?}", group.place(0, &later.id));
    assert_eq!(group.place(0, &parked.id), None);
}
