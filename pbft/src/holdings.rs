//! How full everything is that peers can fill (B): for metrics, and for whoever checks the limits.

use crate::lane::Lane;
use crate::replica::Replica;
use crate::slot::Slot;

/// Counts of one moment. Each buffer's limit is a constant where it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holdings {
    /// Slots above the stable checkpoint.
    pub slots: usize,
    /// Contents in the fullest of them.
    pub contents: usize,
    /// Prepares and Commits in the fullest of them.
    pub votes: usize,
    /// Checkpoint statements that wait for a quorum.
    pub checkpoint_votes: usize,
    /// Votes, checkpoints, demands and starts of views of others, remembered to be compared (E2).
    pub remembered: usize,
    /// Bundle and Ack statements of others, remembered to be compared (E2).
    pub remembered_of_lanes: usize,
    /// Statements kept apart for others to compare (E2).
    pub kept: usize,
    /// Positions with two PrePrepares.
    pub split: usize,
    /// Evidence on its way to the ledger (E5).
    pub evidence: usize,
    /// Bundles in the fullest lane.
    pub bundles: usize,
    /// Bytes of the bundles of the lane that has most.
    pub bundle_bytes: u64,
    /// Bundles of the fullest lane that are neither stored nor certified.
    pub loose_bundles: usize,
    /// Their bytes, of the lane that has most.
    pub loose_bytes: u64,
    /// Acknowledgements in the fullest lane.
    pub acks: usize,
    /// Lane certificates in the fullest lane.
    pub certificates: usize,
    /// Newest demands for views (V4).
    pub demands: usize,
    /// Starts of views (V4).
    pub starts: usize,
    /// Proposals of a view that has not started here.
    pub early: usize,
    /// Questions that are out.
    pub asking: usize,
    /// Strong reads on their way.
    pub reads: usize,
    /// Bytes of items that wait for the own lane.
    pub pending_bytes: u64,
}

impl Replica {
    /// How full everything is that peers, and those who submit, can fill.
    pub fn holdings(&self) -> Holdings {
        let slots = || self.log.iter().map(|(_, slot)| slot);
        let fullest = |count: fn(&Slot) -> usize| slots().map(count).max().unwrap_or(0);
        let most = |count: fn(&Lane) -> usize| self.lanes.iter().map(count).max().unwrap_or(0);
        let loose =
            || self.lanes.iter().map(|lane| lane.loose().fold((0, 0), |(n, bytes), size| (n + 1, bytes + size)));
        Holdings {
            slots: slots().count(),
            contents: fullest(Slot::contents_count),
            votes: fullest(|slot| slot.prepares.len() + slot.commits.len()),
            checkpoint_votes: self.checkpoints.votes_count(),
            remembered: self.witness.remembered_count() - self.witness.remembered_of_lanes_count(),
            remembered_of_lanes: self.witness.remembered_of_lanes_count(),
            kept: self.witness.kept_count(),
            split: self.witness.split_count(),
            evidence: self.accusations.held().count(),
            bundles: most(Lane::held_count),
            bundle_bytes: self.lanes.iter().map(Lane::held_bytes).max().unwrap_or(0),
            loose_bundles: loose().map(|(count, _)| count).max().unwrap_or(0),
            loose_bytes: loose().map(|(_, bytes)| bytes).max().unwrap_or(0),
            acks: most(Lane::acks_count),
            certificates: most(Lane::certificates_count),
            demands: self.views.latest.len(),
            starts: self.views.starts.len(),
            early: self.views.early.len(),
            asking: self.pursuits.len(),
            reads: self.reads.count(),
            pending_bytes: self.own.pending_bytes(),
        }
    }
}
