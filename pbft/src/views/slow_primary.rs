//! A primary that is only just fast enough to escape the timers (V7, pitfall 34).
//!
//! What is compared is how long certified bundles wait for a cut, over a few cuts of the same size: waiting does not
//! grow with the load as a rate does. A class of cuts is a power of two of bundles.

use crate::lanes::Lanes;
use crate::member::Member;
use crate::views::Views;
use crate::wire::{Content, SeqNum, Ticks, View};
use alloc::collections::BTreeMap;

/// Cuts of one class over which the wait is averaged: fewer would judge a hiccup.
const CUTS: u64 = 8;
/// Views whose best averages are remembered (V7).
const VIEWS_MAX: usize = 10;
/// Cuts in a row whose bundles waited longer than the base time-out (V7).
const SLOW_CUTS: u32 = 3;
/// A wait below this part of the base time-out is never too slow, whatever a better day has shown.
const FLOOR_DIVISOR: u64 = 4;
/// Caps of the view timer between two view changes that this demand causes (V7).
const REST_CAPS: u64 = 10;

/// How long certified bundles have waited for cuts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    /// Of the view at work: class to (cuts, milliseconds).
    running: BTreeMap<u32, (u64, u64)>,
    /// Best averages by view and class.
    best: BTreeMap<View, BTreeMap<u32, u64>>,
    slow_cuts: u32,
    /// View changes that this has caused: each halves the demand.
    caused: u32,
    caused_at: Option<Ticks>,
}

impl Pace {
    /// Notes a cut; whether its view's primary is too slow.
    fn note(&mut self, view: View, bundles: u64, waited_ms: u64, base_ms: u64) -> bool {
        self.slow_cuts = if waited_ms > base_ms { self.slow_cuts + 1 } else { 0 };
        let class = bundles.max(1).ilog2();
        let (cuts, total) = self.running.entry(class).or_default();
        (*cuts, *total) = (*cuts + 1, *total + waited_ms);
        if *cuts < CUTS {
            return self.slow_cuts >= SLOW_CUTS;
        }
        let average = *total / CUTS;
        self.running.remove(&class);
        let known = self.best.values().filter_map(|classes| classes.get(&class)).min().copied();
        let best = self.best.entry(view).or_default().entry(class).or_insert(average);
        *best = average.min(*best);
        if self.best.len() > VIEWS_MAX {
            self.best.pop_first();
        }
        let bearable = known.map(|best| best.saturating_mul(2).saturating_mul(1 << self.caused.min(20)));
        let too_slow = average > base_ms / FLOOR_DIVISOR && bearable.is_some_and(|bearable| average > bearable);
        too_slow || self.slow_cuts >= SLOW_CUTS
    }

    /// Whether this may cause a view change now; if so, the demand halves.
    fn demand(&mut self, now: Ticks, cap_ms: u64) -> bool {
        let rested = self.caused_at.is_none_or(|at| now.since(at) >= REST_CAPS * cap_ms);
        if rested {
            self.caused += 1;
            self.caused_at = Some(now);
            self.enter();
        }
        rested
    }

    /// Another view: what was begun to be measured is of no use.
    pub(crate) fn enter(&mut self) {
        self.running.clear();
        self.slow_cuts = 0;
    }
}

impl Views {
    /// V7: judges the primary by a slot that it proposed and that was just decided; before the lanes know of the cut.
    pub(crate) fn judge_pace(&mut self, lanes: &Lanes, member: &Member, seq: SeqNum, content: &Content) {
        let Some(view) = self.active().filter(|view| !self.is_carried(*view, seq)) else { return };
        let mut bundles = 0;
        let mut waited = 0;
        for (lane, tip) in &content.cut {
            let lane = &lanes[*lane];
            bundles = u64::saturating_add(bundles, tip.position.get().saturating_sub(lane.committed.get()));
            let since = lane.waiting_since.map(|since| since.max(self.since));
            waited = since.map_or(0, |since| member.now.ticks.since(since)).max(waited);
        }
        let (base, cap) = (member.constants.base_timeout_ms, member.constants.timeout_cap_ms);
        if bundles > 0 && self.pace.note(view, bundles, waited, base) && self.pace.demand(member.now.ticks, cap) {
            self.leave_view(view);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pace: &mut Pace, view: u64, cuts: u64, bundles: u64, waited_ms: u64) -> bool {
        let mut slow = false;
        for _ in 0..cuts {
            slow |= pace.note(View::new(view), bundles, waited_ms, 1_000);
        }
        slow
    }

    #[test]
    fn a_primary_that_lets_bundles_wait_twice_as_long_as_a_better_one_is_too_slow() {
        let mut pace = Pace::default();
        assert!(!run(&mut pace, 0, CUTS, 1, 200));
        assert!(!run(&mut pace, 1, CUTS, 1, 400), "twice is bearable");
        assert!(run(&mut pace, 1, CUTS, 1, 401));
    }

    #[test]
    fn a_wait_that_nobody_notices_is_never_too_slow() {
        let mut pace = Pace::default();
        assert!(!run(&mut pace, 0, CUTS, 1, 1));
        assert!(!run(&mut pace, 1, CUTS, 1, 250));
    }

    #[test]
    fn cuts_of_another_size_are_not_compared() {
        let mut pace = Pace::default();
        assert!(!run(&mut pace, 0, CUTS, 1, 100));
        assert!(!run(&mut pace, 1, CUTS, 64, 900));
    }

    #[test]
    fn three_cuts_in_a_row_beyond_the_base_timeout_are_too_slow() {
        let mut pace = Pace::default();
        assert!(!run(&mut pace, 0, 2, 1, 1_001));
        assert!(run(&mut pace, 0, 1, 1, 1_001));
    }

    #[test]
    fn the_demand_halves_with_each_view_change_and_rests_ten_caps() {
        let mut pace = Pace::default();
        run(&mut pace, 0, CUTS, 1, 200);
        assert!(pace.demand(Ticks::new(0), 30_000));
        assert!(!pace.demand(Ticks::new(299_999), 30_000));
        assert!(!run(&mut pace, 1, CUTS, 1, 800), "four times is bearable now");
        assert!(run(&mut pace, 1, CUTS, 1, 801));
        assert!(pace.demand(Ticks::new(300_000), 30_000));
    }
}
