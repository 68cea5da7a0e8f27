//! Deadlines of conflicts: what the policy names next decides.

use super::Turn;
use super::strategy::decider;
use crate::conflict::ConflictId;
use crate::policy::Strategy;
use crate::state::record::{ConflictRecord, Decider, Side};
use crate::state::story::{Deed, Ending, Voice};
use crate::state::{entry, name, rows};
use crate::stop::Stop;
use crate::store::{StoreError, Table};

impl Turn<'_, '_> {
    /// A deadline has passed. A vote without a winner, ties included, and an arbiter who said nothing pass the conflict on
    /// to the next entry of the policy as it was when the conflict began; after the last one it stays open.
    pub(crate) fn expire(&mut self, id: &ConflictId) -> Result<(), Stop> {
        let mut conflict = self.conflict(id)?;
        if let Some(deadline) = conflict.deadline.take() {
            self.draft.remove_row(Table::History, rows::deadline(deadline, id));
        }
        conflict.decider = Decider::Writers(None);
        while !conflict.rest.is_empty() {
            let step = conflict.rest.remove(0);
            match &step.strategy {
                Strategy::LastWriterWins => return self.last_side(id, conflict),
                Strategy::Reject => return self.first_stands(id, conflict),
                _ => (),
            }
            if let Some((named, deadline)) = decider(&step, self.place.time) {
                (conflict.decider, conflict.deadline) = (named, deadline);
                break;
            }
        }
        if let Some(deadline) = conflict.deadline {
            let domain = entry::bytes_of(&self.domain_name);
            self.draft.put_row(Table::History, rows::deadline(deadline, id), domain);
        }
        self.draft.put(self.domain, name::conflict(id), &conflict);
        let (decider, deadline) = (conflict.decider, conflict.deadline);
        Ok(self.tell(id, Voice::Deadline, Deed::Passed { decider, deadline })?)
    }

    /// Nobody is named to decide any more.
    pub(crate) fn leave_open(&mut self, id: &ConflictId) -> Result<(), StoreError> {
        let mut conflict = self.conflict(id)?;
        if let Some(deadline) = conflict.deadline.take() {
            self.draft.remove_row(Table::History, rows::deadline(deadline, id));
        }
        (conflict.decider, conflict.rest) = (Decider::Writers(None), Vec::new());
        self.draft.put(self.domain, name::conflict(id), &conflict);
        self.tell(id, Voice::Deadline, Deed::Passed { decider: conflict.decider, deadline: None })
    }

    fn last_side(&mut self, id: &ConflictId, conflict: ConflictRecord) -> Result<(), Stop> {
        self.draft.put(self.domain, name::conflict(id), &conflict);
        match self.newest_side(id, &conflict)? {
            Some(side) => self.win(id, &conflict.path, side, Ending::LastWriter),
            None => Ok(()),
        }
    }

    fn newest_side(&self, id: &ConflictId, conflict: &ConflictRecord) -> Result<Option<(u32, Side)>, StoreError> {
        for index in (0..conflict.sides).rev() {
            let side: Option<Side> = self.draft.row(Table::History, &rows::side(id, index))?;
            if let Some(side) = side.filter(|side| side.proposed.is_none()) {
                return Ok(Some((index, side)));
            }
        }
        Ok(None)
    }

    fn first_stands(&mut self, id: &ConflictId, conflict: ConflictRecord) -> Result<(), Stop> {
        self.draft.put(self.domain, name::conflict(id), &conflict);
        let served = self.record(&conflict.path)?;
        let (file, author) = served.map_or((None, self.author), |record| (record.file, record.author));
        self.author = author;
        Ok(self.settle(&conflict.path, id, file, None, (Ending::FirstStands, None))?)
    }
}
