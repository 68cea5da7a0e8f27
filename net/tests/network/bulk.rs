//! Bulk transfers beside votes.

use std::time::Duration;

use quorate_net::{Bytes, Channel};
use tokio::io::AsyncWriteExt;

use crate::group::{Group, Node, until};
use crate::raw::{BULK, Raw, VOTES, next};

const LARGE: usize = 32 << 20;

/// Tries of a burst: a machine that stalls the sender for the milliseconds of a transfer shows nothing.
const TRIES: usize = 4;

/// Two members with a link.
async fn pair() -> (Group, Node, Node) {
    let group = Group::of(2);
    let (mut one, mut other) = (group.start(0).await, group.start(1).await);
    one.up(1).await;
    other.up(1).await;
    (group, one, other)
}

/// Channels of the frames that arrive, where two of bulk are queued before fifty votes.
async fn order_of_two_bursts() -> Vec<Channel> {
    let (group, one, mut other) = pair().await;
    let large = Bytes::from(vec![7; LARGE]);
    for _ in 0..2 {
        one.net.send(group.key(1), Channel::Bulk, large.clone()).unwrap();
    }
    for _ in 0..50 {
        one.net.send(group.key(1), Channel::Votes, "vote".into()).unwrap();
    }
    let mut order = Vec::new();
    for _ in 0..52 {
        let (_, channel, frame) = other.frame().await;
        assert!(channel == Channel::Votes || frame == large);
        order.push(channel);
    }
    order
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn votes_arrive_before_the_bulk_that_was_queued_first() {
    let mut orders = Vec::new();
    let is_votes_first = |order: &Vec<Channel>| order[..50].iter().all(|channel| *channel == Channel::Votes);
    while !orders.last().is_some_and(is_votes_first) && orders.len() < TRIES {
        orders.push(order_of_two_bursts().await);
    }

    let order = orders.last().expect("a try");
    assert!(is_votes_first(order), "{orders:?}");
    assert!(order[50..].iter().all(|channel| *channel == Channel::Bulk), "{order:?}");
}

/// Channels of two frames, where the vote is queued while the bulk is on its way.
async fn order_of_a_vote_in_the_middle() -> [Channel; 2] {
    let (group, one, mut other) = pair().await;
    one.net.send(group.key(1), Channel::Bulk, vec![0; LARGE].into()).unwrap();
    until("the transfer has begun", || one.net.peers()[0].traffic.bulk.waiting_frames == 0).await;

    one.net.send(group.key(1), Channel::Votes, "vote".into()).unwrap();

    [other.frame().await.1, other.frame().await.1]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn votes_in_the_middle_of_a_bulk_transfer_do_not_wait_for_its_end() {
    let mut orders = Vec::new();
    while orders.last() != Some(&[Channel::Votes, Channel::Bulk]) && orders.len() < TRIES {
        orders.push(order_of_a_vote_in_the_middle().await);
    }

    assert_eq!(orders.last(), Some(&[Channel::Votes, Channel::Bulk]), "{orders:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_that_takes_nothing_stops_a_peers_bulk_but_neither_its_votes_nor_other_peers() {
    let group = Group::of(3);
    let (mut flood, mut slow, mut third) = (group.start(0).await, group.start(1).await, group.start(2).await);
    flood.up(2).await;
    slow.up(2).await;
    third.up(2).await;
    for _ in 0..2 {
        flood.net.send(group.key(1), Channel::Bulk, vec![0; LARGE].into()).unwrap();
    }
    let from = |number: usize| slow.net.peers().into_iter().find(|peer| peer.key == group.key(number)).unwrap().traffic;
    until("the first large frame is in", || from(0).bulk.frames_in == 1).await;

    flood.net.send(group.key(1), Channel::Votes, "vote".into()).unwrap();
    third.net.send(group.key(1), Channel::Bulk, "small".into()).unwrap();

    until("the vote is in", || from(0).votes.frames_in == 1).await;
    until("the other's bulk is in", || from(2).bulk.frames_in == 1).await;
    assert_eq!(from(0).bulk.frames_in, 1, "the second large frame has no room yet");
    let mut large = 0;
    while large < 2 {
        large += usize::from(slow.frame().await.2.len() == LARGE);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_member_can_make_us_hold_ends_a_little_above_its_budget() {
    let group = Group::of(2);
    let mut raw = Raw::start(group.keys(1), None);
    let (_votes, mut bulk) = (raw.accept(VOTES), raw.accept(BULK));
    let node = group.start(0).await; // its shell takes nothing
    raw.dial(group.peer_id(0), group.address(0));
    let mut stream = next(&mut bulk).await;
    let mut frame = (1_u32 << 20).to_be_bytes().to_vec();
    frame.resize(4 + (1 << 20), 0);
    let in_mib = || node.net.peers()[0].traffic.bulk.bytes_in >> 20;

    let mut written = 0;
    while written < 100 {
        let write = async { stream.write_all(&frame).await.and(stream.flush().await) };
        match tokio::time::timeout(Duration::from_secs(2), write).await {
            Ok(done) => done.unwrap(),
            Err(_) if in_mib() == 34 => break,
            Err(_) => panic!("slower than a test machine may be"),
        }
        written += 1;
    }

    let on_the_way = 2 + 6; // our window; what the sender's library and the kernel hold
    assert!((34..=34 + on_the_way).contains(&written), "{written} MiB were taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_that_bulk_waits_for_what_was_of_no_use_is_counted() {
    let group = Group::of(2);
    let (mut one, mut other) = (group.start(0).await, group.start(1).await);
    one.up(1).await;
    other.up(1).await;
    // Ten seconds' worth, eight of them at once.
    other.net.charge(&group.key(0), 160 << 20);

    one.net.send(group.key(1), Channel::Votes, "vote".into()).unwrap();
    one.net.send(group.key(1), Channel::Bulk, "bulk".into()).unwrap();
    for _ in 0..2 {
        other.frame().await;
    }

    let traffic = other.net.peers()[0].traffic;
    assert!(!traffic.bulk.held_back.is_zero() && traffic.bulk.held_back < Duration::from_secs(3), "{traffic:?}");
    assert!(traffic.votes.held_back.is_zero());
}
