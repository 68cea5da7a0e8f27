//! Conflicts, open and settled.

use super::page::{self, Page};
use super::{QueryError, StateView};
use crate::format::constants::GROUP;
use crate::policy::Approvals;
use crate::state::conflict_log::Actor;
use crate::state::record::{AuthorRecord, ConflictRecord, Side};
use crate::state::store::{StoreError, Table};
use crate::state::{entry, name, rows};
use crate::vocabulary::conflict::Decider;
use crate::vocabulary::ids::ConflictId;
use crate::vocabulary::revision::Revision;
use core::ops::ControlFlow;
use quorate_pbft::Digest;

/// Sides that one answer shows; a conflict may have more, and their number is told.
const SIDES_MAX: u32 = 256;

/// A conflict, its sides and what its electorate asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictEntry {
    /// Names it.
    pub id: ConflictId,
    /// Its domain.
    pub domain: String,
    /// State as the tree authenticates it.
    pub record: ConflictRecord,
    /// In the order in which they came: the first 256, and those beyond that have supporters, as proposals do.
    pub sides: Vec<SideEntry>,
    /// Organisations that must vote for one side; 0 where an arbiter decides.
    pub needed: u32,
}

/// Side of a conflict, and who stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideEntry {
    /// Its place among all sides, from 0.
    pub index: u32,
    /// Side as it was recorded.
    pub side: Side,
    /// The author's organisation; none for a replica's analyser.
    pub organisation: Option<String>,
    /// Authors and analysers that proposed it or support it.
    pub supporters: Vec<Actor>,
}

/// Key of a row that lists a conflict by the revision that opened it.
type Listing = fn(Revision, &ConflictId) -> Vec<u8>;

impl<'a> StateView<'a> {
    /// Conflicts by the revision that opened them, newest first, of all domains or of one, all or only those that are
    /// open (or settled), after the conflict `from`.
    ///
    /// A page looks at a thousand of them at the most. If most are of other domains, or not of that state, it may have fewer items
    /// than asked for, or none, and say where to go on.
    pub fn conflicts(
        &self,
        domain: Option<&str>,
        open: Option<bool>,
        from: Option<ConflictId>,
        limit: usize,
    ) -> Result<Page<ConflictEntry>, QueryError> {
        let limit = page::limit(limit);
        // Open ones have a listing of their own, so that a long past costs nothing.
        let (table, row) = match open {
            Some(true) => (Table::Index, rows::open_conflict as Listing),
            _ => (Table::Archive, rows::conflict as Listing),
        };
        let first = row(Revision::GENESIS, &ConflictId(Digest::ZERO));
        let to = match from {
            None => row(self.ledger.revision(), &ConflictId(Digest([0xff; 32]))),
            Some(id) => {
                let conflict = self.conflict(&id)?.ok_or(QueryError::Cursor)?;
                row(conflict.record.since, &id)
            }
        };
        let (mut found, mut failed) = (Vec::new(), None);
        let (mut looked_at, mut last) = (0, None);
        self.read.scan_back(table, &first, &to, &mut |key, _| {
            if from.is_some() && key == to {
                return ControlFlow::Continue(());
            }
            match self.listed_conflict(key, domain) {
                Ok((id, conflict)) => {
                    let is_meant = |conflict: &ConflictEntry| open != Some(conflict.record.settled.is_some());
                    found.extend(conflict.filter(is_meant));
                    last = Some(id);
                }
                Err(error) => failed = Some(error),
            }
            looked_at += 1;
            let more = failed.is_none() && found.len() <= limit && looked_at < page::LOOKED_AT_MAX;
            if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        let Page { items, next } = Page::cut(found, limit, |conflict| conflict.id.to_string());
        let unseen = last.filter(|_| looked_at == page::LOOKED_AT_MAX).map(|id| id.to_string());
        Ok(Page { items, next: next.or(unseen) })
    }

    /// Conflict with this id.
    pub fn conflict(&self, id: &ConflictId) -> Result<Option<ConflictEntry>, StoreError> {
        self.domain_of(id)?.map(|domain| self.conflict_in(*id, domain)).transpose()
    }

    /// The conflict of a row, where it is one of the domain that is asked for.
    fn listed_conflict(
        &self,
        key: &[u8],
        wanted: Option<&str>,
    ) -> Result<(ConflictId, Option<ConflictEntry>), StoreError> {
        let damaged = || entry::damaged("a listed conflict");
        let id = ConflictId(Digest(*key.last_chunk().ok_or_else(damaged)?));
        let domain = self.domain_of(&id)?.ok_or_else(damaged)?;
        match wanted.is_some_and(|wanted| wanted != domain) {
            true => Ok((id, None)),
            false => Ok((id, Some(self.conflict_in(id, domain)?))),
        }
    }

    /// Domain of a conflict.
    pub fn domain_of(&self, id: &ConflictId) -> Result<Option<String>, StoreError> {
        entry::load_row(self.read, Table::Archive, &rows::conflict_domain(id))
    }

    fn conflict_in(&self, id: ConflictId, domain: String) -> Result<ConflictEntry, StoreError> {
        let number = self.ledger.domain(&domain).ok_or_else(|| entry::damaged("a conflict's domain"))?.record.number;
        let record: Option<ConflictRecord> = entry::load_ever(self.read, number, &name::conflict(&id))?;
        let record = record.ok_or_else(|| entry::damaged("a listed conflict"))?;
        let supported = record.supporters.keys().copied().filter(|index| *index >= SIDES_MAX);
        let shown = (0..record.sides.min(SIDES_MAX)).chain(supported);
        let sides = shown.map(|index| self.side(number, (&id, &record), index));
        let sides = sides.collect::<Result<_, _>>()?;
        let needed = match record.decider {
            Decider::Writers(organisations) => {
                Approvals { organisations, by: Vec::new() }.needed(self.ledger.organisations())
            }
            Decider::Arbiter(_) => 0,
        };
        Ok(ConflictEntry { id, domain, record, sides, needed })
    }

    fn side(
        &self,
        domain: u32,
        (id, record): (&ConflictId, &ConflictRecord),
        index: u32,
    ) -> Result<SideEntry, StoreError> {
        let side: Option<Side> = entry::load_row(self.read, Table::Past, &rows::side(domain, id, index))?;
        let side = side.ok_or_else(|| entry::damaged("a side of a conflict"))?;
        let enrolled: Option<AuthorRecord> = entry::load(self.read, GROUP, &name::author(&side.author))?;
        let organisation = enrolled.map(|enrolled| enrolled.organisation);
        let supporters = record.supporters.get(&index).into_iter().flatten().copied().collect();
        Ok(SideEntry { index, side, organisation, supporters })
    }
}
