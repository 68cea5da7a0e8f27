//! Envelopes of which nothing can be ordered now: no quorum is missing for them.

use crate::group::Group;
use quorate_service::engine::{Notice, Place};

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
