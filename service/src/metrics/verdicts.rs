//! Receipts of executed slots, by state.

use super::Kind;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use quorate_ledger::{Receipt, State};

/// Counters of receipts.
#[derive(Debug, Default)]
pub struct Verdicts {
    receipts: Family<Kind, Counter>,
}

impl Verdicts {
    /// Registers every counter.
    pub fn register(&self, r: &mut Registry) {
        r.register("receipts", "Receipts by state", self.receipts.clone());
    }

    /// Counts the receipt of a slot that was executed just now.
    pub fn count(&self, receipt: &Receipt) {
        self.receipts.get_or_create(&Kind::of(state_name(receipt.state))).inc();
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
