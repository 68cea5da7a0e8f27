//! Actions that a replica takes by itself against what is wrong, and when it took them.

use super::facts::{BEHIND_SLOTS_USUAL, Facts};
use quorate_client::api::{HealthAction, Mode};
use std::collections::BTreeMap;

/// Condition under which an action is taken.
type Condition = fn(&Facts<'_>) -> bool;

/// Names of the actions, the actions in words, and when they are taken.
const ACTIONS: [(&str, &str, Condition); 7] = [
    ("ask", "asks the others for the slots that it lacks", |facts| facts.report.behind > BEHIND_SLOTS_USUAL),
    ("redial", "dials members that it does not hear", |facts| facts.report.silent().next().is_some()),
    ("recall", "asks a quorum what it has promised, before it votes", |facts| facts.report.mode == Mode::Recovering),
    ("queue", "keeps changes of level eventual until a quorum is heard", |facts| facts.report.queued > 0),
    ("refuse", "takes no new changes for want of room", |facts| facts.vitals.no_room().is_some()),
    ("suspend", "reads a member that sends garbage at a lower rate", |facts| !facts.vitals.suspended.is_empty()),
    ("propose", "has a policy against conflicts ready: `quorate conflicts report`", |facts| facts.has_many_conflicts()),
];

/// Actions since the start, by name.
#[derive(Debug, Clone, Default)]
pub struct Actions {
    taken: BTreeMap<&'static str, HealthAction>,
}

impl Actions {
    /// Notes what is being done at a moment.
    pub(super) fn note(&mut self, facts: &Facts<'_>, now_ms: u64) {
        for (name, what, is_due) in ACTIONS {
            match (is_due(facts), self.taken.get_mut(name)) {
                (true, Some(taken)) => {
                    taken.count += u64::from(!taken.lasts);
                    (taken.last, taken.lasts) = (now_ms, true);
                }
                (true, None) => {
                    let (named, what) = (name.to_owned(), what.to_owned());
                    self.taken.insert(name, HealthAction { name: named, what, count: 1, last: now_ms, lasts: true });
                }
                (false, Some(taken)) => taken.lasts = false,
                (false, None) => (),
            }
        }
    }

    /// Actions that were taken, the newest first.
    pub fn list(&self) -> Vec<HealthAction> {
        let mut all: Vec<HealthAction> = self.taken.values().cloned().collect();
        all.sort_by_key(|action| std::cmp::Reverse(action.last));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::super::vitals::Vitals;
    use super::*;
    use crate::engine::Report;

    #[test]
    fn an_action_that_lasts_is_taken_once_and_one_that_begins_anew_once_more() {
        let (vitals, mut actions) = (Vitals::default(), Actions::default());
        let looks =
            [(0, 100), (BEHIND_SLOTS_USUAL + 1, 200), (BEHIND_SLOTS_USUAL + 1, 300), (0, 400), (9, 500), (0, 600)];
        for (behind, now_ms) in looks {
            let report = Report { behind, quorum: 1, ..Report::of_nobody() };
            actions.note(
                &Facts { report: &report, vitals: &vitals, damage: None, standstill: None, has_test_keys: false },
                now_ms,
            );
        }
        let taken = actions.list();
        let [asked] = &taken[..] else { panic!("{taken:?}") };
        assert_eq!((asked.name.as_str(), asked.count, asked.last, asked.lasts), ("ask", 2, 500, false));
    }
}
