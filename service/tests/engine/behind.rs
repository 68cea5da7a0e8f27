//! A replica that catches up: what it holds of the state from which it began.

use crate::group::Group;
use quorate_pbft::Constants;
use std::sync::Arc;

/// Pages that a fold frees are used again only once nobody holds a state of before it: the file grows with each fold until then.
#[test]
fn a_replica_far_behind_lets_go_of_the_state_for_proofs_that_lies_below_what_it_has_folded() {
    let certified = |group: &Group| {
        let held = group.sites[3].engine.as_ref()?.published().certified?;
        (held.moment.seq().get() > 0).then_some(held)
    };
    let mut group = Group::with(4, Constants { checkpoint_period: 4, window: 8, ..Constants::default() });
    let write = |group: &mut Group, seq: u64| {
        let envelope = group.envelope(seq, &format!("file-{seq}"));
        group.submit(0, &envelope);
        group.until("the receipt", |group| group.receipt(0, &envelope.id).is_some());
    };
    (1..=8).for_each(|seq| write(&mut group, seq));
    group.until("a state for proofs", |group| certified(group).is_some());
    group.cut_off.insert(3);
    (9..=60).for_each(|seq| write(&mut group, seq));
    (0..300).for_each(|_| group.turn());
    let (held, newest) = (Arc::downgrade(&certified(&group).expect("just seen").moment), group.executed(0).get());

    group.cut_off.clear();
    group.until("the state is let go", |_| held.strong_count() == 0);

    assert!(group.executed(3).get() + 8 < newest, "{} of {newest}", group.executed(3));
    group.until("proofs of the newest state", |group| {
        certified(group).is_some_and(|held| held.moment.seq().get() + 4 > newest)
    });
}
