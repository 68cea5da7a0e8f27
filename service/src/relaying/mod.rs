//! Relaying: a way to a node that nobody can dial, through a member's door for observers (`docs/discovery.md`).
//!
//! The node behind a wall keeps a connection to the relay and is called on it ([`Called`]). An observer asks the relay for
//! that node ([`Caller`]), the node answers with a connection of its own, and the relay joins the two ([`Switchboard`]). Both
//! ends then prove their keys to each other inside, so the relay hands on bytes that it cannot read, and ends when it likes.

mod called;
mod caller;
mod switchboard;

pub(crate) use called::Called;
pub(crate) use caller::{CallError, Caller};
pub(crate) use switchboard::{Limits, Switchboard};

#[cfg(test)]
mod tests {
    use super::switchboard::Limits;
    use super::*;
    use crate::observing::OpenDoor;
    use crate::observing::wire::{Asking, Telling, VERSION, frame, parse};
    use quorate_net::{Directory, Multiaddr, ObserverLink, ObserversDoor, Ranges, dial};
    use quorate_pbft::{Digest, Ed25519Signer, PublicKey, Signer as _};
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::sync::watch;
    use tokio::time::{sleep, timeout};

    const GROUP: Digest = Digest([7; 32]);
    const RELAY: u8 = 1;
    const NODE: u8 = 2;
    const CALLER: u8 = 3;
    const PATIENCE: Duration = Duration::from_secs(30);

    fn key(secret: u8) -> PublicKey {
        Ed25519Signer::from_seed(&[secret; 32]).public_key()
    }

    async fn door(secret: u8) -> (ObserversDoor, Multiaddr) {
        let door = ObserversDoor::open([secret; 32], &"/ip4/127.0.0.1/tcp/0".parse().unwrap()).await.unwrap();
        let address = format!("/ip4/127.0.0.1/tcp/{}", door.address().port()).parse().unwrap();
        (door, address)
    }

    /// A door that relays and does nothing else.
    async fn relay(limits: Limits) -> Multiaddr {
        let (mut door, address) = door(RELAY).await;
        let board = Arc::new(Switchboard::new(limits));
        tokio::spawn(async move {
            while let Some(arrival) = door.next().await {
                let board = board.clone();
                tokio::spawn(async move {
                    let key = PublicKey(arrival.link.key());
                    let (sender, mut receiver) = arrival.link.split(1_024);
                    match parse(&receiver.recv().await.unwrap()) {
                        Some(Asking::Reserve { .. }) => board.reserve(key, sender, receiver).await,
                        Some(Asking::Through { to, .. }) => board.call(key, to, sender, receiver).await,
                        Some(Asking::Take { circuit, .. }) => board.take(key, circuit, sender, receiver).await,
                        other => panic!("{other:?}"),
                    }
                });
            }
        });
        address
    }

    /// A node that is called at a relay, and sends each frame back.
    async fn node(relay: Multiaddr) {
        let (mut door, _) = door(NODE).await;
        let open = OpenDoor { address: door.address(), backway: door.backway() };
        let directory = Arc::new(Directory::new(GROUP, key(NODE), Ranges::default()));
        directory.know([key(RELAY)]);
        let (at, mut called_at) = watch::channel(Vec::new());
        let called = Called { directory, secret: [NODE; 32], door: watch::channel(Some(open)).1, at };
        tokio::spawn(called.keep(relay));
        tokio::spawn(async move {
            while let Some(arrival) = door.next().await {
                tokio::spawn(async move {
                    let (mut sender, mut receiver) = arrival.link.split(1 << 20);
                    while let Ok(frame) = receiver.recv().await {
                        if sender.send(&frame).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        timeout(PATIENCE, called_at.wait_for(|at| !at.is_empty())).await.expect("in time").expect("it goes on");
    }

    async fn call(door: &Multiaddr) -> Result<ObserverLink, CallError> {
        let caller = Caller { secret: [CALLER; 32], group: GROUP, door: door.clone(), relay: Some(key(RELAY)) };
        caller.call(key(NODE)).await
    }

    fn limits() -> Limits {
        Limits::of(1 << 30)
    }

    #[tokio::test]
    async fn both_ends_of_a_circuit_have_proved_their_keys_to_each_other() {
        let relay = relay(limits()).await;
        node(relay.clone()).await;

        let link = call(&relay).await.expect("a circuit");

        assert_eq!(link.key(), key(NODE).0);
        let (mut sender, mut receiver) = link.split(1 << 20);
        sender.send(b"there").await.unwrap();
        assert_eq!(receiver.recv().await.unwrap(), "there");
    }

    #[tokio::test]
    async fn a_circuit_ends_with_its_bytes_and_the_next_one_goes_on() {
        let relay = relay(Limits { bytes: 1 << 20, ..limits() }).await;
        node(relay.clone()).await;
        let (mut circuits, mut left) = (0, 40);

        while left > 0 {
            circuits += 1;
            let (mut sender, mut receiver) = call(&relay).await.expect("a circuit").split(1 << 20);
            while left > 0 {
                let sent = sender.send(&[7; 64 << 10]).await;
                let back = timeout(PATIENCE, receiver.recv()).await.expect("in time");
                if sent.is_err() || back.is_err() {
                    break;
                }
                left -= 1;
            }
        }

        assert!((5..=8).contains(&circuits), "5 MiB both ways over circuits of one: {circuits}");
    }

    #[tokio::test]
    async fn a_circuit_ends_with_its_time() {
        let relay = relay(Limits { lasts: Duration::from_secs(2), ..limits() }).await;
        node(relay.clone()).await;
        let (_sender, mut receiver) = call(&relay).await.expect("a circuit").split(1 << 20);

        let ended = timeout(PATIENCE, receiver.recv()).await.expect("in time");

        assert!(ended.is_err(), "{ended:?}");
    }

    #[tokio::test]
    async fn a_node_that_is_not_called_at_a_relay_is_not_reached_there() {
        let relay = relay(limits()).await;

        let refused = call(&relay).await.err();

        assert!(matches!(refused, Some(CallError::Refused(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn a_node_that_comes_again_holds_one_connection_at_a_relay() {
        let relay = relay(limits()).await;
        let reserve = async || {
            let (mut sender, mut receiver) = dial([NODE; 32], &relay).await.expect("its door").split(1_024);
            sender.send(&frame(&Asking::Reserve { version: VERSION, group: GROUP })).await.expect("a frame leaves");
            let answer = receiver.recv().await.expect("an answer");
            assert!(matches!(parse(&answer), Some(Telling::Welcome)), "{answer:?}");
            (sender, receiver)
        };
        let (_kept, mut first) = reserve().await;

        let (_sender, mut second) = reserve().await;

        assert!(timeout(PATIENCE, first.recv()).await.expect("in time").is_err());
        assert!(timeout(Duration::from_secs(1), second.recv()).await.is_err(), "it goes on");
    }

    #[tokio::test]
    async fn one_caller_has_so_many_circuits_and_no_more() {
        let relay = relay(limits()).await;
        node(relay.clone()).await;
        let mut open = Vec::new();
        let refused = loop {
            match call(&relay).await {
                Ok(link) => open.push(link),
                Err(error) => break error,
            }
        };

        assert_eq!(open.len(), 4);
        assert!(matches!(refused, CallError::Refused(_)), "{refused}");
        open.clear();
        while call(&relay).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn a_node_is_not_called_at_a_relay_whose_key_it_does_not_know() {
        let relay = relay(limits()).await;
        let (door, _) = door(NODE).await;
        let open = OpenDoor { address: door.address(), backway: door.backway() };
        let directory = Arc::new(Directory::new(GROUP, key(NODE), Ranges::default()));
        let (at, called_at) = watch::channel(Vec::new());
        let called = Called { directory, secret: [NODE; 32], door: watch::channel(Some(open)).1, at };

        let _ = timeout(Duration::from_secs(1), called.keep(relay)).await;

        assert!(called_at.borrow().is_empty());
    }
}
