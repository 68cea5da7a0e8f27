//! Sending a peer what its status lacks (N9): messages that this replica signed or owns, once they may have been lost.

use crate::effects::Effects;
use crate::limits::Constants;
use crate::recovery::answer::BYTES_PER_ANSWER_MAX;
use crate::replica::Replica;
use crate::wire::{Digest, Message, ReplicaId, SeqNum, SlotStatus, Tip};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// Slots whose votes are sent again for one status.
const SLOTS_PER_HELP_MAX: usize = 64;
/// Bundles, and their bytes, that are sent again for one status: as many as an owner may have out.
const BUNDLES_PER_HELP_MAX: usize = 8;
const _: () = assert!(BUNDLES_PER_HELP_MAX as u64 == Constants::UNCERTIFIED_BUNDLES_MAX);
/// Checkpoint statements that are sent again for one status, of the lowest slots and of the highest each: the lowest may have
/// come to too few for ever, and the highest frees the whole window.
const CHECKPOINTS_PER_HELP_MAX: usize = 8;

/// Help for one peer, from one moment's state.
pub(crate) struct Help<'a> {
    pub(crate) replica: &'a Replica,
    pub(crate) to: ReplicaId,
    pub(crate) out: &'a mut Effects,
}

impl Help<'_> {
    pub(crate) fn give(&mut self) {
        self.lanes();
        self.forks();
        self.checkpoints();
        self.views();
        if self.replica.member.may_sign() {
            self.acks();
            self.votes();
        }
    }

    fn lanes(&mut self) {
        let (replica, to) = (self.replica, self.to);
        let peer = &replica.peers[to];
        for (id, lane) in replica.member.committee.replicas().zip(replica.lanes.iter()) {
            let behind = lane.certified().position > peer.certified(id).position;
            if let Some(newest) = lane.newest().filter(|newest| behind && replica.member.is_old(newest.since)) {
                self.out.send(to, Message::LaneCert(newest.certificate.claim().clone()));
            }
        }
        let own = &replica.lanes[replica.member.me];
        let lacking = peer.acknowledged(replica.member.me).position.plus(1);
        let bundles = own.stored_between(lacking, replica.lanes.own.tip.position);
        let is_old = |tip: Tip| own.held(tip).is_some_and(|held| replica.member.is_old(held.since));
        let mut bundles: Vec<_> = bundles.filter(|bundle| is_old(bundle.header.tip())).cloned().collect();
        bundles.reverse();
        let mut bytes = 0;
        for bundle in bundles.into_iter().take(BUNDLES_PER_HELP_MAX) {
            bytes += bundle.header.bytes;
            self.out.send(to, Message::Bundle(bundle));
            if bytes > BYTES_PER_ANSWER_MAX {
                break;
            }
        }
    }

    /// E2: a tip that differs from the header that was heard here; the peer gets the other half.
    fn forks(&mut self) {
        let (replica, to) = (self.replica, self.to);
        let peer = &replica.peers[to];
        for lane in replica.member.committee.replicas().filter(|lane| *lane != to) {
            for tip in [peer.acknowledged(lane), peer.certified(lane)] {
                let heard = replica.witness.bundle_at(lane, SeqNum::new(tip.position.get()));
                if let Some(other) = heard.filter(|heard| heard.statement.digest != tip.digest) {
                    self.out.send(to, Message::Contradiction(*other));
                    break;
                }
            }
        }
    }

    fn checkpoints(&mut self) {
        let (replica, to) = (self.replica, self.to);
        let Some(status) = &replica.peers[to].status else { return };
        if let Some(newest) = replica.order.checkpoints.newest().filter(|newest| newest.seq() > status.stable) {
            self.out.send(to, Message::StableCheckpoint(newest.claim().clone()));
        }
        let unstable = replica.order.unstable_checkpoints(&replica.member, status.stable);
        let highest = unstable.len().saturating_sub(CHECKPOINTS_PER_HELP_MAX);
        for (place, signed) in unstable.into_iter().enumerate() {
            if place < CHECKPOINTS_PER_HELP_MAX || place >= highest {
                self.out.send(to, Message::Checkpoint(signed));
            }
        }
    }

    /// V3: the own ViewChange is repeated to whoever does not hold it, and so is the reason to leave a view to whoever stays in
    /// it: it may have come to this replica alone, which would be parked alone. E2: other halves of what a peer holds.
    fn views(&mut self) {
        let (replica, to) = (self.replica, self.to);
        let Some(status) = &replica.peers[to].status else { return };
        let (me, views) = (replica.member.me, &replica.views);
        let demanders = BTreeSet::from([me, replica.member.committee.primary(status.view)]);
        for (of, body) in demanders.iter().filter_map(|member| views.latest.get(member)) {
            let (is_wanted, least) = match of.signer == me {
                true => (views.changing && body.view == views.number && status.view <= body.view, body.view),
                false => (!status.changing && status.view < body.view, status.view.next()),
            };
            let holds = status.view_changes.iter().any(|(signer, view, _)| *signer == of.signer && *view >= least);
            if is_wanted && !holds {
                self.out.send(to, Message::ViewChange { statement: *of, body: body.clone() });
            }
        }
        if let Some(proof) = views.proved.get(&status.view).filter(|_| !status.changing) {
            self.out.send(to, Message::Evidence(proof.clone()));
        }
        for (member, view, digest) in &status.view_changes {
            let held = replica.views.latest.get(member).filter(|(_, body)| body.view == *view);
            if let Some((signed, _)) = held.filter(|(signed, _)| signed.statement.digest != *digest) {
                self.out.send(to, Message::Contradiction(*signed));
            }
        }
        if let Some((signed, _)) = replica.views.new_view_of(status.view)
            && status.new_view != Digest::ZERO
            && signed.statement.digest != status.new_view
        {
            self.out.send(to, Message::Contradiction(*signed));
        }
    }

    /// An owner whose newest certificate lies below the own Ack may have lost that Ack.
    fn acks(&mut self) {
        let (replica, to) = (self.replica, self.to);
        let lane = &replica.lanes[to];
        let lacking = lane.acked.position > replica.peers[to].certified(to).position;
        let old = lane.held(lane.acked).is_some_and(|held| replica.member.is_old(held.since));
        if let Some(signed) = replica.lanes.own_ack(&replica.member, to).filter(|_| lacking && old) {
            self.out.send(to, Message::Ack(*signed));
        }
    }

    fn votes(&mut self) {
        let (replica, to) = (self.replica, self.to);
        let peer = &replica.peers[to];
        let (Some(status), Some(view)) = (&peer.status, replica.views.active()) else { return };
        if status.view != view || status.changing {
            return;
        }
        let open = replica.order.log.above(status.executed).filter(|(_, slot)| {
            let voted = slot.voted.is_some_and(|voted| voted.statement.view == view);
            voted && slot.committed.is_none() && replica.member.is_old(slot.voted_at)
        });
        for (seq, _) in open.take(SLOTS_PER_HELP_MAX) {
            let known = peer.slot(seq);
            for message in replica.order.own_votes(&replica.lanes, &replica.member, view, seq) {
                let lacks = match &message {
                    Message::Prepare { .. } => known.is_none_or(|known| known < SlotStatus::Prepared),
                    Message::Commit(_) => known.is_none_or(|known| known < SlotStatus::Committed),
                    _ => known.is_none(),
                };
                if lacks {
                    self.out.send(to, message);
                }
            }
        }
    }
}
