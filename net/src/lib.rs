//! Authenticated streams between replicas.
//!
//! [`start`] listens and keeps one connection to every other member (TCP, Noise, Yamux; the replica's ed25519 key is
//! its libp2p identity), with two streams on it: [`Channel::Votes`] and [`Channel::Bulk`]. Frames of one channel keep
//! their order; a bulk transfer never delays a vote. The meaning of a frame is not known here.
//!
//! Reliability is not promised. A frame is lost when its queue is full, when its connection dies, or when its peer is
//! away for long; the protocol's status and repair (rule N9) brings it again, and may bring it twice.
//!
//! Growth that others can cause has a bound (`limits`, rule B): queues for each peer, channel and direction; bytes on
//! the way; handshakes; connections. A key outside the member list is refused as soon as its handshake shows it, and
//! one address can have only so many handshakes.

mod allowance;
mod channel;
mod counters;
mod discovery;
mod door;
mod driver;
mod error;
mod flaps;
mod frame;
mod hosts;
mod inbox;
mod limits;
mod link;
mod lookups;
mod member;
mod mux;
mod names;
mod network;
mod observers;
mod outbox;
mod own;
mod peer;
mod route;
mod shared;
mod streams;
mod telling;
mod transport;

pub use allowance::Allowance;
pub use channel::{Channel, PerChannel};
pub use counters::{HostRefused, PeerInfo, Refused, Traffic};
pub use discovery::{
    Announcements, Directory, Entrance, Found, KEYS_MAX, LIFETIME_MAX, PLACES_MAX, Place, RECORD_BYTES_MAX,
    RECORDS_MAX, Ranges, Source, Unsound, announce, key_of_peer, pack, relayed, unpack,
};
pub use error::{Error, SendError};
pub use inbox::{Event, Events, Frame, Room};
pub use libp2p::{Multiaddr, PeerId};
pub use member::{Member, is_of_door, is_of_tcp, peer_of_key};
pub use network::{Config, Network, start};
pub use observers::{
    Arrival, Backway, DialError, LINE_BYTES, LinkError, ObserverLink, ObserversDoor, Receiver, Sender, Side, Turn,
    dial, on_line,
};
pub use tokio_util::bytes::Bytes;
