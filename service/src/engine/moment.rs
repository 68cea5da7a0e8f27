//! The state after one slot, for whoever reads: no lock, and no way back to the core's thread.

use quorate_ledger::Ledger;
use quorate_pbft::{SeqNum, Time};
use quorate_storage::Snapshot;

/// Agreed state after a slot, durable here.
#[derive(Debug)]
pub struct Moment {
    /// The tops of the state's trees.
    pub ledger: Ledger,
    /// The tables below them.
    pub snapshot: Snapshot,
}

impl Moment {
    /// For questions.
    pub fn view(&self) -> quorate_ledger::StateView<'_> {
        self.ledger.view(&self.snapshot)
    }

    /// The slot.
    pub fn seq(&self) -> SeqNum {
        self.ledger.executed().seq
    }

    /// Ledger time after it.
    pub fn time(&self) -> Time {
        self.ledger.executed().time
    }
}
