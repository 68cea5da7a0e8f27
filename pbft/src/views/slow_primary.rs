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
/// Waits of one proposal that are judged: one late cut is no slow primary.
const SAMPLES_OF_A_CUT: usize = 8;
/// Caps of the view timer between two view changes that this causes.
const REST_CAPS: u64 = 10;

/// Waits for proposals, and times of own certifications, in milliseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    /// Waits of the last certified bundles in the view at work, by lane.
    waits: BTreeMap<ReplicaId, VecDeque<u64>>,
    /// Times of the last own certifications.
    own: VecDeque<u64>,
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

    /// Whether more than half of the last certified bundles of a lane have waited too long.
    fn is_too_slow(&self) -> bool {
        let mut own: Vec<u64> = self.own.iter().copied().collect();
        own.sort_unstable();
        let Some(median) = own.get(own.len() / 2) else { return false };
        let bearable = median.saturating_mul(MEDIANS).max(FLOOR_MS);
        let is_slow = |waits: &VecDeque<u64>| waits.iter().filter(|waited| **waited > bearable).count() > SAMPLES / 2;
        self.waits.values().any(is_slow)
    }

    /// Whether this may cause a view change now.
    fn may_ask(&mut self, now: Ticks, cap_ms: u64) -> bool {
        let rested = self.asked_at.is_none_or(|at| now.since(at) >= REST_CAPS * cap_ms);
        if rested {
            self.asked_at = Some(now);
        }
        rested
    }

    /// Another view: waits under the last primary say nothing of the next.
    pub(crate) fn enter(&mut self) {
        self.waits.clear();
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
        let (content, until) = of;
        for (lane, tip) in &content.cut {
            for (position, came) in lanes[*lane].proposes(tip.position).into_iter().take(SAMPLES_OF_A_CUT) {
                if let Some(shown) = self.shown_at(lanes, peers, member, *lane, position) {
                    let waited_ms = self.waited_ms(came.max(shown), until);
                    self.pace.note_proposed(*lane, waited_ms);
                }
            }
        }
        if self.pace.is_too_slow() && self.pace.may_ask(member.now.ticks, member.constants.timeout_cap_ms) {
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
        assert!(pace(20, SAMPLES / 2 + 1, 161).is_too_slow());
        assert!(!pace(20, SAMPLES / 2, 161).is_too_slow());
        assert!(!pace(20, SAMPLES, 160).is_too_slow());
    }

    #[test]
    fn a_wait_that_nobody_notices_is_never_too_slow() {
        assert!(!pace(1, SAMPLES, FLOOR_MS).is_too_slow());
        assert!(pace(1, SAMPLES, FLOOR_MS + 1).is_too_slow());
    }

    #[test]
    fn without_own_certifications_nothing_is_too_slow() {
        let mut pace = Pace::default();
        (0..SAMPLES).for_each(|_| pace.note_proposed(LANE, 60_000));
        assert!(!pace.is_too_slow());
    }

    #[test]
    fn only_the_last_sixty_four_count_and_none_of_an_earlier_view() {
        let mut pace = pace(1, SAMPLES, 1_000);
        (0..SAMPLES / 2).for_each(|_| pace.note_proposed(LANE, 1));
        assert!(!pace.is_too_slow());
        let mut pace = self::pace(1, SAMPLES, 1_000);
        pace.enter();
        assert!(!pace.is_too_slow());
    }

    #[test]
    fn a_view_change_that_this_causes_rests_ten_caps() {
        let mut pace = Pace::default();
        assert!(pace.may_ask(Ticks::new(0), 30_000));
        assert!(!pace.may_ask(Ticks::new(299_999), 30_000));
        assert!(pace.may_ask(Ticks::new(300_000), 30_000));
    }
}
