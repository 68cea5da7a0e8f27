//! Doors of other observers, as nodes that serve, or have no place, have told them: tried while too few serve.

use super::wire::{DOORS_MAX, DoorOf};
use quorate_net::{Directory, Multiaddr};
use quorate_pbft::PublicKey;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Doors that are kept.
const KEPT_MAX: usize = 64;
/// Doors that have not answered yet and are dialled in a minute: nobody has others scanned by naming them.
const NEW_MAX: usize = 8;
const NEW_WITHIN: Duration = Duration::from_secs(60);
/// Pause before a door is tried again, doubled with each failure, and its bound.
const AGAIN: Duration = Duration::from_secs(5);
const AGAIN_MAX: Duration = Duration::from_secs(900);
/// The same of a door that answers and refuses.
const RESTS_MAX: Duration = Duration::from_secs(320);

/// Doors by their owners' keys.
#[derive(Debug, Default)]
pub struct Hints(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    doors: BTreeMap<PublicKey, Door>,
    /// When doors that had not answered were dialled.
    dialled: Vec<Instant>,
}

#[derive(Debug)]
struct Door {
    address: Multiaddr,
    again: Option<Instant>,
    failures: u32,
    has_answered: bool,
}

impl Hints {
    /// Learns doors that somebody told. Addresses of members come as signed records, and ranges count as for these.
    pub fn learn(&self, own: &PublicKey, doors: &[DoorOf], directory: &Directory) {
        for DoorOf { key, address } in doors.iter().take(DOORS_MAX) {
            let address = multiaddr(*address);
            if key != own && !directory.knows(key) && directory.allows(&address) {
                self.lock().learn(*key, address);
            }
        }
    }

    /// A door to dial now: it counts as dialled.
    pub fn due(&self, is_linked: impl Fn(&PublicKey) -> bool, now: Instant) -> Option<(PublicKey, Multiaddr)> {
        let mut state = self.lock();
        state.dialled.retain(|at| now.duration_since(*at) < NEW_WITHIN);
        let may_be_new = state.dialled.len() < NEW_MAX;
        let is_due = |key: &PublicKey, door: &Door| {
            !is_linked(key) && door.again.is_none_or(|at| at <= now) && (may_be_new || door.has_answered)
        };
        let doors = state.doors.iter_mut().filter(|(key, door)| is_due(key, door));
        let (key, door) = doors.min_by_key(|(_, door)| door.failures)?;
        door.again = Some(now + AGAIN.saturating_mul(1 << door.failures.min(10)).min(AGAIN_MAX));
        door.failures += 1;
        let (found, is_new) = ((*key, door.address.clone()), !door.has_answered);
        if is_new {
            state.dialled.push(now);
        }
        Some(found)
    }

    /// The owner of a door answered there.
    pub fn reached(&self, key: &PublicKey) {
        if let Some(door) = self.lock().doors.get_mut(key) {
            (door.failures, door.has_answered) = (0, true);
        }
    }

    /// A door is not tried for a while: no shorter one than it has for what failed there since it was last reached.
    pub fn rest(&self, key: &PublicKey, pause: Duration) {
        if let Some(door) = self.lock().doors.get_mut(key) {
            let now = Instant::now();
            let usual = door.again.filter(|_| door.failures > 0).map(|usual| usual.min(now + RESTS_MAX));
            door.again = usual.max(Some(now + pause));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Keeps a door. An owner that was reached stays where it was until it fails; a full book forgets who failed most.
    fn learn(&mut self, key: PublicKey, address: Multiaddr) {
        if let Some(door) = self.doors.get_mut(&key) {
            if door.failures > 0 && door.address != address {
                *door = Door { address, again: door.again, failures: door.failures, has_answered: false };
            }
            return;
        }
        if self.doors.len() >= KEPT_MAX {
            let worst = self.doors.iter().max_by_key(|(_, door)| (!door.has_answered, door.failures));
            worst.map(|(key, _)| *key).and_then(|key| self.doors.remove(&key));
        }
        self.doors.insert(key, Door { address, again: None, failures: 0, has_answered: false });
    }
}

fn multiaddr(at: SocketAddr) -> Multiaddr {
    let kind = if at.is_ipv4() { "ip4" } else { "ip6" };
    format!("/{kind}/{}/tcp/{}", at.ip(), at.port()).parse().expect("an IP address and a port")
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_net::Ranges;
    use quorate_pbft::Digest;

    const OWN: PublicKey = PublicKey([9; 32]);

    fn door(key: u8) -> DoorOf {
        DoorOf { key: PublicKey([key; 32]), address: format!("203.0.113.{key}:8200").parse().expect("an address") }
    }

    fn directory() -> Directory {
        Directory::new(Digest::ZERO, OWN, Ranges::default())
    }

    fn due(hints: &Hints, now: Instant) -> Option<u8> {
        hints.due(|_| false, now).map(|(key, _)| key.0[0])
    }

    #[test]
    fn a_door_that_fails_is_tried_again_after_a_pause_that_doubles() {
        let (hints, begin) = (Hints::default(), Instant::now());
        hints.learn(&OWN, &[door(1)], &directory());
        let tried = (0..=16).filter(|second| due(&hints, begin + Duration::from_secs(*second)).is_some());
        assert_eq!(tried.collect::<Vec<_>>(), [0, 5, 15]);
    }

    #[test]
    fn a_door_that_refuses_again_and_again_is_tried_no_sooner_than_one_that_does_not_answer() {
        let (hints, refused, begin) = (Hints::default(), Duration::from_secs(4), Instant::now());
        hints.learn(&OWN, &[door(1)], &directory());
        let mut tries = |second: &u64| {
            let is_due = due(&hints, begin + Duration::from_secs(*second)).is_some();
            if is_due {
                hints.rest(&door(1).key, refused);
            }
            is_due
        };
        assert_eq!((0..=40).filter(&mut tries).collect::<Vec<_>>(), [0, 5, 15, 35]);
    }

    #[test]
    fn a_door_that_was_reached_rests_no_longer_than_it_said() {
        let (hints, now) = (Hints::default(), Instant::now());
        hints.learn(&OWN, &[door(1)], &directory());
        assert!([0, 5, 15].iter().all(|second| due(&hints, now + Duration::from_secs(*second)).is_some()));
        hints.reached(&door(1).key);
        hints.rest(&door(1).key, Duration::from_secs(5));
        assert!(due(&hints, now + Duration::from_secs(6)).is_some());
    }

    #[test]
    fn no_more_than_eight_doors_that_never_answered_are_dialled_in_a_minute() {
        let (hints, now) = (Hints::default(), Instant::now());
        (10..30).for_each(|key| hints.learn(&OWN, &[door(key)], &directory()));
        assert_eq!((0..20).filter(|_| due(&hints, now).is_some()).count(), NEW_MAX);
        assert!(due(&hints, now + NEW_WITHIN).is_some());
    }

    #[test]
    fn the_own_door_and_those_in_ranges_that_no_configuration_names_are_not_learnt() {
        let hints = Hints::default();
        let here = DoorOf { address: "127.0.0.1:1".parse().expect("an address"), ..door(1) };
        hints.learn(&OWN, &[door(9), here], &directory());
        assert_eq!(due(&hints, Instant::now()), None);
    }

    #[test]
    fn three_doors_of_a_frame_are_learnt_and_64_are_kept_of_all() {
        let hints = Hints::default();
        hints.learn(&OWN, &[1, 2, 3, 4].map(door), &directory());
        assert_eq!(hints.lock().doors.len(), DOORS_MAX);
        (10..100).for_each(|key| hints.learn(&OWN, &[door(key)], &directory()));
        assert_eq!(hints.lock().doors.len(), KEPT_MAX);
    }

    #[test]
    fn a_door_that_answered_stays_where_it_is_until_it_fails() {
        let (hints, now) = (Hints::default(), Instant::now());
        hints.learn(&OWN, &[door(1)], &directory());
        due(&hints, now);
        hints.reached(&door(1).key);
        let elsewhere = DoorOf { address: door(2).address, ..door(1) };
        hints.learn(&OWN, &[elsewhere], &directory());
        let found = hints.due(|_| false, now + AGAIN).expect("its door");
        assert_eq!(found.1, multiaddr(door(1).address));
    }
}
