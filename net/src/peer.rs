//! Another member: its queues and its counters, shared by the handle, the driver and the links.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use libp2p::PeerId;
use tokio_util::bytes::Bytes;

use crate::channel::{Channel, PerChannel};
use crate::counters::{Count, PeerInfo, Traffic, TrafficCounts};
use crate::error::{Error, SendError};
use crate::limits::{OUT_BULK, OUT_VOTES};
use crate::member::Member;
use crate::outbox::Outbox;

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) member: Member,
    pub(crate) peer_id: PeerId,
    pub(crate) outbox: PerChannel<Outbox>,
    pub(crate) counts: PerChannel<TrafficCounts>,
    pub(crate) links: Count,
    pub(crate) oversized: Count,
    pub(crate) wrong_key: Count,
    is_up: AtomicBool,
}

impl Peer {
    pub(crate) fn new(member: Member) -> Result<Self, Error> {
        Ok(Self {
            peer_id: member.peer_id()?,
            member,
            outbox: PerChannel { votes: Outbox::new(OUT_VOTES), bulk: Outbox::new(OUT_BULK) },
            counts: PerChannel::default(),
            links: Count::default(),
            oversized: Count::default(),
            wrong_key: Count::default(),
            is_up: AtomicBool::new(false),
        })
    }

    /// Queues a frame, or drops and counts it.
    pub(crate) fn send(&self, channel: Channel, frame: Bytes) -> Result<(), SendError> {
        if self.outbox[channel].push(frame) {
            return Ok(());
        }
        self.counts[channel].dropped.add(1);
        Err(SendError::QueueFull { to: self.member.id, channel })
    }

    pub(crate) fn set_up(&self, is_up: bool) {
        self.is_up.store(is_up, Relaxed);
    }

    pub(crate) fn info(&self) -> PeerInfo {
        PeerInfo {
            id: self.member.id,
            peer_id: self.peer_id,
            address: self.member.address.clone(),
            is_up: self.is_up.load(Relaxed),
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
        }
    }
}
