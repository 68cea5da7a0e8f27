//! The state after one slot, for whoever reads: no lock, and no way back to the core's thread.

use super::held::Certified;
use super::report::Report;
use quorate_ledger::Ledger;
use quorate_pbft::{SeqNum, Time};
use quorate_storage::Snapshot;
use std::sync::Arc;

/// What the group had agreed on after one slot, durable here.
#[derive(Debug)]
pub struct Moment {
    /// The tops of the state's trees.
    pub ledger: Ledger,
    /// The tables below them.
    pub snapshot: Snapshot,
}

impl Moment {
    /// For questions.
    pub fn view(&self) -> quorate_ledger::Moment<'_> {
        self.ledger.moment(&self.snapshot)
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

/// What the core's thread last made known.
#[derive(Debug, Clone)]
pub struct Published {
    /// The newest state.
    pub moment: Arc<Moment>,
    /// The newest state that q replicas have signed, if it is at hand: what proofs are made of.
    pub certified: Option<Certified>,
    /// The replica, as it sees itself.
    pub report: Arc<Report>,
}

impl Published {
    /// Whether nobody who reads could tell them apart.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let certified = |published: &Self| published.certified.as_ref().map(|held| held.moment.seq());
        self.moment.seq() == other.moment.seq() && self.report == other.report && certified(self) == certified(other)
    }
}
