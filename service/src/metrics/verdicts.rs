//! Receipts of executed slots and their changes, by state, and how many of the last five minutes kept a conflict.

use super::kinds::{self, Kind};
use crate::every::every;
use crate::health::Conflicts;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use quorate_ledger::{Receipt, State};
use quorate_pbft::Time;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Seconds of ledger time whose conflicts are counted: five minutes.
const RECENT_SECONDS: usize = 300;

/// Counters of receipts and changes.
#[derive(Debug, Default)]
pub struct Verdicts {
    receipts: Family<Kind, Counter>,
    changes: Family<Kind, Counter>,
    /// Final receipts by the second of their slots.
    recent: Mutex<BTreeMap<u64, Conflicts>>,
}

impl Verdicts {
    /// Registers every counter.
    pub fn register(&self, r: &mut Registry) {
        r.register("receipts", "Receipts by state", self.receipts.clone());
        let states = every!(State: Applied, Merged, Conflict, Refused, Expired, Pending, Waiting, Queued);
        let counted = states.into_iter().filter(|state| !matches!(state, State::Waiting | State::Queued));
        let is_final = |state: &State| *state != State::Pending;
        kinds::begin(&self.changes, counted.clone().filter(is_final).map(state_name));
        kinds::begin(&self.receipts, counted.map(state_name));
        r.register("changes", "Changes with a final receipt, by its state", self.changes.clone());
    }

    /// Counts the receipt of a slot of this time that was executed just now.
    pub fn count(&self, receipt: &Receipt, time: Time) {
        let kind = Kind::of(state_name(receipt.state));
        self.receipts.get_or_create(&kind).inc();
        if receipt.state == State::Pending {
            return; // another receipt comes
        }
        self.changes.get_or_create(&kind).inc_by(1 + receipt.to_seq.saturating_sub(receipt.from_seq));
        let mut recent = self.recent();
        let second = recent.entry(time.get() / 1_000).or_default();
        second.receipts += 1;
        second.kept += u64::from(receipt.state == State::Conflict);
        if recent.len() > RECENT_SECONDS {
            recent.pop_first();
        }
    }

    /// Receipts of the five minutes before this moment: who catches up executes older ones.
    pub fn conflicts(&self, now_ms: u64) -> Conflicts {
        let from = (now_ms / 1_000 + 1).saturating_sub(RECENT_SECONDS as u64);
        self.recent().range(from..).fold(Conflicts::default(), |sum, (_, second)| Conflicts {
            kept: sum.kept + second.kept,
            receipts: sum.receipts + second.receipts,
        })
    }

    fn recent(&self) -> MutexGuard<'_, BTreeMap<u64, Conflicts>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Name of a state for metrics and logs.
pub fn state_name(state: State) -> &'static str {
    match state {
        State::Applied => "applied",
        State::Merged => "merged",
        State::Conflict => "conflict",
        State::Refused => "refused",
        State::Waiting => "waiting",
        State::Queued => "queued",
        State::Expired => "expired",
        State::Pending => "pending",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_ledger::EnvelopeId;
    use quorate_pbft::{Digest, PublicKey};

    fn receipt(state: State, to_seq: u64) -> Receipt {
        Receipt {
            id: EnvelopeId(Digest([1; 32])),
            domain: "main".into(),
            author: PublicKey([1; 32]),
            from_seq: 1,
            to_seq,
            state,
            revision: None,
            lane: None,
            stage: None,
            code: None,
            detail: None,
            conflicts: vec![],
            changes: vec![],
        }
    }

    #[test]
    fn an_envelope_counts_as_its_changes_once_its_verdict_is_final() {
        let verdicts = Verdicts::default();
        let changes = |state| verdicts.changes.get_or_create(&Kind::of(state_name(state))).get();

        verdicts.count(&receipt(State::Pending, 7), Time::default());
        verdicts.count(&receipt(State::Applied, 7), Time::default());

        assert_eq!([State::Pending, State::Applied].map(changes), [0, 7]);
    }

    #[test]
    fn conflicts_of_slots_that_are_older_than_five_minutes_are_no_recent_ones() {
        let (verdicts, now_ms) = (Verdicts::default(), 1_700_000_000_000);
        let count = |state, age_ms| verdicts.count(&receipt(state, 1), Time::new(now_ms - age_ms));
        (0..1_000).rev().for_each(|second| count(State::Conflict, 300_000 + 1_000 * second));
        assert_eq!(verdicts.conflicts(now_ms), Conflicts::default(), "it catches up");

        count(State::Conflict, 299_000);
        count(State::Pending, 1_000);
        count(State::Applied, 0);

        assert_eq!(verdicts.conflicts(now_ms), Conflicts { kept: 1, receipts: 2 });
        assert_eq!(verdicts.conflicts(now_ms + 1_000), Conflicts { kept: 0, receipts: 1 });
        assert!(verdicts.recent().len() <= RECENT_SECONDS);
    }
}
