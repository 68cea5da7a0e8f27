//! Questions that are out: which of them is due, and whom it goes to (N9, L5).

use crate::effects::Wanted;
use crate::lanes::lane::Lane;
use crate::recovery::answer::{BUNDLES_PER_ANSWER_MAX, SLOTS_PER_ANSWER_MAX};
use crate::wire::{Digest, Position, ReplicaId, SeqNum, Ticks, View};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Bundles of a lane in hand while which fewer than an answer holds are not asked for: execution takes longer for their slots
/// than a question and its answer.
const IN_HAND: u64 = BUNDLES_PER_ANSWER_MAX / 2;

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
    /// So much came that the answer had no room for the rest: the next question follows at once.
    pub(crate) is_cut: bool,
    pub(crate) peers: Vec<ReplicaId>,
}

impl Need {
    /// A subject of which the first that is asked for is missing.
    pub(crate) fn new(quest: Quest, wanted: Wanted, asked: (u64, u64), peers: Vec<ReplicaId>) -> Self {
        Self { quest, wanted, missing: asked.0, asked, is_cut: false, peers }
    }

    /// Decided slots.
    pub(crate) fn of_slots(from: SeqNum, to: SeqNum, peers: Vec<ReplicaId>) -> Self {
        Self::new(Quest::Slots, Wanted::Slots { from, to }, (from.get(), to.get()), peers)
    }
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
    /// The peer that left the last question unanswered, or a part of it.
    pub(crate) silent: Option<ReplicaId>,
    /// A part of it has come since.
    pub(crate) gave_part: bool,
    /// The peer to ask now.
    pub(crate) ask: Option<ReplicaId>,
}

#[derive(Debug, Clone, Copy)]
struct Pursuit {
    last: Option<ReplicaId>,
    asked: Option<(u64, u64)>,
    /// What was missing first when it was asked for.
    missing: u64,
    tries: usize,
    next: Ticks,
}

/// Questions that are out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pursuits {
    out: BTreeMap<Quest, Pursuit>,
    pub(super) looked_at: Ticks,
    /// Set by an arrival that may call for the next question.
    pub(crate) is_due: bool,
}

impl Pursuits {
    /// Forgets the subjects of which nothing is missing any more.
    pub(crate) fn keep(&mut self, needs: &[Need]) {
        let needed = |quest: &Quest| needs.iter().any(|need| need.quest == *quest);
        self.out.retain(|quest, _| needed(quest));
    }

    /// Whether slots from one on, up to the last that may be here, are too few to ask for them: others are here before them,
    /// and a question for a few costs a peer as much as one for many. A question that is out goes on.
    pub(crate) fn waits_for_slots(&self, from: SeqNum, reach: SeqNum, window: u64) -> bool {
        let room = reach.next().get().saturating_sub(from.get());
        let is_out = self.asked(Quest::Slots).is_some_and(|(first, last)| (first..=last).contains(&from.get()));
        room < SLOTS_PER_ANSWER_MAX.min(window / 4) && !is_out
    }

    fn asked(&self, quest: Quest) -> Option<(u64, u64)> {
        self.out.get(&quest).and_then(|pursuit| pursuit.asked)
    }

    /// Bundles of a lane to ask for: the rest of the question that is out, so that none is asked for again because a slot was
    /// executed meanwhile; else the lowest that are missing, up to `furthest`, or what the next slot needs. Bundles above both are
    /// not taken, so the rest ends there. A few are not asked for while execution goes on without them. Whom to ask is still open.
    pub(crate) fn need_of_bundles(
        &self,
        id: ReplicaId,
        lane: &Lane,
        furthest: Position,
        next_tip: Option<Position>,
        answer_bytes: u64,
    ) -> Option<Need> {
        let asked = self.asked(Quest::Bundles(id));
        let reach = next_tip.map_or(furthest, |tip| furthest.max(tip));
        let rest_of = |(from, to)| lane.missing(reach.min(Position::new(to))).filter(|rest| rest.get() >= from);
        let rest = asked.and_then(rest_of);
        let of_next = || next_tip.and_then(|tip| lane.missing(tip));
        let first = lane.first_missing(lane.executed.position.next(), furthest);
        let lowest_of = || lane.missing(furthest.min(first.plus(BUNDLES_PER_ANSWER_MAX - 1)));
        let to = rest.or_else(lowest_of).or_else(|| lane.missing(furthest)).or_else(of_next)?;
        let is_in_hand = first.get() - lane.executed.position.get() > IN_HAND && next_tip.is_some_and(|of| of < first);
        if rest.is_none() && is_in_hand && to < first.plus(BUNDLES_PER_ANSWER_MAX - 1) {
            return None;
        }
        let lowest = Position::new(to.get().saturating_sub(BUNDLES_PER_ANSWER_MAX - 1));
        let from = lane.first_missing(lowest.max(lane.executed.position.next()), to);
        let asked = asked.filter(|_| rest.is_some()).map_or(to, |(_, asked)| Position::new(asked));
        // Bundles weigh more on their way than their items.
        let (count, came) = lane.held_between(to, asked);
        let is_full = count > 0 && came + came / count * 5 / 4 > answer_bytes;
        let is_cut = is_full || asked > reach.max(to);
        let (wanted, asked) = (Wanted::Bundles { lane: id, from, to }, (from.get(), to.get()));
        Some(Need { missing: to.get(), is_cut, ..Need::new(Quest::Bundles(id), wanted, asked, Vec::new()) })
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

    /// The peer that a question went to first and is out to.
    pub(crate) fn first_asked(&self, quest: Quest) -> Option<ReplicaId> {
        self.out.get(&quest).filter(|pursuit| pursuit.tries == 0)?.last
    }

    /// A question goes to the first peer now, whoever has it.
    pub(crate) fn start_over(&mut self, quest: Quest, now: Ticks) {
        if let Some(pursuit) = self.out.get_mut(&quest) {
            *pursuit = Pursuit { last: None, asked: None, missing: 0, tries: 0, next: now };
        }
    }

    /// Looks whether a question is due, and notes that it goes out.
    pub(crate) fn turn(&mut self, need: &Need, now: Ticks, patience: &Patience) -> Turn {
        let first = Pursuit { last: None, asked: None, missing: 0, tries: 0, next: now.after(patience.grace_ms) };
        let pursuit = self.out.entry(need.quest).or_insert(first);
        let is_past = |(from, to)| need.is_cut || need.missing < from || need.missing > to;
        let answered = pursuit.asked.is_some_and(is_past);
        let is_late = pursuit.asked.is_none() && patience.grace_ms == 0;
        if !answered && !is_late && now < pursuit.next {
            return Turn::default();
        }
        let unanswered = !answered && pursuit.asked.is_some();
        let silent = pursuit.last.filter(|_| unanswered);
        let gave_part = need.missing != pursuit.missing;
        if unanswered {
            pursuit.tries += 1;
        }
        let ask = need.peers.get(pursuit.tries % need.peers.len().max(1)).copied();
        pursuit.next = now.after(patience.grace_ms.max(1)); // nobody may have it yet
        if ask.is_some() {
            (pursuit.last, pursuit.asked, pursuit.next) = (ask, Some(need.asked), now.after(patience.answer_ms));
            pursuit.missing = need.missing;
        }
        Turn { silent, gave_part, ask }
    }
}

#[cfg(feature = "testing")]
impl Pursuits {
    /// Questions that are out or wait for their grace.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_that_nobody_can_meet_is_looked_at_once_in_a_grace() {
        let (mut pursuits, patience) = (Pursuits::default(), Patience { grace_ms: 100, answer_ms: 200 });
        let need = Need::of_slots(SeqNum::new(1), SeqNum::new(1), Vec::new());
        let due: Vec<u64> = [0, 100, 150, 200]
            .map(|now| {
                pursuits.turn(&need, Ticks::new(now), &patience);
                pursuits.next_due().expect("it is out").get()
            })
            .into();
        assert_eq!(due, [100, 200, 200, 300]);
    }
}
