//! A decided slot on the ledger, inside a batch: as it comes, and again at a start.

use super::history;
use super::roots::Roots;
use quorate_ledger::{Ledger, Outcome, StoreError};
use quorate_pbft::{Constants, Decided};
use quorate_storage::Batch;

/// Executes a slot. What the ledger has recorded leaves the core's rows; a checkpoint's root and an ended epoch's bytes are kept.
pub(super) fn execute(
    (ledger, roots): (&mut Ledger, &mut Roots),
    batch: &mut Batch,
    decided: &Decided,
    constants: &Constants,
) -> Result<Outcome, StoreError> {
    if decided.epoch > ledger.executed().epoch {
        history::note_end(batch, ledger.executed())?;
    }
    let outcome = ledger.execute(batch, decided)?;
    outcome.recorded.iter().try_for_each(|key| batch.recorded(key))?;
    if decided.content.is_checkpoint(decided.seq, constants) {
        roots.executed(batch, decided.seq, outcome.state_root)?;
    }
    Ok(outcome)
}
