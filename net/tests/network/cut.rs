//! A link that goes silent without a word, as cables do.

use std::net::SocketAddr;

use quorate_net::Event;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::group::{Group, listening_at, socket};

/// Carries connections to `target` while `is_whole`; otherwise holds them and lets nothing through, for ever.
async fn carry(listener: TcpListener, target: SocketAddr, is_whole: watch::Receiver<bool>) {
    let mut held = tokio::task::JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        held.spawn(carry_one(near, target, is_whole.clone()));
    }
}

async fn carry_one(mut near: TcpStream, target: SocketAddr, is_whole: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(target).await else {
        return;
    };
    tokio::select! {
        _ended = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
        () = cut(is_whole) => std::future::pending().await, // both sockets stay open
    }
}

async fn cut(mut is_whole: watch::Receiver<bool>) {
    let _known_or_over = is_whole.wait_for(|whole| !whole).await;
}

#[tokio::test]
async fn a_cut_is_noticed_by_both_sides_and_a_new_connection_made_when_it_is_mended() {
    let mut group = Group::of(2);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let through = listening_at(listener.local_addr().unwrap());
    let (cut, is_whole) = watch::channel(true);
    tokio::spawn(carry(listener, socket(&group.address(1)), is_whole));
    let mut larger = group.start(1).await;
    group.members[1].addresses = vec![through];
    let mut smaller = group.start(0).await;
    smaller.up(1).await;
    larger.up(1).await;

    cut.send(false).unwrap();
    assert_eq!(smaller.next().await, Event::Down { peer: group.key(1) });
    assert_eq!(larger.next().await, Event::Down { peer: group.key(0) });
    cut.send(true).unwrap();

    smaller.up(1).await;
    larger.up(1).await;
    smaller.talks_with(0, &mut larger, 1).await;
}
