//! Conflicts as state: opened, joined, settled.

use super::Applier;
use super::merge::Disagreement;
use crate::format::receipt::{PathOutcome, Rung};
use crate::format::rules::DISPUTES_ARE_BOUNDED_SINCE;
use crate::state::abort::Abort;
use crate::state::conflict_log::{Actor, ConflictEventKind};
use crate::state::record::{ConflictRecord, FileRecord, Side};
use crate::state::store::{Live, StoreError, Table};
use crate::state::{entry, name, rows};
use crate::vocabulary::conflict::{Decider, Ending, Settled};
use crate::vocabulary::event::Event;
use crate::vocabulary::file::File;
use crate::vocabulary::ids::ConflictId;
use crate::vocabulary::revision::Revision;
use quorate_pbft::{Digest, hash};
use std::collections::BTreeMap;

/// Sides of a conflict, oldest first, whose authors can lose it.
const LOSERS_MAX: u32 = 256;

impl Applier<'_, '_> {
    /// Keeps the author's side of a disagreement about `path`: in the path's open conflict, or in a new one whose first
    /// side is `there`, what stands in the way.
    pub(super) fn dispute(
        &mut self,
        path: &str,
        base: Option<File>,
        there: Side,
        made: (&str, Option<File>),
        why: Disagreement,
    ) -> Result<(), Abort> {
        let mut record = self.record(path)?.unwrap_or_else(|| self.fresh());
        let id = match record.conflict {
            Some(id) => {
                let side = self.conflict(&id)?.sides;
                self.tell(&id, Actor::Author(self.author()), ConflictEventKind::Joined { side })?;
                id
            }
            None => self.open(path, base, there, why, &mut record)?,
        };
        self.join(&id, made)?;
        self.applied.note(path, PathOutcome::Conflict, Rung::None);
        Ok(())
    }

    fn open(
        &mut self,
        path: &str,
        base: Option<File>,
        there: Side,
        why: Disagreement,
        record: &mut FileRecord,
    ) -> Result<ConflictId, Abort> {
        let (decider, deadline, rest) = self.decider(path, why.class)?;
        let id = self.unused_id(path)?;
        let conflict = ConflictRecord {
            path: path.to_owned(),
            class: why.class,
            reason: why.reason.to_owned(),
            check: why.check.map(str::to_owned),
            rung: why.rung,
            since: self.revision,
            opened: self.place.time,
            latest: self.revision,
            base,
            sides: 0,
            sides_hash: Digest::ZERO,
            decider,
            deadline,
            is_late: false,
            held_up: None,
            rest,
            votes: BTreeMap::new(),
            proposals: BTreeMap::new(),
            supporters: BTreeMap::new(),
            events: 0,
            log_hash: Digest::ZERO,
            settled: None,
        };
        let domain = entry::bytes_of(&self.domain_name);
        self.overlay.put_row(Table::Archive, rows::conflict(self.revision, &id), domain.clone());
        self.overlay.put_row(Table::Archive, rows::conflict_domain(&id), domain);
        self.overlay.put_indexed(self.domain, name::conflict(&id), Some(&conflict))?;
        self.add_side(&id, there, true)?;
        self.tell(&id, Actor::Author(self.author()), ConflictEventKind::Opened)?;
        record.conflict = Some(id);
        self.overlay.put_indexed(self.domain, name::file(path), Some(&*record))?;
        self.applied.events.push(Event::Opened { id, domain: self.domain_name.to_owned(), path: path.to_owned() });
        Ok(id)
    }

    /// A path may come into conflict, be settled and come into conflict again within one envelope.
    fn unused_id(&self, path: &str) -> Result<ConflictId, StoreError> {
        let mut nth = 0_u32;
        loop {
            let id = ConflictId(hash("quorate/v1/conflict", &(self.domain_name, path, self.id, nth)));
            if self.overlay.get::<ConflictRecord>(self.domain, &name::conflict(&id))?.is_none() {
                return Ok(id);
            }
            nth += 1;
        }
    }

    /// Adds what stands there to an open conflict as its newest side, if it is not: the author's own side is given up.
    pub(super) fn rejoin(&mut self, id: &ConflictId, there: Side) -> Result<(), StoreError> {
        self.applied.note(&there.path, PathOutcome::Conflict, Rung::None);
        self.applied.conflicts.insert(*id);
        let side = self.conflict(id)?.sides;
        if self.place.rules >= DISPUTES_ARE_BOUNDED_SINCE && self.newest_made(id, side)?.as_ref() == Some(&there) {
            return Ok(());
        }
        self.tell(id, Actor::Author(self.author()), ConflictEventKind::Joined { side })?;
        self.add_side(id, there, true)
    }

    /// The newest of so many sides that is no proposal.
    fn newest_made(&self, id: &ConflictId, sides: u32) -> Result<Option<Side>, StoreError> {
        for index in (0..sides).rev() {
            let side: Option<Side> = self.overlay.row(Live::Past, &rows::side(self.domain, id, index))?;
            if let Some(side) = side.filter(|side| side.proposed.is_none()) {
                return Ok(Some(side));
            }
        }
        Ok(None)
    }

    /// Adds the author's side to an open conflict.
    fn join(&mut self, id: &ConflictId, (path, file): (&str, Option<File>)) -> Result<(), Abort> {
        let (author, revision, path) = (self.author(), self.revision, path.to_owned());
        let side = Side { author, revision, path, file, proposed: None };
        let is_new = self.place.rules < DISPUTES_ARE_BOUNDED_SINCE || self.is_new_side(id, &side)?;
        self.add_side(id, side, is_new)?;
        self.applied.conflicts.insert(*id);
        self.applied.unserved += 1; // an envelope holds fewer operations
        Ok(())
    }

    /// Adds a side. Who has not seen a new one that somebody made has not seen all.
    pub(super) fn add_side(&mut self, id: &ConflictId, side: Side, is_new: bool) -> Result<(), StoreError> {
        let mut conflict = self.conflict(id)?;
        self.overlay.put_row(Table::Past, rows::side(self.domain, id, conflict.sides), entry::bytes_of(&side));
        conflict.sides_hash = hash("quorate/v1/side", &(conflict.sides_hash, &side));
        conflict.sides += 1;
        if side.proposed.is_none() && is_new {
            conflict.latest = conflict.latest.max(side.revision);
        }
        self.overlay.put_indexed(self.domain, name::conflict(id), Some(&conflict))
    }

    /// Whether the author, who read `seen`, has seen all sides of the conflict and may end it.
    pub(super) fn may_settle(&self, id: &ConflictId, seen: Revision) -> Result<bool, StoreError> {
        let conflict = self.conflict(id)?;
        let may = match &conflict.decider {
            Decider::Writers(_) => true,
            Decider::Arbiter(who) => who.covers(&self.author(), self.organisation) && !self.is_late(&conflict),
        };
        Ok(may && seen >= conflict.latest)
    }

    /// Ends the conflict of a path by what the author makes of it, or by a side.
    pub(super) fn settle(
        &mut self,
        path: &str,
        id: &ConflictId,
        file: Option<File>,
        moved_to: Option<&str>,
        (how, side): (Ending, Option<u32>),
    ) -> Result<(), StoreError> {
        let by = match how {
            Ending::LastWriter | Ending::FirstStands => Actor::Deadline,
            Ending::Change | Ending::Vote => Actor::Author(self.author()),
        };
        self.tell(id, by, ConflictEventKind::Settled { how, side })?;
        self.unhold(id)?;
        let mut conflict = self.conflict(id)?;
        conflict.deadline = None;
        conflict.rest = Vec::new(); // nothing is left to decide
        self.note_losers(id, &conflict, file)?;
        let (revision, author, time, receipt) = (self.revision, self.author(), self.place.time, self.id);
        conflict.settled = Some(Settled { revision, author, time, how, side, receipt });
        self.overlay.put_indexed(self.domain, name::conflict(id), Some(&conflict))?;
        let mut record = self.record(path)?.unwrap_or_else(|| self.fresh());
        record.conflict = None;
        self.overlay.put_indexed(self.domain, name::file(path), Some(&record))?;
        self.set(path, file, moved_to)?;
        self.applied.note(path, PathOutcome::Settled, Rung::OneSided);
        self.applied.events.push(Event::Settled {
            id: *id,
            domain: self.domain_name.to_owned(),
            path: path.to_owned(),
        });
        self.promote_freed()
    }

    /// Notes the authors of sides that do not stand now. An author who ends it by another content than before has lost
    /// nothing.
    fn note_losers(&mut self, id: &ConflictId, conflict: &ConflictRecord, now: Option<File>) -> Result<(), StoreError> {
        for index in 0..conflict.sides.min(LOSERS_MAX) {
            let side: Option<Side> = self.overlay.row(Live::Past, &rows::side(self.domain, id, index))?;
            let lost = side.filter(|side| side.proposed.is_none() && side.file != now && side.author != self.author());
            self.applied.lost.extend(lost.map(|side| side.author));
        }
        Ok(())
    }

    pub(super) fn conflict(&self, id: &ConflictId) -> Result<ConflictRecord, StoreError> {
        let conflict = self.overlay.get(self.domain, &name::conflict(id))?;
        conflict.ok_or_else(|| entry::damaged("a conflict that a path names"))
    }
}

/// Side of a conflict, made of the file at a path.
pub(super) fn side_of(path: &str, record: &FileRecord) -> Side {
    let (author, revision, path) = (record.author, record.since, path.to_owned());
    Side { author, revision, path, file: record.file, proposed: None }
}
