//! Collective decisions wait for the locks of the paths that they write: a lock keeps everybody else out, votes and
//! deadlines too.
//!
//! A decision waits for one lease at the most: while it waits, no lease there is renewed and no lock granted that would
//! keep it out any longer. A promise to a transaction over several groups ends with the home's decision instead; what waits for one is
//! asked for again after the longest lease, too.

use super::Applier;
use crate::lock::LEASE_MS_MAX;
use crate::state::abort::Abort;
use crate::state::conflict_log::{Actor, ConflictEventKind};
use crate::state::record::{ConflictRecord, Hold, Side};
use crate::state::store::StoreError;
use crate::state::{entry, name};
use crate::vocabulary::ids::ConflictId;
use quorate_pbft::{PublicKey, Time};

/// Key that nobody has: no lock is its own.
const NOBODY: PublicKey = PublicKey([0; 32]);

/// Paths that are written, and the one of them at which a file is to stand.
pub(super) type Writes = (Vec<String>, Option<String>);

/// The paths that are written where a side of a conflict wins.
pub(super) fn written(conflict: &ConflictRecord, winner: &Side) -> Writes {
    let file_at = winner.file.map(|_| winner.path.clone());
    let elsewhere = file_at.clone().filter(|path| *path != conflict.path);
    (core::iter::once(conflict.path.clone()).chain(elsewhere).collect(), file_at)
}

impl Applier<'_, '_> {
    /// Whether a lock keeps what was decided from being written, or a promise below it keeps a file from standing there; then the
    /// conflict waits for the end of the lease.
    pub(super) fn is_held_up(&mut self, id: &ConflictId, writes: Writes) -> Result<bool, StoreError> {
        let was_held = self.unhold(id)?;
        let Some((path, until)) = self.in_the_way(&writes)? else { return Ok(false) };
        let latest = Time::new(self.place.time.get().saturating_add(LEASE_MS_MAX));
        self.hold(id, Hold { until: until.min(latest), paths: writes.0 })?;
        if !was_held {
            self.tell(id, Actor::Deadline, ConflictEventKind::HeldUp { until, path })?;
        }
        self.promote_freed()?; // another side may have won, which stands elsewhere
        Ok(true)
    }

    /// The first of these paths that cannot be written now, and when that is over.
    fn in_the_way(&mut self, (paths, file_at): &Writes) -> Result<Option<(String, Time)>, StoreError> {
        for path in paths {
            let lock = self.lock_against(path, &NOBODY)?;
            if let Some(held) = lock.and_then(|(_, request)| request.held) {
                return Ok(Some((path.clone(), held.until)));
            }
        }
        let Some(path) = file_at else { return Ok(None) };
        let Some(id) = self.overlay.promise_below(self.domain, path)? else { return Ok(None) };
        let branch = self.branch(&id)?.ok_or_else(|| entry::damaged("a branch"))?;
        Ok(Some((path.clone(), branch.until)))
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
