//! From the last slot of an epoch to the value of the next one (M1, M3).
//!
//! A replica value has one member list for its life. What outlives it is little: clocks, items that no slot executed, reads
//! that wait, and proofs of faults. Promises, lanes and views stay behind, for the epoch is part of every statement.

use crate::effects::{Broken, Effects, Record};
use crate::evidence::proof::Evidence;
use crate::input::{Now, ReaderId};
use crate::member::{Member, Standing};
use crate::recovery::recovered::ExecutedPoint;
use crate::replica::{Replica, ReplicaConfig};
use crate::wire::{Digest, Item, ItemKind, PublicKey, Time, View};
use alloc::vec::Vec;

/// Remains of an epoch that is over, for the value of the next one.
#[derive(Debug, Clone)]
pub struct Handover {
    pub(crate) now: Now,
    pub(crate) point: ExecutedPoint,
    deadline: Option<Time>,
    /// Whether this process knows what it signed (E7).
    recalled: bool,
    /// The key of a replica that only follows, and why: its disk is older than what it signed, whatever the epoch (E7).
    unfit: Option<(PublicKey, Broken)>,
    items: Vec<Item>,
    reads: Vec<(ReaderId, Digest)>,
    evidence: Vec<Evidence>,
}

impl Handover {
    /// Remains of what knows the last slot of its epoch and nothing that it has signed or taken.
    pub(crate) fn of(now: Now, point: &ExecutedPoint) -> Self {
        let point = point.entered().expect("the epoch is over: its last slot is executed");
        Self {
            now,
            point,
            deadline: None,
            recalled: false,
            unfit: None,
            items: Vec::new(),
            reads: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// The same for a node that followed and whose disk is marked: under this key it may have signed in any epoch, also in
    /// one in which its disk was not (C3, E7).
    #[must_use]
    pub fn unfit_as(self, key: PublicKey, broken: Broken) -> Self {
        Self { unfit: Some((key, broken)), ..self }
    }

    /// Items that wait for a lane: of use to a member of the next epoch only.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Strong reads that wait for a mark: of use to a member of the next epoch only.
    pub fn readers(&self) -> impl Iterator<Item = ReaderId> + '_ {
        self.reads.iter().map(|(reader, _)| *reader)
    }
}

impl Member {
    /// The key under which it follows only, and the reason (E7).
    fn unfit(&self) -> Option<(PublicKey, Broken)> {
        let Standing::Follower(broken) = &self.standing else { return None };
        Some((*self.key()?, broken.clone()))
    }
}

impl Replica {
    /// Remains of this replica, once [`crate::Effect::EpochOver`] has said that its epoch is over.
    ///
    /// # Panics
    ///
    /// If the epoch is not over.
    pub fn hand_over(mut self) -> Handover {
        assert!(self.order.checkpoints.over, "M1: nobody leaves an epoch before its last checkpoint is stable");
        let lane = &self.lanes[self.member.me];
        // L7: what was not executed is void, certified or not.
        let void = lane.stored_between(lane.executed.position.next(), self.lanes.own.tip.position);
        let mut void: Vec<_> = void.cloned().collect();
        void.reverse();
        let items = void.iter().flat_map(|bundle| bundle.items.iter().cloned()).chain(self.lanes.own.take_pending());
        Handover {
            deadline: self.order.execution.deadline,
            recalled: self.member.recall.is_done(),
            unfit: self.member.unfit(),
            items: items.filter(|item| item.kind != ItemKind::ReadMark).collect(),
            reads: self.lanes.reads.take_all(),
            evidence: self.accusations.held().cloned().collect(),
            ..Handover::of(self.member.now, &self.order.execution.point)
        }
    }

    /// The replica in the next epoch: view 0, lanes from their first position, no promise (M3). It asks nobody what it has
    /// signed if the replica before it knew, and follows under the key under which that one did (E7).
    ///
    /// # Panics
    ///
    /// On a wrong configuration, as [`Replica::new`], or if its committee is not the one that the state names.
    pub fn enter(config: ReplicaConfig, handover: Handover, out: &mut Effects) -> Self {
        let mut replica = Self::new(config);
        let Handover { now, point, deadline, recalled, unfit, items, reads, evidence } = handover;
        let committee = &replica.member.committee;
        assert!(point.members_after == committee.digest(), "I23: state names other members of {}", committee.epoch());
        let (epoch, view) = (committee.epoch(), View::new(0));
        out.persist(Record::View { epoch, view, changing: false });
        replica.member.now = now;
        replica.views.since = now.ticks;
        replica.order.execution.resume(point);
        replica.order.execution.deadline = deadline;
        if let Some((_, broken)) = unfit.filter(|(key, _)| Some(key) == replica.member.key()) {
            out.persist(Record::Broken(broken.clone()));
            replica.member.standing = Standing::of(broken);
        }
        if recalled {
            replica.member.recall.done_since = Some(now.ticks);
        }
        items.into_iter().for_each(|item| replica.lanes.own.push(item));
        replica.lanes.reads.wait_again(reads, now.ticks);
        evidence.into_iter().for_each(|evidence| replica.accusations.add(evidence));
        replica
    }
}
