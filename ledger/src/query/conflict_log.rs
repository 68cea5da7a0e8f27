//! What happened to conflicts, for people.

use super::{QueryError, StateView};
use crate::state::conflict_log::Happening;
use crate::state::store::{StoreError, Table};
use crate::state::{entry, rows};
use crate::vocabulary::ids::{ConflictId, EnvelopeId};
use crate::vocabulary::revision::Revision;
use core::ops::ControlFlow;
use quorate_pbft::{Digest, Time};

/// Happenings of one conflict that one answer tells: all of a usual one.
const STORY_MAX: usize = 4_096;

/// Something that happened to some conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The conflict.
    pub id: ConflictId,
    /// What.
    pub happening: Happening,
}

/// What an author said of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// The envelope.
    pub id: EnvelopeId,
    /// Its messages, one a paragraph.
    pub message: String,
    /// Ledger time.
    pub time: Time,
}

impl<'a> StateView<'a> {
    /// What happened to a conflict, in order.
    pub fn story(&self, id: &ConflictId) -> Result<Vec<Happening>, StoreError> {
        let (from, to) = (rows::happening(id, 0), rows::happening(id, u32::MAX));
        let (mut story, mut failed) = (Vec::new(), None);
        self.read.scan(Table::History, &from, &to, &mut |_, value| {
            match entry::value_of(value) {
                Ok(happening) => story.push(happening),
                Err(error) => failed = Some(error),
            }
            let more = failed.is_none() && story.len() < STORY_MAX;
            if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        failed.map_or(Ok(story), Err)
    }

    /// What happened to conflicts of all domains after one revision and not after another, in order.
    pub fn happened(&self, after: Revision, until: Revision) -> Result<Vec<Told>, StoreError> {
        let highest = ConflictId(Digest([0xff; 32]));
        let (from, to) = (rows::happened(after, &highest, u32::MAX), rows::happened(until, &highest, u32::MAX));
        let mut keys = Vec::new();
        self.read.scan(Table::History, &from, &to, &mut |key, _| {
            keys.extend(place(key));
            ControlFlow::Continue(())
        })?;
        let told = |(id, place): (ConflictId, u32)| {
            let happening = entry::load_row(self.read, Table::History, &rows::happening(&id, place))?;
            Ok(Told { id, happening: happening.ok_or_else(|| entry::damaged("what happened to a conflict"))? })
        };
        keys.into_iter().map(told).collect()
    }

    /// The envelope that made a revision of a domain, and what its author said of it; none where nobody's did.
    pub fn spoken(&self, domain: &str, revision: Revision) -> Result<Option<Spoken>, QueryError> {
        let row = self.read.get(Table::History, &rows::log(self.number(domain)?, revision))?;
        let Some(id) = row.and_then(|id| id.try_into().ok()).map(|id| EnvelopeId(Digest(id))) else {
            return Ok(None);
        };
        let verdict = self.ledger.verdict(self.read, &id)?;
        Ok(verdict.map(|verdict| Spoken { id, message: verdict.messages.join("\n\n"), time: verdict.time }))
    }

    /// Conflicts whose ids begin with these digits of lower-case hex, at most so many.
    pub fn conflicts_named(&self, digits: &str, most: usize) -> Result<Vec<ConflictId>, StoreError> {
        let bound = |fill: char| {
            let padded: String = digits.chars().chain(core::iter::repeat(fill)).take(64).collect();
            padded.parse::<ConflictId>().ok()
        };
        let (Some(first), Some(last)) = (bound('0'), bound('f')) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        self.read.scan(
            Table::History,
            &rows::conflict_domain(&first),
            &rows::conflict_domain(&last),
            &mut |key, _| {
                found.extend(key.last_chunk().map(|id| ConflictId(Digest(*id))));
                if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            },
        )?;
        Ok(found)
    }
}

fn place(key: &[u8]) -> Option<(ConflictId, u32)> {
    let (rest, place) = key.split_last_chunk::<4>()?;
    Some((ConflictId(Digest(*rest.last_chunk()?)), u32::from_be_bytes(*place)))
}
