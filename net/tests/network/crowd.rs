//! Host that keeps the door busy with silent connections.

use std::net::SocketAddr;

use quorate_net::Event;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::group::{Group, LIMIT, socket, until};

/// Connects to `to` from another address of this machine.
async fn connect_from_elsewhere(to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test]
async fn silent_connections_of_one_host_are_bounded_and_dropped_and_a_member_gets_in_meanwhile() {
    let group = Group::of(2);
    let mut node = group.start(1).await; // the larger: the member must get in by its door
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(connect_from_elsewhere(socket(&group.address(1))).await);
    }
    until("most are turned away", || node.net.refused().crowded == 24).await;

    let mut member = group.start(0).await;
    member.up(1).await;
    assert_eq!(node.next().await, Event::Up { peer: group.key(0) });

    for socket in &mut silent {
        let end = tokio::time::timeout(LIMIT, socket.read(&mut [0; 64])).await.expect("closed in time");
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
    until("the rest are counted", || node.net.refused().broken == 16).await;
    node.talks_with(1, &mut member, 0).await;
}

#[tokio::test]
async fn a_crowded_door_does_not_keep_its_replica_from_dialling() {
    let group = Group::of(2);
    let mut node = group.start(1).await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(socket(&group.address(1))).await.unwrap()); // the member's own host
    }
    until("the door is shut", || node.net.refused().crowded >= 24).await;

    let mut member = group.start(0).await;
    node.up(1).await; // before anything is queued: a frame for who is away goes stale
    member.up(1).await;

    node.talks_with(1, &mut member, 0).await;
}
