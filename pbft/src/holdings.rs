//! Fill of every buffer that peers can grow (B): for tests of the limits.

use crate::agreement::slot::Slot;
use crate::lanes::lane::Lane;
use crate::replica::Replica;

/// Counts of one moment. Each buffer's limit is a constant where it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holdings {
    /// Slots above the stable checkpoint.
    pub slots: usize,
    /// Contents in the fullest of them.
    pub contents: usize,
    /// Prepares and Commits in the fullest of them.
    pub votes: usize,
    /// Checkpoint statements that wait for a quorum, of the signer of whom there are most.
    pub checkpoint_votes: usize,
    /// Series of statements remembered to be compared (E2): one for each signer and kind, for Acks and lane.
    pub series: usize,
    /// Statements in the longest series of votes, checkpoints, ViewChanges or NewViews.
    pub remembered: usize,
    /// Statements in the longest series of Bundle or Ack statements.
    pub remembered_of_lanes: usize,
    /// Certified digests that statements are compared with (E2), of the subject of which most are known.
    pub references: usize,
    /// Evidence on its way to the ledger (E5).
    pub evidence: usize,
    /// Bundles in the fullest lane.
    pub bundles: usize,
    /// Bytes of the bundles of the lane that has most.
    pub bundle_bytes: u64,
    /// Bundles that are neither stored nor certified: of the lanes with more than one, that with most bytes of them.
    pub loose_bundles: usize,
    /// Their bytes.
    pub loose_bytes: u64,
    /// Acknowledgements of one signer in one lane.
    pub acks: usize,
    /// Lane certificates in the fullest lane.
    pub certificates: usize,
    /// Newest ViewChanges (V4).
    pub view_changes: usize,
    /// NewViews (V4).
    pub new_views: usize,
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
    /// Fill of every buffer that peers and submitters can grow.
    pub fn holdings(&self) -> Holdings {
        let slots = || self.order.log.iter().map(|(_, slot)| slot);
        let fullest = |count: fn(&Slot) -> usize| slots().map(count).max().unwrap_or(0);
        let most = |count: fn(&Lane) -> usize| self.lanes.iter().map(count).max().unwrap_or(0);
        let loose_of = |lane: &Lane| lane.loose().fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
        let loose = self.lanes.iter().map(loose_of).max_by_key(|(count, bytes)| (*count > 1, *bytes));
        let (loose_bundles, loose_bytes) = loose.unwrap_or_default();
        Holdings {
            slots: slots().count(),
            contents: fullest(Slot::contents_count),
            votes: fullest(|slot| slot.prepares.len() + slot.commits.len()),
            checkpoint_votes: self.order.checkpoints.most_votes(),
            series: self.witness.series_count(),
            remembered: self.witness.longest_series(false),
            remembered_of_lanes: self.witness.longest_series(true),
            references: self.witness.most_references(),
            evidence: self.accusations.held().count(),
            bundles: most(Lane::held_count),
            bundle_bytes: self.lanes.iter().map(Lane::held_bytes).max().unwrap_or(0),
            loose_bundles,
            loose_bytes,
            acks: most(Lane::most_acks),
            certificates: most(Lane::certificates_count),
            view_changes: self.views.latest.len(),
            new_views: self.views.new_views.len(),
            early: self.views.early.len(),
            asking: self.pursuits.len(),
            reads: self.lanes.reads.count(),
            pending_bytes: self.lanes.own.pending_bytes,
        }
    }
}
