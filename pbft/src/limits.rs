//! Limits and periods: constants of the genesis, the same on every replica, each with its unit and reason.

use crate::wire::SeqNum;
use borsh::{BorshDeserialize, BorshSerialize};

/// The numbers that a group fixes in its genesis. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Constants {
    /// Slots between checkpoints (C1).
    pub checkpoint_period: u64,
    /// Slots that may be in flight above `low`: two periods, so that nobody stalls while a checkpoint becomes stable.
    pub window: u64,
    /// First time-out of a view; doubles while views fail (V2).
    pub base_timeout_ms: u64,
    /// Largest time-out of a view (V2, pitfall 13).
    pub timeout_cap_ms: u64,
    /// Least time between two cuts of a busy primary (N7).
    pub cut_delay_ms: u64,
    /// Least time between two checkpoint marks (C1).
    pub mark_period_ms: u64,
    /// Age of the oldest uncovered committed slot at which any slot is marked (C1).
    pub mark_age_ms: u64,
    /// Time between two statuses (N9).
    pub status_period_ms: u64,
    /// Furthest that a proposal may be ahead of a replica's clock (T2).
    pub clock_ahead_ms: u64,
    /// Furthest behind it (T2); at least the cap of the view timer.
    pub clock_behind_ms: u64,
    /// Bytes of one bundle, unless it holds a single item (L1).
    pub bundle_bytes_max: u32,
    /// Bundles that a lane may be ahead of its executed tip (L2).
    pub lane_ahead_bundles_max: u64,
    /// Bytes that a lane may be ahead of its executed tip (L2).
    pub lane_ahead_bytes_max: u64,
}

impl Constants {
    /// The numbers of a new genesis.
    pub const STANDARD: Self = Self {
        checkpoint_period: 128,
        window: 256,
        base_timeout_ms: 1_000,
        timeout_cap_ms: 30_000,
        cut_delay_ms: 20,
        mark_period_ms: 50,
        mark_age_ms: 200,
        status_period_ms: 500,
        clock_ahead_ms: 2_000,
        clock_behind_ms: 60_000,
        bundle_bytes_max: 1 << 20,
        lane_ahead_bundles_max: 4_096,
        lane_ahead_bytes_max: 64 << 20,
    };

    /// Bundles of a lane that are fetched before their slots are next: what memory bears if each is full (L5).
    pub(crate) fn bundles_ahead(&self) -> u64 {
        let few = self.lane_ahead_bytes_max / u64::from(self.bundle_bytes_max).max(1);
        few.min(self.lane_ahead_bundles_max)
    }

    /// The last slot of an epoch whose next members were named in slot `named` (M1): by then everybody has executed that slot.
    pub fn last_slot(&self, named: SeqNum) -> SeqNum {
        let least = named.get().saturating_add(self.window);
        SeqNum::new(least.div_ceil(self.checkpoint_period).saturating_mul(self.checkpoint_period))
    }

    /// Bytes of one item: an envelope of 32 MiB and its frame.
    pub const ITEM_BYTES_MAX: usize = (32 << 20) + (64 << 10);
    /// Items of one bundle: 1 MiB of the smallest.
    pub const ITEMS_MAX: usize = 16_384;
    /// Bundles that an owner has out without a certificate (L1).
    pub const UNCERTIFIED_BUNDLES_MAX: u64 = 8;
    /// Bytes of them, unless one alone has more: what a lane may bring of copies (L2), for an owner that is cut off does not
    /// see what others bring meanwhile.
    pub const UNCERTIFIED_BYTES_MAX: u64 = 16 << 20;
    /// Replicas of a group: what one byte string of signatures can reasonably hold.
    pub const REPLICAS_MAX: usize = 256;
    /// Statements of one answer about what a replica has signed (E7): a largest window of each kind of vote, one of
    /// those in decisions, and a few of each other kind and lane.
    pub const RECALLED_MAX: usize = 20_480;
    /// Slots that one status speaks of.
    pub const WINDOW_MAX: u64 = 4_096;
}

impl Default for Constants {
    fn default() -> Self {
        Self::STANDARD
    }
}

const _: () = {
    let c = Constants::STANDARD;
    assert!(c.window >= 2 * c.checkpoint_period, "the window outlives a checkpoint period");
    assert!(c.window <= Constants::WINDOW_MAX, "a status speaks of one window");
    assert!(c.clock_behind_ms >= c.timeout_cap_ms, "a NewView is not older than a proposal may be");
    assert!(c.cut_delay_ms < c.mark_period_ms && c.mark_period_ms < c.mark_age_ms, "marks are rarer than cuts");
    assert!(
        c.mark_age_ms < c.base_timeout_ms && c.status_period_ms < c.base_timeout_ms,
        "work is due before it is late"
    );
    assert!(c.base_timeout_ms < c.timeout_cap_ms, "time-outs can double");
    assert!(Constants::ITEM_BYTES_MAX as u64 <= c.lane_ahead_bytes_max, "a lane has room for the largest item");
    assert!(Constants::UNCERTIFIED_BUNDLES_MAX <= c.lane_ahead_bundles_max, "an owner's bundles fit its lane");
};
