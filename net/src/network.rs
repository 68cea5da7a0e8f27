//! The handle: start, send, look, stop.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use libp2p::{Multiaddr, PeerId};
use quorate_pbft::PublicKey;
use tokio_util::bytes::Bytes;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::allowance::Allowance;
use crate::channel::Channel;
use crate::counters::{HostRefused, PeerInfo, Refused};
use crate::discovery::Directory;
use crate::driver::Driver;
use crate::error::{Error, SendError};
use crate::inbox::Events;
use crate::member::{self, Member};
use crate::shared::Shared;

/// Configuration of a replica's network.
#[derive(Clone)]
pub struct Config {
    /// This replica's ed25519 secret; its libp2p identity is the same key.
    pub secret: [u8; 32],
    /// Voters; this replica may be one. Other keys do not get past the handshake.
    pub members: Vec<Member>,
    /// Addresses to listen at: `/ip4/…/tcp/…` or `/ip6/…/tcp/…`; port 0 lets the system choose. May be empty.
    pub listen: Vec<Multiaddr>,
    /// Addresses that others tell; without it only those of the members are dialled.
    pub directory: Option<Arc<Directory>>,
}

impl Config {
    /// Errs if two members could be mistaken for each other, or an address cannot be dialled or names another key.
    pub fn check(&self) -> Result<(), Error> {
        member::check(&self.members)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("members", &self.members).field("listen", &self.listen).finish_non_exhaustive() // not the secret
    }
}

/// A running network. Copies speak of the same one; it stops when the last is dropped or one is told to.
#[derive(Debug, Clone)]
pub struct Network {
    shared: Arc<Shared>,
    local: PeerId,
    stop: CancellationToken,
    stopped: CancellationToken,
    _last: Arc<DropGuard>,
}

/// Starts listening and dialling on the current tokio runtime; returns once it listens.
///
/// # Errors
/// When the configuration cannot work or a listen address is taken; then nothing is left running.
///
/// # Panics
/// Outside a tokio runtime with I/O and time.
pub fn start(config: Config) -> BoxFuture<'static, Result<(Network, Events), Error>> {
    Box::pin(started(config)) // here, so that no other crate compiles libp2p once more
}

async fn started(config: Config) -> Result<(Network, Events), Error> {
    config.check()?;
    let keys = member::key_pair(config.secret);
    let local = keys.public().to_peer_id();
    let shared = Arc::new(Shared::new(&config.members, local, config.directory.clone())?);
    let (stop, stopped) = (CancellationToken::new(), CancellationToken::new());
    let mut driver = Driver::new(keys, shared.clone(), stopped.clone())?;
    driver.listen(&config.listen).await?;
    tokio::spawn(driver.run(stop.clone()));
    let events = Events::new(shared.inbox.clone());
    let last = Arc::new(stop.clone().drop_guard());
    Ok((Network { shared, local, stop, stopped, _last: last }, events))
}

impl Network {
    /// Queues `frame` for `to`; never blocks. A queued frame may still be lost with its connection (rule N9 repairs).
    ///
    /// # Errors
    /// A full queue drops the frame and counts it; the other errors are mistakes of the caller.
    pub fn send(&self, to: PublicKey, channel: Channel, frame: Bytes) -> Result<(), SendError> {
        check_frame(channel, &frame)?;
        self.shared.peer(&to).ok_or(SendError::NoSuchPeer { to })?.send(channel, frame)
    }

    /// Queues `frame` for every peer, not for this replica itself; never blocks. Returns how many queues took it.
    ///
    /// # Errors
    /// The frame is empty or too large. Full queues are no error: they are counted, and the others have the frame.
    pub fn broadcast(&self, channel: Channel, frame: Bytes) -> Result<usize, SendError> {
        check_frame(channel, &frame)?;
        Ok(self.shared.peers().iter().filter(|peer| peer.send(channel, frame.clone()).is_ok()).count())
    }

    /// Voters from now on. Links to those that stay go on, those to others end; who has no address here is dialled at none
    /// that an earlier list gave.
    ///
    /// # Errors
    /// As [`Config::check`]; then nothing changes.
    pub fn set_members(&self, members: &[Member]) -> Result<(), Error> {
        member::check(members)?;
        self.shared.set_members(members)
    }

    /// The other members with their state and traffic, by number.
    pub fn peers(&self) -> Vec<PeerInfo> {
        self.shared.peers().iter().map(|peer| peer.info(self.shared.directory.as_deref())).collect()
    }

    /// Addresses of each other member by configuration and state.
    pub fn configured(&self) -> Vec<(PublicKey, Vec<Multiaddr>)> {
        self.shared.peers().iter().map(|peer| (peer.key, peer.addresses())).collect()
    }

    /// Inbound connections that were turned away.
    pub fn refused(&self) -> Refused {
        self.shared.refused.read()
    }

    /// The same by address, of those that were turned away most recently; each count grows until its address is forgotten.
    pub fn refused_hosts(&self) -> Vec<(IpAddr, HostRefused)> {
        self.shared.refused.hosts()
    }

    /// From now on the frames of `peer` are read with this allowance; nothing happens if it is none.
    pub fn restrain(&self, peer: &PublicKey, allowance: Allowance) {
        self.shared.peer(peer).into_iter().for_each(|peer| peer.restraint.set(allowance));
    }

    /// Charges `peer` for bulk of no use here, accused of nothing: beyond 128 MiB at once and 16 MiB a second the next
    /// bulk waits, eight seconds at most. Nothing happens if it is no peer.
    pub fn charge(&self, peer: &PublicKey, bytes: u64) {
        self.shared.peer(peer).into_iter().for_each(|peer| peer.restraint.charge(bytes, Instant::now()));
    }

    /// This replica's key, as libp2p writes it.
    pub fn local_peer_id(&self) -> PeerId {
        self.local
    }

    /// Addresses that it listens at, ports filled in, best first; empty once it has stopped.
    pub fn listen_addrs(&self) -> Vec<Multiaddr> {
        self.shared.addresses().all()
    }

    /// Closes everything and returns when the listen addresses are free again. Queued frames are dropped.
    pub async fn stop(self) {
        self.stop.cancel();
        self.stopped.cancelled().await;
    }
}

fn check_frame(channel: Channel, frame: &Bytes) -> Result<(), SendError> {
    let (bytes, max) = (frame.len(), channel.frame_bytes_max());
    match bytes {
        0 => Err(SendError::Empty),
        _ if bytes > max => Err(SendError::TooLarge { bytes, max, channel }),
        _ => Ok(()),
    }
}
