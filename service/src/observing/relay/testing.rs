//! Relays that members or observers serve, for tests.

use super::{Passing, Relay};
use crate::observing::wire::{Answered, Asking, Holdings};
use quorate_pbft::{PublicKey, SeqNum};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

pub const ONE: PublicKey = PublicKey([1; 32]);
pub const TWO: PublicKey = PublicKey([2; 32]);

/// Passing of what an own author hands in, while everyone may read everything.
pub const OWN: Passing<'static> = Passing { passed: 0, from: None, trusts: &|_| true };

pub fn relay() -> Relay {
    Relay::default()
}

pub fn holdings(hops: u8) -> Holdings {
    Holdings { executed: SeqNum::new(7), oldest: SeqNum::new(1), stable: SeqNum::default(), hops }
}

/// A relay that these observers serve, with their hops.
pub fn served_by(others: &[(PublicKey, u8)]) -> (Relay, Vec<mpsc::Receiver<Asking>>) {
    let (relay, mut asked) = (relay(), Vec::new());
    for (key, hops) in others {
        let (route, receiver) = mpsc::channel(2);
        relay.opened_other(*key, route).expect("its first link");
        relay.holds(key, &holdings(*hops), SeqNum::new(7));
        asked.push(receiver);
    }
    (relay, asked)
}

pub fn answered(status: u16) -> Answered {
    Answered { status, content_type: "text/plain".to_owned(), retry_after: None, body: Vec::new() }
}

/// A relay that these members serve.
pub fn served_by_members(members: &[PublicKey]) -> (Relay, Vec<mpsc::Receiver<Asking>>) {
    let (relay, mut asked) = (relay(), Vec::new());
    for member in members {
        let (route, receiver) = mpsc::channel(2);
        assert!(relay.opened(*member, route));
        asked.push(receiver);
    }
    (relay, asked)
}

pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.expect("in time")
}

/// The number of the next offer.
pub async fn offered(route: &mut mpsc::Receiver<Asking>) -> u64 {
    loop {
        if let Asking::Offer { number, .. } = route.recv().await.expect("an offer") {
            return number;
        }
    }
}
