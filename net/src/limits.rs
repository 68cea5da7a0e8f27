//! Every bound of this room, with its unit and its reason.
//!
//! Bounds on the memory, sockets and work that strangers and members can cause.

use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// Bytes of the largest frame on the votes stream.
///
/// The largest vote message is a PrePrepare with its certificates.
pub const VOTES_FRAME_BYTES_MAX: usize = 8 * MIB;

/// Bytes of the largest frame on the bulk stream.
///
/// A bundle may consist of one envelope of 32 MiB; 2 MiB more hold header, proofs and encoding. A NewView stays below it by the
/// window that a group of its size may have.
pub const BULK_FRAME_BYTES_MAX: usize = 34 * MIB;

/// Capacity of a queue; both bounds count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueMax {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
}

/// Frames for a peer that is away wait so long: it may be back after a broken line, and reads no minutes of the past.
pub(crate) const STALE_AFTER: Duration = Duration::from_secs(3);

/// Votes waiting for one peer: about a second's worth of a busy group of 31.
pub(crate) const OUT_VOTES: QueueMax = QueueMax { frames: 4096, bytes: 2 * VOTES_FRAME_BYTES_MAX };

/// Bulk frames waiting for one peer: the bundles that one lane may be ahead (64 MiB), or two of the largest.
pub(crate) const OUT_BULK: QueueMax = QueueMax { frames: 256, bytes: 2 * BULK_FRAME_BYTES_MAX };

/// Votes from one peer that are not verified yet; then nothing more is read from that stream.
pub(crate) const IN_VOTES: QueueMax = QueueMax { frames: 1024, bytes: VOTES_FRAME_BYTES_MAX };

/// Bulk frames from one peer that are not verified yet; one of the largest, because a faulty group member may
/// fill it and leave it full.
pub(crate) const IN_BULK: QueueMax = QueueMax { frames: 64, bytes: BULK_FRAME_BYTES_MAX };

const _: () = assert!(IN_VOTES.bytes >= VOTES_FRAME_BYTES_MAX, "the largest vote frame must fit");
const _: () = assert!(IN_BULK.bytes >= BULK_FRAME_BYTES_MAX, "the largest bulk frame must fit");
const _: () = assert!(OUT_VOTES.bytes >= VOTES_FRAME_BYTES_MAX, "the largest vote frame must fit");
const _: () = assert!(OUT_BULK.bytes >= BULK_FRAME_BYTES_MAX, "the largest bulk frame must fit");
const _: () = assert!(BULK_FRAME_BYTES_MAX <= u32::MAX as usize, "a length is four bytes");

/// Bytes allocated for a frame before the first of them arrived: a claim of 34 MiB alone costs its author's budget,
/// not memory.
pub(crate) const READ_AHEAD_BYTES: usize = 64 * 1024;

/// Bytes collected before they go into the stream; small votes share one encrypted record.
pub(crate) const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// Streams on one connection: two, twice that while old ones die, and as many again for protocols to come.
pub(crate) const STREAMS_MAX: usize = 8;

/// Bytes of one connection that may be on their way or unread, all streams together.
///
/// Yamux keeps 256 KiB of this for each of [`STREAMS_MAX`] streams and lets them share the rest, so a bulk stream has
/// at most 1.25 MiB on its way. A vote waits behind no more than that: 0.1 s at 100 Mbit/s; and bulk still fills 125
/// Mbit/s at a round trip of 80 ms. The window also bounds how much a member can make us buffer by sending data that we
/// do not read.
pub(crate) const RECEIVE_WINDOW_BYTES: usize = 3 * MIB;

/// Connections with one peer: one, another while both sides dial at once, and two that died unseen.
pub(crate) const CONNECTIONS_PER_PEER_MAX: u32 = 4;

/// Inbound connections, all together, whose handshake has not ended: file handles a stranger can hold.
pub(crate) const HANDSHAKES_MAX: u32 = 192;

/// The same from one address, so that one host cannot hold them all.
pub(crate) const HANDSHAKES_PER_ADDRESS_MAX: usize = 16;

/// The same from hosts at which no member has proved its key: a few hosts cannot shut the members out.
pub(crate) const HANDSHAKES_OF_STRANGERS_MAX: usize = 128;

const _: () = assert!(HANDSHAKES_OF_STRANGERS_MAX * 3 <= HANDSHAKES_MAX as usize * 2, "a third is for members");

/// Hosts of one member that count as its own: the last two, of a member that moves.
pub(crate) const HOSTS_PER_MEMBER_MAX: usize = 2;

/// Hosts of all members: far more than a group has.
pub(crate) const HOSTS_OF_MEMBERS_MAX: usize = 512;

/// Inbound connections from one address in one second; a handshake costs about 0.2 ms of processor time.
pub(crate) const ARRIVALS_PER_ADDRESS_MAX: usize = 64;

/// Addresses whose arrivals are counted at a time; beyond that counting starts again.
pub(crate) const ADDRESSES_COUNTED_MAX: usize = 4096;

/// Time for a handshake, both ways of dialling: three round trips of a bad link. A silent socket is closed then.
pub(crate) const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// Time to agree on the protocol of one stream.
pub(crate) const NEGOTIATION_TIME: Duration = Duration::from_secs(5);

/// First wait before dialling or opening again; doubles up to [`RETRY_MAX`].
pub(crate) const RETRY_MIN: Duration = Duration::from_millis(100);

/// Longest wait before dialling or opening again, and how long a link must have lasted to start from the minimum.
pub(crate) const RETRY_MAX: Duration = Duration::from_secs(2);

/// Time that the larger peer id gives the smaller one to dial before it dials itself.
pub(crate) const DIAL_PATIENCE: Duration = Duration::from_secs(3);

/// Time that a connection may carry no stream: enough for two tries to open one.
pub(crate) const UNUSED_MAX: Duration = Duration::from_secs(12);

/// When a stream counts as dead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pulse {
    /// An idle writer sends an empty frame this often.
    pub(crate) every: Duration,
    /// A reader that waited this long for a single byte gives the connection up.
    pub(crate) silence_max: Duration,
}

/// TCP survives short cuts by itself, but after a long one it tries again only every two minutes; a new connection is
/// there in seconds. Longer than the 6 s of a cut that TCP mends within a second or two of its end.
pub(crate) const PULSE: Pulse = Pulse { every: Duration::from_secs(3), silence_max: Duration::from_secs(12) };

const _: () = assert!(PULSE.every.as_millis() * 3 < PULSE.silence_max.as_millis(), "one lost beat is no death");

/// Bytes of bulk of no use as which a heartbeat among bulk counts: a thousand in a second, where one in three is sent.
pub(crate) const BEAT_BYTES: u64 = 16 * 1024;

/// Frames of address records that a peer may tell at once; each costs 16 signatures at most.
pub(crate) const TELLINGS_MAX: u32 = 4;

/// Pause between two frames of address records to one peer, who looks at so many.
pub(crate) const TELLING_EVERY: Duration = Duration::from_secs(1);

/// Time `start` waits for the operating system to name the addresses it listens on.
pub(crate) const LISTEN_TIME: Duration = Duration::from_secs(5);
