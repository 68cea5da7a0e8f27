//! Another member: its queues and its counters, shared by the handle, the driver and the links.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
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
use crate::member::Member;
use crate::outbox::Outbox;

#[derive(Debug)]
pub(crate) struct Peer {
    /// Its place in the inbox and among the routes.
    pub(crate) place: usize,
    pub(crate) key: PublicKey,
    pub(crate) peer_id: PeerId,
    /// Its number in the newest list that names it: for people.
    number: AtomicU16,
    address: Mutex<Option<Multiaddr>>,
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
            address: Mutex::new(member.address.clone()),
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

    /// Another list names it: its number there holds, and its address if there is one.
    pub(crate) fn renew(&self, member: &Member) {
        self.number.store(member.id.get(), Relaxed);
        if member.address.is_some() {
            *self.address.lock().unwrap_or_else(PoisonError::into_inner) = member.address.clone();
        }
    }

    pub(crate) fn id(&self) -> ReplicaId {
        ReplicaId::new(self.number.load(Relaxed))
    }

    pub(crate) fn address(&self) -> Option<Multiaddr> {
        self.address.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    /// Address at which it was last reached, as long as it is known; else the newest that was told, or the configured one.
    fn found(&self, directory: Option<&Directory>) -> Option<Found> {
        let config = self.address().map(|address| Found { address, source: Source::Config, age: Duration::ZERO });
        let told = directory.map(|directory| directory.addresses(&self.key, Entrance::Members)).unwrap_or_default();
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut known: Vec<Found> = config.into_iter().chain(told).collect();
        let place = known.iter().position(|found| Some(&found.address) == reached.as_ref());
        let place = place.unwrap_or(usize::from(known.len() > 1 && known[0].source == Source::Config));
        (place < known.len()).then(|| known.swap_remove(place))
    }

    /// Notes the address at which it answered.
    pub(crate) fn reached(&self, address: Multiaddr) {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    pub(crate) fn info(&self, directory: Option<&Directory>) -> PeerInfo {
        let told = self.found(directory);
        PeerInfo {
            id: self.id(),
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
