//! Directory: the address book of a node, shared by its links, its doors and its announcements.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use borsh::{BorshDeserialize, BorshSerialize};
use libp2p::{Multiaddr, PeerId};
use quorate_pbft::{Digest, PublicKey, Signer};
use tokio::sync::watch;
use tokio_util::bytes::Bytes;

use crate::discovery::book::{Book, Found};
use crate::discovery::range::{Ranges, ip, is_local};
use crate::discovery::record::{Claimed, Entrance, LIFETIME_MAX, Place, RECORD_BYTES_MAX, Record, Unsound};
use crate::member::key_of;

/// Records that are given at a time.
pub const RECORDS_MAX: usize = 16;
/// First byte of a frame with records. No message of the protocol begins with it.
const MARK: u8 = 0xff;
/// Bytes of the largest such frame.
const FRAME_BYTES_MAX: usize = 1 + 4 + RECORDS_MAX * (4 + RECORD_BYTES_MAX);
/// Signatures of announcements on the LAN that are checked in a second: anyone there can send them.
const CHECKED_MAX: u32 = 32;

/// Announcements for networks, by the own address there.
pub type Announcements = BTreeMap<Ipv4Addr, Bytes>;

/// Addresses of the keys of one group.
#[derive(Debug)]
pub struct Directory {
    group: Digest,
    own: PublicKey,
    state: Mutex<State>,
    /// Number of the newest change.
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    book: Book,
    /// The latest time of issue of an own record that others hold.
    own_issued_ms: u64,
    /// The newest announcement of each sender on the LAN that was found sound: the same again is not checked again.
    announced: Vec<(IpAddr, Bytes)>,
    checked: (Instant, u32),
}

impl Directory {
    /// An empty directory of this key's in this group. Addresses of other hosts' surroundings are dialled in `ranges` alone.
    pub fn new(group: Digest, own: PublicKey, ranges: Ranges) -> Self {
        let now = Instant::now();
        let seed = u64::from_le_bytes(own.0[..8].try_into().expect("eight bytes"));
        let mut book = Book::new(ranges, seed ^ now_ms());
        book.know([own]);
        let state = State { book, own_issued_ms: 0, announced: Vec::new(), checked: (now, 0) };
        Self { group, own, state: Mutex::new(state), changes: watch::Sender::new(0) }
    }

    /// The group's id.
    pub fn group(&self) -> Digest {
        self.group
    }

    /// Keys that count from now on, beside the own.
    pub fn know(&self, keys: impl IntoIterator<Item = PublicKey>) {
        self.lock().book.know([self.own].into_iter().chain(keys));
        self.changed();
    }

    /// Keys that have left and are not dialled as members from now on. Their records are kept and given on.
    pub fn leave(&self, keys: impl IntoIterator<Item = PublicKey>) {
        self.lock().book.leave(keys);
        self.changed();
    }

    /// Whether a key counts.
    pub fn knows(&self, key: &PublicKey) -> bool {
        self.lock().book.knows(key)
    }

    /// Signs a record of each door with the own places and gives them to whoever is linked and may know them. Places that were announced on the LAN go
    /// another way: [`Directory::announcements`].
    pub fn publish(&self, places: Vec<Place>, signer: &impl Signer) {
        let mut state = self.lock();
        // A clock that was set back does not make the own records old.
        let issued_ms = now_ms().max(state.own_issued_ms + 1);
        state.own_issued_ms = issued_ms;
        for door in Entrance::ALL {
            let places: Vec<Place> = places.iter().filter(|place| place.door == door).cloned().collect();
            // Of members it says also that there is no place any more.
            if door == Entrance::Members || !places.is_empty() {
                let record = Record { key: self.own, issued_ms, lifetime: LIFETIME_MAX, places };
                state.book.keep(record.sign(&self.group, signer), Duration::ZERO, Instant::now());
            }
        }
        drop(state);
        self.changed();
    }

    /// Signed announcements for the LAN, one for each own address, all of one time of issue.
    pub fn announcements(&self, own: &[(Ipv4Addr, Vec<Place>)], signer: &impl Signer) -> Announcements {
        let issued_ms = now_ms();
        let record = |places: &Vec<Place>| {
            Record { key: self.own, issued_ms, lifetime: LIFETIME_MAX, places: places.clone() }
                .sign(&self.group, signer)
        };
        own.iter().map(|(host, places)| (*host, record(places).bytes().clone())).collect()
    }

    /// Takes a record that somebody told; answers whether it is news.
    pub fn take(&self, bytes: &[u8]) -> Result<bool, Unsound> {
        let claimed = Claimed::parse(bytes)?;
        let (key, issued_ms) = (claimed.record.key, claimed.record.issued_ms);
        let age = claimed.record.age(now_ms())?;
        let door = claimed.record.door().ok_or(Unsound::Places)?;
        let state = self.lock();
        if !state.book.knows(&key) {
            return Err(Unsound::Stranger);
        }
        if state.book.issued_ms(&key, door).is_some_and(|held| held >= issued_ms) {
            return Ok(false);
        }
        drop(state); // a signature takes a while
        let signed = claimed.verify(&self.group)?;
        let mut state = self.lock();
        let is_news = if key == self.own {
            state.own_issued_ms = state.own_issued_ms.max(issued_ms);
            false
        } else {
            state.book.keep(signed, age, Instant::now())
        };
        drop(state);
        if is_news {
            self.changed();
        }
        Ok(is_news)
    }

    /// Whether others hold a later record of the own key than the one at hand: it is time for another.
    pub fn is_outdated(&self) -> bool {
        let state = self.lock();
        state.book.issued_ms(&self.own, Entrance::Members).is_some_and(|issued_ms| issued_ms < state.own_issued_ms)
    }

    /// Takes an announcement of the LAN; only signed addresses from which it was sent count. So whoever sends another's
    /// announcement again leads nobody astray.
    pub fn see(&self, bytes: &[u8], sender: IpAddr) -> Result<bool, Unsound> {
        let claimed = Claimed::parse(bytes)?;
        claimed.record.age(now_ms())?;
        let (key, issued_ms, now) = (claimed.record.key, claimed.record.issued_ms, Instant::now());
        let places =
            claimed.record.places.iter().filter(|place| is_local(sender) && ip(&place.address) == Some(sender));
        let places: Vec<Place> = places.cloned().collect();
        if key == self.own || places.is_empty() {
            return Ok(false);
        }
        let mut state = self.lock();
        if !state.book.knows(&key) {
            return Err(Unsound::Stranger);
        }
        if !state.announced.iter().any(|(from, known)| *from == sender && **known == *bytes) {
            if !state.may_check(now) {
                return Ok(false);
            }
            drop(state);
            claimed.verify(&self.group)?;
            state = self.lock();
            state.announced.retain(|(from, _)| *from != sender);
            state.announced.insert(0, (sender, Bytes::copy_from_slice(bytes)));
            state.announced.truncate(RECORDS_MAX);
        }
        let is_news = state.book.see(key, places, issued_ms, now);
        drop(state);
        if is_news {
            self.changed();
        }
        Ok(is_news)
    }

    /// Records that came after this number, at most [`RECORDS_MAX`], and the number to go on from.
    pub fn since(&self, number: u64) -> (Vec<Bytes>, u64) {
        self.lock().book.since(number, RECORDS_MAX, &Entrance::ALL, Instant::now())
    }

    /// The same for a key that is not known: where observers are let in is no secret, where members are is.
    pub fn open_since(&self, number: u64) -> (Vec<Bytes>, u64) {
        self.lock().book.since(number, RECORDS_MAX, &[Entrance::Observers], Instant::now())
    }

    /// The records of a key, over or not.
    pub fn records_of(&self, key: &PublicKey) -> Vec<Bytes> {
        self.lock().book.records_of(key)
    }

    /// Addresses of a key's door, the newest first.
    pub fn addresses(&self, key: &PublicKey, door: Entrance) -> Vec<Found> {
        self.lock().book.addresses(key, door, Instant::now())
    }

    /// Addresses of a key's door that may be dialled now; they count as dialled.
    pub fn due(&self, key: &PublicKey, door: Entrance) -> Vec<Multiaddr> {
        self.lock().book.due(key, door, Instant::now())
    }

    /// Whether the configuration lets this node dial an address that others told.
    pub fn allows(&self, address: &Multiaddr) -> bool {
        self.lock().book.allows(address)
    }

    /// A key answered at an address.
    pub fn reached(&self, key: &PublicKey, address: &Multiaddr) {
        self.lock().book.reached(key, address, Instant::now());
    }

    /// A key came to this node by itself.
    pub fn came(&self, key: &PublicKey) {
        self.lock().book.came(key, Instant::now());
    }

    /// A number that grows with each change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn changed(&self) {
        self.changes.send_modify(|number| *number += 1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn may_check(&mut self, now: Instant) -> bool {
        let (since, count) = &mut self.checked;
        if now.duration_since(*since) >= Duration::from_secs(1) {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= CHECKED_MAX
    }
}

/// The key that a libp2p name spells.
pub fn key_of_peer(peer: &PeerId) -> Option<PublicKey> {
    key_of(peer).map(PublicKey)
}

/// A frame with these records.
pub fn pack(records: &[Bytes]) -> Bytes {
    let records: Vec<&[u8]> = records.iter().map(|record| &record[..]).collect();
    let mut bytes = vec![MARK];
    records.serialize(&mut bytes).expect("writing into memory cannot fail");
    bytes.into()
}

/// Records of a frame: none if it is a frame of another kind, or more than one may hold.
pub fn unpack(frame: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mark, encoded) = frame.split_first()?;
    if *mark != MARK {
        return None;
    }
    if frame.len() > FRAME_BYTES_MAX {
        return Some(Vec::new());
    }
    let records: Vec<Vec<u8>> = BorshDeserialize::try_from_slice(encoded).unwrap_or_default();
    Some(records.into_iter().take(RECORDS_MAX).collect())
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::Ed25519Signer;

    const GROUP: Digest = Digest([7; 32]);
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 0, 7));

    fn signer(seed: u8) -> Ed25519Signer {
        Ed25519Signer::from_seed(&[seed; 32])
    }

    fn directory(seed: u8) -> Directory {
        let directory = Directory::new(GROUP, signer(seed).public_key(), Ranges::default());
        directory.know((1..=3).map(|seed| signer(seed).public_key()));
        directory
    }

    fn place(address: &str) -> Place {
        Place { door: Entrance::Members, address: address.parse().unwrap() }
    }

    /// Announcement of key 1 with these addresses.
    fn announcement(addresses: &[&str]) -> Bytes {
        let (host, places) = (Ipv4Addr::LOCALHOST, addresses.iter().map(|address| place(address)).collect());
        directory(1).announcements(&[(host, places)], &signer(1))[&host].clone()
    }

    fn found(directory: &Directory, seed: u8) -> Vec<String> {
        let found = directory.addresses(&signer(seed).public_key(), Entrance::Members);
        found.into_iter().map(|found| found.address.to_string()).collect()
    }

    #[test]
    fn a_record_goes_from_hand_to_hand_and_is_news_once() {
        let (one, two, three) = (directory(1), directory(2), directory(3));
        one.publish(vec![place("/ip4/203.0.113.1/tcp/7700")], &signer(1));

        for record in one.since(0).0 {
            assert_eq!((two.take(&record), two.take(&record)), (Ok(true), Ok(false)));
        }
        for record in two.since(0).0 {
            assert_eq!(three.take(&record), Ok(true));
        }

        assert_eq!(found(&three, 1), ["/ip4/203.0.113.1/tcp/7700"]);
    }

    #[test]
    fn a_key_that_is_not_known_is_told_of_doors_for_observers_alone() {
        let (one, stranger) = (directory(1), directory(2));
        let door = Place { door: Entrance::Observers, address: "/ip4/203.0.113.1/tcp/8200".parse().unwrap() };
        one.publish(vec![place("/ip4/203.0.113.1/tcp/7700"), door], &signer(1));
        assert_eq!(one.since(0).0.len(), 2);

        for record in one.open_since(0).0 {
            assert_eq!(stranger.take(&record), Ok(true));
        }

        assert!(found(&stranger, 1).is_empty());
        assert_eq!(stranger.addresses(&signer(1).public_key(), Entrance::Observers).len(), 1);
    }

    #[test]
    fn a_record_of_both_doors_is_refused() {
        let door = Place { door: Entrance::Observers, address: "/ip4/203.0.113.1/tcp/8200".parse().unwrap() };
        let places = vec![place("/ip4/203.0.113.1/tcp/7700"), door];
        let (key, issued_ms) = (signer(1).public_key(), now_ms());
        let record = Record { key, issued_ms, lifetime: LIFETIME_MAX, places }.sign(&GROUP, &signer(1));

        assert_eq!(directory(2).take(record.bytes()), Err(Unsound::Places));
    }

    #[test]
    fn a_record_of_a_stranger_is_refused_before_its_signature_is_checked() {
        let stranger = Directory::new(GROUP, signer(9).public_key(), Ranges::default());
        stranger.know([]);
        stranger.publish(vec![place("/ip4/203.0.113.1/tcp/7700")], &signer(9));

        assert_eq!(directory(1).take(&stranger.since(0).0[0]), Err(Unsound::Stranger));
    }

    #[test]
    fn a_node_that_others_know_from_a_later_time_signs_a_record_that_is_later_still() {
        let (before, after, other) = (directory(1), directory(1), directory(2));
        let late = now_ms() + 600_000;
        before.lock().own_issued_ms = late;
        before.publish(vec![place("/ip4/203.0.113.1/tcp/1")], &signer(1));
        other.take(&before.since(0).0[0]).unwrap();

        after.publish(vec![place("/ip4/203.0.113.1/tcp/2")], &signer(1));
        assert_eq!(other.take(&after.since(0).0[0]), Ok(false));
        after.take(&other.since(0).0[0]).unwrap();
        assert!(after.is_outdated());
        after.publish(vec![place("/ip4/203.0.113.1/tcp/2")], &signer(1));

        assert_eq!(other.take(&after.since(0).0[0]), Ok(true));
        assert_eq!(found(&other, 1), ["/ip4/203.0.113.1/tcp/2"]);
    }

    #[test]
    fn an_announcement_of_the_lan_leads_to_its_sender_and_to_nobody_else() {
        let two = directory(2);
        let bytes = announcement(&["/ip4/0.0.0.0/tcp/7700", "/ip4/192.168.0.8/tcp/1", "/ip4/192.168.0.7/tcp/2"]);

        assert_eq!(two.see(&bytes, HERE), Ok(true));

        assert_eq!(found(&two, 1), ["/ip4/192.168.0.7/tcp/2"]);
    }

    #[test]
    fn an_announcement_that_another_host_sends_again_counts_for_nothing() {
        let two = directory(2);

        assert_eq!(two.see(&announcement(&["/ip4/192.168.0.7/tcp/1"]), "192.168.0.66".parse().unwrap()), Ok(false));

        assert!(found(&two, 1).is_empty());
    }

    #[test]
    fn an_announcement_leads_to_private_and_link_local_addresses_alone() {
        for (host, counts) in
            [("192.168.0.7", true), ("169.254.1.7", true), ("203.0.113.7", false), ("127.0.0.1", false)]
        {
            let bytes = announcement(&[&format!("/ip4/{host}/tcp/1")]);

            assert_eq!(directory(2).see(&bytes, host.parse().unwrap()), Ok(counts), "{host}");
        }
    }

    #[test]
    fn an_announcement_that_its_key_did_not_sign_counts_for_nothing() {
        let mut bytes = announcement(&["/ip4/192.168.0.7/tcp/7700"]).to_vec();
        *bytes.last_mut().unwrap() ^= 1;

        assert_eq!(directory(2).see(&bytes, HERE), Err(Unsound::Signature));
    }

    #[test]
    fn a_flood_of_announcements_costs_so_many_signatures_in_a_second_and_no_more() {
        let two = directory(2);
        let mut bytes = announcement(&["/ip4/192.168.0.7/tcp/7700"]).to_vec();
        *bytes.last_mut().unwrap() ^= 1;

        let checked = (0..1_000).filter(|_| two.see(&bytes, HERE).is_err()).count();

        assert!(checked as u32 <= 2 * CHECKED_MAX, "{checked}");
    }

    #[test]
    fn a_frame_of_records_is_read_back_and_another_frame_is_none() {
        let sent = vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")];

        assert_eq!(unpack(&pack(&sent)), Some(vec![b"one".to_vec(), b"two".to_vec()]));
        assert_eq!(unpack(b"\x00message"), None);
    }

    #[test]
    fn a_frame_of_more_records_than_one_may_hold_gives_no_more() {
        let many = vec![Bytes::from_static(b"x"); 100];
        let huge = vec![Bytes::from(vec![0; 2 * RECORD_BYTES_MAX]); RECORDS_MAX];

        assert_eq!(unpack(&pack(&many)).map(|records| records.len()), Some(RECORDS_MAX));
        assert_eq!(unpack(&pack(&huge)), Some(Vec::new()));
    }
}
