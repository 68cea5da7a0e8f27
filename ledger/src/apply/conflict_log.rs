//! Telling what happens to a conflict.

use super::Applier;
use crate::state::conflict_log::{Deed, Happening, Voice};
use crate::state::store::{StoreError, Table};
use crate::state::{entry, name, rows};
use crate::vocabulary::ids::ConflictId;
use quorate_pbft::hash;

/// Happenings of a conflict that are told one by one. What comes later counts all the same; only deadlines and the end,
/// of which a policy has few, are told beyond.
const HAPPENINGS_MAX: u32 = 4_096;

impl Applier<'_, '_> {
    /// Adds to a conflict's story, and names the conflict in the receipt.
    pub(super) fn tell(&mut self, id: &ConflictId, by: Voice, what: Deed) -> Result<(), StoreError> {
        self.applied.named.insert(*id);
        let mut conflict = self.conflict(id)?;
        let is_always_told = matches!(what, Deed::Passed { .. } | Deed::Settled { .. });
        if conflict.happenings >= HAPPENINGS_MAX && !is_always_told {
            return Ok(());
        }
        let happening = Happening { revision: self.revision, time: self.place.time, by, what };
        let place = conflict.happenings;
        self.overlay.put_row(Table::History, rows::happening(id, place), entry::bytes_of(&happening));
        self.overlay.put_row(Table::History, rows::happened(self.revision, id, place), Vec::new());
        conflict.story_hash = hash("quorate/v1/happening", &(conflict.story_hash, &happening));
        conflict.happenings += 1;
        self.overlay.put(self.domain, name::conflict(id), &conflict);
        Ok(())
    }
}
