//! Two connections become one, and streams that die come back.

use futures::StreamExt;
use quorate_net::Channel;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::group::{Group, until};
use crate::raw::{BULK, Raw, VOTES, next};

/// Reads frames until one is no heartbeat.
async fn read_frame(stream: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Vec<u8>> {
    loop {
        let bytes = stream.read_u32().await? as usize;
        if bytes > 0 {
            let mut frame = vec![0; bytes];
            stream.read_exact(&mut frame).await?;
            return Ok(frame);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_dialled_at_once_from_both_sides_settle_on_one() {
    let group = Group::of(2);
    let mut raw = Raw::start(group.keys(1), Some(group.address(1)));
    let (mut votes, mut bulk) = (raw.accept(VOTES), raw.accept(BULK));
    let mut node = group.start(0).await; // dials
    raw.dial(group.peer_id(0), group.address(0));
    let serve = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            tokio::select! {
                Some((_, stream)) = votes.next() => held.push(stream),
                Some((_, stream)) = bulk.next() => held.push(stream),
            }
        }
    });

    until("both were connected", || raw.open() + raw.closed() >= 2).await;
    until("one is left", || raw.open() == 1).await;

    node.up(1).await;
    assert!(node.net.peers()[0].is_up);
    serve.abort();
}

#[tokio::test]
async fn a_stream_that_its_peer_dropped_is_opened_again_and_carries_frames() {
    let group = Group::of(2);
    let mut raw = Raw::start(group.keys(1), None);
    let mut votes = raw.accept(VOTES);
    let _bulk = raw.accept(BULK);
    let node = group.start(0).await;
    raw.dial(group.peer_id(0), group.address(0));

    drop(next(&mut votes).await);
    let mut again = next(&mut votes).await;
    node.net.send(group.key(1), Channel::Votes, "vote".into()).unwrap();

    assert_eq!(read_frame(&mut again).await.unwrap(), b"vote");
    assert_eq!((raw.open(), raw.closed()), (1, 0), "the connection was not lost");
}

#[tokio::test]
async fn an_oversized_frame_costs_a_member_the_stream_and_nobody_else_anything() {
    let group = Group::of(3);
    let mut raw = Raw::start(group.keys(2), None);
    let mut votes = raw.accept(VOTES);
    let (mut node, mut honest) = (group.start(0).await, group.start(1).await);
    raw.dial(group.peer_id(0), group.address(0));
    let mut stream = next(&mut votes).await;

    stream.write_u32(u32::MAX).await.unwrap();
    stream.flush().await.unwrap();

    assert!(read_frame(&mut stream).await.is_err(), "the stream is closed");
    until("it is counted", || node.net.peers()[1].oversized == 1).await;
    node.talks_with(0, &mut honest, 1).await;
}

#[tokio::test]
async fn a_member_that_opens_streams_without_end_disturbs_nobody() {
    let group = Group::of(3);
    let mut raw = Raw::start(group.keys(0), None);
    let (mut honest, mut node) = (group.start(1).await, group.start(2).await);
    raw.dial(group.peer_id(2), group.address(2));
    let mut held = Vec::new();

    for _ in 0..40 {
        if let Ok(stream) = raw.control.open_stream(group.peer_id(2), VOTES).await {
            held.push(stream);
        }
    }

    node.talks_with(2, &mut honest, 1).await;
}
