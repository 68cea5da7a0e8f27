//! Conflicts, open and settled.

use super::page::{self, Page};
use super::{QueryError, StateView};
use crate::format::constants::GROUP;
use crate::format::receipt::Rung;
use crate::policy::{Approvals, Step};
use crate::state::conflict_log::Actor;
use crate::state::record::{AuthorRecord, ConflictRecord, Side};
use crate::state::store::{StoreError, Table};
use crate::state::{entry, name, rows};
use crate::vocabulary::conflict::{Class, Decider, Settled};
use crate::vocabulary::file::File;
use crate::vocabulary::ids::ConflictId;
use crate::vocabulary::revision::Revision;
use core::ops::ControlFlow;
use quorate_pbft::{Digest, PublicKey, Time};
use std::collections::BTreeMap;

/// Sides that one answer shows; a conflict may have more, and their number is told.
const SIDES_MAX: u32 = 256;

/// A disagreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictEntry {
    /// Names it.
    pub id: ConflictId,
    /// Its domain.
    pub domain: String,
    /// The path that is marked.
    pub path: String,
    /// Value, structural or semantic.
    pub class: Class,
    /// Why no rung answered.
    pub reason: String,
    /// The check that refused a merge which was otherwise clean.
    pub check: Option<String>,
    /// The last rung that tried.
    pub rung: Rung,
    /// The revision that opened it.
    pub since: Revision,
    /// Ledger time of that slot.
    pub opened: Time,
    /// Common base of the first two sides.
    pub base: Option<File>,
    /// In the order in which they came; the first of at most 256.
    pub sides: Vec<SideEntry>,
    /// Count of the sides.
    pub sides_count: u32,
    /// Authority that may end it.
    pub decider: Decider,
    /// Organisations that must vote for one side; 0 where an arbiter decides.
    pub needed: u32,
    /// Ledger time at which the next of `rest` decides; none: never.
    pub deadline: Option<Time>,
    /// Ledger time at which a lock that keeps the decided end from taking effect is over; none where none does.
    pub held_up: Option<Time>,
    /// Steps of the path's policy after the decider.
    pub rest: Vec<Step>,
    /// Organisations' votes for sides by their number.
    pub votes: BTreeMap<String, u32>,
    /// The change that ended it; none while it is open.
    pub settled: Option<Settled>,
}

/// Side of a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideEntry {
    /// Author of the side.
    pub author: PublicKey,
    /// The revision that brought it.
    pub revision: Revision,
    /// Path that the author gave it.
    pub path: String,
    /// File of the side; none for a deletion.
    pub file: Option<File>,
    /// Why somebody proposes it; none for a side that took part in the clash.
    pub proposed: Option<String>,
    /// The author's organisation; none for a replica's analyser.
    pub organisation: Option<String>,
    /// Authors and analysers that proposed it or support it.
    pub supporters: Vec<Actor>,
}

impl<'a> StateView<'a> {
    /// Conflicts by the revision that opened them, newest first, of all domains or of one, all or only those that are
    /// open (or settled), after the conflict `from`.
    pub fn conflicts(
        &self,
        domain: Option<&str>,
        open: Option<bool>,
        from: Option<ConflictId>,
        limit: usize,
    ) -> Result<Page<ConflictEntry>, QueryError> {
        let limit = page::limit(limit);
        // Open ones have a listing of their own, so that a long past costs nothing.
        let row = if open == Some(true) { rows::open_conflict } else { rows::conflict };
        let first = row(Revision::GENESIS, &ConflictId(Digest::ZERO));
        let to = match from {
            None => row(self.ledger.revision(), &ConflictId(Digest([0xff; 32]))),
            Some(id) => {
                let conflict = self.conflict(&id)?.ok_or(QueryError::Cursor)?;
                row(conflict.since, &id)
            }
        };
        let (mut found, mut failed) = (Vec::new(), None);
        self.read.scan_back(Table::History, &first, &to, &mut |key, place| {
            if from.is_none() || key != to {
                match self.conflict_row(key, place) {
                    Ok(conflict) if domain.is_some_and(|domain| domain != conflict.domain) => (),
                    Ok(conflict) if open.is_some_and(|open| open == conflict.settled.is_some()) => (),
                    Ok(conflict) => found.push(conflict),
                    Err(error) => failed = Some(error),
                }
            }
            let more = failed.is_none() && found.len() <= limit;
            if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(Page::cut(found, limit, |conflict| conflict.id.to_string())),
        }
    }

    /// Conflict with this id.
    pub fn conflict(&self, id: &ConflictId) -> Result<Option<ConflictEntry>, StoreError> {
        let place: Option<String> = entry::load_row(self.read, Table::History, &rows::conflict_domain(id))?;
        place.map(|domain| self.conflict_in(*id, domain)).transpose()
    }

    fn conflict_row(&self, key: &[u8], domain: &[u8]) -> Result<ConflictEntry, StoreError> {
        let id = key.last_chunk().ok_or_else(|| entry::damaged("a listed conflict"))?;
        self.conflict_in(ConflictId(Digest(*id)), entry::value_of(domain)?)
    }

    fn conflict_in(&self, id: ConflictId, domain: String) -> Result<ConflictEntry, StoreError> {
        let number = self.ledger.domain(&domain).ok_or_else(|| entry::damaged("a conflict's domain"))?.record.number;
        let record: Option<ConflictRecord> = entry::load(self.read, number, &name::conflict(&id))?;
        let record = record.ok_or_else(|| entry::damaged("a listed conflict"))?;
        let sides = (0..record.sides.min(SIDES_MAX)).map(|index| self.side(&id, &record, index));
        let sides = sides.collect::<Result<_, _>>()?;
        let needed = match record.decider {
            Decider::Writers(organisations) => {
                Approvals { organisations, by: Vec::new() }.needed(self.ledger.organisations())
            }
            Decider::Arbiter(_) => 0,
        };
        Ok(ConflictEntry {
            id,
            domain,
            path: record.path,
            class: record.class,
            reason: record.reason,
            check: record.check,
            rung: record.rung,
            since: record.since,
            opened: record.opened,
            base: record.base,
            sides,
            sides_count: record.sides,
            decider: record.decider,
            needed,
            deadline: record.deadline,
            held_up: record.held_up.map(|hold| hold.until),
            rest: record.rest,
            votes: record.votes,
            settled: record.settled,
        })
    }

    fn side(&self, id: &ConflictId, record: &ConflictRecord, index: u32) -> Result<SideEntry, StoreError> {
        let side: Option<Side> = entry::load_row(self.read, Table::History, &rows::side(id, index))?;
        let Side { author, revision, path, file, proposed } =
            side.ok_or_else(|| entry::damaged("a side of a conflict"))?;
        let enrolled: Option<AuthorRecord> = entry::load(self.read, GROUP, &name::author(&author))?;
        let organisation = enrolled.map(|enrolled| enrolled.organisation);
        let supporters = record.supporters.get(&index).into_iter().flatten().copied().collect();
        Ok(SideEntry { author, revision, path, file, proposed, organisation, supporters })
    }
}
