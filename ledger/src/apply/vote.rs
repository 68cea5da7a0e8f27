//! Ending a conflict together: votes.

use super::Applier;
use super::hold::written;
use crate::format::receipt::{PathOutcome, Rung};
use crate::format::rules::{DISPUTES_ARE_BOUNDED_SINCE, MOVES_STAY_WHOLE_SINCE, UNSEEN_STAYS_SINCE};
use crate::policy::Approvals;
use crate::state::abort::Abort;
use crate::state::author_view::AuthorView;
use crate::state::conflict_log::{Actor, ConflictEventKind};
use crate::state::record::{ConflictRecord, Side};
use crate::state::store::Live;
use crate::state::{name, rows};
use crate::vocabulary::conflict::{Decider, Ending};
use crate::vocabulary::ids::ConflictId;
use crate::vocabulary::path;
use crate::vocabulary::verdict::{Code, Refusal};
use std::collections::BTreeSet;

impl Applier<'_, '_> {
    /// The vote of an organisation. When enough agree, the winner takes effect right after this envelope, as a change of
    /// its own.
    pub(super) fn vote(&mut self, id: &ConflictId, side: u32) -> Result<(), Abort> {
        let mut conflict = self.open_conflict(id)?;
        let Decider::Writers(_) = conflict.decider else {
            return Err(Abort::refused(Code::BadAct, "an arbiter decides this conflict"));
        };
        if self.is_late(&conflict) {
            return Err(Abort::refused(Code::BadAct, "the deadline of this vote has passed"));
        }
        let wanted = self.side(id, &conflict, side)?;
        if !self.speaks() {
            let detail = format!("{} does not speak for {:?} here", self.author(), self.organisation);
            self.refuse_later(Refusal::new(Code::Role, detail));
        }
        let organisation = self.organisation.to_owned();
        if conflict.votes.insert(organisation.clone(), side) != Some(side) {
            self.overlay.put_indexed(self.domain, name::conflict(id), Some(&conflict))?;
            self.tell(id, Actor::Author(self.author()), ConflictEventKind::Voted { organisation, side })?;
        }
        if self.winner(&conflict) == Some(side) {
            self.has_place(&conflict.path, (side, &wanted))?;
            if self.place.rules >= DISPUTES_ARE_BOUNDED_SINCE && (side > 0 || wanted.path == conflict.path) {
                self.guard_winner(&wanted)?;
            }
            self.applied.won.push(*id);
        }
        Ok(())
    }

    /// The side that enough organisations voted for takes effect, or waits for locks.
    pub(crate) fn conclude(&mut self, id: &ConflictId) -> Result<(), Abort> {
        let conflict = self.conflict(id)?;
        match self.winner(&conflict) {
            Some(side) if conflict.settled.is_none() => {
                let winner = self.side(id, &conflict, side)?;
                if self.is_held_up(id, written(&conflict, &winner))? {
                    return Ok(());
                }
                match self.has_place(&conflict.path, (side, &winner)) {
                    Err(Abort::Refused(_)) if self.place.rules >= UNSEEN_STAYS_SINCE => match conflict.is_late {
                        true => self.pass_on(id),
                        false => Ok(self.promote_freed()?), // the next vote asks again
                    },
                    Err(why) => Err(why),
                    Ok(()) => self.win(id, &conflict.path, (side, winner), Ending::Vote),
                }
            }
            _ => Ok(()), // settled otherwise by the same envelope
        }
    }

    /// The side with enough votes; where the policy is content with so few that several have them, the first of these.
    pub(super) fn winner(&self, conflict: &ConflictRecord) -> Option<u32> {
        let Decider::Writers(organisations) = conflict.decider else { return None };
        let needed = Approvals { organisations, by: Vec::new() }.needed(self.place.organisations);
        let votes = |side: u32| conflict.votes.values().filter(|vote| **vote == side).count() as u64;
        let sides: BTreeSet<u32> = conflict.votes.values().copied().collect();
        sides.into_iter().find(|side| votes(*side) >= u64::from(needed))
    }

    fn side(&self, id: &ConflictId, conflict: &ConflictRecord, side: u32) -> Result<Side, Abort> {
        let found: Option<Side> = self.overlay.row(Live::Past, &rows::side(self.domain, id, side))?;
        let found = found.filter(|_| side < conflict.sides);
        found.ok_or_else(|| {
            Abort::refused(Code::UnknownConflict, format!("{id} has no side {}", side.saturating_add(1)))
        })
    }

    /// A side wins. A side that its author has at another path leaves the conflict's path empty. The first side is what
    /// stood when the conflict was opened: at another path it is there already, or somebody took it away since.
    pub(super) fn win(
        &mut self,
        id: &ConflictId,
        path: &str,
        (number, winner): (u32, Side),
        how: Ending,
    ) -> Result<(), Abort> {
        self.author = winner.author;
        self.has_place(path, (number, &winner))?;
        let view = AuthorView::of_revision(self.revision);
        let (here, elsewhere) = if winner.path == path { (winner.file, None) } else { (None, winner.file) };
        self.settle(path, id, here, None, (how, Some(number)))?;
        if let Some(file) = elsewhere.filter(|_| number > 0)
            && self.record(&winner.path)?.is_none_or(|record| record.file.is_none() && record.conflict.is_none())
            && self.has_room(&winner.path, file, &view)?
        {
            self.set(&winner.path, Some(file), None)?;
            self.applied.note(&winner.path, PathOutcome::Applied, Rung::OneSided);
        }
        Ok(())
    }

    /// Whether the winner can stand where it is to be. The first side needs no place elsewhere: it has one there, or had.
    pub(super) fn has_place(&self, path: &str, (number, winner): (u32, &Side)) -> Result<(), Abort> {
        let is_here = winner.path == path;
        let place = winner.path.as_str();
        if winner.file.is_none() || !is_here && (number == 0 || self.place.rules < UNSEEN_STAYS_SINCE) {
            return Ok(());
        }
        let record = self.record(place)?;
        if !is_here && record.as_ref().is_some_and(|record| record.conflict.is_some()) {
            return Err(Abort::at(Code::PathIsFile, place, "the winner is to be where a conflict is open"));
        }
        if let Some(record) = record.filter(|record| record.file.is_some()) {
            // Under rules 14 any later file of its author stays, as if it were made of the winner.
            let is_of_winner = self.place.rules < MOVES_STAY_WHOLE_SINCE
                && record.author == winner.author
                && record.since > winner.revision;
            return match is_here || is_of_winner || record.file == winner.file {
                true => Ok(()),
                false => Err(Abort::at(Code::PathIsFile, place, "another file stands where the winner is to be")),
            };
        }
        let below = self.overlay.below(self.domain, place, 2)?;
        if below.iter().any(|child| child != path) {
            return Err(Abort::at(Code::PathIsFolder, place, "a folder stands where the winner is to be"));
        }
        for folder in path::folders(place).filter(|folder| *folder != path && self.place.rules >= UNSEEN_STAYS_SINCE) {
            if self.overlay.is_listed(self.domain, folder)? {
                return Err(Abort::at(Code::PathIsFile, folder, "a file stands where the winner needs a folder"));
            }
        }
        Ok(())
    }

    /// Whether whoever was to decide until a deadline is too late: deadlines are worked off at the end of a slot.
    pub(super) fn is_late(&self, conflict: &ConflictRecord) -> bool {
        conflict.deadline.is_some_and(|deadline| self.place.time >= deadline)
    }

    pub(super) fn open_conflict(&self, id: &ConflictId) -> Result<ConflictRecord, Abort> {
        let conflict: Option<ConflictRecord> = self.overlay.get(self.domain, &name::conflict(id))?;
        let conflict = conflict.filter(|conflict| conflict.settled.is_none());
        conflict.ok_or_else(|| {
            Abort::refused(Code::UnknownConflict, format!("no open conflict {id} in {}", self.domain_name))
        })
    }
}
