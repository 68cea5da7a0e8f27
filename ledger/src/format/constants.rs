//! The numbers that a group fixes in its genesis.

use crate::vocabulary::bounds::{CHANGES_MAX, OPERATIONS_MAX};
use quorate_pbft::Constants;
use serde::{Deserialize, Serialize};

/// The domain that envelopes name for what concerns the whole group. The group's domain has no files, and no domain can
/// be named so.
pub const GROUP_DOMAIN: &str = "@group";

/// The number of the group's own tree.
pub(crate) const GROUP: u32 = 0;

/// Limits of the ledger, each the same on every replica. They are fields of the genesis's `constants`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one file.
    pub file_bytes_max: u64,
    /// Bytes of one envelope, contents included.
    pub envelope_bytes_max: u64,
    /// Changes of one envelope.
    pub changes_max: u32,
    /// Operations of one envelope, over all its changes.
    pub operations_max: u32,
    /// Milliseconds of ledger time that a base may lie back.
    pub base_horizon_ms: u64,
    /// Bytes of old contents that a domain keeps within the horizon; the oldest leave first.
    pub base_horizon_bytes: u64,
    /// Distance above its author's next number at which an envelope may begin.
    pub gap_max: u64,
    /// Milliseconds of ledger time that an envelope may wait for a gap to close.
    pub wait_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes_max: 16 << 20,
            envelope_bytes_max: 32 << 20,
            changes_max: 1_024,
            operations_max: 16_384,
            base_horizon_ms: 30 * 24 * 60 * 60 * 1_000,
            base_horizon_bytes: 8 << 30,
            gap_max: 1_024,
            wait_ms: 10 * 60 * 1_000,
        }
    }
}

/// [`quorate_pbft::Constants`] as the genesis spells them.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Constants", deny_unknown_fields)]
pub(crate) struct ProtocolConstants {
    checkpoint_period: u64,
    window: u64,
    base_timeout_ms: u64,
    timeout_cap_ms: u64,
    cut_delay_ms: u64,
    mark_period_ms: u64,
    mark_age_ms: u64,
    status_period_ms: u64,
    clock_ahead_ms: u64,
    clock_behind_ms: u64,
    bundle_bytes_max: u32,
    lane_ahead_bundles_max: u64,
    lane_ahead_bytes_max: u64,
}

/// Constants with which a group cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("constants: {0}")]
pub struct BadConstants(pub(crate) &'static str);

/// Refuses constants with which a group would stop or could not be verified.
pub(crate) fn check(protocol: &Constants, limits: &Limits) -> Result<(), BadConstants> {
    let item_max = Constants::ITEM_BYTES_MAX as u64;
    let rules = [
        (protocol.checkpoint_period > 0, "checkpoint_period is at least 1"),
        (protocol.window / 2 >= protocol.checkpoint_period, "window is at least twice checkpoint_period"),
        (protocol.window <= Constants::WINDOW_MAX, "window is above its maximum"),
        (protocol.base_timeout_ms > 0, "base_timeout_ms is at least 1"),
        (protocol.timeout_cap_ms >= protocol.base_timeout_ms, "timeout_cap_ms is at least base_timeout_ms"),
        (protocol.clock_behind_ms >= protocol.timeout_cap_ms, "clock_behind_ms is at least timeout_cap_ms (T2)"),
        (protocol.status_period_ms > 0, "status_period_ms is at least 1"),
        (protocol.bundle_bytes_max > 0, "bundle_bytes_max is at least 1"),
        (protocol.lane_ahead_bundles_max > 0, "lane_ahead_bundles_max is at least 1"),
        (limits.envelope_bytes_max <= item_max, "envelope_bytes_max is above what one item holds"),
        (protocol.lane_ahead_bytes_max >= item_max, "lane_ahead_bytes_max holds at least one item"),
        (limits.file_bytes_max <= limits.envelope_bytes_max, "file_bytes_max is at most envelope_bytes_max"),
        (limits.changes_max > 0 && limits.operations_max > 0, "an envelope holds at least one change and operation"),
        (limits.changes_max as usize <= CHANGES_MAX, "changes_max is above what is decoded"),
        (limits.operations_max as usize <= OPERATIONS_MAX, "operations_max is above what is decoded"),
        (limits.base_horizon_ms > 0, "base_horizon_ms is at least 1"),
    ];
    match rules.iter().find(|(holds, _)| !holds) {
        Some((_, rule)) => Err(BadConstants(rule)),
        None => Ok(()),
    }
}

/// Bytes of a start of a view that members hand on: a frame of the bulk stream, and room for all that is not slots.
const START_BYTES_MAX: u64 = 33 << 20;

/// Bytes of a slot in a demand: its entries in P and Q, and each signature in P.
const SLOT_BYTES: u64 = 435;
const SIGNATURE_BYTES: u64 = 66;

/// Refuses a window with which a start of a view may be too large for one frame, so that the group would never have another
/// view (V5): it holds q demands, each with P and Q of a whole window, and P may hold n signatures of each slot. For new groups
/// and plans; older groups may have it.
pub fn check_window(members: usize, window: u64) -> Result<(), BadConstants> {
    let (members, quorum) = (members as u64, members as u64 * 2 / 3 + 1);
    let fits = quorum * window * (SLOT_BYTES + SIGNATURE_BYTES * members) <= START_BYTES_MAX;
    let why = "window is too large for so many members: a start of a view would fit into no frame";
    if fits { Ok(()) } else { Err(BadConstants(why)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::{ClaimedCert, Digest, Epoch, Kind, PreparedEntry, ReplicaId, SeqNum, Signed, View, VotedEntry};

    #[test]
    fn a_window_is_as_large_as_a_start_with_all_its_slots_fits_into_a_frame() {
        let fits = |members, window| check_window(members, window).is_ok();
        assert_eq!(
            [(51, 256), (52, 256), (100, 73), (100, 74)].map(|(n, window)| fits(n, window)),
            [true, false, true, false]
        );
    }

    #[test]
    fn a_slot_of_a_demand_has_as_many_bytes_as_are_counted() {
        let (epoch, view, seq, digest) = (Epoch::new(0), View::new(1), SeqNum::new(1), Digest([1; 32]));
        let statement = quorate_pbft::Statement { group: digest, epoch, kind: Kind::PrePrepare, view, seq, digest };
        let pre_prepare = Signed { statement, signer: ReplicaId::new(0), signature: quorate_pbft::Signature([0; 64]) };
        let signatures: Vec<_> = (0..3).map(|id| (ReplicaId::new(id), pre_prepare.signature)).collect();
        let certificate = ClaimedCert { epoch, kind: Kind::Prepare, view, seq, digest, signatures };
        let prepared = borsh::to_vec(&PreparedEntry { certificate, pre_prepare, new_view: digest }).expect("memory");
        let voted = borsh::to_vec(&VotedEntry { pre_prepare, new_view: digest }).expect("memory");
        assert_eq!((prepared.len() + voted.len()) as u64, SLOT_BYTES + 3 * SIGNATURE_BYTES);
    }

    #[test]
    fn the_starting_values_are_good() {
        assert_eq!(check(&Constants::default(), &Limits::default()), Ok(()));
    }

    #[test]
    fn a_window_that_does_not_outlive_two_periods_is_refused() {
        let protocol = Constants { checkpoint_period: 128, window: 255, ..Constants::default() };
        assert!(check(&protocol, &Limits::default()).is_err());
    }
}
