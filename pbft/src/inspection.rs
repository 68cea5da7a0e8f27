//! The inside of a replica at one moment, for tests that look at it or print where a run stands.

use crate::replica::Replica;
use crate::wire::{ReplicaId, SeqNum, Ticks, Tip, View};
use alloc::vec::Vec;

/// State of a replica beyond its report.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Whether the view that it asked for has not started.
    pub changing: bool,
    /// The view that each member asks for, as far as it is known (V3).
    pub view_changes: Vec<(ReplicaId, View)>,
    /// The time-out of this moment (V2), milliseconds.
    pub timeout_ms: u64,
    /// Begin of the longest wait (V1).
    pub waits_since: Option<Ticks>,
    /// By place in the member list.
    pub lanes: Vec<LaneInspection>,
    /// Slots above the executed one.
    pub slots: Vec<SlotInspection>,
}

/// State of a lane.
#[derive(Debug, Clone, Copy)]
pub struct LaneInspection {
    /// The executed tip.
    pub executed: Tip,
    /// The newest certified bundle.
    pub certified: Tip,
    /// The newest bundle that this replica acknowledged.
    pub acknowledged: Tip,
    /// Bundles in memory.
    pub held: usize,
}

/// State of a slot.
#[derive(Debug, Clone, Copy)]
pub struct SlotInspection {
    /// The slot.
    pub seq: SeqNum,
    /// Prepares kept, of whatever view.
    pub prepares: usize,
    /// Commits kept, of whatever view.
    pub commits: usize,
    /// Whether it is decided.
    pub committed: bool,
    /// Whether the content of the decision, or else of the proposal, is here.
    pub has_content: bool,
}

impl Replica {
    /// State beyond the report.
    pub fn inspect(&self) -> Inspection {
        let lanes = self.lanes.iter().map(|lane| LaneInspection {
            executed: lane.executed,
            certified: lane.certified(),
            acknowledged: lane.acked,
            held: lane.held_count(),
        });
        let slots = self.order.log.above(self.order.executed()).map(|(seq, slot)| SlotInspection {
            seq,
            prepares: slot.prepares.len(),
            commits: slot.commits.len(),
            committed: slot.committed.is_some(),
            has_content: slot.leading().is_some(),
        });
        Inspection {
            changing: self.views.changing,
            view_changes: self.views.latest.values().map(|(signed, body)| (signed.signer, body.view)).collect(),
            timeout_ms: self.views.timeout_ms(&self.member),
            waits_since: self.order.waits_since(&self.lanes, &self.member),
            lanes: lanes.collect(),
            slots: slots.collect(),
        }
    }
}
