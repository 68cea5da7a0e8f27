//! Read-only answers for status, metrics and people.

use crate::agreement::slot::Slot;
use crate::effects::Broken;
use crate::evidence::proof::{Evidence, EvidenceKey};
use crate::evidence::reference::Certified;
use crate::lanes::Lanes;
use crate::lanes::lane::Lane;
use crate::lanes::own_lane::PENDING_BYTES_MAX;
use crate::member::Standing;
use crate::recovery::recovered::ExecutedPoint;
use crate::replica::Replica;
use crate::views::cause::Cause;
use crate::views::waiting::Wait;
use crate::wire::{Committee, Digest, QuorumCert, ReplicaId, SeqNum, StatusBody, Ticks, Tip, View};
use alloc::vec::Vec;

/// State of a replica at one moment.
#[derive(Debug, Clone)]
pub struct Report {
    /// The highest view entered or asked for.
    pub view: View,
    /// Whether that view has not started.
    pub changing: bool,
    /// Why this replica asked for it; none where it did not.
    pub cause: Option<Cause>,
    /// Its primary.
    pub primary: ReplicaId,
    /// The view that each member asks for, as far as it is known (V3).
    pub view_changes: Vec<(ReplicaId, View)>,
    /// The time-out of this moment (V2), milliseconds.
    pub timeout_ms: u64,
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
    /// Members heard lately, itself included, and how many are needed.
    pub heard: usize,
    /// q.
    pub quorum: usize,
    /// The longest wait, and since when.
    pub waiting: Option<(Ticks, Wait)>,
    /// Bytes of items that wait for a bundle.
    pub pending_bytes: u64,
    /// Bytes of items that may still be submitted.
    pub room: u64,
    /// Strong reads on their way.
    pub reads: usize,
    /// By place in the member list.
    pub peers: Vec<PeerReport>,
    /// By place in the member list.
    pub lanes: Vec<LaneReport>,
    /// Slots above the executed one.
    pub slots: Vec<SlotReport>,
    /// Evidence on its way to the ledger.
    pub evidence: Vec<Evidence>,
    /// Evidence that the ledger recorded while this replica ran.
    pub recorded: Vec<EvidenceKey>,
    /// Statements of others that are remembered to be compared (E2).
    pub remembered: usize,
    /// Own statements in the table (E1).
    pub promises: usize,
    /// Questions that are out.
    pub asking: usize,
    /// The slot to execute next, if no member that is heard can still hand it out (S1).
    pub unserved: Option<SeqNum>,
    /// Slots that n Prepares decided here before q Commits did (N5).
    pub fast_commits: u64,
    /// C3: some replica's state differs so that a checkpoint can get no quorum any more.
    pub hopeless_checkpoint: bool,
}

/// State of a peer, as last heard.
#[derive(Debug, Clone)]
pub struct PeerReport {
    /// When anything was last heard from it; none for the replica itself.
    pub heard: Option<Ticks>,
    /// Its newest status.
    pub status: Option<StatusBody>,
}

/// State of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneReport {
    /// The executed tip.
    pub executed: Tip,
    /// The newest certified bundle.
    pub certified: Tip,
    /// The newest bundle that this replica acknowledged.
    pub acknowledged: Tip,
    /// Bundles in memory.
    pub held: usize,
    /// Their bytes.
    pub held_bytes: u64,
}

/// State of a slot, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotReport {
    /// The slot.
    pub seq: SeqNum,
    /// Digest that the primary of this view proposed.
    pub proposed: Option<Digest>,
    /// Prepares that agree with it.
    pub prepares: usize,
    /// Commits that agree with it.
    pub commits: usize,
    /// Whether it is decided.
    pub committed: bool,
    /// Whether the content of the decision, or else of the proposal, is here.
    pub has_content: bool,
    /// Members whose Prepare for the proposal is not here.
    pub unprepared: Vec<ReplicaId>,
    /// Members whose Commit for it is not here.
    pub uncommitted: Vec<ReplicaId>,
    /// Lanes of its cut whose tip this replica knows no certificate of: it cannot vote before (L4).
    pub uncertified: Vec<ReplicaId>,
    /// Lanes of its cut of which data is missing: it cannot be executed before (L5).
    pub without_data: Vec<ReplicaId>,
}

impl Replica {
    /// The report for people and metrics.
    pub fn report(&self) -> Report {
        let view = self.views.number;
        let slots = self.order.log.above(self.order.executed());
        Report {
            view,
            changing: self.views.changing,
            cause: self.views.cause,
            primary: self.member.committee.primary(view),
            view_changes: self.views.view_changes().map(|(signed, body)| (signed.signer, body.view)).collect(),
            timeout_ms: self.views.timeout_ms(&self.member),
            executed: self.order.execution.point().clone(),
            stable: self.order.low(),
            recovering: (!self.member.recall.is_done()).then(|| self.member.recall.answered()),
            following: matches!(self.member.standing, Standing::Follower(_)),
            broken: self.broken().cloned(),
            read_only: self.order.is_read_only(&self.lanes, &self.peers, &self.member),
            heard: self.peers.heard(&self.member),
            quorum: self.member.committee.quorum(),
            waiting: self.order.longest_wait(&self.lanes, &self.member),
            pending_bytes: self.lanes.own.pending_bytes,
            room: PENDING_BYTES_MAX.saturating_sub(self.lanes.own.pending_bytes),
            reads: self.lanes.reads.count(),
            peers: self
                .peers
                .iter()
                .map(|peer| PeerReport { heard: peer.heard, status: peer.status.clone() })
                .collect(),
            lanes: self.member.committee.replicas().map(|lane| self.lanes.lane_report(lane)).collect(),
            slots: slots.map(|(seq, slot)| slot.report(seq, view, &self.member.committee, &self.lanes)).collect(),
            evidence: self.accusations.held().cloned().collect(),
            recorded: self.accusations.recorded().copied().collect(),
            remembered: self.witness.remembered_count(),
            promises: self.member.promises.len(),
            asking: self.pursuits.len(),
            unserved: self.peers.unserved(&self.member, self.order.executed().next()),
            fast_commits: self.order.fast_commits,
            hopeless_checkpoint: self
                .order
                .checkpoints
                .is_hopeless(self.member.committee.len(), self.member.committee.quorum()),
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
        self.order.execution.point()
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
        self.witness.certified()
    }

    /// Whether changes can be ordered as far as this replica knows: it may sign, and hears q members.
    pub fn can_order(&self) -> bool {
        matches!(self.member.standing, Standing::Member)
            && !self.is_recovering()
            && self.peers.heard(&self.member) >= self.member.committee.quorum()
    }

    /// Why it has stopped.
    pub fn broken(&self) -> Option<&Broken> {
        match &self.member.standing {
            Standing::Stopped(broken) => Some(broken),
            _ => None,
        }
    }
}

impl Slot {
    /// The slot as status tells it, with who still lacks what in this view.
    fn report(&self, seq: SeqNum, view: View, committee: &Committee, lanes: &Lanes) -> SlotReport {
        let digest = self.proposed();
        let prepared: Vec<ReplicaId> =
            digest.iter().flat_map(|digest| self.prepares_for(view, *digest)).map(|vote| vote.signer).collect();
        let committed: Vec<ReplicaId> =
            digest.iter().flat_map(|digest| self.commits_for(view, *digest)).map(|vote| vote.signer).collect();
        let without = |there: &[ReplicaId]| committee.replicas().filter(|id| !there.contains(id)).collect();
        let cut = self.leading().map_or(&[][..], |content| &content.cut);
        let lanes_where = |fails: &dyn Fn(&Lane, Tip) -> bool| {
            let lanes = cut.iter().filter(|(lane, tip)| fails(&lanes[*lane], *tip));
            lanes.map(|(lane, _)| *lane).collect()
        };
        SlotReport {
            seq,
            proposed: digest,
            prepares: prepared.len(),
            commits: committed.len(),
            committed: self.committed.is_some(),
            has_content: self.leading().is_some(),
            unprepared: without(&prepared),
            uncommitted: without(&committed),
            uncertified: lanes_where(&|lane, tip| self.committed.is_none() && !lane.vouches_for(tip)),
            without_data: lanes_where(&|lane, tip| {
                tip.position > lane.executed.position && lane.path_to(tip).is_none()
            }),
        }
    }
}

impl Lanes {
    fn lane_report(&self, id: ReplicaId) -> LaneReport {
        let lane = &self[id];
        LaneReport {
            executed: lane.executed,
            certified: lane.certified(),
            acknowledged: lane.acked,
            held: lane.held_count(),
            held_bytes: lane.held_bytes(),
        }
    }
}
