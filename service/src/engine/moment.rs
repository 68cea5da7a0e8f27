//! The state after one slot, for whoever reads: no lock, and no way back to the core's thread.

use quorate_ledger::{Ledger, StoreError};
use quorate_pbft::{Epoch, Message, Question, SeqNum, Time, Wanted};
use quorate_storage::{Snapshot, SupplyLimits};

/// Epochs whose ends are shown at once.
const ENDS_MAX: usize = 4;

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

    /// The last slots of some epochs that are over, from one on, each with its decision and its checkpoint's certificate:
    /// without these who follows and is still there hears of nobody, for later words are of members that it does not know.
    pub fn ends(&self, from: Epoch) -> Result<Vec<Message>, StoreError> {
        let chain = self.view().chain_of_epochs()?;
        let newest = chain.newest().epoch();
        let mut ends = Vec::new();
        for epoch in (from.get()..newest.get()).take(ENDS_MAX).map(Epoch::new) {
            let Some(certificate) = chain.end_of(epoch).cloned() else { continue };
            let wanted = Wanted::Slots { from: certificate.seq, to: certificate.seq };
            let found = self.snapshot.supply(&Question { epoch, wanted }, SupplyLimits::default())?;
            ends.extend(found.into_iter().filter(|message| matches!(message, Message::Decided { .. })));
            ends.push(Message::StableCheckpoint(certificate));
        }
        Ok(ends)
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
