//! Every honest organisation's change is ordered within a stated number of views after the network calms.
//!
//! Envelopes that were asked for and are not ordered by then are handed to every honest replica. Each liar can be
//! primary once in a row of n views, start its view, and starve some lane until the timer of that lane runs out (V1 a);
//! the view that the group is in may be lost, one that some were already asking for, and one more to a slow primary
//! (V7). Where the base time-out is shorter than the phases of a slot take between the members' regions, one view is left
//! for each time that it must double (V2).

use super::first_commit::largest_delay_ms;
use super::{Extreme, Oracle, Verdict};
use crate::clients::{self, EnvelopeName};
use crate::plan::Plan;
use crate::scene::{Fact, Scene};
use quorate_pbft::{ItemKind, View};
use std::collections::BTreeSet;

/// Views beyond one for each liar.
const VIEWS_BEYOND: u64 = 3;
/// Message delays from the primary's certificate to a commit: three phases, and what was on its way before.
const DELAYS: u64 = 4;

/// How often the time-out must double until a slot fits it.
fn doublings(plan: &Plan) -> u64 {
    let (base, cap) = (plan.constants.base_timeout_ms, plan.constants.timeout_cap_ms);
    let needed = (DELAYS * largest_delay_ms(plan)).min(cap);
    std::iter::successors(Some(base), |timeout| Some(timeout * 2)).take_while(|timeout| *timeout < needed).count()
        as u64
}

#[derive(Default)]
pub(super) struct Fairness {
    calm: Option<View>,
    ordered: BTreeSet<EnvelopeName>,
    most: u64,
    limit: u64,
}

impl Fairness {
    fn order(&mut self, name: EnvelopeName, view: View, scene: &Scene<'_>) -> Verdict {
        if !self.ordered.insert(name) {
            return Ok(());
        }
        let Some(calm) = self.calm else { return Ok(()) };
        let views = view.get().saturating_sub(calm.get());
        self.limit = scene.plan.attackers.len() as u64 + VIEWS_BEYOND + doublings(scene.plan);
        self.most = self.most.max(views);
        if views > self.limit {
            let limit = self.limit;
            return Err(format!("envelope {name:?} was ordered {views} views after the calm, {limit} are enough"));
        }
        Ok(())
    }
}

impl Oracle for Fairness {
    fn name(&self) -> &'static str {
        "fairness"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Calm { view, .. } => self.calm = Some(*view),
            Fact::Executed { decided, view, .. } => {
                let items = decided.bundles.iter().flat_map(|bundle| &bundle.items);
                let envelopes = items.filter(|item| item.kind == ItemKind::Envelope);
                for name in envelopes.filter_map(|item| clients::name(&item.bytes)) {
                    self.order(name, *view, scene)?;
                }
            }
            Fact::Verdict { name, view, .. } => return self.order(*name, *view, scene),
            _ => (),
        }
        Ok(())
    }

    fn extremes(&self) -> Vec<Extreme> {
        let known = self.limit > 0;
        let views = Extreme { what: "views from the calm to an order", value: self.most, limit: self.limit };
        known.then_some(views).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Keys, Signatures};
    use crate::presets::Preset;
    use quorate_pbft::{Digest, ReplicaId};

    #[test]
    fn an_order_after_too_many_views_is_noticed_once_it_is_calm() {
        let plan = Plan { attackers: Vec::new(), ..Plan::of(1, Some(Preset::Short)) };
        let keys = Keys::new(4, Signatures::Keyed);
        assert_eq!(doublings(&plan), 0);
        let scene = Scene { plan: &plan, keys: &keys, now: 0, calm_since: None, clock: Default::default() };
        let ordered = |number: u64, view: u64| Fact::Verdict {
            by: ReplicaId::new(0),
            name: (1, number),
            receipt: Digest::ZERO,
            view: View::new(view),
        };
        let mut oracle = Fairness::default();
        assert_eq!(oracle.watch(&ordered(1, 90), &scene), Ok(()), "the storm may last");
        oracle
            .watch(&Fact::Calm { view: View::new(90), executed: Default::default() }, &scene)
            .expect("no fact to judge");
        assert_eq!(oracle.watch(&ordered(2, 93), &scene), Ok(()));
        assert!(oracle.watch(&ordered(3, 94), &scene).is_err());
        assert_eq!(oracle.watch(&ordered(3, 99), &scene), Ok(()), "only the first order counts");
    }

    /// Seed 500493 of `regions`: 134 ms, where one way takes up to 160 and the cap is 536.
    #[test]
    fn a_time_out_below_the_phases_of_a_slot_costs_a_view_for_each_doubling() {
        let mut plan = Plan::of(500_493, Some(Preset::Regions));
        for (base, cap, views) in [(134, 536, 2), (134, 200, 1), (134, 10_000, 3), (1_000, 30_000, 0)] {
            (plan.constants.base_timeout_ms, plan.constants.timeout_cap_ms) = (base, cap);
            assert_eq!(doublings(&plan), views, "{base} up to {cap}");
        }
    }
}
