//! Periods and bounds, each with its unit and reason.

/// Milliseconds between two looks at neighbours that were not told of the newest: one way round the world, and a little.
pub const BEAT_MS: u64 = 200;
/// Milliseconds between two times that neighbours are told at once of new data; what comes between waits for a beat.
pub const DATA_TOLD_EVERY_MS: u64 = 50;
/// Milliseconds between two comparisons with a random neighbour: a round of anti-entropy.
pub const ROUND_MS: u64 = 10_000;
/// Milliseconds after which one neighbour is exchanged, so that no set of neighbours stays.
pub const CHANGE_MS: u64 = 300_000;
/// Hops of pushed news; 3 to the 8th power is more than any audience.
pub const HOPS_MAX: u8 = 8;
/// Neighbours that are dialled for their short way.
pub const NEAR: usize = 2;
/// Addresses in one answer.
pub const HINTS_MAX: usize = 3;
/// Addresses that are known.
pub const KNOWN_MAX: usize = 1_024;
/// Bytes of an address.
pub const ADDRESS_BYTES_MAX: usize = 256;
/// Domains that a follower names.
pub const DOMAINS_MAX: usize = 64;
/// Messages of one item of news: a decision and a checkpoint.
pub const ITEMS_MAX: usize = 2;
/// Milliseconds after which news without an answer counts as lost.
pub const IN_FLIGHT_MS: u64 = 2_000;
/// Milliseconds before an address that refused, or did not answer, is dialled again.
pub const REDIAL_MS: u64 = 3_000;
/// Milliseconds before a neighbour that was dropped for a fault is dialled again.
pub const BANNED_MS: u64 = 600_000;

/// Size of a node's part in the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Neighbours that it dials.
    pub dials: usize,
    /// Neighbours that it takes in.
    pub places: usize,
    /// Neighbours that hear news at once.
    pub fanout: usize,
}

impl Shape {
    /// A follower.
    pub const FOLLOWER: Self = Self { dials: 4, places: 12, fanout: 3 };
    /// A voter: it feeds eight followers, whatever the size of the audience.
    pub const VOTER: Self = Self { dials: 0, places: 8, fanout: 8 };
}
