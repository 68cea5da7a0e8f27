//! After the network calms, the first new commit comes within a stated time.
//!
//! The time that it may take: the view that the group is in may be lost, and then each liar may be primary once. Each of
//! these views ends when its timer runs out, once for its start and once for its first slot, and the time-out doubles each
//! time (V2), from what it can have grown to in the storm: doubling takes as long as the time-out itself, so it is at most
//! the base and the length of the storm, and never more than the cap. Beyond that a few statuses, by which everybody
//! learns what it missed (N9), and message delays.

use super::{Extreme, Oracle, Verdict};
use crate::plan::Plan;
use crate::presets::MILLI;
use crate::scene::{Fact, Scene, Survey};
use crate::weather::{Micros, REGIONS, Weather};
use quorate_pbft::SeqNum;

/// Statuses, each with a question that somebody leaves unanswered, until everybody has what the storm kept from it.
const STATUSES: u64 = 4;
/// Message delays of three phases, a view change with its fetches, and the way of a bundle, each with its commit to disk.
const DELAYS: u64 = 40;
/// Percentage of the time that a run takes with a slow clock: a tenth more, and rounding.
const SLOW_CLOCK_PERCENT: u64 = 112;

#[derive(Default)]
pub(super) struct FirstCommit {
    executed: Option<SeqNum>,
    took: Option<Micros>,
    limit: Micros,
}

fn limit(plan: &Plan) -> Micros {
    let constants = &plan.constants;
    let grown = (constants.base_timeout_ms + plan.calm_at / MILLI).min(constants.timeout_cap_ms);
    let liars = plan.attackers.len() as u32;
    let timers: u64 =
        (0..=liars).map(|view| 2 * grown.saturating_mul(1 << view.min(20)).min(constants.timeout_cap_ms)).sum();
    let statuses = STATUSES * (constants.status_period_ms + constants.base_timeout_ms);
    let delays = DELAYS * largest_delay_ms(plan);
    (timers + statuses + delays) * MILLI * SLOW_CLOCK_PERCENT / 100
}

/// The largest delay in the calm of a message and of its commit to disk.
pub(super) fn largest_delay_ms(plan: &Plan) -> u64 {
    let between = if plan.weather.regions { REGIONS.as_flattened().iter().max().copied().unwrap_or(0) } else { 0 };
    (Weather::CALM.delay_max + Weather::CALM.commit_max) / MILLI + between
}

impl FirstCommit {
    fn reach(&mut self, seq: SeqNum, scene: &Scene<'_>) -> Verdict {
        let (Some(before), Some(calm), None) = (self.executed, scene.calm_since, self.took) else { return Ok(()) };
        if seq <= before {
            return Ok(());
        }
        let took = scene.now - calm;
        (self.took, self.limit) = (Some(took), limit(scene.plan));
        if took > self.limit {
            return Err(format!("the first commit came {took} us after the calm, {} are enough", self.limit));
        }
        Ok(())
    }
}

impl Oracle for FirstCommit {
    fn name(&self) -> &'static str {
        "first-commit"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Calm { executed, .. } => self.executed = Some(*executed),
            Fact::Executed { decided, .. } => return self.reach(decided.seq, scene),
            Fact::Reached { point, .. } => return self.reach(point.seq, scene),
            _ => (),
        }
        Ok(())
    }

    fn waits_for(&self, _survey: &Survey<'_>, _scene: &Scene<'_>) -> Option<String> {
        self.took.is_none().then(|| "no new slot since the calm".to_owned())
    }

    fn extremes(&self) -> Vec<Extreme> {
        let took = self.took.map(|took| Extreme {
            what: "ms from the calm to the first commit",
            value: took / MILLI,
            limit: self.limit / MILLI,
        });
        took.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Keys, Signatures};
    use crate::presets::Preset;
    use quorate_pbft::{ExecutedPoint, ReplicaId, View};

    #[test]
    fn a_commit_after_the_limit_is_late_and_one_before_it_is_not() {
        let plan = Plan::of(1, Some(Preset::Short));
        let keys = Keys::new(4, Signatures::Keyed);
        let calm = |now| Scene { plan: &plan, keys: &keys, now, calm_since: Some(7), clock: Default::default() };
        let point = ExecutedPoint { seq: SeqNum::new(6), ..ExecutedPoint::default() };
        let reached = Fact::Reached { by: ReplicaId::new(0), point: &point, slots: 1, recorded: &[] };
        let verdict = |after: Micros| {
            let mut oracle = FirstCommit::default();
            let began = Fact::Calm { view: View::new(0), executed: SeqNum::new(5) };
            oracle.watch(&began, &calm(7)).expect("nothing to complain of");
            oracle.watch(&reached, &calm(7 + after))
        };
        assert_eq!(verdict(limit(&plan)), Ok(()));
        assert!(verdict(limit(&plan) + 1).is_err());
    }
}
