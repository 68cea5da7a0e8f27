//! Member lists that change while a network runs.

use quorate_net::{Channel, SendError};

use crate::group::{Group, until};

#[tokio::test]
async fn a_key_is_let_in_once_it_is_a_members() {
    let group = Group::of(3);
    let (mut one, two) = (group.start_among(0, 2).await, group.start(2).await);
    until("the stranger is refused", || one.net.refused().strangers > 0 || two.net.refused().strangers > 0).await;

    one.net.set_members(&group.members).unwrap();

    let mut two = two;
    two.talks_with(2, &mut one, 0).await;
}

#[tokio::test]
async fn a_member_that_leaves_is_cut_off_and_the_others_are_not() {
    let group = Group::of(3);
    let (mut zero, mut one, two) = (group.start(0).await, group.start(1).await, group.start(2).await);
    zero.up(2).await;
    one.up(2).await;

    zero.net.set_members(&group.members[..2]).unwrap();

    until("the link of the leaver ends", || two.net.peers().iter().any(|peer| !peer.is_up)).await;
    assert_eq!(zero.net.peers().len(), 1);
    let to = group.key(2);
    assert_eq!(zero.net.send(to, Channel::Votes, "late".into()), Err(SendError::NoSuchPeer { to }));
    zero.talks_with(0, &mut one, 1).await;
    assert!(zero.net.peers().iter().all(|peer| peer.is_up && peer.reconnects == 0));
}

#[tokio::test]
async fn a_member_keeps_its_link_where_its_number_changes() {
    let group = Group::of(2);
    let (mut one, mut other) = (group.start(0).await, group.start(1).await);
    one.up(1).await;
    other.up(1).await;
    let mut renumbered = group.members.clone();
    renumbered[1].id = quorate_pbft::ReplicaId::new(7);

    one.net.set_members(&renumbered).unwrap();

    one.talks_with(0, &mut other, 1).await;
    let peer = &one.net.peers()[0];
    assert_eq!((peer.id.map(|id| id.get()), peer.reconnects), (Some(7), 0));
}
