//! Every honest organisation's change is ordered within a stated number of views after the network calms.
//!
//! Envelopes that were asked for and are not ordered by then are handed to every honest replica. Each liar can be
//! primary once in a row of n views, start its view, and starve some lane until the timer of that lane runs out (V1 a);
//! the view that the group is in may be lost, one that some were already asking for, and one more to a slow primary
//! (V7).

use super::{Extreme, Oracle, Verdict};
use crate::clients::{self, EnvelopeName};
use crate::scene::{Fact, Scene};
use quorate_pbft::{ItemKind, View};
use std::collections::BTreeSet;

/// Views beyond one for each liar.
const VIEWS_BEYOND: u64 = 3;

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
        self.limit = scene.plan.attackers.len() as u64 + VIEWS_BEYOND;
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
    use crate::plan::Plan;
    use crate::presets::Preset;
    use quorate_pbft::{Digest, ReplicaId};

    #[test]
    fn an_order_after_too_many_views_is_noticed_once_it_is_calm() {
        let plan = Plan { attackers: Vec::new(), ..Plan::of(1, Some(Preset::Short)) };
        let keys = Keys::new(4, Signatures::Keyed);
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
}
