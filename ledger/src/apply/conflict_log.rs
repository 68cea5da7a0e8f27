//! Telling what happens to a conflict.

use super::Applier;
use crate::state::conflict_log::{Actor, ConflictEvent, ConflictEventKind};
use crate::state::store::{StoreError, Table};
use crate::state::{entry, name, rows};
use crate::vocabulary::ids::ConflictId;
use quorate_pbft::hash;

/// Happenings of a conflict that are told one by one. Later ones count all the same; only deadlines and the end, of
/// which a policy has few, are told beyond.
const EVENTS_MAX: u32 = 4_096;

impl Applier<'_, '_> {
    /// Adds to a conflict's story, and names the conflict in the receipt.
    pub(super) fn tell(&mut self, id: &ConflictId, by: Actor, what: ConflictEventKind) -> Result<(), StoreError> {
        self.applied.named.insert(*id);
        let mut conflict = self.conflict(id)?;
        let is_always_told = matches!(what, ConflictEventKind::Passed { .. } | ConflictEventKind::Settled { .. });
        if conflict.events >= EVENTS_MAX && !is_always_told {
            return Ok(());
        }
        let event = ConflictEvent { revision: self.revision, time: self.place.time, by, what };
        let place = conflict.events;
        self.overlay.put_row(Table::Archive, rows::event(id, place), entry::bytes_of(&event));
        self.overlay.put_row(Table::Archive, rows::conflict_events(self.revision, id, place), Vec::new());
        conflict.log_hash = hash("quorate/v1/happening", &(conflict.log_hash, &event));
        conflict.events += 1;
        self.overlay.put_indexed(self.domain, name::conflict(id), Some(&conflict))
    }
}
