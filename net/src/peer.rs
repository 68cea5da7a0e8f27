//! Another member: its queues and its counters, shared by the handle, the driver and the links.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId};
use quorate_pbft::{PublicKey, ReplicaId};
use tokio_util::bytes::Bytes;

use crate::allowance::Restraint;
use crate::channel::{Channel, PerChannel};
use crate::counters::{Count, PeerInfo, Traffic, TrafficCounts};
use crate::discovery::{Directory, Entrance, Found, Source};
use crate::error::SendError;
use crate::limits::{OUT_BULK, OUT_VOTES, TELLINGS_MAX};
use crate::member::{Member, without_key};
use crate::outbox::Outbox;

#[derive(Debug)]
pub(crate) struct Peer {
    /// Its place in the inbox and among the routes.
    pub(crate) place: usize,
    pub(crate) key: PublicKey,
    pub(crate) peer_id: PeerId,
    /// Its number in the newest list that names it: for people.
    number: AtomicU16,
    addresses: Mutex<Vec<Multiaddr>>,
    /// Address at which it was last reached.
    reached: Mutex<Option<Multiaddr>>,
    pub(crate) outbox: PerChannel<Outbox>,
    pub(crate) counts: PerChannel<TrafficCounts>,
    pub(crate) links: Count,
    pub(crate) oversized: Count,
    pub(crate) wrong_key: Count,
    pub(crate) restraint: Restraint,
    is_up: AtomicBool,
    /// Frames of records that it may still tell, and the last time they grew.
    tellings: Mutex<(u32, Instant)>,
}

impl Peer {
    pub(crate) fn new(place: usize, member: &Member, peer_id: PeerId) -> Self {
        Self {
            place,
            key: PublicKey(member.key),
            peer_id,
            number: AtomicU16::new(member.id.get()),
            addresses: Mutex::new(member.addresses.iter().map(without_key).collect()),
            reached: Mutex::default(),
            outbox: PerChannel { votes: Outbox::new(OUT_VOTES), bulk: Outbox::new(OUT_BULK) },
            counts: PerChannel::default(),
            links: Count::default(),
            oversized: Count::default(),
            wrong_key: Count::default(),
            restraint: Restraint::default(),
            is_up: AtomicBool::new(false),
            tellings: Mutex::new((TELLINGS_MAX, Instant::now())),
        }
    }

    /// Another list names it: its number and its addresses there hold.
    pub(crate) fn renew(&self, member: &Member) {
        self.number.store(member.id.get(), Relaxed);
        *self.lock() = member.addresses.iter().map(without_key).collect();
    }

    pub(crate) fn id(&self) -> ReplicaId {
        ReplicaId::new(self.number.load(Relaxed))
    }

    /// Its addresses by configuration and state, without the key that they may name.
    pub(crate) fn addresses(&self) -> Vec<Multiaddr> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Multiaddr>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a frame, or drops and counts it.
    pub(crate) fn send(&self, channel: Channel, frame: Bytes) -> Result<(), SendError> {
        if self.outbox[channel].push(frame) {
            return Ok(());
        }
        self.counts[channel].dropped.add(1);
        Err(SendError::QueueFull { to: self.key, channel })
    }

    /// Whether another frame of records is looked at: [`TELLINGS_MAX`] at once, and one in a second.
    pub(crate) fn may_tell(&self) -> bool {
        let mut tellings = self.tellings.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, grown) = &mut *tellings;
        let seconds = grown.elapsed().as_secs();
        *left = left.saturating_add(seconds.min(TELLINGS_MAX.into()) as u32).min(TELLINGS_MAX);
        *grown += Duration::from_secs(seconds);
        let may = *left > 0;
        *left = left.saturating_sub(1);
        may
    }

    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Relaxed)
    }

    pub(crate) fn set_up(&self, is_up: bool) {
        self.is_up.store(is_up, Relaxed);
    }

    /// Address at which it was last reached, as long as it is known; else the newest that was told, or the first configured one.
    fn found(&self, directory: Option<&Directory>) -> Option<Found> {
        let configured = self.addresses();
        let mut told = directory.map(|directory| directory.addresses(&self.key, Entrance::Members)).unwrap_or_default();
        told.retain(|told| !configured.contains(&told.address));
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let found = |address| Found { address, source: Source::Config, age: Duration::ZERO };
        let mut known: Vec<Found> = told.into_iter().chain(configured.into_iter().map(found)).collect();
        let place = known.iter().position(|found| Some(&found.address) == reached.as_ref()).unwrap_or(0);
        (place < known.len()).then(|| known.swap_remove(place))
    }

    /// Notes the address at which it answered.
    pub(crate) fn reached(&self, address: Multiaddr) {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    pub(crate) fn info(&self, directory: Option<&Directory>) -> PeerInfo {
        let told = self.found(directory);
        PeerInfo {
            id: Some(self.id()),
            key: self.key,
            peer_id: self.peer_id,
            address: told.as_ref().map(|found| found.address.clone()),
            told: told.map(|found| (found.source, found.age)),
            is_up: self.is_up(),
            reconnects: self.links.get().saturating_sub(1),
            oversized: self.oversized.get(),
            wrong_key: self.wrong_key.get(),
            traffic: PerChannel { votes: self.traffic(Channel::Votes), bulk: self.traffic(Channel::Bulk) },
        }
    }

    fn traffic(&self, channel: Channel) -> Traffic {
        let counts = &self.counts[channel];
        let (waiting_frames, waiting_bytes) = self.outbox[channel].waiting();
        Traffic {
            frames_in: counts.frames_in.get(),
            bytes_in: counts.bytes_in.get(),
            frames_out: counts.frames_out.get(),
            bytes_out: counts.bytes_out.get(),
            dropped: counts.dropped.get(),
            waiting_frames: waiting_frames as u64,
            waiting_bytes: waiting_bytes as u64,
            held_back: Duration::from_micros(counts.held_back_us.get()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::{Place, Ranges};
    use crate::member::key_pair;
    use quorate_pbft::{Digest, Ed25519Signer, Signer as _};

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/203.0.113.1/tcp/{port}").parse().unwrap()
    }

    /// Peer with this address and its key behind it, and a directory that was told others.
    fn peer(configured: u16, told: &[u16]) -> (Peer, Directory) {
        let signer = Ed25519Signer::from_seed(&[1; 32]);
        let directory = Directory::new(Digest::ZERO, key_of(2), Ranges::default());
        directory.know([signer.public_key()]);
        let record = Directory::new(Digest::ZERO, signer.public_key(), Ranges::default());
        let places = told.iter().map(|port| Place { door: Entrance::Members, address: address(*port) });
        record.publish(places.collect(), &signer);
        assert_eq!(directory.take(&record.since(0).0[0]), Ok(true));
        let peer_id = key_pair([1; 32]).public().to_peer_id();
        let configured = format!("{}/p2p/{peer_id}", address(configured)).parse().unwrap();
        let member = Member { id: ReplicaId::new(0), key: key_of(1).0, addresses: vec![configured] };
        (Peer::new(0, &member, peer_id), directory)
    }

    fn key_of(seed: u8) -> PublicKey {
        Ed25519Signer::from_seed(&[seed; 32]).public_key()
    }

    fn shown((peer, directory): &(Peer, Directory)) -> (Multiaddr, Source) {
        let info = peer.info(Some(directory));
        (info.address.unwrap(), info.told.unwrap().0)
    }

    #[test]
    fn a_configured_address_that_names_the_key_is_shown_once_the_peer_was_reached_there() {
        let found = peer(1, &[2]);
        assert_eq!(shown(&found), (address(2), Source::Record));

        found.0.reached(address(1));

        assert_eq!(shown(&found), (address(1), Source::Config));
    }

    #[test]
    fn a_peer_that_a_later_list_gives_no_address_is_dialled_at_none_that_an_earlier_one_gave() {
        let (peer, _) = peer(1, &[]);

        peer.renew(&Member { id: ReplicaId::new(0), key: key_of(1).0, addresses: vec![] });

        assert!(peer.addresses().is_empty());
    }

    #[test]
    fn a_told_address_that_is_configured_too_counts_as_configured() {
        assert_eq!(shown(&peer(1, &[1])), (address(1), Source::Config));
    }
}
