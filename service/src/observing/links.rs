//! Links of observers that are served: one for each key, so that no key holds the places of others, and the doors that they
//! have themselves.

use super::wire::{DOORS_MAX, DoorOf};
use quorate_pbft::PublicKey;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// Links by key.
#[derive(Clone, Default)]
pub struct Links(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    served: BTreeMap<PublicKey, Served>,
    /// Answers about doors so far: each begins with another.
    turn: usize,
}

struct Served {
    over: Arc<CancellationToken>,
    door: Option<SocketAddr>,
}

/// Link of a key, until it is dropped or the key comes again.
pub struct Link {
    links: Links,
    key: PublicKey,
    over: Arc<CancellationToken>,
}

impl Links {
    /// Link of a key that came now; an older one of that key ends.
    pub fn begin(&self, key: PublicKey) -> Link {
        let over = Arc::new(CancellationToken::new());
        if let Some(before) = self.lock().served.insert(key, Served { over: over.clone(), door: None }) {
            before.over.cancel();
        }
        Link { links: self.clone(), key, over }
    }

    /// A few doors of observers that are served, for somebody else.
    pub fn doors(&self, but: &PublicKey) -> Vec<DoorOf> {
        let mut state = self.lock();
        let of = |(key, served): (&PublicKey, &Served)| Some(DoorOf { key: *key, address: served.door? });
        let mut doors: Vec<DoorOf> = state.served.iter().filter(|(key, _)| *key != but).filter_map(of).collect();
        let first = state.turn % doors.len().max(1);
        state.turn = state.turn.wrapping_add(DOORS_MAX);
        doors.rotate_left(first);
        doors.truncate(DOORS_MAX);
        doors
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// A door of its owner stands there.
    pub fn has_door(&self, at: SocketAddr) {
        let mut links = self.links.lock();
        let own = links.served.get_mut(&self.key).filter(|newest| Arc::ptr_eq(&newest.over, &self.over));
        own.into_iter().for_each(|served| served.door = Some(at));
    }

    /// Returns once the key has come again.
    pub async fn over(&self) {
        self.over.cancelled().await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut links = self.links.lock();
        if links.served.get(&self.key).is_some_and(|newest| Arc::ptr_eq(&newest.over, &self.over)) {
            links.served.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_comes_again_ends_its_older_link_and_no_other() {
        let (links, keys) = (Links::default(), [PublicKey([1; 32]), PublicKey([2; 32])]);
        let [first, other] = keys.map(|key| links.begin(key));
        let second = links.begin(keys[0]);
        assert_eq!([&first, &other, &second].map(|link| link.over.is_cancelled()), [true, false, false]);
        drop(first);
        let third = links.begin(keys[0]);
        assert!(second.over.is_cancelled() && !third.over.is_cancelled());
        drop((second, other, third));
        assert!(links.lock().served.is_empty());
    }

    #[test]
    fn doors_are_named_three_at_a_time_in_turns_and_never_to_their_owner() {
        let (links, keys) = (Links::default(), [1, 2, 3, 4, 5].map(|key| PublicKey([key; 32])));
        let held = keys.map(|key| links.begin(key));
        assert!(links.doors(&keys[0]).is_empty(), "none has a door");
        for (link, port) in held.iter().zip(1_u16..) {
            link.has_door(SocketAddr::from(([127, 0, 0, 1], port)));
        }
        let told = |_| links.doors(&keys[0]).into_iter().map(|door| door.address.port()).collect::<Vec<_>>();
        let told: Vec<_> = (0..4).map(told).collect();
        assert!(told.iter().all(|ports| ports.len() == DOORS_MAX && !ports.contains(&1)), "{told:?}");
        assert!((2..=5).all(|port| told.iter().flatten().any(|told| *told == port)), "{told:?}");
        drop(held);
        assert!(links.doors(&keys[0]).is_empty());
    }
}
