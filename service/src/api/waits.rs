//! Room for requests that wait for a state which is not here yet.

use crate::engine::Published;
use quorate_pbft::SeqNum;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Requests that wait at a time.
pub const WAITS_MAX: usize = 256;
/// Those of one address. A reverse proxy is one, so it is most of them.
const WAITS_PER_ADDRESS_MAX: usize = 192;

/// Requests that wait, by the address of their client; those that no door has seen count as of one.
#[derive(Default)]
pub struct Waits(Mutex<BTreeMap<Option<IpAddr>, usize>>);

/// Place of a request that waits.
pub struct Waiting<'a> {
    waits: &'a Waits,
    from: Option<IpAddr>,
}

impl Waits {
    /// A place; none where all are taken, or the address has its share.
    pub fn place(&self, from: Option<IpAddr>) -> Option<Waiting<'_>> {
        let mut taken = self.taken();
        let of_address = taken.get(&from).copied().unwrap_or_default();
        let is_free = of_address < WAITS_PER_ADDRESS_MAX && taken.values().sum::<usize>() < WAITS_MAX;
        is_free.then(|| {
            taken.insert(from, of_address + 1);
            Waiting { waits: self, from }
        })
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<Option<IpAddr>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut taken = self.waits.taken();
        if let Some(count) = taken.get_mut(&self.from) {
            *count -= 1;
        }
        taken.retain(|_, count| *count > 0);
    }
}

/// Room for sessions whose slot is not executed here yet, by what is known of it: anybody can name a slot that no member has
/// executed, and takes no room from those whose slot one has said that it has.
#[derive(Default)]
pub struct Sessions {
    /// Those whose slot a member says it has executed.
    pub claimed: Waits,
    /// Those whose slot is within a window, so that a member may have executed it since it last said how far it is.
    pub near: Waits,
    /// Those whose slot is further ahead.
    pub far: Waits,
}

impl Sessions {
    /// Room for a session that has seen a slot, beside what is published here, in a group of this window.
    pub fn room(&self, seen: SeqNum, published: &Published, window: u64) -> &Waits {
        match () {
            () if is_claimed(published, seen) => &self.claimed,
            () if seen <= published.moment.seq().plus(window) => &self.near,
            () => &self.far,
        }
    }
}

/// Whether a member says that it has executed a slot.
pub(super) fn is_claimed(published: &Published, seq: SeqNum) -> bool {
    published.report.peers.iter().any(|peer| peer.is_heard && peer.executed.is_some_and(|executed| executed >= seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some([10, 0, 0, last].into())
    }

    #[test]
    fn no_address_takes_the_room_of_all_who_wait() {
        let waits = Waits::default();
        let greedy: Vec<_> = std::iter::from_fn(|| waits.place(address(1))).collect();
        assert_eq!(greedy.len(), WAITS_PER_ADDRESS_MAX);

        let others: Vec<_> = std::iter::from_fn(|| waits.place(address(2))).collect();
        assert_eq!(greedy.len() + others.len(), WAITS_MAX);
        assert!(waits.place(address(3)).is_none());

        drop(greedy);
        assert!(waits.place(address(3)).is_some());
    }
}
