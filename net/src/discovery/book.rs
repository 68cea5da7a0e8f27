//! Address book: where known keys were last said to be. No sockets and no clock in here.
//!
//! Bounds: [`KEYS_MAX`] keys, of each the newest record of each door and four addresses seen on the LAN; of a key and door at most
//! [`ADDRESSES_MAX`] addresses are dialled at a time, each at most once in [`AGAIN_MIN`]. So whoever tells wrong addresses
//! costs [`DIALS_MAX`] dials in a minute for each key, and nobody is dialled in vain for long: the pause doubles up to
//! [`AGAIN_MAX`], and a sign of life of the key ends a long one. An address at which the key has proved itself is no stranger's: its
//! pause begins at [`PROVED_AGAIN_MIN`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use quorate_pbft::PublicKey;
use tokio_util::bytes::Bytes;

use crate::discovery::range::Ranges;
use crate::discovery::record::{Entrance, PLACES_MAX, Place, Signed, relayed};

/// Keys whose addresses are held.
pub const KEYS_MAX: usize = 1_024;
/// Addresses of a key that are dialled at a time.
pub(crate) const ADDRESSES_MAX: usize = 4;
/// Pause before the same address of the same key is dialled again, and the longest such pause.
pub(crate) const AGAIN_MIN: Duration = Duration::from_secs(60);
/// The pause where the key has answered before, as of a node that starts again.
const PROVED_AGAIN_MIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(960);
/// Addresses of a key whose dials are remembered: no other one is dialled while all their pauses last.
const TRIED_MAX: usize = 16;
/// Dials of one key within [`AGAIN_MIN`], at addresses where it has not proved itself.
const DIALS_MAX: usize = 8;
/// Time for which an address seen on the LAN counts: three announcements.
const SEEN_FOR: Duration = Duration::from_secs(190);

/// Origin of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The configuration, or the member's entry in the state.
    Config,
    /// A record that the key signed.
    Record,
    /// An announcement on the LAN.
    Mdns,
    /// A record that the key signed, with a relay on the way.
    Relay,
}

impl Source {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Record => "record",
            Self::Mdns => "mdns",
            Self::Relay => "relay",
        }
    }
}

/// Address in the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The address.
    pub address: Multiaddr,
    /// Its origin.
    pub source: Source,
    /// Time since it was told.
    pub age: Duration,
}

/// Record and the moment at which its time began.
#[derive(Debug)]
struct Kept {
    signed: Signed,
    since: Instant,
    /// Place in the order in which records came.
    number: u64,
}

/// Place that announced itself on the LAN.
#[derive(Debug)]
struct Seen {
    place: Place,
    /// Time of issue of its announcement.
    issued_ms: u64,
    at: Instant,
}

/// Dials of one address.
#[derive(Debug)]
struct Tried {
    address: Multiaddr,
    again: Instant,
    failures: u32,
    /// Whether the key has answered there.
    is_proved: bool,
}

#[derive(Debug, Default)]
struct Shelf {
    /// The newest record of each door: who may know one may not know the other.
    kept: BTreeMap<Entrance, Kept>,
    /// Newest first.
    seen: Vec<Seen>,
    tried: Vec<Tried>,
    /// Dials within the last [`AGAIN_MIN`] at addresses where the key has not proved itself.
    dialled: Vec<Instant>,
}

/// Addresses of known keys.
#[derive(Debug)]
pub(crate) struct Book {
    ranges: Ranges,
    known: BTreeSet<PublicKey>,
    /// Members of the epoch before: their places are others' now.
    left: BTreeSet<PublicKey>,
    shelves: BTreeMap<PublicKey, Shelf>,
    /// Number of the newest record.
    newest: u64,
    dice: u64,
}

impl Book {
    /// An empty book; `seed` decides how pauses are spread.
    pub(crate) fn new(ranges: Ranges, seed: u64) -> Self {
        Self { ranges, known: [].into(), left: [].into(), shelves: [].into(), newest: 0, dice: seed | 1 }
    }

    /// Keys that count from now on; what is held of others is forgotten.
    pub(crate) fn know(&mut self, keys: impl IntoIterator<Item = PublicKey>) {
        self.known = keys.into_iter().take(KEYS_MAX).collect();
        let known = &self.known;
        self.shelves.retain(|key, _| known.contains(key));
    }

    /// Keys that are not dialled as members from now on.
    pub(crate) fn leave(&mut self, keys: impl IntoIterator<Item = PublicKey>) {
        self.left = keys.into_iter().collect();
    }

    pub(crate) fn knows(&self, key: &PublicKey) -> bool {
        self.known.contains(key)
    }

    /// Time of issue of the newest record of a key and door, over or not.
    pub(crate) fn issued_ms(&self, key: &PublicKey, door: Entrance) -> Option<u64> {
        Some(self.shelves.get(key)?.kept.get(&door)?.signed.record().issued_ms)
    }

    pub(crate) fn records_of(&self, key: &PublicKey) -> Vec<Bytes> {
        let kept = self.shelves.get(key).into_iter().flat_map(|shelf| shelf.kept.values());
        kept.map(|kept| kept.signed.bytes().clone()).collect()
    }

    /// Keeps a record of a known key that is newer than the one at hand; answers whether it is. `age`: time since its
    /// issue, by which it counts for less.
    pub(crate) fn keep(&mut self, signed: Signed, age: Duration, now: Instant) -> bool {
        let (key, issued_ms) = (signed.record().key, signed.record().issued_ms);
        let Some(door) = signed.record().door().filter(|_| self.knows(&key)) else { return false };
        if self.issued_ms(&key, door).is_some_and(|held| held >= issued_ms) {
            return false;
        }
        self.newest += 1;
        let since = now.checked_sub(age).unwrap_or(now);
        let shelf = self.shelves.entry(key).or_default();
        shelf.relax(now, |address| signed.record().places.iter().any(|place| place.address == *address));
        shelf.kept.insert(door, Kept { signed, since, number: self.newest });
        shelf.forget(now);
        true
    }

    /// Notes places of a known key that announced themselves on the LAN; answers whether one is new. An announcement that
    /// was issued before one that counts is an old one, sent again.
    pub(crate) fn see(&mut self, key: PublicKey, places: Vec<Place>, issued_ms: u64, now: Instant) -> bool {
        if !self.knows(&key) {
            return false;
        }
        let shelf = self.shelves.entry(key).or_default();
        if shelf.seen.iter().any(|seen| seen.counts(now) && seen.issued_ms > issued_ms) {
            return false;
        }
        shelf.relax(now, |address| places.iter().any(|place| place.address == *address));
        let is_news =
            places.iter().any(|place| shelf.seen.iter().all(|seen| !(seen.counts(now) && seen.place == *place)));
        shelf.seen.retain(|seen| !places.contains(&seen.place));
        shelf.seen.splice(0..0, places.into_iter().map(|place| Seen { place, issued_ms, at: now }));
        shelf.seen.truncate(PLACES_MAX);
        shelf.forget(now);
        is_news
    }

    /// Records of these doors that came after this number and count still, at most so many, and the number to go on from.
    pub(crate) fn since(&self, number: u64, max: usize, doors: &[Entrance], now: Instant) -> (Vec<Bytes>, u64) {
        let kept = self.shelves.values().flat_map(|shelf| doors.iter().filter_map(|door| shelf.kept.get(door)));
        let mut after: Vec<&Kept> = kept.filter(|kept| kept.number > number && kept.counts(now)).collect();
        after.sort_by_key(|kept| kept.number);
        let next = match after.get(max.saturating_sub(1)) {
            Some(last) if after.len() > max => last.number,
            _ => self.newest,
        };
        (after.into_iter().take(max).map(|kept| kept.signed.bytes().clone()).collect(), next)
    }

    /// Addresses of a key's door, those first where it has proved itself, then the newest; those in ranges of no concern to
    /// others are left out, as are members' that have left.
    pub(crate) fn addresses(&self, key: &PublicKey, door: Entrance, now: Instant) -> Vec<Found> {
        if door == Entrance::Members && self.left.contains(key) {
            return Vec::new();
        }
        let Some(shelf) = self.shelves.get(key) else { return Vec::new() };
        let seen = shelf.seen.iter().filter(|seen| seen.counts(now) && seen.place.door == door).map(|seen| Found {
            address: seen.place.address.clone(),
            source: Source::Mdns,
            age: now.duration_since(seen.at),
        });
        let kept = shelf.kept.get(&door).filter(|kept| kept.counts(now)).into_iter();
        let kept = kept.flat_map(|kept| kept.found(now)).filter(|found| self.ranges.allow(&found.address));
        let mut found: Vec<Found> = Vec::new();
        for one in seen.chain(kept) {
            if found.iter().all(|known| known.address != one.address) {
                found.push(one);
            }
        }
        let is_proved =
            |found: &Found| shelf.tried.iter().any(|tried| tried.is_proved && tried.address == found.address);
        found.sort_by_key(|found| (!is_proved(found), found.age));
        found.truncate(ADDRESSES_MAX);
        found
    }

    /// Addresses that may be dialled now; they count as dialled.
    pub(crate) fn due(&mut self, key: &PublicKey, door: Entrance, now: Instant) -> Vec<Multiaddr> {
        let addresses = self.addresses(key, door, now).into_iter().map(|found| found.address);
        addresses.filter(|address| self.dials(key, address, now)).collect()
    }

    /// Whether an address that others told is in no range that is of no concern to them.
    pub(crate) fn allows(&self, address: &Multiaddr) -> bool {
        self.ranges.allow(address)
    }

    fn dials(&mut self, key: &PublicKey, address: &Multiaddr, now: Instant) -> bool {
        let roll = self.roll();
        let Some(Shelf { tried, dialled, .. }) = self.shelves.get_mut(key) else { return false };
        let Some(tried) = tried_of(tried, address, now).filter(|tried| tried.again <= now) else { return false };
        dialled.retain(|at| now.duration_since(*at) < AGAIN_MIN);
        if !tried.is_proved {
            if dialled.len() >= DIALS_MAX {
                return false;
            }
            dialled.push(now);
        }
        let first = if tried.is_proved { PROVED_AGAIN_MIN } else { AGAIN_MIN };
        let pause = first.saturating_mul(1 << tried.failures.min(10)).min(AGAIN_MAX);
        // Up to a quarter more, so that nodes which lost the same one do not come together.
        tried.again = now + pause + pause / 1_024 * roll;
        tried.failures += 1;
        true
    }

    /// A key answered at an address: pauses are short ones again.
    pub(crate) fn reached(&mut self, key: &PublicKey, address: &Multiaddr, now: Instant) {
        let shelf = self.shelves.get_mut(key);
        if let Some(tried) = shelf.and_then(|shelf| shelf.tried.iter_mut().find(|tried| tried.address == *address)) {
            (tried.failures, tried.is_proved) = (0, true);
            tried.again = tried.again.min(now + PROVED_AGAIN_MIN);
        }
    }

    /// A key came to this node: long pauses end.
    pub(crate) fn came(&mut self, key: &PublicKey, now: Instant) {
        self.shelves.get_mut(key).into_iter().for_each(|shelf| shelf.relax(now, |_| true));
    }

    /// A number below 256 (xorshift64).
    fn roll(&mut self) -> u32 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 32) as u32 % 256
    }
}

impl Kept {
    fn counts(&self, now: Instant) -> bool {
        now.duration_since(self.since) < self.signed.record().lifetime
    }

    fn found(&self, now: Instant) -> impl Iterator<Item = Found> {
        let places = self.signed.record().places.iter();
        places.map(move |Place { address, .. }| Found {
            address: address.clone(),
            source: if relayed(address).is_some() { Source::Relay } else { Source::Record },
            age: now.duration_since(self.since),
        })
    }
}

impl Seen {
    fn counts(&self, now: Instant) -> bool {
        now.duration_since(self.at) < SEEN_FOR
    }
}

impl Shelf {
    /// Ends long pauses of some addresses: the key gave a sign of life.
    fn relax(&mut self, now: Instant, is_meant: impl Fn(&Multiaddr) -> bool) {
        for tried in self.tried.iter_mut().filter(|tried| is_meant(&tried.address)) {
            tried.again = tried.again.min(now + AGAIN_MIN);
        }
    }

    /// Forgets dials of addresses that nobody names any more and whose pause is over. An address that is told again and
    /// again keeps its pause.
    fn forget(&mut self, now: Instant) {
        let Self { kept, seen, tried, .. } = self;
        let kept = || kept.values().flat_map(|kept| &kept.signed.record().places);
        let is_named = |address: &Multiaddr| {
            kept().chain(seen.iter().map(|seen| &seen.place)).any(|place| place.address == *address)
        };
        tried.retain(|tried| tried.again > now || is_named(&tried.address));
    }
}

/// Dials of an address so far; none if it is a new one and there is no room for it.
fn tried_of<'t>(all: &'t mut Vec<Tried>, address: &Multiaddr, now: Instant) -> Option<&'t mut Tried> {
    let known = all.iter().position(|tried| tried.address == *address);
    if known.is_none() {
        if all.len() >= TRIED_MAX {
            let over = |is_proved| all.iter().position(|tried| tried.again <= now && tried.is_proved == is_proved);
            all.remove(over(false).or_else(|| over(true))?);
        }
        all.push(Tried { address: address.clone(), again: now, failures: 0, is_proved: false });
    }
    let place = known.unwrap_or(all.len() - 1);
    all.get_mut(place)
}

#[cfg(test)]
mod tests;
