//! Questions of a follower: decided slots, and the bundles that they cut; of one peer at a time, the next after a time-out
//! (N9, L5).

use crate::effects::{Effects, Question, Wanted};
use crate::follower::Follower;
use crate::recovery::answer::{BUNDLES_PER_ANSWER_MAX, SLOTS_PER_ANSWER_MAX};
use crate::recovery::pursuits::{Need, Patience, Quest};
use crate::wire::{Message, Position, QuorumCert, ReplicaId};
use alloc::vec::Vec;

/// Bytes of a lane that may be in memory before its next slot is executed; the next slot's own are fetched whatever they
/// weigh (L5).
const LANE_BYTES_MAX: u64 = 16 << 20;
/// Bytes that a door gives in one answer.
const ANSWER_BYTES_MAX: u64 = 2 << 20;
/// Bundles ahead of the executed tip that are fetched: what one answer holds.
const LANE_BUNDLES_MAX: u64 = BUNDLES_PER_ANSWER_MAX;

impl Follower {
    /// Asks for what is missing and due.
    pub(super) fn ask(&mut self, out: &mut Effects) {
        if self.broken.is_some() {
            return;
        }
        let mut needs: Vec<Need> = self.need_of_slots().into_iter().chain(self.need_of_checkpoint()).collect();
        needs.extend(self.committee.replicas().filter_map(|lane| self.need_of_bundles(lane)));
        self.pursuits.keep(&needs);
        for need in needs {
            // Data takes its time on a slow line, but who never handed out any may never do, and is not waited for once a
            // neighbour that did has it as well.
            let is_proved = need.peers.first().is_none_or(|first| self.neighbours.is_proved(*first));
            let asked = self.pursuits.first_asked(need.quest);
            if is_proved && asked.is_some_and(|peer| !self.neighbours.is_proved(peer)) {
                self.pursuits.start_over(need.quest, self.now.ticks);
            }
            let divisor = if matches!(need.quest, Quest::Bundles(_)) && is_proved { 2 } else { 5 };
            let patience = Patience { grace_ms: 0, answer_ms: self.constants.base_timeout_ms / divisor };
            let turn = self.pursuits.turn(&need, self.now.ticks, &patience);
            // A neighbour that gave a part may have had no more.
            let silent = turn.silent.filter(|_| !turn.gave_part);
            if let Some(peer) = silent {
                self.neighbours.on_silence(peer, self.now.ticks);
                if self.is_for_next(&need.wanted) {
                    self.neighbours.owes(peer, self.point.seq.next(), self.now.ticks);
                }
            }
            if let Some(peer) = turn.ask {
                out.send(peer, Message::Ask(Question { epoch: self.committee.epoch(), wanted: need.wanted }));
            }
        }
    }

    /// Whether the next slot cannot be executed before the first of what is wanted is here.
    fn is_for_next(&self, wanted: &Wanted) -> bool {
        match wanted {
            Wanted::Slots { from, .. } => *from == self.point.seq.next(),
            Wanted::Bundles { lane, from, .. } => self.next_tip(*lane).is_some_and(|tip| *from <= tip),
            _ => false,
        }
    }

    /// Decided slots that a member claims and that are not here.
    fn need_of_slots(&self) -> Option<Need> {
        let from = self.slots.first_gap(self.point.seq.next());
        let now = self.now.ticks;
        let peers: Vec<ReplicaId> =
            self.neighbours_from(0).filter(|id| self.neighbours.serves(*id, from, now)).collect();
        let furthest = peers.iter().map(|peer| self.neighbours.claims(*peer)).max()?;
        let to = furthest.min(from.plus(SLOTS_PER_ANSWER_MAX - 1)).min(self.reach());
        // Where the epoch ends, execution makes no room.
        let full = self.point.seq.plus(self.constants.window);
        let waits = to == full && self.pursuits.waits_for_slots(from, full, self.constants.window);
        (from <= to && !waits).then(|| Need::of_slots(from, to, peers))
    }

    /// The certificate of a checkpoint that a member says is stable and that is newer than all that are known here.
    fn need_of_checkpoint(&self) -> Option<Need> {
        let newest = self.newest_checkpoint().map_or(self.committee.base(), QuorumCert::seq);
        let has = |neighbour: &ReplicaId| self.neighbours.stable(*neighbour, self.now.ticks) > newest;
        let peers: Vec<ReplicaId> = self.neighbours_from(0).filter(has).collect();
        let (quest, asked) = (Quest::Checkpoint, (newest.get(), newest.get()));
        (!peers.is_empty()).then(|| Need::new(quest, Wanted::StableCheckpoint, asked, peers))
    }

    /// Data on the chain below decided tips, as far as memory bears it; beyond that what the next slot needs.
    fn need_of_bundles(&self, id: ReplicaId) -> Option<Need> {
        let lane = &self.lanes[id.index()];
        let (furthest, next_tip) = (self.furthest(id), self.next_tip(id));
        let need = self.pursuits.need_of_bundles(id, lane, furthest, next_tip, ANSWER_BYTES_MAX)?;
        let (next, now) = (self.point.seq.next(), self.now.ticks);
        let has = |neighbour: &ReplicaId| self.neighbours.serves_data(*neighbour, next, now);
        let peers = self.neighbours_from(id.index()).filter(has).collect();
        Some(Need { peers, ..need })
    }

    /// The position up to which a lane's bundles are fetched before the next slot needs them.
    pub(super) fn furthest(&self, id: ReplicaId) -> Position {
        let lane = &self.lanes[id.index()];
        let ahead = if lane.held_bytes() < LANE_BYTES_MAX { LANE_BUNDLES_MAX } else { 0 };
        lane.executed.position.plus(ahead)
    }

    /// Other followers first, so that members are spared; then members, beginning at a place of the list, so that not all
    /// questions go to the same; last the followers that left a question unanswered.
    fn neighbours_from(&self, begin: usize) -> impl Iterator<Item = ReplicaId> {
        let (n, now) = (self.committee.len(), self.now.ticks);
        let members = (0..n).map(move |step| ReplicaId::new(((begin + step) % n) as u16));
        let others = |answering| self.neighbours.others(answering, now);
        others(true).chain(members).chain(others(false))
    }
}
