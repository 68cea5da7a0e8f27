//! Deadlines of conflicts: what the policy names next decides.

use super::Applier;
use super::hold::{Writes, written};
use crate::format::rules::{DISPUTES_ARE_BOUNDED_SINCE, UNSEEN_STAYS_SINCE, WORK_IS_BOUNDED_SINCE};
use crate::policy::Takeover;
use crate::state::abort::Abort;
use crate::state::conflict_log::{Actor, ConflictEventKind};
use crate::state::record::{ConflictRecord, Side};
use crate::state::store::{Live, StoreError};
use crate::state::{name, rows};
use crate::vocabulary::conflict::{Decider, Ending};
use crate::vocabulary::ids::ConflictId;
use crate::vocabulary::path;

/// Sides without a place, newest first, after which no older one is asked for.
const PLACES_ASKED_MAX: usize = 256;
/// The same from rules 15 on, in looks: each side takes one, and one for each folder above it.
const LOOKS_MAX: usize = 1_024;

impl Applier<'_, '_> {
    /// A deadline has passed. A vote without a winner, ties included, and an arbiter who said nothing pass the conflict on
    /// to the next entry of the policy as it was when the conflict began; after the last one it stays open.
    ///
    /// A side that has won and waits for a lock goes on waiting: it was decided in time. From rules 16 on one that has enough
    /// votes by now, as its place is free or fewer are needed, wins. A settled conflict stays so.
    pub(crate) fn expire(&mut self, id: &ConflictId) -> Result<(), Abort> {
        let mut conflict = self.conflict(id)?;
        if conflict.settled.is_some() {
            return Ok(());
        }
        match &conflict.held_up {
            Some(hold) if hold.until <= self.place.time => self.resume(id),
            _ if !self.is_late(&conflict) => Ok(()),
            held if (held.is_some() || self.place.rules >= DISPUTES_ARE_BOUNDED_SINCE)
                && self.winner(&conflict).is_some() =>
            {
                let waits = held.is_some();
                conflict.is_late = true;
                self.overlay.put_indexed(self.domain, name::conflict(id), Some(&conflict))?;
                if waits { Ok(()) } else { self.conclude(id) }
            }
            _ => self.pass_on(id),
        }
    }

    /// Lets the next entry of the policy decide; whatever waited for this conflict waits for it no more. From rules 16 on a vote
    /// begins with the votes that are there.
    pub(super) fn pass_on(&mut self, id: &ConflictId) -> Result<(), Abort> {
        let mut conflict = self.conflict(id)?;
        if self.is_held_up_by_policy(id, &conflict)? {
            return Ok(());
        }
        (conflict.held_up, conflict.deadline, conflict.is_late) = (None, None, false);
        conflict.decider = Decider::Writers(None);
        while !conflict.rest.is_empty() {
            let step = conflict.rest.remove(0);
            match step.strategy.takeover() {
                Some(Takeover::LastWins) => return self.last_side(id, conflict),
                Some(Takeover::FirstStands) => return self.first_stands(id, conflict),
                Some(Takeover::Decides(decider)) => {
                    (conflict.decider, conflict.deadline) = (decider, step.deadline(self.place.time));
                    break;
                }
                None => (),
            }
        }
        self.overlay.put_indexed(self.domain, name::conflict(id), Some(&conflict))?;
        self.promote_freed()?;
        let (decider, deadline) = (conflict.decider, conflict.deadline);
        self.tell(id, Actor::Deadline, ConflictEventKind::Passed { decider, deadline })?;
        if self.place.rules < DISPUTES_ARE_BOUNDED_SINCE { Ok(()) } else { self.conclude(id) }
    }

    /// Whether the next entry of the policy that answers would write, and a lock is in its way.
    fn is_held_up_by_policy(&mut self, id: &ConflictId, conflict: &ConflictRecord) -> Result<bool, Abort> {
        let writes = match conflict.rest.iter().find_map(|step| step.strategy.takeover()) {
            Some(Takeover::LastWins) => {
                let side = self.newest_side(id, conflict)?;
                side.map_or_else(Writes::default, |(_, side)| written(conflict, &side))
            }
            Some(Takeover::FirstStands) => (vec![conflict.path.clone()], None),
            Some(Takeover::Decides(_)) | None => Writes::default(),
        };
        Ok(self.is_held_up(id, writes)?)
    }

    /// Leaves a conflict open, with no decider named any more.
    pub(crate) fn leave_open(&mut self, id: &ConflictId) -> Result<(), StoreError> {
        self.unhold(id)?;
        let mut conflict = self.conflict(id)?;
        (conflict.deadline, conflict.is_late) = (None, false);
        (conflict.decider, conflict.rest) = (Decider::Writers(None), Vec::new());
        self.overlay.put_indexed(self.domain, name::conflict(id), Some(&conflict))?;
        self.promote_freed()?;
        self.tell(id, Actor::Deadline, ConflictEventKind::Passed { decider: conflict.decider, deadline: None })
    }

    fn last_side(&mut self, id: &ConflictId, conflict: ConflictRecord) -> Result<(), Abort> {
        self.overlay.put_indexed(self.domain, name::conflict(id), Some(&conflict))?;
        match self.newest_side(id, &conflict)? {
            Some(side) => self.win(id, &conflict.path, side, Ending::LastWriter),
            None if self.place.rules >= UNSEEN_STAYS_SINCE => Ok(self.leave_open(id)?),
            None => Ok(self.promote_freed()?),
        }
    }

    /// The newest side that somebody made, and that has a place; of the last ones only, for each is a look.
    fn newest_side(&self, id: &ConflictId, conflict: &ConflictRecord) -> Result<Option<(u32, Side)>, Abort> {
        let counts_folders = self.place.rules >= WORK_IS_BOUNDED_SINCE;
        let (mut looks, looks_max) = (0, if counts_folders { LOOKS_MAX } else { PLACES_ASKED_MAX });
        for index in (0..conflict.sides).rev() {
            let side: Option<Side> = self.overlay.row(Live::Past, &rows::side(self.domain, id, index))?;
            let Some(side) = side.filter(|side| side.proposed.is_none()) else { continue };
            match self.has_place(&conflict.path, (index, &side)) {
                Err(Abort::Refused(_)) if self.place.rules >= UNSEEN_STAYS_SINCE && looks < looks_max => {
                    looks += 1 + if counts_folders { path::folders(&side.path).count() } else { 0 };
                }
                Err(Abort::Refused(_)) if self.place.rules >= UNSEEN_STAYS_SINCE => break,
                Err(why @ Abort::Store(_)) => return Err(why),
                _ => return Ok(Some((index, side))),
            }
        }
        Ok(None)
    }

    fn first_stands(&mut self, id: &ConflictId, conflict: ConflictRecord) -> Result<(), Abort> {
        self.overlay.put_indexed(self.domain, name::conflict(id), Some(&conflict))?;
        let served = self.record(&conflict.path)?;
        let (file, author) = served.map_or((None, self.author), |record| (record.file, record.author));
        self.author = author;
        Ok(self.settle(&conflict.path, id, file, None, (Ending::FirstStands, None))?)
    }
}
