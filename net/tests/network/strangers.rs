//! Strangers get nothing and disturb nobody.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::group::{Group, LIMIT, Node, keys, socket, until};
use crate::raw::Raw;

/// The first of a group of two, alone so far.
async fn alone() -> (Group, Node) {
    let group = Group::of(2);
    let node = group.start(0).await;
    (group, node)
}

async fn still_serves_its_member(group: &Group, mut node: Node) {
    let mut member = group.start(1).await;
    node.talks_with(0, &mut member, 1).await;
}

async fn connect(group: &Group) -> TcpStream {
    TcpStream::connect(socket(&group.address(0))).await.unwrap()
}

/// Waits until the other side has closed; what it says before is ignored.
async fn closed(socket: &mut TcpStream) {
    let mut buffer = [0; 1024];
    let end = async { while matches!(socket.read(&mut buffer).await, Ok(count) if count > 0) {} };
    tokio::time::timeout(LIMIT, end).await.expect("closed in time");
}

#[tokio::test]
async fn a_key_that_is_not_in_the_list_is_turned_away() {
    let (group, node) = alone().await;

    let stranger = Raw::start(keys([77; 32]), None);
    stranger.dial(group.peer_id(0), group.address(0));

    until("it is counted", || node.net.refused().strangers == 1).await;
    until("it is closed", || stranger.closed() == 1).await;
    assert!(!node.net.peers()[0].is_up);
    still_serves_its_member(&group, node).await;
}

#[tokio::test]
async fn another_key_at_a_members_address_is_not_taken_for_it() {
    let (group, node) = alone().await;

    let imposter = Raw::start(keys([77; 32]), Some(group.address(1)));
    until("it was dialled", || node.net.peers()[0].wrong_key > 0).await;

    assert!(!node.net.peers()[0].is_up);
    imposter.stop().await;
    still_serves_its_member(&group, node).await;
}

#[tokio::test]
async fn random_bytes_end_the_connection() {
    let (group, node) = alone().await;
    let mut noise = 12345_u64;
    for _ in 0..8 {
        let mut socket = connect(&group).await;
        let bytes: Vec<u8> = (0..65536).map(|_| next_byte(&mut noise)).collect();
        let _may_be_refused_half_way = socket.write_all(&bytes).await;
        closed(&mut socket).await;
    }

    until("they are counted", || node.net.refused().broken == 8).await;
    still_serves_its_member(&group, node).await;
}

/// Knuth's generator: the same bytes in every run.
fn next_byte(state: &mut u64) -> u8 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*state >> 56) as u8
}

#[tokio::test]
async fn half_a_handshake_is_dropped_in_time() {
    let (group, node) = alone().await;
    let mut socket = connect(&group).await;
    socket.write_all(b"\x13/multistream/1.0.0\n\x07/noise\n").await.unwrap();
    socket.write_all(&[0, 32]).await.unwrap(); // announces the first Noise message

    closed(&mut socket).await;

    until("it is counted", || node.net.refused().broken == 1).await;
    still_serves_its_member(&group, node).await;
}

#[tokio::test]
async fn a_connection_that_ends_at_once_is_forgotten() {
    let (group, node) = alone().await;
    for _ in 0..20 {
        drop(connect(&group).await);
        tokio::time::sleep(Duration::ZERO).await;
    }

    until("all are counted", || node.net.refused().broken + node.net.refused().crowded == 20).await;
    still_serves_its_member(&group, node).await;
}
