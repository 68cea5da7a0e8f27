//! Envelopes of which nothing can be ordered now: no quorum is missing for them.

use crate::group::Group;
use quorate_service::engine::Place;

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
