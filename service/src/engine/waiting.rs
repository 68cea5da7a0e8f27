//! Own analyses that wait until the member owes less work.

use quorate_ledger::ConflictId;
use quorate_pbft::{SeqNum, Time};
use std::collections::VecDeque;

/// Conflicts whose analyses wait; beyond, the oldest of the domain that has most is forgotten.
pub(super) const WAITING_MAX: usize = 1_024;
/// Slots after which the next analysis goes out although the last was not executed: the own lane had no room for it, or an
/// epoch ended.
const OUT_SLOTS_MAX: u64 = 64;

/// Conflicts whose analyses wait. Analyses go out one by one, each once the work of the one before is known: of dear ones that come
/// together only the first has an effect. Domains take turns, so that one with many dear conflicts lets others come.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Conflicts of each domain that has some, the next domain first.
    domains: VecDeque<(String, VecDeque<ConflictId>)>,
    /// Slot after which the last of them went out, until an analysis of the own lane is executed.
    pub(super) out: Option<SeqNum>,
    /// Own clock as the newest slot was executed.
    pub(super) executed_at: Time,
}

impl Waiting {
    pub(super) fn push(&mut self, domain: String, conflict: ConflictId) {
        if self.domains.iter().map(|(_, of)| of.len()).sum::<usize>() == WAITING_MAX {
            let most = self.domains.iter_mut().map(|(_, of)| of).max_by_key(|of| of.len());
            most.expect("many wait").pop_front();
            self.domains.retain(|(_, of)| !of.is_empty());
        }
        match self.domains.iter_mut().find(|(of, _)| *of == domain) {
            Some((_, of)) => of.push_back(conflict),
            None => self.domains.push_back((domain, VecDeque::from([conflict]))),
        }
    }

    pub(super) fn pop(&mut self) -> Option<ConflictId> {
        let (domain, mut of) = self.domains.pop_front()?;
        let conflict = of.pop_front();
        self.domains.extend(Some((domain, of)).filter(|(_, of)| !of.is_empty()));
        conflict
    }

    pub(super) fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    pub(super) fn is_out(&self, now: SeqNum) -> bool {
        self.out.is_some_and(|since| now < since.plus(OUT_SLOTS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::Digest;

    fn conflict(number: usize) -> ConflictId {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        ConflictId(Digest(id))
    }

    #[test]
    fn domains_take_turns() {
        let mut waiting = Waiting::default();
        for (domain, number) in [("a", 1), ("a", 2), ("a", 3), ("b", 4)] {
            waiting.push(domain.into(), conflict(number));
        }

        let taken: Vec<_> = std::iter::from_fn(|| waiting.pop()).collect();

        assert_eq!(taken, [1, 4, 2, 3].map(conflict));
        assert!(waiting.is_empty());
    }

    #[test]
    fn a_domain_with_many_conflicts_pushes_out_its_own_alone() {
        let mut waiting = Waiting::default();
        waiting.push("b".into(), conflict(0));

        (1..=2 * WAITING_MAX).for_each(|number| waiting.push("a".into(), conflict(number)));

        let taken: Vec<_> = std::iter::from_fn(|| waiting.pop()).collect();
        assert_eq!(taken.len(), WAITING_MAX);
        assert_eq!(taken[..2], [0, WAITING_MAX + 2].map(conflict));
    }

    #[test]
    fn conflicts_of_more_domains_than_may_wait_push_out_others() {
        let mut waiting = Waiting::default();

        (0..2 * WAITING_MAX).for_each(|number| waiting.push(number.to_string(), conflict(number)));

        assert_eq!(std::iter::from_fn(|| waiting.pop()).count(), WAITING_MAX);
    }
}
