//! Read-only answers for status, metrics and people.

use crate::follower::Follower;
#[cfg(feature = "testing")]
use crate::lanes::lane::Lane;
use crate::recovery::recovered::ExecutedPoint;
use crate::report::PeerReport;
use crate::wire::{SeqNum, View};
use alloc::vec::Vec;

/// State of a follower at one moment.
#[derive(Debug, Clone)]
pub struct FollowerReport {
    /// Position and hashes of what is executed.
    pub executed: ExecutedPoint,
    /// The newest certified checkpoint whose state is the own one.
    pub stable: SeqNum,
    /// The highest view that f + 1 members say they are in or beyond.
    pub view: View,
    /// By place in the member list.
    pub peers: Vec<PeerReport>,
    /// q.
    pub quorum: usize,
    /// The highest slot that is known as certified, or executed.
    pub decided: SeqNum,
    /// The slot to execute next, if no member that is heard can still hand it out (S1).
    pub unserved: Option<SeqNum>,
}

impl Follower {
    /// The report for people and metrics.
    pub fn report(&self) -> FollowerReport {
        let (now, next) = (self.now.ticks, self.point.seq.next());
        FollowerReport {
            executed: self.point.clone(),
            stable: self.stable_seq(),
            view: self.view(),
            peers: self.neighbours.peers().report(),
            quorum: self.committee.quorum(),
            decided: self.slots.last().unwrap_or_default().max(self.neighbours.proved()).max(self.point.seq),
            unserved: self.neighbours.unserved(next, now).then_some(next),
        }
    }

    /// The highest view that f + 1 members say they are in or beyond.
    pub fn view(&self) -> View {
        let mut views: Vec<View> =
            self.neighbours.peers().iter().filter_map(|peer| Some(peer.status.as_ref()?.view)).collect();
        views.sort_unstable_by(|a, b| b.cmp(a));
        views.get(self.committee.weak() - 1).copied().unwrap_or_default()
    }
}

#[cfg(feature = "testing")]
impl Follower {
    /// Bytes of bundles in memory.
    pub fn held_bytes(&self) -> u64 {
        self.lanes.iter().map(Lane::held_bytes).sum()
    }
}
