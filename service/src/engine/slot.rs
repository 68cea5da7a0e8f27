//! A decided slot on the ledger, inside a batch: as it comes, and again at a start.

use super::history;
use super::roots::Roots;
use quorate_ledger::{ConflictId, Event, Ledger, Outcome, StoreError};
use quorate_pbft::{Constants, Decided};
use quorate_storage::Batch;

/// Conflicts of one slot that members look at. An envelope can open thousands; the rest are left to people.
pub(super) const ANALYSES_PER_SLOT_MAX: usize = 32;

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

/// Conflicts that a slot opened, as many as members look at.
pub(super) fn opened(events: &[Event]) -> impl Iterator<Item = ConflictId> {
    let opened = events.iter().filter_map(|event| match event {
        Event::Opened { id, .. } => Some(*id),
        _ => None,
    });
    opened.take(ANALYSES_PER_SLOT_MAX)
}
