//! Asking for what is missing: one peer at a time, the next after a time-out (N9, L5).

use crate::agreement::slot::Slot;
use crate::effects::Wanted;
use crate::lanes::Lanes;
use crate::member::Member;
use crate::recovery::answer::{BYTES_PER_ANSWER_MAX, SLOTS_PER_ANSWER_MAX};
use crate::recovery::pursuits::{Need, Patience, Pursuits, Quest};
use crate::replica::Replica;
use crate::wire::{Digest, ReplicaId, SeqNum, View};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// For how long the owner of a lane who did not answer is asked last (L5).
const SILENT_OWNER_MS: u64 = 10_000;

impl Pursuits {
    fn pursue_one(&mut self, lanes: &mut Lanes, member: &mut Member, need: Need, is_far: bool) {
        let (now, base_ms) = (member.now.ticks, member.constants.base_timeout_ms);
        // Within one base time-out several peers are asked for what is small; data takes its time on a slow line.
        let patience = if matches!(need.quest, Quest::Bundles(_)) { 2 } else { 5 };
        let is_late = is_far && matches!(need.quest, Quest::Slots | Quest::Bundles(_));
        let grace_ms = if is_late { 0 } else { base_ms / 10 };
        let patience = Patience { grace_ms, answer_ms: base_ms / patience };
        let turn = self.turn(&need, now, &patience);
        if let (Quest::Bundles(lane), Some(silent)) = (need.quest, turn.silent)
            && lane == silent
        {
            lanes[lane].silent_at = Some(now);
        }
        if let Some(peer) = turn.ask {
            member.ask(peer, need.wanted);
        }
    }
}

impl Replica {
    /// Asks for what has been missing for a while.
    pub(crate) fn pursue(&mut self) {
        let passed = self.member.now.ticks > self.pursuits.looked_at;
        if passed || core::mem::take(&mut self.pursuits.is_due) {
            self.pursuits.looked_at = self.member.now.ticks;
            let needs = Needs(self).all();
            self.pursuits.keep(&needs);
            let is_far = self.is_far_behind();
            for need in needs {
                self.pursuits.pursue_one(&mut self.lanes, &mut self.member, need, is_far);
            }
        }
        if let Some(next) = self.pursuits.next_due() {
            self.member.wake_at(next.max(self.member.now.ticks.after(1)));
        }
    }

    /// Whether f + 1 members are so far ahead that slots and bundles come when they are asked for, and not by themselves.
    fn is_far_behind(&self) -> bool {
        let far = self.order.executed().plus(SLOTS_PER_ANSWER_MAX);
        self.peers.decided(&self.member, far) >= self.member.committee.weak()
    }
}

/// Subjects that are missing now, with the peers that may have them.
struct Needs<'a>(&'a Replica);

impl Needs<'_> {
    fn all(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        needs.extend(self.of_slots());
        needs.extend(self.of_new_views());
        for (seq, slot) in self.0.order.log.above(self.0.order.executed()) {
            needs.extend(self.of_content(seq, slot));
        }
        needs.extend(self.0.member.committee.replicas().filter_map(|lane| self.of_bundles(lane)));
        needs
    }

    /// Decided slots that a peer has and this replica lacks.
    fn of_slots(&self) -> Option<Need> {
        let from = self.0.order.known_up_to().next();
        let peers: Vec<ReplicaId> = self.0.member.others().filter(|peer| self.0.peers[*peer].serves(from)).collect();
        let furthest = peers.iter().filter_map(|peer| Some(self.0.peers[*peer].status.as_ref()?.executed)).max();
        let reach = self.0.order.executed().max(self.0.order.low()).plus(self.0.member.constants.window);
        let to = furthest?.max(from).min(from.plus(SLOTS_PER_ANSWER_MAX - 1)).min(reach);
        let waits = to == reach && self.0.pursuits.waits_for_slots(from, to, self.0.member.constants.window);
        (from <= to && !waits).then(|| Need::of_slots(from, to, peers))
    }

    /// The NewViews that peers are in and this replica is not (V6): each that is claimed, for some may be lies. Then those
    /// that ViewChanges name (V4).
    fn of_new_views(&self) -> impl Iterator<Item = Need> {
        let (mut claimed, mut entered) = (BTreeMap::<(View, Digest), Vec<ReplicaId>>::new(), Vec::new());
        for peer in self.0.member.others() {
            // A peer that has entered the start that waits here has had all that its ViewChanges name.
            entered.extend(self.0.views.waiting.filter(|of| self.0.peers[peer].has_entered(*of)).map(|_| peer));
            let Some(status) = &self.0.peers[peer].status else { continue };
            let is_news = status.new_view != Digest::ZERO && !self.0.views.new_views.contains_key(&status.new_view);
            if self.0.views.may_enter(status.view) && is_news {
                claimed.entry((status.view, status.new_view)).or_default().push(peer);
            }
        }
        claimed.into_iter().chain(self.0.views.lacking()).map(move |((view, digest), peers)| {
            let more = entered.iter().filter(|peer| !peers.contains(peer));
            let peers = peers.iter().chain(more).copied().filter(|peer| *peer != self.0.member.me).collect();
            let (quest, wanted) = (Quest::NewViewMsg(view, digest), Wanted::NewView { view, digest });
            Need::new(quest, wanted, (view.get(), view.get()), peers)
        })
    }

    /// A content that is proposed or decided and not here: those who voted for it have it.
    fn of_content(&self, seq: SeqNum, slot: &Slot) -> Option<Need> {
        let decided = slot.committed.as_ref().map(|certificate| certificate.digest());
        let lacking = |digest: &Digest| slot.content(digest).is_none();
        let uncertified = |digest: &Digest| {
            // Content is here, but not the certificates that a vote needs.
            let content = slot.content(digest)?;
            let carried = slot.proposal.is_some_and(|proposal| proposal.carried);
            let vouched = carried || content.cut.iter().all(|(lane, tip)| self.0.lanes[*lane].vouches_for(*tip));
            (decided.is_none() && !vouched).then_some(*digest)
        };
        let proposed = slot.proposed();
        let digest = decided
            .filter(lacking)
            .or_else(|| proposed.filter(|_| decided.is_none()).filter(lacking))
            .or_else(|| proposed.and_then(|digest| uncertified(&digest)))?;
        let mut peers: Vec<ReplicaId> = slot.proposal.iter().map(|proposal| proposal.statement.signer).collect();
        let votes = slot.prepares.values().chain(slot.commits.values());
        peers.extend(votes.filter(|vote| vote.statement.digest == digest).map(|vote| vote.signer));
        peers.extend(slot.committed.iter().flat_map(|certificate| certificate.signers()));
        peers.retain(|peer| *peer != self.0.member.me);
        let (quest, wanted) = (Quest::Content(seq), Wanted::Content { seq, digest });
        Some(Need::new(quest, wanted, (seq.get(), seq.get()), peers))
    }

    /// Data on the certified chain, as far as memory bears it; beyond that what the next slot needs.
    fn of_bundles(&self, id: ReplicaId) -> Option<Need> {
        let lane = &self.0.lanes[id];
        let constants = &self.0.member.constants;
        let furthest = lane.furthest(constants.bundles_ahead(), constants.lane_ahead_bytes_max);
        let next_tip = self.0.order.next_tip(id);
        let need = self.0.pursuits.need_of_bundles(id, lane, furthest, next_tip, BYTES_PER_ANSWER_MAX)?;
        let has = |peer: &ReplicaId| self.0.peers[*peer].acknowledged(id).position.get() >= need.missing;
        let mut peers: Vec<ReplicaId> = Vec::new();
        let shy = lane.silent_at.is_some_and(|at| self.0.member.now.ticks.since(at) < SILENT_OWNER_MS);
        let own = (id != self.0.member.me && !shy && self.0.peers[id].is_heard(self.0.member.now.ticks)).then_some(id);
        peers.extend(own);
        peers.extend(self.0.member.others().filter(|peer| *peer != id && has(peer)));
        peers.extend(self.0.member.others().filter(|peer| *peer != id && !has(peer)));
        peers.extend((id != self.0.member.me && own.is_none()).then_some(id));
        Some(Need { peers, ..need })
    }
}
