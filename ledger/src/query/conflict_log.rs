//! Log of conflicts, for people.

use super::{QueryError, StateView};
use crate::state::conflict_log::ConflictEvent;
use crate::state::store::{StoreError, Table};
use crate::state::{entry, rows};
use crate::vocabulary::ids::{ConflictId, EnvelopeId};
use crate::vocabulary::revision::Revision;
use core::ops::ControlFlow;
use quorate_pbft::{Digest, Time};

/// Happenings of one conflict that one answer tells: all of a usual one.
const LOG_MAX: usize = 4_096;

/// Logged event with its conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// The conflict.
    pub id: ConflictId,
    /// Event in the conflict's log.
    pub event: ConflictEvent,
}

/// Message of an author with a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitMessage {
    /// The envelope.
    pub id: EnvelopeId,
    /// Its messages, one a paragraph.
    pub message: String,
    /// Ledger time.
    pub time: Time,
}

impl<'a> StateView<'a> {
    /// Log of a conflict, in order.
    pub fn conflict_log(&self, id: &ConflictId) -> Result<Vec<ConflictEvent>, StoreError> {
        let (from, to) = (rows::event(id, 0), rows::event(id, u32::MAX));
        let (mut conflict_log, mut failed) = (Vec::new(), None);
        self.read.scan(Table::Archive, &from, &to, &mut |_, value| {
            match entry::value_of(value) {
                Ok(event) => conflict_log.push(event),
                Err(error) => failed = Some(error),
            }
            let more = failed.is_none() && conflict_log.len() < LOG_MAX;
            if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        failed.map_or(Ok(conflict_log), Err)
    }

    /// Events of conflicts in all domains after one revision and not after another, in order.
    pub fn conflict_events(&self, after: Revision, until: Revision) -> Result<Vec<LoggedEvent>, StoreError> {
        let highest = ConflictId(Digest([0xff; 32]));
        let (from, to) =
            (rows::conflict_events(after, &highest, u32::MAX), rows::conflict_events(until, &highest, u32::MAX));
        let mut keys = Vec::new();
        self.read.scan(Table::Archive, &from, &to, &mut |key, _| {
            keys.extend(rows::conflict_event_parts(key));
            ControlFlow::Continue(())
        })?;
        let told = |(_, id, place)| {
            let event = entry::load_row(self.read, Table::Archive, &rows::event(&id, place))?;
            Ok(LoggedEvent { id, event: event.ok_or_else(|| entry::damaged("what happened to a conflict"))? })
        };
        keys.into_iter().map(told).collect()
    }

    /// The envelope that made a revision of a domain, and what its author said of it; none where nobody's did.
    pub fn commit_message(&self, domain: &str, revision: Revision) -> Result<Option<CommitMessage>, QueryError> {
        let row = self.read.get(Table::Archive, &rows::log(self.number(domain)?, revision))?;
        let Some(id) = row.and_then(|id| id.try_into().ok()).map(|id| EnvelopeId(Digest(id))) else {
            return Ok(None);
        };
        let verdict = self.ledger.verdict(self.read, &id)?;
        Ok(verdict.map(|verdict| CommitMessage { id, message: verdict.messages.join("\n\n"), time: verdict.time }))
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
            Table::Archive,
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
