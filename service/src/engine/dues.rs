//! Dues of members: what each handed over and owes, by its number in the epoch at work.

use super::brought::Brought;
use super::loose::Loose;
use super::replies::Replies;
use super::tolls::Tolls;
use quorate_ledger::ConflictId;
use quorate_pbft::{ReplicaId, Time};
use std::collections::{BTreeMap, BTreeSet};

/// Dues of all members.
#[derive(Debug, Default)]
pub(super) struct Dues {
    pub(super) tolls: Tolls,
    pub(super) brought: Brought,
    /// Bundles of each lane that its owner handed over and that were not stored as they came.
    pub(super) loose: BTreeMap<ReplicaId, Loose>,
    /// Bytes of its lane that each owner has sent again since the last own status.
    pub(super) sent_again: BTreeMap<ReplicaId, u64>,
    /// Members that have told what this replica promised.
    pub(super) recalled: BTreeSet<ReplicaId>,
    pub(super) replies: Replies,
}

impl Dues {
    /// Notes that a conflict has begun: analyses of it that came before are given back to their lanes.
    pub(super) fn begins(&mut self, conflict: &ConflictId, now: Time) {
        for (lane, bytes) in self.brought.begins(conflict, now) {
            self.tolls.pay_back(lane, bytes, now);
        }
    }

    /// Notes a status of this replica, which says that this member is the primary.
    pub(super) fn tell(&mut self, primary: ReplicaId) {
        self.sent_again.clear();
        self.replies.tell(primary);
    }

    /// Goes into the next epoch, in which lanes and numbers have other owners. Conflicts that have begun are the same.
    pub(super) fn cross(&mut self) {
        let brought = std::mem::take(&mut self.brought).crossed();
        *self = Self { brought, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::{Digest, Position};

    #[test]
    fn what_owners_sent_again_in_an_epoch_counts_in_no_later_one() {
        let mut dues = Dues::default();
        dues.sent_again.insert(ReplicaId::new(3), 1);

        dues.cross();

        assert_eq!(dues.sent_again, BTreeMap::new());
    }

    /// An analysis on a lane that is void at the end of an epoch comes again on that of the next one.
    #[test]
    fn an_analysis_of_a_conflict_that_began_in_the_epoch_before_is_free_once_on_each_new_lane() {
        let (mut dues, lane) = (Dues::default(), ReplicaId::new(3));
        let (conflict, at) = (ConflictId(Digest([1; 32])), |position| (Position::new(position), 0));
        dues.begins(&conflict, Time::default());
        assert!(dues.brought.is_wanted(lane, at(7), &conflict));

        dues.cross();

        assert!(dues.brought.is_wanted(lane, at(1), &conflict));
        assert!(!dues.brought.is_wanted(lane, at(2), &conflict));
    }
}
