//! A follower from one epoch to the next: it executes on, with other members' certificates (M1, M3).

use crate::effects::{Effect, Effects, Record};
use crate::follower::{Follower, FollowerConfig};
use crate::recovery::handover::Handover;
use crate::wire::View;

impl Follower {
    /// Remains of this follower, once [`crate::Effect::EpochOver`] has said that its epoch is over.
    ///
    /// # Panics
    ///
    /// If the epoch is not over.
    pub fn hand_over(self) -> Handover {
        assert!(self.over, "M1: nobody leaves an epoch before its last checkpoint is stable");
        Handover::of(self.now, &self.point)
    }

    /// The follower of the next epoch.
    ///
    /// # Panics
    ///
    /// If the committee is not the one that the state names.
    pub fn enter(config: FollowerConfig, handover: Handover, out: &mut Effects) -> Self {
        let mut follower = Self::new(config);
        let (epoch, members) = (handover.point.epoch, handover.point.members_after);
        assert!(members == follower.committee.digest(), "I23: the state names other members of {epoch}");
        out.persist(Record::View { epoch, view: View::new(0), changing: false });
        (follower.now, follower.point) = (handover.now, handover.point);
        follower
    }

    /// M1: the last slot is executed and its state is the certified one; said once.
    pub(super) fn tell_over(&mut self, out: &mut Effects) {
        let Some(certificate) = self.checkpoints.stable().filter(|stable| self.point.last() == Some(stable.seq()))
        else {
            return;
        };
        if let Some(next) = self.point.next.clone().filter(|_| !core::mem::replace(&mut self.over, true)) {
            out.push(Effect::EpochOver { certificate: certificate.clone(), next });
        }
    }
}
