//! Members that find each other by the records that others give on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quorate_net::{Config, Directory, Entrance, Member, Multiaddr, Place, Ranges, Source};
use quorate_pbft::{Digest, Ed25519Signer, Signer as _};

use tokio::net::{TcpListener, TcpStream};

use crate::group::{Group, LIMIT, Node, keys, listening_at, socket, until};
use crate::raw::Raw;

/// A member that has the address of member 0 alone, and tells its own.
async fn start(group: &Group, number: usize) -> Node {
    start_at(group, number, group.address(number)).await
}

async fn start_at(group: &Group, number: usize, listen: Multiaddr) -> Node {
    let seed = group.seed(number);
    let signer = Ed25519Signer::from_seed(&seed);
    let directory = Arc::new(Directory::new(Digest::ZERO, signer.public_key(), Ranges::named_by([&listen])));
    directory.know((0..group.members.len()).map(|number| group.key(number)));
    directory.publish(vec![Place { door: Entrance::Members, address: listen.clone() }], &signer);
    let zero = |member: &Member| match member.id.get() {
        0 => member.clone(),
        _ => Member { addresses: vec![], ..member.clone() },
    };
    let members = group.members.iter().map(zero).collect();
    let config = Config { members, listen: vec![listen], directory: Some(directory), ..group.config(number) };
    group.node(quorate_net::start(config).await.unwrap())
}

/// Waits until a member shows the address of another with this origin.
async fn finds(node: &Node, group: &Group, other: usize, address: &Multiaddr, source: Source) {
    let key = group.key(other);
    let found = async {
        loop {
            let peers = node.net.peers();
            let peer = peers.iter().find(|peer| peer.key == key).unwrap();
            if peer.address.as_ref() == Some(address) && peer.told.map(|(source, _)| source) == Some(source) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, found).await.expect("found in time");
}

#[tokio::test]
async fn members_that_know_one_address_find_all_the_others() {
    let group = Group::of(4);
    let mut nodes = Vec::new();
    for number in 0..4 {
        nodes.push(start(&group, number).await);
    }

    for node in &mut nodes {
        node.up(3).await;
    }

    finds(&nodes[0], &group, 2, &group.address(2), Source::Record).await;
    finds(&nodes[3], &group, 0, &group.address(0), Source::Config).await;
}

#[tokio::test]
async fn a_member_that_starts_again_at_another_address_is_found_there() {
    let group = Group::of(3);
    let (mut zero, mut one, mut two) = (start(&group, 0).await, start(&group, 1).await, start(&group, 2).await);
    for node in [&mut zero, &mut one, &mut two] {
        node.up(2).await;
    }

    two.net.stop().await;
    let elsewhere = Group::of(3).address(2);
    let mut two = start_at(&group, 2, elsewhere.clone()).await;
    two.up(2).await;

    finds(&zero, &group, 2, &elsewhere, Source::Record).await;
    finds(&one, &group, 2, &elsewhere, Source::Record).await;
    one.talks_with(1, &mut two, 2).await;
}

/// More than fit into what a peer looks at at once.
#[tokio::test]
async fn a_peer_is_told_all_records_however_many_there_are() {
    let group = Group::of(2);
    let signers: Vec<_> = (1..=70).map(|seed| Ed25519Signer::from_seed(&[100 + seed; 32])).collect();
    let known = || signers.iter().map(|signer| signer.public_key());
    let directory = |number| {
        let directory = Directory::new(Digest::ZERO, group.key(number), Ranges::default());
        directory.know(known());
        Arc::new(directory)
    };
    let (knows, learns) = (directory(0), directory(1));
    for signer in &signers {
        let record = Directory::new(Digest::ZERO, signer.public_key(), Ranges::default());
        let address = "/ip4/203.0.113.1/tcp/7700".parse().unwrap();
        record.publish(vec![Place { door: Entrance::Members, address }], signer);
        assert_eq!(knows.take(&record.since(0).0[0]), Ok(true));
    }

    let mut nodes = Vec::new();
    for (number, directory) in [&knows, &learns].into_iter().enumerate() {
        let config = Config { directory: Some(directory.clone()), ..group.config(number) };
        nodes.push(quorate_net::start(config).await.unwrap());
    }

    let is_told = |key| !learns.addresses(&key, Entrance::Members).is_empty();
    until("all records", || known().all(is_told)).await;
}

/// Way to a socket on which each connection waits for a while.
async fn detour(to: SocketAddr) -> Multiaddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listening_at(listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let mut into = TcpStream::connect(to).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut into).await });
        }
    });
    at
}

#[tokio::test]
async fn a_wrong_key_at_one_address_is_in_no_way_of_the_right_one_at_another() {
    let group = Group::of(2);
    let elsewhere = Group::of(3).address(2);
    let unknown = |member: &Member| Member { addresses: vec![], ..member.clone() };
    let waits = Config {
        members: group.members.iter().map(unknown).collect(),
        listen: vec![elsewhere.clone()],
        ..group.config(1)
    };
    let _one = group.node(quorate_net::start(waits).await.unwrap());
    let _imposter = Raw::start(keys([77; 32]), Some(group.address(1)));
    let (key, signer) = (group.key(0), Ed25519Signer::from_seed(&group.seed(1)));
    let address = detour(socket(&elsewhere)).await;
    let told = Directory::new(Digest::ZERO, signer.public_key(), Ranges::default());
    told.publish(vec![Place { door: Entrance::Members, address: address.clone() }], &signer);
    let directory = Directory::new(Digest::ZERO, key, Ranges::named_by([&address]));
    directory.know([signer.public_key()]);
    assert_eq!(directory.take(&told.since(0).0[0]), Ok(true));

    let config = Config { directory: Some(Arc::new(directory)), ..group.config(0) };
    let zero = group.node(quorate_net::start(config).await.unwrap());

    until("a link", || zero.net.peers()[0].is_up).await;
    assert_eq!(zero.net.peers()[0].wrong_key, 1, "by the one dial");
    finds(&zero, &group, 1, &address, Source::Record).await;
}

#[tokio::test]
async fn a_member_without_a_directory_takes_no_harm_from_records() {
    let group = Group::of(2);
    let (mut zero, mut one) = (start(&group, 0).await, group.start(1).await);
    zero.up(1).await;
    one.up(1).await;

    zero.talks_with(0, &mut one, 1).await;
}
