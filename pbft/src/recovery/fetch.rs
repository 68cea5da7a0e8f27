//! Asking for what is missing: one peer at a time, the next after a time-out (N9, L5).

use crate::agreement::slot::Slot;
use crate::effects::Wanted;
use crate::lanes::Lanes;
use crate::member::Member;
use crate::recovery::answer::{BUNDLES_PER_ANSWER_MAX, SLOTS_PER_ANSWER_MAX};
use crate::replica::Replica;
use crate::wire::{Digest, Position, ReplicaId, SeqNum, Ticks, View};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// For how long the owner of a lane who did not answer is asked last (L5).
const SILENT_OWNER_MS: u64 = 10_000;

/// Subjects that are pursued; one question of each is out at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quest {
    Slots,
    Content(SeqNum),
    Bundles(ReplicaId),
    NewViewMsg(View, Digest),
    Checkpoint,
}

/// A subject that is missing now, and the peers that may have it.
pub(crate) struct Need {
    pub(crate) quest: Quest,
    pub(crate) wanted: Wanted,
    /// The next thing that is missing: an answer that moves it out of `asked` calls for the next question.
    pub(crate) missing: u64,
    pub(crate) asked: (u64, u64),
    pub(crate) peers: Vec<ReplicaId>,
}

/// Times of a pursuit, milliseconds.
pub(crate) struct Patience {
    /// Before the first question: what is missing may be on its way.
    pub(crate) grace_ms: u64,
    /// Before the same is asked of the next peer.
    pub(crate) answer_ms: u64,
}

/// Result of a look at a pursuit.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// The peer that left the last question unanswered.
    pub(crate) silent: Option<ReplicaId>,
    /// The peer to ask now.
    pub(crate) ask: Option<ReplicaId>,
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
    /// Set by an arrival that may call for the next question.
    pub(crate) is_due: bool,
}

impl Pursuits {
    /// Questions that are out or wait for their grace, for reports.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }
}

impl Pursuits {
    /// Forgets the subjects of which nothing is missing any more.
    pub(crate) fn keep(&mut self, needs: &[Need]) {
        let needed = |quest: &Quest| needs.iter().any(|need| need.quest == *quest);
        self.out.retain(|quest, _| needed(quest));
    }

    /// When a question is due next.
    pub(crate) fn next_due(&self) -> Option<Ticks> {
        self.out.values().map(|pursuit| pursuit.next).min()
    }

    /// A peer that is gone answers nothing: what it was asked is due now.
    pub(crate) fn give_up(&mut self, peer: ReplicaId, now: Ticks) {
        let asked = self.out.values_mut().filter(|pursuit| pursuit.last == Some(peer));
        asked.for_each(|pursuit| pursuit.next = now);
    }

    /// Looks whether a question is due, and notes that it goes out.
    pub(crate) fn turn(&mut self, need: &Need, now: Ticks, patience: &Patience) -> Turn {
        let first = Pursuit { last: None, asked: None, tries: 0, next: now.after(patience.grace_ms) };
        let pursuit = self.out.entry(need.quest).or_insert(first);
        let answered = pursuit.asked.is_some_and(|(from, to)| need.missing < from || need.missing > to);
        if !answered && now < pursuit.next {
            return Turn::default();
        }
        let unanswered = !answered && pursuit.asked.is_some();
        let silent = pursuit.last.filter(|_| unanswered);
        if unanswered {
            pursuit.tries += 1;
        }
        let ask = need.peers.get(pursuit.tries % need.peers.len().max(1)).copied();
        if ask.is_some() {
            (pursuit.last, pursuit.asked, pursuit.next) = (ask, Some(need.asked), now.after(patience.answer_ms));
        }
        Turn { silent, ask }
    }

    fn pursue_one(&mut self, lanes: &mut Lanes, member: &mut Member, need: Need) {
        let (now, base_ms) = (member.now.ticks, member.constants.base_timeout_ms);
        // Within one base time-out several peers are asked for what is small; data takes its time on a slow line.
        let patience = if matches!(need.quest, Quest::Bundles(_)) { 2 } else { 5 };
        let patience = Patience { grace_ms: base_ms / 10, answer_ms: base_ms / patience };
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
            for need in needs {
                self.pursuits.pursue_one(&mut self.lanes, &mut self.member, need);
            }
        }
        if let Some(next) = self.pursuits.next_due() {
            self.member.wake_at(next.max(self.member.now.ticks.after(1)));
        }
    }
}

/// Subjects that are missing now, with the peers that may have them.
struct Needs<'a>(&'a Replica);

impl Needs<'_> {
    fn all(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        needs.extend(self.of_slots());
        needs.extend(self.of_views());
        needs.extend(self.of_named_new_views());
        for (seq, slot) in self.0.order.log.above(self.0.order.executed()) {
            needs.extend(self.of_content(seq, slot));
        }
        needs.extend(self.0.member.committee.replicas().filter_map(|lane| self.of_bundles(lane)));
        needs
    }

    /// Decided slots that a peer has and this replica lacks.
    fn of_slots(&self) -> Option<Need> {
        let lacks = |seq: SeqNum| !self.0.order.log.get(seq).is_some_and(|slot| slot.recorded);
        let mut from = self.0.order.executed().next();
        while !lacks(from) {
            from = from.next();
        }
        let peers: Vec<ReplicaId> = self.0.member.others().filter(|peer| self.0.peers[*peer].serves(from)).collect();
        let furthest = peers.iter().filter_map(|peer| Some(self.0.peers[*peer].status.as_ref()?.executed)).max();
        let reach = self.0.order.executed().max(self.0.order.low()).plus(self.0.member.constants.window);
        let to = furthest?.max(from).min(from.plus(SLOTS_PER_ANSWER_MAX - 1)).min(reach);
        let missing = from.get();
        let wanted = Wanted::Slots { from, to };
        (from <= to).then_some(Need { quest: Quest::Slots, wanted, missing, asked: (missing, to.get()), peers })
    }

    /// The NewViews that peers are in and this replica is not (V6): each that is claimed, for some may be lies.
    fn of_views(&self) -> Vec<Need> {
        let mut claimed: BTreeMap<(View, Digest), Vec<ReplicaId>> = BTreeMap::new();
        for peer in self.0.member.others() {
            let Some(status) = &self.0.peers[peer].status else { continue };
            let later =
                status.view > self.0.views.number || (status.view == self.0.views.number && self.0.views.changing);
            if later && status.new_view != Digest::ZERO && !self.0.views.new_views.contains_key(&status.new_view) {
                claimed.entry((status.view, status.new_view)).or_default().push(peer);
            }
        }
        claimed.into_iter().map(|((view, digest), peers)| need_of_new_view(view, digest, peers)).collect()
    }

    /// V4: the starts that ViewChanges name.
    fn of_named_new_views(&self) -> impl Iterator<Item = Need> {
        let me = self.0.member.me;
        self.0.views.lacking().into_iter().map(move |((view, digest), mut peers)| {
            peers.retain(|peer| *peer != me);
            need_of_new_view(view, digest, peers)
        })
    }

    /// A content that is proposed or decided and not here: those who voted for it have it.
    fn of_content(&self, seq: SeqNum, slot: &Slot) -> Option<Need> {
        let decided = slot.committed.as_ref().map(|certificate| certificate.digest());
        let lacking = |digest: &crate::wire::Digest| slot.content(digest).is_none();
        let uncertified = |digest: &crate::wire::Digest| {
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
        let quest = Quest::Content(seq);
        let wanted = Wanted::Content { seq, digest };
        Some(Need { quest, wanted, missing: seq.get(), asked: (seq.get(), seq.get()), peers })
    }

    /// Data on the certified chain, as far as memory bears it; beyond that what the next slot needs.
    fn of_bundles(&self, id: ReplicaId) -> Option<Need> {
        let lane = &self.0.lanes[id];
        // Beyond the next slot only what fits into memory whatever its size (L5).
        let few =
            self.0.member.constants.lane_ahead_bytes_max / u64::from(self.0.member.constants.bundle_bytes_max).max(1);
        let furthest = lane.executed.position.plus(few.min(self.0.member.constants.lane_ahead_bundles_max));
        let of_next = || self.0.order.next_tip(id).and_then(|target| lane.missing(target));
        let to = lane.missing(furthest).or_else(of_next)?;
        let lowest = Position::new(to.get().saturating_sub(BUNDLES_PER_ANSWER_MAX - 1));
        let from = lowest.max(lane.executed.position.next());
        let has = |peer: &ReplicaId| self.0.peers[*peer].acknowledged(id).position >= to;
        let mut peers: Vec<ReplicaId> = Vec::new();
        let shy = lane.silent_at.is_some_and(|at| self.0.member.now.ticks.since(at) < SILENT_OWNER_MS);
        let owner =
            (id != self.0.member.me && !shy && self.0.peers[id].is_heard(self.0.member.now.ticks)).then_some(id);
        peers.extend(owner);
        peers.extend(self.0.member.others().filter(|peer| *peer != id && has(peer)));
        peers.extend(self.0.member.others().filter(|peer| *peer != id && !has(peer)));
        peers.extend((id != self.0.member.me && owner.is_none()).then_some(id));
        let wanted = Wanted::Bundles { lane: id, from, to };
        let asked = (from.get(), to.get());
        Some(Need { quest: Quest::Bundles(id), wanted, missing: to.get(), asked, peers })
    }
}

fn need_of_new_view(view: View, digest: Digest, peers: Vec<ReplicaId>) -> Need {
    let (quest, wanted) = (Quest::NewViewMsg(view, digest), Wanted::NewView { view, digest });
    Need { quest, wanted, missing: view.get(), asked: (view.get(), view.get()), peers }
}
