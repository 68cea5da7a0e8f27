//! Promises of the handle to its caller.

use quorate_net::{Channel, Error, Event, SendError};

use crate::group::{Group, LIMIT};

#[tokio::test]
async fn a_port_in_use_is_refused_by_name_of_the_address() {
    let group = Group::of(2);
    let _first = group.start(0).await;

    let second = quorate_net::start(group.config(0)).await;

    let Err(Error::Listen { address, .. }) = second else { panic!("{second:?}") };
    assert_eq!(address, group.address(0));
}

#[tokio::test]
async fn a_port_that_the_system_chose_is_told() {
    let group = Group::of(1);
    let mut config = group.config(0);
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];

    let (net, _events) = quorate_net::start(config).await.unwrap();

    let addresses = net.listen_addrs();
    assert_eq!(addresses.len(), 1);
    assert!(!addresses[0].to_string().ends_with("/0"), "{addresses:?}");
}

#[tokio::test]
async fn all_interfaces_can_be_listened_on_and_are_told_one_by_one() {
    let group = Group::of(1);
    let mut config = group.config(0);
    config.listen = vec!["/ip4/0.0.0.0/tcp/0".parse().unwrap()];

    let (net, _events) = quorate_net::start(config).await.unwrap();

    let addresses: Vec<String> = net.listen_addrs().iter().map(|address| address.to_string()).collect();
    assert!(addresses.iter().any(|address| address.starts_with("/ip4/127.0.0.1/tcp/")), "{addresses:?}");
}

#[tokio::test]
async fn a_port_in_use_is_found_on_all_interfaces_too() {
    let group = Group::of(1);
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = group.config(0);
    config.listen = vec![format!("/ip4/0.0.0.0/tcp/{}", other.local_addr().unwrap().port()).parse().unwrap()];

    let started = quorate_net::start(config).await;

    assert!(matches!(started, Err(Error::Listen { .. })), "{started:?}");
}

#[tokio::test]
async fn an_address_that_is_not_tcp_is_refused() {
    let group = Group::of(1);
    let mut config = group.config(0);
    config.listen = vec!["/ip4/127.0.0.1/udp/4001".parse().unwrap()];

    let refused = quorate_net::start(config).await.unwrap_err();

    assert!(refused.to_string().contains("/ip4/127.0.0.1/udp/4001"), "{refused}");
}

#[tokio::test]
async fn stop_frees_the_port_and_ends_the_events() {
    let group = Group::of(1);
    let node = group.start(0).await;
    let net = node.net.clone();

    node.net.stop().await;

    assert_eq!(node.events.recv().await, None);
    assert_eq!(net.listen_addrs(), []);
    group.start(0).await;
}

#[tokio::test]
async fn a_dropped_handle_stops_the_network() {
    let group = Group::of(1);
    let node = group.start(0).await;

    drop(node.net);

    assert_eq!(tokio::time::timeout(LIMIT, node.events.recv()).await, Ok(None));
}

#[tokio::test]
async fn a_full_queue_drops_the_newest_and_counts_it() {
    let group = Group::of(2);
    let alone = group.start(0).await;
    let frame = quorate_net::Bytes::from(vec![0; Channel::Bulk.frame_bytes_max()]);
    let send = || alone.net.send(group.key(1), Channel::Bulk, frame.clone());

    assert_eq!((send(), send()), (Ok(()), Ok(())));
    assert_eq!(send(), Err(SendError::QueueFull { to: group.key(1), channel: Channel::Bulk }));

    let traffic = alone.net.peers()[0].traffic;
    assert_eq!((traffic.bulk.waiting_frames, traffic.bulk.dropped), (2, 1));
    assert_eq!(
        alone.net.send(group.key(1), Channel::Votes, "vote".into()),
        Ok(()),
        "the other channel has its own queue"
    );
}

#[tokio::test]
async fn frames_that_cannot_be_sent_are_refused_at_once() {
    let group = Group::of(2);
    let node = group.start(0).await;
    let too_large = vec![0; Channel::Votes.frame_bytes_max() + 1];

    assert_eq!(node.net.send(group.key(1), Channel::Votes, "".into()), Err(SendError::Empty));
    assert!(matches!(node.net.broadcast(Channel::Votes, too_large.into()), Err(SendError::TooLarge { .. })));
    assert_eq!(
        node.net.send(group.key(0), Channel::Votes, "self".into()),
        Err(SendError::NoSuchPeer { to: group.key(0) })
    );
    assert_eq!(
        node.net.send(group.key(9), Channel::Votes, "none".into()),
        Err(SendError::NoSuchPeer { to: group.key(9) })
    );
}

#[test]
fn a_plain_thread_sends_and_receives() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let group = Group::of(2);
    let (one, other) = runtime.block_on(async { (group.start(0).await, group.start(1).await) });

    let key = group.key(1);
    let core = std::thread::spawn(move || {
        while !one.net.peers()[0].is_up {
            std::thread::sleep(std::time::Duration::from_millis(5)); // a frame for a link that comes late is dropped
        }
        one.net.send(key, Channel::Votes, "from a thread".into()).unwrap();
        one
    });

    let received = loop {
        match other.events.blocking_recv().unwrap() {
            Event::Received { frame, .. } => break frame,
            Event::Up { .. } | Event::Down { .. } => {}
        }
    };
    assert_eq!(*received, "from a thread");
    drop(received);
    let _one = core.join().unwrap();
    runtime.block_on(other.net.stop());
    while other.events.blocking_recv().is_some() {}
}
