//! Asking for what is missing: one peer at a time, the next after a time-out (N9, L5).

use crate::agreement::slot::Slot;
use crate::effects::{Effects, Wanted};
use crate::recovery::repair::{BUNDLES_PER_ANSWER_MAX, SLOTS_PER_ANSWER_MAX};
use crate::replica::Replica;
use crate::wire::ids::{Digest, Position, ReplicaId, SeqNum, Ticks, View};
use crate::wire::message::Message;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// For how long the owner of a lane who did not answer is asked last (L5).
const SILENT_OWNER_MS: u64 = 10_000;

/// What is pursued; one question of each is out at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Quest {
    Slots,
    Content(SeqNum),
    Bundles(ReplicaId),
    Start(View, Digest),
}

/// Something that is needed now, and who may have it.
struct Need {
    quest: Quest,
    wanted: Wanted,
    /// The next thing that is missing: an answer that moves it out of `asked` calls for the next question.
    missing: u64,
    asked: (u64, u64),
    peers: Vec<ReplicaId>,
}

#[derive(Debug, Clone, Copy)]
struct Pursuit {
    last: Option<ReplicaId>,
    asked: Option<(u64, u64)>,
    tries: usize,
    next: Ticks,
}

/// Questions that are out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pursuits {
    out: BTreeMap<Quest, Pursuit>,
    looked_at: Ticks,
    /// Something arrived that may call for the next question.
    pub(crate) is_due: bool,
}

impl Pursuits {
    /// Questions that are out or wait for their grace, for reports.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }
}

impl Replica {
    /// Asks for what has been missing for a while.
    pub(crate) fn pursue(&mut self, out: &mut Effects) {
        let passed = self.now.ticks > self.pursuits.looked_at;
        if passed || core::mem::take(&mut self.pursuits.is_due) {
            self.pursuits.looked_at = self.now.ticks;
            let needs = self.needs();
            let needed = |quest: &Quest| needs.iter().any(|need| need.quest == *quest);
            self.pursuits.out.retain(|quest, _| needed(quest));
            for need in needs {
                self.pursue_one(need, out);
            }
        }
        if let Some(next) = self.pursuits.out.values().map(|pursuit| pursuit.next).min() {
            self.wake_at(next.max(self.now.ticks.after(1)));
        }
    }

    fn pursue_one(&mut self, need: Need, out: &mut Effects) {
        let now = self.now.ticks;
        let grace = now.after(self.constants.base_timeout_ms / 10);
        let pursuit =
            self.pursuits.out.entry(need.quest).or_insert(Pursuit { last: None, asked: None, tries: 0, next: grace });
        let answered = pursuit.asked.is_some_and(|(from, to)| need.missing < from || need.missing > to);
        if !answered && now < pursuit.next {
            return;
        }
        if !answered && pursuit.asked.is_some() {
            if let (Quest::Bundles(lane), Some(asked)) = (need.quest, pursuit.last)
                && lane == asked
            {
                self.lanes[lane.index()].silent_at = Some(now);
            }
            pursuit.tries += 1;
        }
        let Some(peer) = need.peers.get(pursuit.tries % need.peers.len().max(1)) else { return };
        pursuit.last = Some(*peer);
        pursuit.asked = Some(need.asked);
        // Within one base time-out several peers are asked for what is small; data takes its time on a slow line.
        let patience = if matches!(need.quest, Quest::Bundles(_)) { 2 } else { 5 };
        pursuit.next = now.after(self.constants.base_timeout_ms / patience);
        out.send(*peer, Message::Ask(need.wanted));
    }

    fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        needs.extend(self.need_of_slots());
        needs.extend(self.needs_of_views());
        needs.extend(self.needs_of_starts());
        for (seq, slot) in self.log.above(self.executed()) {
            needs.extend(self.need_of_content(seq, slot));
        }
        needs.extend(self.committee.replicas().filter_map(|lane| self.need_of_bundles(lane)));
        needs
    }

    /// Decided slots that a peer has and this replica lacks.
    fn need_of_slots(&self) -> Option<Need> {
        let lacks = |seq: SeqNum| !self.log.get(seq).is_some_and(|slot| slot.recorded);
        let mut from = self.executed().next();
        while !lacks(from) {
            from = from.next();
        }
        let peers: Vec<ReplicaId> = self.others().filter(|peer| self.peers[peer.index()].has_decided(from)).collect();
        let furthest = peers.iter().filter_map(|peer| Some(self.peers[peer.index()].status.as_ref()?.executed)).max();
        let reach = self.executed().max(self.low()).plus(self.constants.window);
        let to = furthest?.max(from).min(from.plus(SLOTS_PER_ANSWER_MAX - 1)).min(reach);
        let missing = from.get();
        let wanted = Wanted::Slots { from, to };
        (from <= to).then_some(Need { quest: Quest::Slots, wanted, missing, asked: (missing, to.get()), peers })
    }

    /// The starts of views that peers are in and this replica is not (V6): each that is claimed, for some may be lies.
    fn needs_of_views(&self) -> Vec<Need> {
        let mut claimed: BTreeMap<(View, Digest), Vec<ReplicaId>> = BTreeMap::new();
        for peer in self.others() {
            let Some(status) = &self.peers[peer.index()].status else { continue };
            let later = status.view > self.view.number || (status.view == self.view.number && self.view.changing);
            if later && status.new_view != Digest::ZERO && self.views.start(&status.new_view).is_none() {
                claimed.entry((status.view, status.new_view)).or_default().push(peer);
            }
        }
        claimed.into_iter().map(|((view, digest), peers)| need_of_start(view, digest, peers)).collect()
    }

    /// V4: the starts that demands name.
    fn needs_of_starts(&self) -> impl Iterator<Item = Need> {
        let me = self.me;
        self.views.lacking().into_iter().map(move |((view, digest), mut peers)| {
            peers.retain(|peer| *peer != me);
            need_of_start(view, digest, peers)
        })
    }

    /// A content that is proposed or decided and not here: those who voted for it have it.
    fn need_of_content(&self, seq: SeqNum, slot: &Slot) -> Option<Need> {
        let decided = slot.committed.as_ref().map(|certificate| certificate.digest());
        let lacking = |digest: &crate::wire::ids::Digest| slot.content(digest).is_none();
        let uncertified = |digest: &crate::wire::ids::Digest| {
            // Content is here, but not the certificates that a vote needs.
            let content = slot.content(digest)?;
            let carried = slot.proposal.is_some_and(|proposal| proposal.carried);
            let vouched = carried || content.cut.iter().all(|(lane, tip)| self.lanes[lane.index()].vouches_for(*tip));
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
        peers.retain(|peer| *peer != self.me);
        let quest = Quest::Content(seq);
        let wanted = Wanted::Content { seq, digest };
        Some(Need { quest, wanted, missing: seq.get(), asked: (seq.get(), seq.get()), peers })
    }

    /// Data on the certified chain, as far as memory bears it; beyond that what the next slot needs.
    fn need_of_bundles(&self, id: ReplicaId) -> Option<Need> {
        let lane = &self.lanes[id.index()];
        // Beyond the next slot only what fits into memory whatever its size (L5).
        let few = self.constants.lane_ahead_bytes_max / u64::from(self.constants.bundle_bytes_max).max(1);
        let furthest = lane.executed.position.plus(few.min(self.constants.lane_ahead_bundles_max));
        let of_next = || self.next_tip(id).and_then(|target| lane.missing(target));
        let to = lane.missing(furthest).or_else(of_next)?;
        let lowest = Position::new(to.get().saturating_sub(BUNDLES_PER_ANSWER_MAX - 1));
        let from = lowest.max(lane.executed.position.next());
        let has = |peer: &ReplicaId| self.peers[peer.index()].acknowledged(id).position >= to;
        let mut peers: Vec<ReplicaId> = Vec::new();
        let shy = lane.silent_at.is_some_and(|at| self.now.ticks.since(at) < SILENT_OWNER_MS);
        let owner = (id != self.me && !shy && self.peers[id.index()].is_heard(self.now.ticks)).then_some(id);
        peers.extend(owner);
        peers.extend(self.others().filter(|peer| *peer != id && has(peer)));
        peers.extend(self.others().filter(|peer| *peer != id && !has(peer)));
        peers.extend((id != self.me && owner.is_none()).then_some(id));
        let wanted = Wanted::Bundles { lane: id, from, to };
        let asked = (from.get(), to.get());
        Some(Need { quest: Quest::Bundles(id), wanted, missing: to.get(), asked, peers })
    }

    /// The other members, beginning after this one, so that not all ask the same.
    pub(crate) fn others(&self) -> impl Iterator<Item = ReplicaId> + use<> {
        let (n, me) = (self.committee.len(), self.me.index());
        (1..n).map(move |step| ReplicaId::new(((me + step) % n) as u16))
    }
}

fn need_of_start(view: View, digest: Digest, peers: Vec<ReplicaId>) -> Need {
    let (quest, wanted) = (Quest::Start(view, digest), Wanted::NewView { view, digest });
    Need { quest, wanted, missing: view.get(), asked: (view.get(), view.get()), peers }
}
