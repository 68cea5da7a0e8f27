//! Members that serve a follower: their claims, which only say whom to ask.

use crate::effects::Rejected;
use crate::recovery::peer::{Peer, Peers};
use crate::wire::{ReplicaId, SeqNum, Signed, StatusBody, Ticks};
use alloc::vec;
use alloc::vec::Vec;

/// Members by place in the member list.
#[derive(Debug, Clone)]
pub(super) struct Neighbours {
    peers: Peers,
    /// The highest slot whose decision each handed over.
    shown: Vec<SeqNum>,
}

impl Neighbours {
    pub(super) fn new(n: usize) -> Self {
        Self { peers: Peers::new(n), shown: vec![SeqNum::default(); n] }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter()
    }

    pub(super) fn hear(&mut self, from: ReplicaId, now: Ticks) -> Result<(), Rejected> {
        let peer = self.peers.get_mut(from).ok_or(Rejected::Unknown { from, what: "a member" })?;
        peer.heard = Some(now);
        Ok(())
    }

    /// Only a member's own status says what it has; another's tells nothing of who hands it over.
    pub(super) fn on_status(&mut self, from: ReplicaId, statement: &Signed, body: StatusBody) -> Result<(), Rejected> {
        if statement.signer != from {
            return Err(Rejected::Unknown { from, what: "a status of its own" });
        }
        self.peers[from].accept(statement.statement.seq, body);
        Ok(())
    }

    /// A member handed the decision of a slot over: it has what led to it as well, unless its status says otherwise.
    pub(super) fn show(&mut self, from: ReplicaId, seq: SeqNum) {
        let shown = &mut self.shown[from.index()];
        *shown = seq.max(*shown);
    }

    /// The highest slot whose decision any member handed over.
    pub(super) fn shown(&self) -> SeqNum {
        self.shown.iter().copied().max().unwrap_or_default()
    }

    /// The highest slot that a member claims to have.
    pub(super) fn claims(&self, member: ReplicaId) -> SeqNum {
        let status = self.peers[member].status.as_ref();
        status.map_or(SeqNum::default(), |status| status.executed).max(self.shown[member.index()])
    }

    /// The checkpoint that a member says is stable; genesis for one that is not heard.
    pub(super) fn stable(&self, member: ReplicaId, now: Ticks) -> SeqNum {
        let status = self.peers[member].status.as_ref().filter(|_| self.is_heard(member, now));
        status.map(|status| status.stable).unwrap_or_default()
    }

    pub(super) fn is_heard(&self, member: ReplicaId, now: Ticks) -> bool {
        self.peers[member].is_heard(now)
    }

    /// Whether a member may still have a slot.
    pub(super) fn serves(&self, member: ReplicaId, seq: SeqNum, now: Ticks) -> bool {
        let peer = &self.peers[member];
        let has_dropped = peer.status.as_ref().is_some_and(|status| status.oldest > seq);
        peer.is_heard(now) && self.claims(member) >= seq && !has_dropped
    }

    /// Whether a member that is heard claims a slot that no member can hand out any more.
    pub(super) fn unserved(&self, seq: SeqNum, now: Ticks) -> bool {
        let members = || (0..self.shown.len() as u16).map(ReplicaId::new);
        let claimed = members().any(|member| self.peers[member].is_heard(now) && self.claims(member) >= seq);
        claimed && !members().any(|member| self.serves(member, seq, now))
    }
}
