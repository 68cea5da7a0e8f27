//! Errors that keep the network from starting, or a frame from being queued.

use std::io;

use libp2p::{Multiaddr, PeerId};
use quorate_pbft::{PublicKey, ReplicaId};

use crate::channel::Channel;

/// Why the network did not start. Every task has ended by then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not an ed25519 public key.
    #[error("the public key of replica {member} is not an ed25519 key; correct the member list")]
    BadKey {
        /// Member with the faulty key.
        member: ReplicaId,
    },
    /// Two members have one key.
    #[error("replicas {one} and {other} have the same key; every replica needs its own")]
    SameKey {
        /// The first.
        one: ReplicaId,
        /// The second.
        other: ReplicaId,
    },
    /// An address that cannot be dialled.
    #[error(
        "cannot reach replica {member} at {address}; use /ip4, /ip6 or /dns4, then /tcp and the port, and no peer id but {peer}"
    )]
    BadAddress {
        /// Member with the faulty address.
        member: ReplicaId,
        /// The address.
        address: Multiaddr,
        /// The peer id that belongs to its key.
        peer: PeerId,
    },
    /// The operating system refused a listen address.
    #[error(
        "cannot listen on {address}: {cause}; {}set another `listen` address",
        if cause.kind() == io::ErrorKind::AddrInUse { "stop the program that uses it or " } else { "" }
    )]
    Listen {
        /// The address asked for.
        address: Multiaddr,
        /// Error of the operating system.
        cause: io::Error,
    },
    /// The encrypted transport could not be set up.
    #[error("cannot set up encryption: {cause}")]
    Encryption {
        /// Error of the library.
        cause: libp2p::noise::Error,
    },
}

/// Why a frame was not queued. Rule N9 repairs what was dropped; the rest are mistakes of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The queue to this peer is full; the frame was dropped and counted.
    #[error("the {channel} queue to member {to} is full")]
    QueueFull {
        /// The slow peer.
        to: PublicKey,
        /// The full queue.
        channel: Channel,
    },
    /// No such member, or this replica itself.
    #[error("{to} is no peer of this replica")]
    NoSuchPeer {
        /// Addressee that is no peer.
        to: PublicKey,
    },
    /// Empty frames are heartbeats.
    #[error("an empty frame cannot be sent")]
    Empty,
    /// The receiver would close the stream.
    #[error("a frame of {bytes} bytes is above the {max} of the {channel} channel")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most that is allowed.
        max: usize,
        /// Channel with the full queue.
        channel: Channel,
    },
}
