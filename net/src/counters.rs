//! Counters of the network, for metrics and for people.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use libp2p::{Multiaddr, PeerId};
use quorate_pbft::{PublicKey, ReplicaId};

use crate::channel::PerChannel;
use crate::discovery::Source;
use crate::limits::ADDRESSES_COUNTED_MAX;

/// State of one peer, as of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its place in the newest member list that names it; none of one that has no number now.
    pub id: Option<ReplicaId>,
    /// Its key.
    pub key: PublicKey,
    /// Its key, as libp2p writes it.
    pub peer_id: PeerId,
    /// Address at which it was reached, or is looked for.
    pub address: Option<Multiaddr>,
    /// Origin of the address, and time since it was told.
    pub told: Option<(Source, Duration)>,
    /// Whether votes can flow now.
    pub is_up: bool,
    /// Count of votes links that came up after the first.
    pub reconnects: u64,
    /// Frames above the limit that it announced; each cost it the stream.
    pub oversized: u64,
    /// Count of handshakes in which another key answered at its address.
    pub wrong_key: u64,
    /// Traffic since start.
    pub traffic: PerChannel<Traffic>,
}

impl PeerInfo {
    /// Name for people and metrics: the number, or the key where there is none.
    pub fn name(&self) -> String {
        self.id.map_or_else(|| self.key.to_string(), |id| id.to_string())
    }
}

/// Frames and bytes on one channel with one peer; bytes are of frames, without their lengths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames received.
    pub frames_in: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Frames handed to the stream.
    pub frames_out: u64,
    /// Bytes handed to the stream.
    pub bytes_out: u64,
    /// Frames dropped because the outgoing queue was full.
    pub dropped: u64,
    /// Frames that wait to be sent.
    pub waiting_frames: u64,
    /// Bytes that wait to be sent.
    pub waiting_bytes: u64,
    /// Time that frames have waited in the peer's stream, for it was ahead of its pace.
    pub held_back: Duration,
}

/// Inbound connections that were turned away since start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// Keys that are not in the member list.
    pub strangers: u64,
    /// Too many connections at once or in a second, from one address or in all.
    pub crowded: u64,
    /// Handshakes that failed or never ended.
    pub broken: u64,
}

/// Inbound connections of one address that were turned away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostRefused {
    /// Too many at once or in a second.
    pub crowded: u64,
    /// Handshakes that failed or never ended.
    pub broken: u64,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Adds `more` and returns the sum.
    pub(crate) fn add(&self, more: usize) -> u64 {
        self.0.fetch_add(more as u64, Relaxed) + more as u64
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct TrafficCounts {
    pub(crate) frames_in: Count,
    pub(crate) bytes_in: Count,
    pub(crate) frames_out: Count,
    pub(crate) bytes_out: Count,
    pub(crate) dropped: Count,
    /// Microseconds of [`Traffic::held_back`].
    pub(crate) held_back_us: Count,
}

#[derive(Debug, Default)]
pub(crate) struct RefusedCounts {
    pub(crate) strangers: Count,
    pub(crate) crowded: Count,
    pub(crate) broken: Count,
    hosts: Mutex<BTreeMap<IpAddr, HostRefused>>,
}

impl RefusedCounts {
    /// Counts a refusal for its address; counting starts again where there are too many.
    pub(crate) fn count(&self, host: IpAddr, count: impl FnOnce(&mut HostRefused)) {
        let mut hosts = self.lock();
        if hosts.len() >= ADDRESSES_COUNTED_MAX && !hosts.contains_key(&host) {
            hosts.clear();
        }
        count(hosts.entry(host).or_default());
    }

    pub(crate) fn hosts(&self) -> Vec<(IpAddr, HostRefused)> {
        self.lock().iter().map(|(host, counts)| (*host, *counts)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, HostRefused>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self) -> Refused {
        Refused { strangers: self.strangers.get(), crowded: self.crowded.get(), broken: self.broken.get() }
    }
}
