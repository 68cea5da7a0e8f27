//! A primary that is only just fast enough to escape the timers (V7, pitfall 34).
//!
//! Certificates of lanes are made without the primary. So the wait of certified bundles for a proposal is held against the time
//! that the own last bundles took to be certified, never against an earlier primary, who may have lied as well.

use crate::lanes::Lanes;
use crate::member::Member;
use crate::recovery::peer::Peers;
use crate::views::Views;
use crate::views::cause::Cause;
use crate::wire::{Content, ReplicaId, Ticks};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// Certificates of a lane that are judged together, and own certifications that they are held against.
const SAMPLES: usize = 64;
/// A wait up to this is never too long.
const FLOOR_MS: u64 = 100;
/// Median own certifications that a certified bundle may wait.
const MEDIANS: u64 = 8;
/// Base time-outs from a late proposal in which another one, at least one of them later, is held against the primary: what comes
/// late once is a stumble of it or of the network.
const LATE_TIMEOUTS: u64 = 10;
/// Caps of the view timer between two view changes that this causes.
const REST_CAPS: u64 = 10;

/// Waits for proposals, and times of own certifications, in milliseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    /// Waits of the last certified bundles in the view at work, by lane.
    waits: BTreeMap<ReplicaId, VecDeque<u64>>,
    /// Times of the last own certifications.
    own: VecDeque<u64>,
    /// The late proposal of the view at work that is forgiven.
    late_at: Option<Ticks>,
    asked_at: Option<Ticks>,
}

impl Pace {
    /// Notes how long an own bundle took to be certified.
    pub(crate) fn note_certified(&mut self, took_ms: u64) {
        push(&mut self.own, took_ms);
    }

    fn note_proposed(&mut self, lane: ReplicaId, waited_ms: u64) {
        push(self.waits.entry(lane).or_default(), waited_ms);
    }

    /// Whether more than half of the last certified bundles of a lane have waited too long, and the longest that now came.
    fn is_too_slow(&self, lane: ReplicaId, longest_ms: u64) -> bool {
        let mut own: Vec<u64> = self.own.iter().copied().collect();
        own.sort_unstable();
        let Some(median) = own.get(own.len() / 2) else { return false };
        let bearable = median.saturating_mul(MEDIANS).max(FLOOR_MS);
        let is_slow = |waits: &VecDeque<u64>| waits.iter().filter(|waited| **waited > bearable).count() > SAMPLES / 2;
        longest_ms > bearable && self.waits.get(&lane).is_some_and(is_slow)
    }

    /// Whether a late proposal is the second one, apart from the first and not long after it.
    fn is_late_again(&mut self, now: Ticks, timeout_ms: u64) -> bool {
        let known = self.late_at.filter(|at| now.since(*at) <= LATE_TIMEOUTS * timeout_ms);
        self.late_at = known.or(Some(now));
        known.is_some_and(|at| now.since(at) >= timeout_ms)
    }

    /// Whether this may cause a view change now.
    fn may_ask(&mut self, now: Ticks, cap_ms: u64) -> bool {
        let rested = self.asked_at.is_none_or(|at| now.since(at) >= REST_CAPS * cap_ms);
        self.asked_at = if rested { Some(now) } else { self.asked_at };
        rested
    }

    /// Another view: waits under the last primary say nothing of the next.
    pub(crate) fn enter(&mut self) {
        self.waits.clear();
        self.late_at = None;
    }
}

fn push(samples: &mut VecDeque<u64>, sample: u64) {
    samples.push_back(sample);
    if samples.len() > SAMPLES {
        samples.pop_front();
    }
}

impl Views {
    /// V7: judges the primary by a proposal that was just accepted. A certificate waits from when it came, the primary
    /// had it and the view began, up to a moment: now, or the decision of a slot whose content is missing and may cover it.
    pub(crate) fn judge_pace(&mut self, lanes: &mut Lanes, peers: &Peers, member: &Member, of: (&Content, Ticks)) {
        let Some(view) = self.active().filter(|view| member.committee.primary(*view) != member.me) else { return };
        let ((content, until), constants, mut is_slow) = (of, &member.constants, false);
        for (lane, tip) in &content.cut {
            let mut longest_ms = 0;
            for (position, came) in lanes[*lane].proposes(tip.position) {
                if let Some(shown) = self.shown_at(lanes, peers, member, *lane, position) {
                    let waited_ms = self.waited_ms(came.max(shown), until);
                    self.pace.note_proposed(*lane, waited_ms);
                    longest_ms = waited_ms.max(longest_ms);
                }
            }
            is_slow |= self.pace.is_too_slow(*lane, longest_ms);
        }
        if is_slow
            && self.pace.is_late_again(member.now.ticks, constants.base_timeout_ms)
            && self.pace.may_ask(member.now.ticks, constants.timeout_cap_ms)
        {
            self.leave_view(view, Cause::Slow);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANE: ReplicaId = ReplicaId::new(2);

    /// Own bundles took `own_ms` each to be certified, and `slow` of 64 certified ones waited `waited_ms`.
    fn pace(own_ms: u64, slow: usize, waited_ms: u64) -> Pace {
        let mut pace = Pace::default();
        (0..SAMPLES).for_each(|_| pace.note_certified(own_ms));
        (0..SAMPLES).for_each(|at| pace.note_proposed(LANE, if at < slow { waited_ms } else { 1 }));
        pace
    }

    #[test]
    fn more_than_half_of_the_last_waits_beyond_eight_certifications_are_too_slow() {
        assert!(pace(20, SAMPLES / 2 + 1, 161).is_too_slow(LANE, 161));
        assert!(!pace(20, SAMPLES / 2, 161).is_too_slow(LANE, 161));
        assert!(!pace(20, SAMPLES, 160).is_too_slow(LANE, 160));
    }

    #[test]
    fn a_wait_that_nobody_notices_is_never_too_slow() {
        assert!(!pace(1, SAMPLES, FLOOR_MS).is_too_slow(LANE, FLOOR_MS));
        assert!(pace(1, SAMPLES, FLOOR_MS + 1).is_too_slow(LANE, FLOOR_MS + 1));
    }

    #[test]
    fn without_own_certifications_nothing_is_too_slow() {
        let mut pace = Pace::default();
        (0..SAMPLES).for_each(|_| pace.note_proposed(LANE, 60_000));
        assert!(!pace.is_too_slow(LANE, 60_000));
    }

    #[test]
    fn only_the_last_sixty_four_count_and_none_of_an_earlier_view() {
        let mut pace = pace(1, SAMPLES, 1_000);
        (0..SAMPLES / 2).for_each(|_| pace.note_proposed(LANE, 1));
        assert!(!pace.is_too_slow(LANE, 60_000));
        let mut pace = self::pace(1, SAMPLES, 1_000);
        pace.enter();
        assert!(!pace.is_too_slow(LANE, 60_000));
    }

    #[test]
    fn a_proposal_that_is_not_late_itself_is_not_blamed_for_those_before_it_nor_one_for_those_of_another_lane() {
        assert!(!pace(20, SAMPLES, 161).is_too_slow(LANE, 160));
        assert!(!pace(20, SAMPLES, 161).is_too_slow(ReplicaId::new(1), 161));
    }

    #[test]
    fn the_second_late_proposal_is_held_against_the_primary_unless_it_is_one_stumble_or_long_after_the_first() {
        let again = |apart: &[u64]| {
            let mut pace = Pace::default();
            let late: Vec<bool> = apart.iter().map(|at| pace.is_late_again(Ticks::new(*at), 1_000)).collect();
            late
        };
        assert_eq!(again(&[5, 1_004, 1_005]), [false, false, true]);
        assert_eq!(again(&[5, 10_005]), [false, true]);
        assert_eq!(again(&[5, 10_006, 11_006]), [false, false, true]);
    }

    #[test]
    fn a_view_change_that_this_causes_rests_ten_caps() {
        let mut pace = Pace::default();
        assert!(pace.may_ask(Ticks::new(0), 30_000));
        assert!(!pace.may_ask(Ticks::new(299_999), 30_000));
        assert!(pace.may_ask(Ticks::new(300_000), 30_000));
    }
}
