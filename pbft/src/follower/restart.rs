//! From what the disk holds to a follower that goes on where it was.

use crate::follower::{Follower, FollowerConfig};
use crate::recovery::recovered::Recovered;
use crate::wire::{Ticks, Verify};

impl Follower {
    /// The follower that wrote these records. It promised nothing, so a lost, old or copied disk is as good as any.
    ///
    /// # Panics
    ///
    /// When the records are of another member list (M3).
    pub fn recover(config: FollowerConfig, recovered: Recovered) -> Self {
        let verify = config.verify.clone();
        let mut follower = Self::new(config);
        follower.resume(recovered, &*verify);
        follower
    }

    fn resume(&mut self, recovered: Recovered, verify: &dyn Verify) {
        let executed = recovered.executed;
        let same = (executed.epoch, executed.tips.len()) == (self.point.epoch, self.point.tips.len());
        assert!(same, "M3: an executed point of another member list");
        let check = |claimed| self.committee.check(claimed, verify).ok();
        let stable = recovered.stable.and_then(check).filter(|stable| stable.seq() <= executed.seq);
        let committed = recovered.slots.into_iter().filter_map(|slot| slot.committed);
        let decided = committed.filter_map(|(claimed, content)| Some((check(claimed)?, content)));
        let decided: alloc::vec::Vec<_> = decided.collect();
        self.checkpoints.resume(stable);
        self.point = executed;
        for (certificate, content) in decided {
            let seq = certificate.seq();
            if self.point.seq < seq && seq <= self.reach() {
                // Two decisions of a slot are not on one disk: the first stays (N4).
                let _ = self.slots.decide(seq, certificate.digest(), content);
            }
        }
        for (lane, (tip, bytes)) in self.lanes.iter_mut().zip(self.point.lanes()) {
            lane.executed_up_to(tip, bytes);
        }
        for bundle in recovered.bundles {
            let lane = &mut self.lanes[bundle.header.lane.index()];
            if bundle.header.position > lane.executed.position {
                lane.hold(bundle, true, Ticks::default());
            }
        }
        self.checkpoints.note(self.point.seq, self.point.checkpoint_digest());
        // Marks of a disk for voters: a follower has promised nothing (E7).
        self.broken = recovered.broken.filter(|broken| !broken.is_of_key());
    }
}
