//! Groups that work.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_net::{Bytes, Channel, Event};

use crate::group::{Group, Node, until};

const FRAMES: u64 = 200;

fn broadcasts(node: &Node) {
    for number in 0..FRAMES {
        for channel in Channel::ALL {
            let mut frame = number.to_be_bytes().to_vec();
            frame.resize(if channel == Channel::Bulk { 20_000 } else { 100 }, 0);
            assert_eq!(node.net.broadcast(channel, Bytes::from(frame)), Ok(3));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_receive_every_frame_once_and_in_order_on_both_channels() {
    let group = Group::of(4);
    let mut nodes = Vec::new();
    for number in 0..4 {
        nodes.push(group.start(number).await);
    }
    for node in &mut nodes {
        node.up(3).await;
    }
    nodes.iter().for_each(broadcasts);

    for node in &mut nodes {
        let mut seen: BTreeMap<(usize, Channel), u64> = BTreeMap::new();
        for _ in 0..3 * 2 * FRAMES {
            let (from, channel, frame) = node.frame().await;
            let next = seen.entry((from, channel)).or_default();
            assert_eq!(u64::from_be_bytes(frame[..8].try_into().unwrap()), *next, "from {from} on {channel}");
            *next += 1;
        }
        assert_eq!(seen.len(), 6);
    }
}

#[tokio::test]
async fn a_replica_that_comes_back_on_the_same_port_is_talked_to_again() {
    let group = Group::of(2);
    let mut stays = group.start(0).await;
    let mut goes = group.start(1).await;
    stays.up(1).await;
    goes.up(1).await;

    goes.net.stop().await;
    assert_eq!(stays.next().await, Event::Down { peer: group.key(1) });
    let mut back = group.start(1).await;

    stays.up(1).await;
    back.up(1).await;
    stays.talks_with(0, &mut back, 1).await;
    assert_eq!(stays.net.peers()[0].reconnects, 1);
}

#[tokio::test]
async fn the_dialler_that_comes_back_is_talked_to_again() {
    let group = Group::of(2);
    let mut goes = group.start(0).await;
    let mut stays = group.start(1).await;
    stays.up(1).await;
    goes.up(1).await;

    goes.net.stop().await;
    assert_eq!(stays.next().await, Event::Down { peer: group.key(0) });
    let mut back = group.start(0).await;

    stays.up(1).await;
    stays.talks_with(1, &mut back, 0).await;
}

#[tokio::test]
async fn what_was_queued_while_a_peer_was_away_reaches_it() {
    let group = Group::of(2);
    let early = group.start(0).await;
    let send = || early.net.send(group.key(1), Channel::Votes, "early".into()).unwrap();
    send();

    let mut late = group.start(1).await;

    // What is older than three seconds is forgotten, and a busy machine may need longer to start.
    let sends_on = async {
        while !early.net.peers()[0].is_up {
            tokio::time::sleep(Duration::from_secs(1)).await;
            send();
        }
        std::future::pending::<()>().await
    };
    let frame = tokio::select! {
        frame = late.frame() => frame,
        () = sends_on => unreachable!(),
    };
    assert_eq!(frame, (0, Channel::Votes, "early".into()));
}

#[tokio::test]
async fn the_larger_dials_when_the_smaller_does_not_know_where_to() {
    let mut group = Group::of(2);
    let mut larger = group.start(1).await;
    let known = std::mem::take(&mut group.members[1].addresses);
    let mut config = group.config(0);
    config.members[1].addresses = vec![];
    let mut smaller = group.node(quorate_net::start(config).await.unwrap());
    group.members[1].addresses = known;

    smaller.up(1).await;
    larger.up(1).await;

    smaller.talks_with(0, &mut larger, 1).await;
}

#[tokio::test]
async fn a_member_is_found_by_name() {
    let mut group = Group::of(2);
    let mut config = group.config(1);
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    let mut named = group.node(quorate_net::start(config).await.unwrap());
    let address = named.net.listen_addrs()[0].to_string().replace("/ip4/127.0.0.1", "/dns4/localhost");
    group.members[1].addresses = vec![address.parse().unwrap()];

    let mut node = group.start(0).await;

    node.talks_with(0, &mut named, 1).await;
}

#[tokio::test]
async fn a_member_is_found_at_any_of_its_addresses() {
    let mut group = Group::of(2);
    let mut later = group.start(1).await;
    group.members[1].addresses.insert(0, Group::of(3).address(2)); // where nobody listens

    let mut node = group.start(0).await;

    node.talks_with(0, &mut later, 1).await;
}

#[tokio::test]
async fn traffic_is_counted_on_both_sides() {
    let group = Group::of(2);
    let (mut one, mut other) = (group.start(0).await, group.start(1).await);
    one.up(1).await;

    one.net.send(group.key(1), Channel::Bulk, vec![1; 1000].into()).unwrap();
    other.frame().await;

    until("counted as sent", || one.net.peers()[0].traffic.bulk.frames_out == 1).await;
    let (sent, received) = (one.net.peers()[0].traffic.bulk, other.net.peers()[0].traffic.bulk);
    assert_eq!((sent.bytes_out, sent.waiting_frames, sent.dropped), (1000, 0, 0));
    assert_eq!((received.frames_in, received.bytes_in), (1, 1000));
}
