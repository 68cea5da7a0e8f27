//! Collective decisions wait for the locks of the paths that they write: a lock keeps everybody else out, votes and
//! deadlines too.
//!
//! A decision waits for one lease at the most: while it waits, no lease there is renewed and no lock granted that would
//! keep it out any longer. A promise to a transaction over several groups ends with the home's decision instead.

use super::Applier;
use crate::lock::holder;
use crate::state::abort::Abort;
use crate::state::conflict_log::{Actor, ConflictEventKind};
use crate::state::name;
use crate::state::record::{ConflictRecord, Hold, Side};
use crate::state::store::StoreError;
use crate::vocabulary::ids::ConflictId;
use quorate_pbft::PublicKey;

/// Key that nobody has: no lock is its own.
const NOBODY: PublicKey = PublicKey([0; 32]);

/// The paths that are written where a side of a conflict wins.
pub(super) fn written(conflict: &ConflictRecord, winner: &Side) -> Vec<String> {
    let elsewhere = (winner.path != conflict.path && winner.file.is_some()).then(|| winner.path.clone());
    core::iter::once(conflict.path.clone()).chain(elsewhere).collect()
}

impl Applier<'_, '_> {
    /// Whether a lock keeps what was decided from being written; then the conflict waits for the end of its lease.
    pub(super) fn is_held_up(&mut self, id: &ConflictId, paths: Vec<String>) -> Result<bool, StoreError> {
        let was_held = self.unhold(id)?;
        for path in &paths {
            let lock = holder::against(self.overlay, self.domain, path, &NOBODY, self.place.time)?;
            if let Some(held) = lock.and_then(|(_, request)| request.held) {
                self.hold(id, Hold { until: held.until, paths: paths.clone() })?;
                if !was_held {
                    self.tell(
                        id,
                        Actor::Deadline,
                        ConflictEventKind::HeldUp { until: held.until, path: path.clone() },
                    )?;
                }
                self.promote_freed()?; // another side may have won, which stands elsewhere
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn hold(&mut self, id: &ConflictId, hold: Hold) -> Result<(), StoreError> {
        let mut conflict = self.conflict(id)?;
        conflict.is_late |= self.is_late(&conflict);
        conflict.held_up = Some(hold);
        self.overlay.put_indexed(self.domain, name::conflict(id), Some(&conflict))
    }

    /// The conflict waits for no lock any more. Whether it did; [`Applier::promote_freed`] belongs after it.
    pub(super) fn unhold(&mut self, id: &ConflictId) -> Result<bool, StoreError> {
        let mut conflict = self.conflict(id)?;
        let Some(hold) = conflict.held_up.take() else { return Ok(false) };
        self.overlay.put_indexed(self.domain, name::conflict(id), Some(&conflict))?;
        self.freed.extend(hold.paths);
        Ok(true)
    }

    /// Grants what only a conflict kept waiting that waits itself no more.
    pub(super) fn promote_freed(&mut self) -> Result<(), StoreError> {
        let freed = core::mem::take(&mut self.freed);
        freed.iter().try_for_each(|path| self.manager().promote(path))
    }

    /// A lock that a conflict waited for is gone, or its lease over: what was decided is asked for again.
    pub(crate) fn resume(&mut self, id: &ConflictId) -> Result<(), Abort> {
        let conflict = self.conflict(id)?;
        if conflict.held_up.is_none() {
            return Ok(());
        }
        match self.winner(&conflict) {
            Some(_) => self.conclude(id)?,
            None if self.is_late(&conflict) => self.pass_on(id)?,
            None => drop(self.unhold(id)?), // votes have changed meanwhile
        }
        Ok(self.promote_freed()?)
    }
}
