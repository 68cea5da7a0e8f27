//! Receipts of executed slots and their changes, by state.

use super::Kind;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use quorate_ledger::{Receipt, State};

/// Counters of receipts and changes.
#[derive(Debug, Default)]
pub struct Verdicts {
    receipts: Family<Kind, Counter>,
    changes: Family<Kind, Counter>,
}

impl Verdicts {
    /// Registers every counter.
    pub fn register(&self, r: &mut Registry) {
        r.register("receipts", "Receipts by state", self.receipts.clone());
        r.register("changes", "Changes with a final receipt, by its state", self.changes.clone());
    }

    /// Counts the receipt of a slot that was executed just now.
    pub fn count(&self, receipt: &Receipt) {
        let kind = Kind::of(state_name(receipt.state));
        self.receipts.get_or_create(&kind).inc();
        if receipt.state == State::Pending {
            return; // another receipt comes
        }
        self.changes.get_or_create(&kind).inc_by(1 + receipt.to_seq.saturating_sub(receipt.from_seq));
    }

    /// Receipts of a state so far.
    pub fn of(&self, state: State) -> u64 {
        self.receipts.get_or_create(&Kind::of(state_name(state))).get()
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

        verdicts.count(&receipt(State::Pending, 7));
        verdicts.count(&receipt(State::Applied, 7));

        assert_eq!([State::Pending, State::Applied].map(changes), [0, 7]);
        assert_eq!([State::Pending, State::Applied].map(|state| verdicts.of(state)), [1, 1]);
    }
}
