//! Status, and answers to those who are behind (N9). Everything else may be dropped at any time.

use crate::agreement::slot::Slot;
use crate::effects::{Effect, Effects, Rejected, Wanted};
use crate::evidence::proof::EvidenceKind;
use crate::replica::Replica;
use crate::views::Demand;
use crate::wire::bundle::Tip;
use crate::wire::content::Content;
use crate::wire::ids::{Digest, Position, ReplicaId, SeqNum, Ticks, View};
use crate::wire::message::Message;
use crate::wire::statement::{Kind, Signed};
use crate::wire::status::{LaneStatus, SlotStatus, StatusBody};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Every how manieth status names all lanes (N9).
const ALL_LANES_EVERY: u64 = 10;
/// Slots whose votes are sent again for one status.
const SLOTS_PER_HELP_MAX: usize = 64;
/// Bundles, and their bytes, that are sent again for one status: what an owner may have out.
const BUNDLES_PER_HELP_MAX: usize = 8;
/// Statements kept apart that are sent again for one status: what may be sent in a second for a signer (E2).
const HALVES_PER_HELP_MAX: usize = 32;
/// Checkpoint statements that are sent again for one status.
const CHECKPOINTS_PER_HELP_MAX: usize = 16;
/// Decided slots in one answer.
pub(crate) const SLOTS_PER_ANSWER_MAX: u64 = 64;
/// Bundles in one answer.
pub(crate) const BUNDLES_PER_ANSWER_MAX: u64 = 64;
/// What a question counts whose answer the disk gives: 64 in a second are as much as a peer may have (B).
const SUPPLY_BYTES: u64 = 1 << 20;
/// Bytes of bundles in one answer; a larger one goes alone.
const BYTES_PER_ANSWER_MAX: u64 = 4 << 20;

/// The own statuses so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnStatus {
    counter: u64,
    at: Option<Ticks>,
    lanes: Vec<LaneStatus>,
    was_stuck: bool,
}

impl Replica {
    /// Sends a status when one is due, or when this replica has just got stuck.
    pub(crate) fn tell_status(&mut self, out: &mut Effects) {
        let stuck = self.is_stuck();
        let due = self.own_status.at.map(|at| at.after(self.constants.status_period_ms));
        if let Some(due) = due.filter(|due| *due > self.now.ticks && (!stuck || self.own_status.was_stuck)) {
            self.wake_at(due);
            return;
        }
        let body = self.status_body(stuck);
        self.own_status.counter += 1;
        self.own_status.at = Some(self.now.ticks);
        self.own_status.was_stuck = stuck;
        self.own_status.lanes = self.lane_statuses();
        let statement = self.sign_status(SeqNum::new(self.own_status.counter), body.digest());
        out.push(Effect::Broadcast(Arc::new(Message::Status { statement, body })));
        self.wake_at(self.now.ticks.after(self.constants.status_period_ms));
    }

    fn status_body(&self, stuck: bool) -> StatusBody {
        let all = self.own_status.counter.is_multiple_of(ALL_LANES_EVERY);
        let lanes = self.committee.replicas().zip(self.lane_statuses());
        let changed = |lane: ReplicaId, status: &LaneStatus| self.own_status.lanes.get(lane.index()) != Some(status);
        let demand = |(signed, body): &Demand| (signed.signer, body.view, signed.statement.digest);
        let slots = self.log.above(self.executed()).filter_map(|(seq, slot)| Some((seq, self.slot_status(slot)?)));
        StatusBody {
            incarnation: self.incarnation,
            epoch: self.committee.epoch(),
            view: self.view.number,
            changing: self.view.changing,
            stable: self.low(),
            executed: self.executed(),
            slots: slots.collect(),
            lanes: lanes.filter(|(lane, status)| all || changed(*lane, status)).collect(),
            stuck,
            new_view: self.start_digest(),
            view_changes: self.views.demands().map(demand).collect(),
            kept: self.witness.kept_digests(),
        }
    }

    /// Prepared means in this view: who prepared a slot in an earlier one may lack every Prepare of this one.
    fn slot_status(&self, slot: &Slot) -> Option<SlotStatus> {
        let prepared = slot.prepared.as_ref().map(|prepared| prepared.certificate.view());
        if slot.committed.is_some() && slot.recorded {
            Some(SlotStatus::Committed)
        } else if prepared.is_some() && prepared == self.active_view() {
            Some(SlotStatus::Prepared)
        } else {
            slot.proposal.map(|_| SlotStatus::Accepted)
        }
    }

    fn lane_statuses(&self) -> Vec<LaneStatus> {
        let of = |lane: ReplicaId| {
            let known = &self.lanes[lane.index()];
            let newer = |tip: Tip| if tip.position > known.executed.position { tip } else { known.executed };
            let own = if lane == self.me { self.own.tip } else { known.acked };
            LaneStatus { acknowledged: newer(own), certified: newer(known.certified()) }
        };
        self.committee.replicas().map(of).collect()
    }

    pub(crate) fn on_status(
        &mut self,
        from: ReplicaId,
        statement: Signed,
        body: StatusBody,
        out: &mut Effects,
    ) -> Result<(), Rejected> {
        if statement.signer != from || from == self.me {
            return Err(Rejected::Unknown { from, what: "a status of its own" });
        }
        let now = self.now.ticks;
        let peer = &mut self.peers[from.index()];
        if !peer.accept(statement.statement.seq, body) {
            return Ok(());
        }
        self.pursuits.is_due = true;
        let pause = self.constants.status_period_ms / 2;
        if peer.helped_at.is_none_or(|at| now.since(at) >= pause) {
            peer.helped_at = Some(now);
            self.help(from, out);
        }
        Ok(())
    }

    /// Sends a peer what its status lacks and this replica signed or owns, once it is old enough to have been lost.
    fn help(&mut self, to: ReplicaId, out: &mut Effects) {
        self.help_with_lanes(to, out);
        self.help_with_forks(to, out);
        self.help_with_checkpoints(to, out);
        self.help_with_views(to, out);
        self.help_with_halves(to, out);
        if self.may_sign() {
            self.help_with_acks(to, out);
            self.help_with_votes(to, out);
        }
    }

    fn is_old(&self, since: Ticks) -> bool {
        self.now.ticks.since(since) >= self.constants.status_period_ms
    }

    fn help_with_lanes(&self, to: ReplicaId, out: &mut Effects) {
        let peer = &self.peers[to.index()];
        for (index, lane) in self.lanes.iter().enumerate() {
            let behind = lane.certified().position > peer.certified(ReplicaId::new(index as u16)).position;
            if let Some(newest) = lane.newest().filter(|newest| behind && self.is_old(newest.since)) {
                out.send(to, Message::LaneCert(newest.certificate.claim().clone()));
            }
        }
        let own = &self.lanes[self.me.index()];
        let lacking = peer.acknowledged(self.me).position.plus(1);
        let bundles = own.stored_between(lacking, self.own.tip.position);
        let mut bundles: Vec<_> = bundles.filter(|bundle| self.is_old_bundle(bundle)).cloned().collect();
        bundles.reverse();
        let mut bytes = 0;
        for bundle in bundles.into_iter().take(BUNDLES_PER_HELP_MAX) {
            bytes += bundle.header.bytes;
            out.send(to, Message::Bundle(bundle));
            if bytes > BYTES_PER_ANSWER_MAX {
                break;
            }
        }
    }

    /// An owner whose newest certificate lies below the own Ack may have lost that Ack.
    fn help_with_acks(&self, owner: ReplicaId, out: &mut Effects) {
        let lane = &self.lanes[owner.index()];
        let lacking = lane.acked.position > self.peers[owner.index()].certified(owner).position;
        let old = lane.held(lane.acked).is_some_and(|held| self.is_old(held.since));
        let row = self.promises.highest(Kind::Ack, View::new(u64::from(owner.get())));
        if let Some(signed) = row.filter(|_| lacking && old) {
            out.send(owner, Message::Ack(*signed));
        }
    }

    fn is_old_bundle(&self, bundle: &crate::wire::bundle::Bundle) -> bool {
        self.lanes[self.me.index()].held(bundle.header.tip()).is_some_and(|held| self.is_old(held.since))
    }

    /// E2: a tip that differs from the header that was heard here; the peer gets the other half.
    fn help_with_forks(&self, to: ReplicaId, out: &mut Effects) {
        let peer = &self.peers[to.index()];
        for lane in self.committee.replicas().filter(|lane| *lane != to) {
            for tip in [peer.acknowledged(lane), peer.certified(lane)] {
                let heard = self.witness.bundle_at(lane, SeqNum::new(tip.position.get()));
                if let Some(other) = heard.filter(|heard| heard.statement.digest != tip.digest) {
                    out.send(to, Message::Half(*other));
                    break;
                }
            }
        }
    }

    fn help_with_checkpoints(&self, to: ReplicaId, out: &mut Effects) {
        let Some(status) = &self.peers[to.index()].status else { return };
        if let Some(newest) = self.checkpoints.newest().filter(|newest| newest.seq() > status.stable) {
            out.send(to, Message::StableCheckpoint(newest.claim().clone()));
        }
        for signed in self.unstable_checkpoints(status.stable).into_iter().take(CHECKPOINTS_PER_HELP_MAX) {
            out.send(to, Message::Checkpoint(signed));
        }
    }

    /// V3: the own demand is repeated to whoever does not hold it; E2: other halves of what a peer holds.
    fn help_with_views(&self, to: ReplicaId, out: &mut Effects) {
        let Some(status) = &self.peers[to.index()].status else { return };
        let own = self.views.demand_of(self.me).filter(|(_, body)| body.view == self.view.number && self.view.changing);
        let holds = |of: &Signed| {
            let said = (self.me, self.view.number, of.statement.digest);
            status.view_changes.contains(&said)
        };
        if let Some((statement, body)) = own.filter(|(signed, _)| !holds(signed) && status.view <= self.view.number) {
            out.send(to, Message::ViewChange { statement: *statement, body: body.clone() });
        }
        for (member, view, digest) in &status.view_changes {
            let held = self.views.demand_of(*member).filter(|(_, body)| body.view == *view);
            if let Some((signed, _)) = held.filter(|(signed, _)| signed.statement.digest != *digest) {
                out.send(to, Message::Half(*signed));
            }
        }
        if let Some((signed, _)) = self.views.start_of(status.view)
            && status.new_view != Digest::ZERO
            && signed.statement.digest != status.new_view
        {
            out.send(to, Message::Half(*signed));
        }
    }

    /// E2: of signers of whom the peer keeps another set, the next statements in turn, what fits after what does not. What
    /// the peer would forget at once is not sent (E5).
    fn help_with_halves(&mut self, to: ReplicaId, out: &mut Effects) {
        let peer = &mut self.peers[to.index()];
        let Some(status) = &peer.status else { return };
        let same = |signer: ReplicaId, digest: Digest| {
            status.kept.binary_search_by_key(&signer, |(of, _)| *of).is_ok_and(|at| status.kept[at].1 == digest)
        };
        let oldest = status.stable.get().saturating_sub(2 * self.constants.checkpoint_period);
        let is_of_use = |signed: &Signed| {
            let kind = EvidenceKind::of(signed.statement.kind);
            let about_slots = matches!(kind, EvidenceKind::Proposal | EvidenceKind::Checkpoint);
            !about_slots || signed.statement.seq.get() >= oldest
        };
        let digests = self.witness.kept_digests().into_iter();
        let differing = digests.filter(|(signer, digest)| *signer != to && !same(*signer, *digest));
        let kept =
            differing.flat_map(|(signer, _)| self.witness.kept_of(signer)).filter(|(signed, _)| is_of_use(signed));
        let (fitting, others): (Vec<_>, Vec<_>) = kept.partition(|(_, fits)| *fits);
        let mut left = HALVES_PER_HELP_MAX;
        for halves in [others, fitting].into_iter().filter(|halves| !halves.is_empty()) {
            let (from, count) = (peer.turn.wrapping_mul(HALVES_PER_HELP_MAX) % halves.len(), halves.len().min(left));
            for (signed, _) in halves.iter().cycle().skip(from).take(count) {
                out.send(to, Message::Half(*signed));
            }
            left -= count;
        }
        peer.turn = peer.turn.wrapping_add(1);
    }

    fn help_with_votes(&self, to: ReplicaId, out: &mut Effects) {
        let peer = &self.peers[to.index()];
        let (Some(status), Some(view)) = (&peer.status, self.active_view()) else { return };
        if status.view != view || status.changing {
            return;
        }
        let open = self.log.above(status.executed).filter(|(_, slot)| {
            let voted = slot.voted.is_some_and(|voted| voted.statement.view == view);
            voted && slot.committed.is_none() && self.is_old(slot.voted_at)
        });
        for (seq, _) in open.take(SLOTS_PER_HELP_MAX) {
            let known = peer.slot(seq);
            for message in self.own_votes(view, seq) {
                let lacks = match &message {
                    Message::Prepare { .. } => known.is_none_or(|known| known < SlotStatus::Prepared),
                    Message::Commit(_) => known.is_none_or(|known| known < SlotStatus::Committed),
                    _ => known.is_none(),
                };
                if lacks {
                    out.send(to, message);
                }
            }
        }
    }

    /// Answers a question, within the asker's limits.
    pub(crate) fn on_ask(&mut self, from: ReplicaId, wanted: Wanted, out: &mut Effects) -> Result<(), Rejected> {
        let now = self.now.ticks;
        let Some(peer) = self.peers.get_mut(from.index()).filter(|_| from != self.me) else {
            return Err(Rejected::Unknown { from, what: "itself" });
        };
        if !peer.may_ask(now) {
            return Err(Rejected::TooOften { from });
        }
        let before = out.len();
        match wanted {
            Wanted::Slots { from: first, to } => self.answer_slots(from, first, to, out),
            Wanted::Content { seq, digest } => self.answer_content(from, seq, digest, out),
            Wanted::Bundles { lane, from: first, to } => self.answer_bundles(from, lane, first, to, out),
            Wanted::StableCheckpoint => {
                if let Some(newest) = self.checkpoints.newest() {
                    out.send(from, Message::StableCheckpoint(newest.claim().clone()));
                }
            }
            Wanted::NewView { view, digest } => self.answer_new_view(from, view, digest, out),
            Wanted::Recall { incarnation, stable, tips, .. } => {
                self.answer_recall(from, incarnation, stable, &tips, out);
            }
        }
        let bytes = out.since(before).map(weight).sum();
        self.peers[from.index()].answered(bytes);
        Ok(())
    }

    fn answer_slots(&self, to: ReplicaId, first: SeqNum, last: SeqNum, out: &mut Effects) {
        let last = last.min(first.plus(SLOTS_PER_ANSWER_MAX - 1));
        let in_memory = self.log.get(first).is_some_and(|slot| slot.recorded);
        if first <= self.executed() && !in_memory {
            let wanted = Wanted::Slots { from: first, to: last.min(self.executed()) };
            out.push(Effect::Supply { to, wanted });
            return;
        }
        let before = first.previous().unwrap_or_default();
        for (_, slot) in self.log.above(before).take_while(|(seq, _)| *seq <= last) {
            if let (Some(certificate), Some(content)) = (&slot.committed, slot.decided()) {
                let (certificate, content) = (certificate.claim().clone(), Content::clone(content));
                out.send(to, Message::Decided { certificate, content });
            }
        }
    }

    fn answer_content(&self, to: ReplicaId, seq: SeqNum, digest: Digest, out: &mut Effects) {
        match self.log.get(seq).and_then(|slot| slot.content(&digest)) {
            Some(content) => out.send(to, self.content_message(content)),
            None if seq <= self.executed() => {
                out.push(Effect::Supply { to, wanted: Wanted::Content { seq, digest } });
            }
            None => (),
        }
    }

    /// A content with the certificates of its tips, as far as they are here.
    pub(crate) fn content_message(&self, content: &Content) -> Message {
        let certificates = content.cut.iter().filter_map(|(lane, tip)| self.lanes[lane.index()].certificate(*tip));
        let certificates = certificates.map(|certificate| certificate.claim().clone()).collect();
        Message::Content { content: content.clone(), certificates }
    }

    /// Highest first: the asker knows the digest of the highest, and each names the one below it.
    fn answer_bundles(&self, to: ReplicaId, id: ReplicaId, first: Position, last: Position, out: &mut Effects) {
        let Some(lane) = self.lanes.get(id.index()) else { return };
        let executed = lane.executed.position;
        let first = first.max(Position::new(last.get().saturating_sub(BUNDLES_PER_ANSWER_MAX - 1)));
        let mut bytes = 0;
        for bundle in lane.stored_between(first.max(executed.next()), last) {
            if bytes > 0 && bytes + bundle.header.bytes > BYTES_PER_ANSWER_MAX {
                break;
            }
            bytes += bundle.header.bytes;
            out.send(to, Message::Bundle(bundle.clone()));
        }
        if first <= executed && first <= last && bytes <= BYTES_PER_ANSWER_MAX {
            let wanted = Wanted::Bundles { lane: id, from: first, to: last.min(executed) };
            out.push(Effect::Supply { to, wanted });
        }
    }
}

/// Bytes of an answer; what the disk will supply counts as a typical part of it.
fn weight(effect: &Effect) -> u64 {
    match effect {
        Effect::Send { message, .. } => borsh::object_length(&**message).map_or(u64::MAX, |bytes| bytes as u64),
        _ => SUPPLY_BYTES,
    }
}
