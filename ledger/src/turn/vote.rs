//! Ending a conflict together: suggestions and votes.

use super::Turn;
use crate::author_view::AuthorView;
use crate::change::Mode;
use crate::conflict::ConflictId;
use crate::policy::Approvals;
use crate::receipt::{PathOutcome, Rung};
use crate::state::record::{ConflictRecord, Decider, Side};
use crate::state::{name, rows};
use crate::stop::Stop;
use crate::store::Table;
use crate::verdict::{Code, Refusal};
use quorate_pbft::Digest;

/// Bytes of a suggestion's reason.
const REASON_BYTES_MAX: usize = 4_096;
/// Sides that a conflict may have before nobody may suggest more.
const SIDES_MAX: u32 = 256;

impl Turn<'_, '_> {
    /// One more side to vote for. It is nobody's edit, so whoever has not seen it may settle the conflict all the same.
    pub(super) fn suggest(&mut self, id: &ConflictId, file: Option<(Mode, Digest)>, reason: &str) -> Result<(), Stop> {
        let conflict = self.open_conflict(id)?;
        if reason.len() > REASON_BYTES_MAX || conflict.sides >= SIDES_MAX {
            return Err(Stop::refused(Code::BadAct, "the reason is too long, or the conflict has too many sides"));
        }
        let view = AuthorView::of_revision(self.revision);
        let file = match file {
            Some((mode, content)) => Some(self.named(&conflict.path, mode, content, &view)?),
            None => None,
        };
        if let Some(file) = &file
            && let Some((code, why)) = self.breaks(&conflict.path, file)?
        {
            self.refuse_later(Refusal::new(code, why));
        }
        let (author, revision, path) = (self.author(), self.revision, conflict.path);
        let proposed = Some(reason.to_owned());
        Ok(self.add_side(id, Side { author, revision, path, file, proposed })?)
    }

    /// The vote of an organisation; the winner takes effect as soon as enough agree.
    pub(super) fn vote(&mut self, id: &ConflictId, side: u32) -> Result<(), Stop> {
        let mut conflict = self.open_conflict(id)?;
        let Decider::Writers(organisations) = conflict.decider else {
            return Err(Stop::refused(Code::BadAct, "an arbiter decides this conflict"));
        };
        let winner: Option<Side> = self.draft.row(Table::History, &rows::side(id, side))?;
        let winner = winner.filter(|_| side < conflict.sides);
        let winner = winner.ok_or_else(|| Stop::refused(Code::UnknownConflict, format!("{id} has no side {side}")))?;
        if !self.place.record.policy.approvals.speaks(&self.author(), self.organisation) {
            let detail = format!("{} does not speak for {:?} here", self.author(), self.organisation);
            self.refuse_later(Refusal::new(Code::Role, detail));
        }
        conflict.votes.insert(self.organisation.to_owned(), side);
        let votes = conflict.votes.values().filter(|vote| **vote == side).count() as u64;
        self.draft.put(self.domain, name::conflict(id), &conflict);
        let needed = Approvals { organisations, by: Vec::new() }.needed(self.place.organisations);
        if votes >= u64::from(needed) { self.win(id, &conflict.path, winner) } else { Ok(()) }
    }

    /// A side wins. One that its author has at another path leaves the conflict's path empty.
    pub(super) fn win(&mut self, id: &ConflictId, path: &str, winner: Side) -> Result<(), Stop> {
        let view = AuthorView::of_revision(self.revision);
        let (here, elsewhere) = if winner.path == path { (winner.file, None) } else { (None, winner.file) };
        let stands = self.record(path)?.is_some_and(|record| record.file.is_some());
        if here.is_some() && !stands && !self.draft.below(self.domain, path, 1)?.is_empty() {
            return Err(Stop::at(Code::PathIsFolder, path, "a folder stands where the winner is to be"));
        }
        self.settle(path, id, here, None)?;
        if let Some(file) = elsewhere
            && self.record(&winner.path)?.is_none_or(|record| record.file.is_none() && record.conflict.is_none())
            && self.has_room(&winner.path, file, &view)?
        {
            self.set(&winner.path, Some(file), None)?;
            self.done.note(&winner.path, PathOutcome::Applied, Rung::OneSided);
        }
        Ok(())
    }

    fn open_conflict(&self, id: &ConflictId) -> Result<ConflictRecord, Stop> {
        let conflict: Option<ConflictRecord> = self.draft.get(self.domain, &name::conflict(id))?;
        let conflict = conflict.filter(|conflict| conflict.settled.is_none());
        conflict.ok_or_else(|| {
            Stop::refused(Code::UnknownConflict, format!("no open conflict {id} in {}", self.domain_name))
        })
    }
}
