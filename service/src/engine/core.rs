//! The core that an engine drives: a member's, or an observer's.

use quorate_pbft::{
    Broken, BundleHeader, Claims, Effects, Epoch, Follower, Input, QuorumCert, Replica, ReplicaId, SeqNum, Ticks, View,
};

/// A core. Both have one door in and one list of effects out.
#[derive(Debug)]
pub enum Core {
    /// A member's: it votes and has a lane.
    Member(Box<Replica>),
    /// An observer's: it executes what the members decide.
    Observer(Box<Follower>),
}

impl Core {
    pub(super) fn take_in(&mut self, input: Input, out: &mut Effects) {
        match self {
            Self::Member(replica) => replica.take_in(input, out),
            Self::Observer(follower) => follower.take_in(input, out),
        }
    }

    pub(super) fn advance(&mut self, out: &mut Effects) {
        match self {
            Self::Member(replica) => replica.advance(out),
            Self::Observer(follower) => follower.advance(out),
        }
    }

    /// Takes claims of another observer; a member has no use for them.
    pub(super) fn take_claims(&mut self, from: ReplicaId, claims: Claims) {
        if let Self::Observer(follower) = self {
            follower.take_claims(from, claims);
        }
    }

    /// Another observer can be asked no more.
    pub(super) fn forget(&mut self, other: ReplicaId) {
        if let Self::Observer(follower) = self {
            follower.forget(other);
        }
    }

    /// Whether it takes messages from who is no member.
    pub(super) fn hears_others(&self) -> bool {
        matches!(self, Self::Observer(_))
    }

    pub(super) fn next_wakeup(&self) -> Option<Ticks> {
        match self {
            Self::Member(replica) => replica.next_wakeup(),
            Self::Observer(follower) => follower.next_wakeup(),
        }
    }

    /// Use of a bundle that a peer hands over, as [`Replica::needs_bundle`] says; an observer has asked for all that come.
    pub(super) fn needs_bundle(&self, header: &BundleHeader) -> Option<bool> {
        match self {
            Self::Member(replica) => replica.needs_bundle(header),
            Self::Observer(_) => None,
        }
    }

    /// The newest certified checkpoint, executed or not.
    pub fn newest_checkpoint(&self) -> Option<&QuorumCert> {
        match self {
            Self::Member(replica) => replica.newest_checkpoint(),
            Self::Observer(follower) => follower.newest_checkpoint(),
        }
    }

    /// The newest certified checkpoint that is executed.
    pub fn stable(&self) -> Option<&QuorumCert> {
        match self {
            Self::Member(replica) => replica.stable(),
            Self::Observer(follower) => follower.stable(),
        }
    }

    /// The newest executed slot.
    pub(super) fn executed(&self) -> SeqNum {
        match self {
            Self::Member(replica) => replica.executed_point().seq,
            Self::Observer(follower) => follower.executed_point().seq,
        }
    }

    /// The epoch, and the view that it is in, or that f + 1 members say they are in.
    pub(super) fn period(&self) -> (Epoch, View) {
        match self {
            Self::Member(replica) => (replica.executed_point().epoch, replica.view()),
            Self::Observer(follower) => (follower.executed_point().epoch, follower.view()),
        }
    }

    /// Whether others still have to tell it what it signed (E7).
    pub(super) fn is_recovering(&self) -> bool {
        self.member().is_some_and(Replica::is_recovering)
    }

    /// Whether changes can be ordered here now.
    pub fn can_order(&self) -> bool {
        self.member().is_some_and(Replica::can_order)
    }

    /// Why it takes no part any more. An observer promises nothing: a copied disk is as good to it as any.
    pub(super) fn broken(&self, recorded: Option<Broken>) -> Option<Broken> {
        match self {
            Self::Member(_) => recorded,
            Self::Observer(follower) => follower.broken().cloned(),
        }
    }

    /// The member's core; none of an observer.
    pub fn member(&self) -> Option<&Replica> {
        match self {
            Self::Member(replica) => Some(replica),
            Self::Observer(_) => None,
        }
    }

    /// The observer's core; none of a member.
    pub fn observer(&self) -> Option<&Follower> {
        match self {
            Self::Member(_) => None,
            Self::Observer(follower) => Some(follower),
        }
    }
}
