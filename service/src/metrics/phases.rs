//! Phases of agreement, timed where own messages leave: from a proposal, or the own vote for one, to the own commit vote, and on
//! to execution. Whatever others say sets no time.

use quorate_pbft::{SeqNum, View};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Slots that are timed at once: more than a window.
const OPEN_MAX: usize = 1_024;
/// Slots whose time is remembered for the median.
const REMEMBERED: usize = 64;
/// Time for which it is remembered: an idle group says nothing of what was slow before.
const REMEMBERED_FOR: Duration = Duration::from_secs(300);

/// Slots in flight, and the times of the last ones.
#[derive(Debug, Default)]
pub struct Phases {
    open: BTreeMap<SeqNum, Slot>,
    executed: SeqNum,
    orders: VecDeque<Order>,
    view: Option<View>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    proposed: Instant,
    /// The proposal, or the last moment since at which no quorum could have agreed.
    counted_from: Instant,
    prepared: Option<Instant>,
}

/// What agreement on an executed slot took while there was a quorum for it.
#[derive(Debug, Clone, Copy)]
struct Order {
    executed: Instant,
    took: Duration,
}

/// Times of an executed slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timed {
    /// From the proposal to the own commit vote; none where others decided without it.
    pub prepare: Option<Duration>,
    /// From that vote to the execution, durable.
    pub commit: Option<Duration>,
    /// From the proposal to the execution, durable.
    pub order: Duration,
}

impl Phases {
    /// A proposal left, or the own vote for one; the first one of a slot counts, unless that is executed.
    pub fn proposed(&mut self, seq: SeqNum, now: Instant) {
        if seq <= self.executed {
            return;
        }
        self.open.entry(seq).or_insert(Slot { proposed: now, counted_from: now, prepared: None });
        if self.open.len() > OPEN_MAX {
            self.open.pop_first();
        }
    }

    /// The own commit vote left; the first one of a slot counts.
    pub fn prepared(&mut self, seq: SeqNum, now: Instant) {
        if let Some(slot) = self.open.get_mut(&seq) {
            slot.prepared.get_or_insert(now);
        }
    }

    /// Every slot up to this one is executed.
    pub fn executed(&mut self, seq: SeqNum, now: Instant) -> Vec<Timed> {
        let mut timed = Vec::new();
        self.executed = self.executed.max(seq);
        while let Some(first) = self.open.first_entry().filter(|first| *first.key() <= seq) {
            let Slot { proposed, counted_from, prepared } = first.remove();
            let prepare = prepared.map(|at| at.duration_since(proposed));
            let commit = prepared.map(|at| now.duration_since(at));
            timed.push(Timed { prepare, commit, order: now.duration_since(proposed) });
            self.orders.push_back(Order { executed: now, took: now.duration_since(counted_from) });
        }
        self.orders.drain(..self.orders.len().saturating_sub(REMEMBERED));
        timed
    }

    /// No quorum can agree at this moment: slots in flight are not slow for waiting, and the median counts them from here.
    pub fn without_quorum(&mut self, now: Instant) {
        self.open.values_mut().for_each(|slot| slot.counted_from = now);
    }

    /// Count of the views entered since the last look; the first look counts none.
    pub fn views_since(&mut self, view: View) -> u64 {
        let before = self.view.replace(view);
        before.map_or(0, |before| view.get().saturating_sub(before.get()))
    }

    /// Median of what agreement took, in milliseconds, over the last 64 slots of the last five minutes.
    pub fn order_ms(&self, now: Instant) -> Option<u64> {
        let is_recent = |order: &&Order| now.duration_since(order.executed) < REMEMBERED_FOR;
        let mut sorted: Vec<Duration> = self.orders.iter().filter(is_recent).map(|order| order.took).collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).map(|median| median.as_millis() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_timed_from_its_first_proposal_to_its_execution() {
        let (mut phases, begun) = (Phases::default(), Instant::now());
        let at = |ms: u64| begun + Duration::from_millis(ms);
        phases.proposed(SeqNum::new(1), at(0));
        phases.proposed(SeqNum::new(1), at(5));
        phases.prepared(SeqNum::new(1), at(10));
        phases.proposed(SeqNum::new(2), at(10));

        let timed = phases.executed(SeqNum::new(1), at(30));

        let ms = Duration::from_millis;
        assert_eq!(timed, [Timed { prepare: Some(ms(10)), commit: Some(ms(20)), order: ms(30) }]);
        assert_eq!(phases.order_ms(at(30)), Some(30));
    }

    #[test]
    fn a_slot_that_waited_for_a_quorum_is_not_slow_in_the_median_and_counts_whole_elsewhere() {
        let (mut phases, begun) = (Phases::default(), Instant::now());
        let at = |ms: u64| begun + Duration::from_millis(ms);
        phases.proposed(SeqNum::new(1), at(0));
        phases.without_quorum(at(13_000));

        let timed = phases.executed(SeqNum::new(1), at(13_050));

        assert_eq!(timed.first().map(|slot| slot.order), Some(Duration::from_millis(13_050)));
        assert_eq!(phases.order_ms(at(13_050)), Some(50));
    }

    #[test]
    fn what_was_slow_more_than_five_minutes_ago_is_forgotten() {
        let (mut phases, begun) = (Phases::default(), Instant::now());
        phases.proposed(SeqNum::new(1), begun);
        let executed = begun + Duration::from_secs(20);
        phases.executed(SeqNum::new(1), executed);

        let after = |seconds| phases.order_ms(executed + Duration::from_secs(seconds));

        assert_eq!([after(0), after(299), after(300)], [Some(20_000), Some(20_000), None]);
    }

    #[test]
    fn a_vote_for_a_slot_that_is_executed_is_timed_by_no_later_one() {
        let (mut phases, begun) = (Phases::default(), Instant::now());
        phases.executed(SeqNum::new(1), begun);
        phases.proposed(SeqNum::new(1), begun);

        let timed = phases.executed(SeqNum::new(2), begun + Duration::from_secs(60));

        assert_eq!((timed, phases.order_ms(begun + Duration::from_secs(60))), (vec![], None));
    }

    #[test]
    fn proposals_that_are_never_executed_take_bounded_room() {
        let (mut phases, now) = (Phases::default(), Instant::now());
        (1..=10_000).for_each(|seq| phases.proposed(SeqNum::new(seq), now));
        assert_eq!(phases.open.len(), OPEN_MAX);
    }

    #[test]
    fn the_view_in_which_a_replica_starts_is_no_change() {
        let mut phases = Phases::default();
        let found: Vec<u64> = [7, 7, 9].map(|view| phases.views_since(View::new(view))).into();
        assert_eq!(found, [0, 0, 2]);
    }
}
