//! Read-only answers for status, metrics and people.

use crate::effects::Broken;
use crate::evidence::reference::Certified;
use crate::member::Standing;
use crate::recovery::peer::Peers;
use crate::recovery::recovered::ExecutedPoint;
use crate::replica::Replica;
use crate::views::cause::Cause;
use crate::wire::{Digest, QuorumCert, ReplicaId, SeqNum, StatusBody, Ticks, View};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// State of a replica at one moment.
#[derive(Debug, Clone)]
pub struct Report {
    /// The highest view entered or asked for.
    pub view: View,
    /// Why this replica asked for it; none where it did not.
    pub cause: Option<Cause>,
    /// Its primary.
    pub primary: ReplicaId,
    /// Position and hashes of what is executed.
    pub executed: ExecutedPoint,
    /// The newest stable checkpoint that is executed.
    pub stable: SeqNum,
    /// Whether it waits for others to tell it what it signed (E7), and how many have answered.
    pub recovering: Option<usize>,
    /// Whether its disk is older than its promises (E7).
    pub following: bool,
    /// Why it has stopped.
    pub broken: Option<Broken>,
    /// R: something waits, and fewer than q members are heard.
    pub read_only: bool,
    /// q.
    pub quorum: usize,
    /// By place in the member list.
    pub peers: Vec<PeerReport>,
    /// Decided slots that are not executed yet.
    pub waiting: usize,
    /// The slot to execute next, if no member that is heard can still hand it out (S1).
    pub unserved: Option<SeqNum>,
    /// Slots that n Prepares decided here before q Commits did (N5).
    pub fast_commits: u64,
    /// C3: states differ so that a checkpoint can get no quorum any more.
    pub hopeless_checkpoint: Option<Split>,
}

/// A checkpoint slot, and who said which digest.
pub type Split = (SeqNum, BTreeMap<Digest, Vec<ReplicaId>>);

/// State of a peer, as last heard.
#[derive(Debug, Clone)]
pub struct PeerReport {
    /// When anything was last heard from it; none for the replica itself.
    pub heard: Option<Ticks>,
    /// Its newest status.
    pub status: Option<StatusBody>,
}

impl Peers {
    /// All of them, by place in the member list.
    pub(crate) fn report(&self) -> Vec<PeerReport> {
        self.iter().map(|peer| PeerReport { heard: peer.heard, status: peer.status.clone() }).collect()
    }
}

impl Replica {
    /// The report for people and metrics.
    pub fn report(&self) -> Report {
        let slots = self.order.log.above(self.order.executed());
        Report {
            view: self.view(),
            cause: self.views.cause,
            primary: self.primary(),
            executed: self.order.execution.point.clone(),
            stable: self.order.low(),
            recovering: self.is_recovering().then(|| self.member.recall.answered()),
            following: matches!(self.member.standing, Standing::Follower(_)),
            broken: self.broken().cloned(),
            read_only: self.order.is_read_only(&self.lanes, &self.peers, &self.member),
            quorum: self.member.committee.quorum(),
            peers: self.peers.report(),
            waiting: slots.filter(|(_, slot)| slot.committed.is_some()).count(),
            unserved: self.peers.unserved(&self.member, self.order.executed().next()),
            fast_commits: self.order.fast_commits,
            hopeless_checkpoint: self.order.checkpoints.hopeless(&self.member.committee),
        }
    }

    /// Its place in the member list.
    pub fn id(&self) -> ReplicaId {
        self.member.me
    }

    /// The highest view entered or asked for.
    pub fn view(&self) -> View {
        self.views.number
    }

    /// The primary of that view.
    pub fn primary(&self) -> ReplicaId {
        self.member.committee.primary(self.views.number)
    }

    /// The executed point.
    pub fn executed_point(&self) -> &ExecutedPoint {
        &self.order.execution.point
    }

    /// The newest certified checkpoint, executed or not.
    pub fn newest_checkpoint(&self) -> Option<&QuorumCert> {
        self.order.checkpoints.newest()
    }

    /// The newest stable checkpoint that is executed.
    pub fn stable(&self) -> Option<&QuorumCert> {
        self.order.checkpoints.stable()
    }

    /// Whether others still have to tell it what it signed (E7).
    pub fn is_recovering(&self) -> bool {
        !self.member.recall.is_done()
    }

    /// The newest certified digests, for the door ([`crate::Unverified::admit`]).
    pub fn certified(&self) -> &Certified {
        &self.witness.references.certified
    }

    /// Whether changes can be ordered as far as this replica knows: it may sign, and hears q members.
    pub fn can_order(&self) -> bool {
        self.member.may_sign() && self.peers.heard(&self.member) >= self.member.committee.quorum()
    }

    /// Why it has stopped.
    pub fn broken(&self) -> Option<&Broken> {
        match &self.member.standing {
            Standing::Stopped(broken) => Some(broken),
            _ => None,
        }
    }
}
