//! History: the log, and the difference of two revisions.

use super::page::{self, Page};
use super::{QueryError, StateView};
use crate::format::receipt::PathChange;
use crate::state::record::{ConflictRecord, Side, Verdict};
use crate::state::store::{LiveStore, StoreError, Table};
use crate::state::tree::key_of;
use crate::state::{entry, name, numbers, rows, versions};
use crate::vocabulary::file::File;
use crate::vocabulary::ids::{ConflictId, EnvelopeId};
use crate::vocabulary::revision::Revision;
use core::ops::ControlFlow;
use quorate_pbft::{Digest, PublicKey, SeqNum, Time};
use std::collections::{BTreeMap, BTreeSet};

/// Paths that one difference tells of; more is an error of the asker, who may ask for smaller steps.
const PATHS_MAX: usize = 1_000_000;

/// An accepted envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The envelope.
    pub id: EnvelopeId,
    /// The revision that it made.
    pub revision: Revision,
    /// Author of the envelope.
    pub author: PublicKey,
    /// The messages of its changes, one a paragraph.
    pub message: String,
    /// Ledger time.
    pub time: Time,
    /// By the author's clock, milliseconds since the Unix epoch.
    pub author_time_ms: u64,
    /// Effects on paths, as in the receipt.
    pub changes: Vec<PathChange>,
}

/// Page of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// The entries, newest first.
    pub items: Vec<LogEntry>,
    /// Beginning of the next page; none at the end.
    pub next: Option<String>,
    /// Whether the page leaves out entries whose receipts a repair has dropped.
    pub has_gaps: bool,
}

/// A path that two revisions have differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathDifference {
    /// Its name.
    pub path: String,
    /// File in the first revision.
    pub from: Option<File>,
    /// File in the second revision.
    pub to: Option<File>,
}

impl<'a> StateView<'a> {
    /// Accepted envelopes of a domain, or those that changed a path or came into conflict there, newest first, before
    /// the revision `from`. Those whose receipts a repair has dropped are left out, so that a page may have fewer, and says so.
    ///
    /// A page of a path looks at what happened to a thousand conflicts of all paths, or to those of one change, at the most: then
    /// it may have fewer items than asked for, or none, and say where to go on.
    pub fn log(
        &self,
        domain: &str,
        path: Option<&str>,
        from: Option<Revision>,
        limit: usize,
    ) -> Result<LogPage, QueryError> {
        let (number, limit) = (self.number(domain)?, page::limit(limit));
        from.map_or(Ok(()), |from| self.check_history(from))?;
        let (mut ids, unseen) = match path {
            None => (self.ids_of_domain(number, from, limit + 1)?, None),
            Some(path) => self.ids_of_path(domain, path, from, limit + 1)?,
        };
        let oldest = self.history_from()?;
        ids.retain(|(revision, _)| revision.seq() >= oldest);
        let Page { items, next } = Page::cut(ids, limit, |(revision, _)| revision.to_string());
        let next = next.or(unseen.map(|revision| revision.to_string()));
        let entries = items.iter().map(|(revision, id)| self.log_entry(domain, *revision, id));
        let told: Vec<LogEntry> = entries.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(LogPage { has_gaps: told.len() < items.len(), items: told, next })
    }

    /// The oldest slot of which the log of a domain tells here; none where nothing of it is forgotten, as where nobody had
    /// a verdict in the domain before.
    pub fn log_begins(&self, domain: &str) -> Result<Option<SeqNum>, QueryError> {
        let number = self.number(domain)?;
        let since = self.ledger.domain(domain).map_or(Revision::GENESIS, |domain| domain.record.since);
        let (oldest, first) = (self.history_from()?, since.seq().max(SeqNum::new(1)));
        let is_cut = first < oldest && self.may_have_had_verdicts(number, oldest)?;
        Ok(is_cut.then_some(oldest))
    }

    /// Whether somebody had a verdict in a domain before a slot, or may have had one, by the numbers of all authors.
    fn may_have_had_verdicts(&self, domain: u32, before: SeqNum) -> Result<bool, StoreError> {
        for (author, _) in self.identities()? {
            if numbers::may_be_older(self.read, (domain, &author), before)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Envelopes that made the revisions of a domain after one and up to another, oldest first.
    pub fn accepted(
        &self,
        domain: &str,
        after: Revision,
        until: Revision,
    ) -> Result<Vec<(Revision, EnvelopeId)>, QueryError> {
        self.first_accepted(domain, (after, until), usize::MAX)
    }

    /// The first of them, so many at most.
    pub fn first_accepted(
        &self,
        domain: &str,
        (after, until): (Revision, Revision),
        most: usize,
    ) -> Result<Vec<(Revision, EnvelopeId)>, QueryError> {
        let number = self.number(domain)?;
        self.check_history(after)?;
        let (first, last) = (rows::log(number, after), rows::log(number, until));
        let mut found = Vec::new();
        self.read.scan(Table::Archive, &first, &last, &mut |key, id| {
            found.extend(rows::logged(key, id).filter(|(revision, _)| *revision > after));
            if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(found)
    }

    /// The envelope that made a revision of a domain; none where no envelope of it did.
    pub fn envelope_at(&self, domain: &str, revision: Revision) -> Result<Option<EnvelopeId>, QueryError> {
        let row = self.read.get(Table::Archive, &rows::log(self.number(domain)?, revision))?;
        let id = row.and_then(|id| id.try_into().ok()).map(|id| EnvelopeId(Digest(id)));
        match id {
            Some(id) => Ok(self.ledger.verdict(self.read, &id)?.map(|_| id)),
            None => Ok(None),
        }
    }

    fn ids_of_domain(&self, domain: u32, from: Option<Revision>, most: usize) -> Result<Vec<rows::Logged>, StoreError> {
        let last = from.unwrap_or_else(|| self.ledger.revision());
        let (first, to) = (rows::log(domain, Revision::GENESIS), rows::log(domain, last));
        let mut ids = Vec::new();
        self.read.scan_back(Table::Archive, &first, &to, &mut |key, id| {
            if from.is_none() || key != to {
                ids.extend(rows::logged(key, id));
            }
            if ids.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(ids)
    }

    /// Envelopes of a path before a revision, so many at most and newest first, and the revision at which the look for sides of
    /// conflicts ended early.
    #[allow(clippy::type_complexity)] // a name for a list and where it goes on would hide both
    fn ids_of_path(
        &self,
        domain: &str,
        path: &str,
        from: Option<Revision>,
        most: usize,
    ) -> Result<(Vec<rows::Logged>, Option<Revision>), QueryError> {
        let number = self.number(domain)?;
        let (key, record) = (key_of(&name::file(path)), self.record(number, path)?);
        let last = from.unwrap_or_else(|| self.ledger.revision());
        let (mut ids, mut first) = (BTreeMap::new(), self.since(domain)?);
        versions::back_from(&LiveStore(self.read), (number, &key), record.as_ref(), last, &mut |revision, version| {
            if from != Some(revision) {
                ids.insert(revision, version.envelope);
            }
            first = if ids.len() < most { first } else { first.max(revision) };
            if ids.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let (conflicts, unseen) = self.disputed(first, (last, from.is_none()))?;
        ids.extend(self.sides_at((domain, number), path, conflicts)?);
        let is_asked =
            |revision| unseen.is_none_or(|unseen| revision >= unseen) && revision <= last && from != Some(revision);
        Ok((ids.into_iter().rev().filter(|(revision, _)| is_asked(*revision)).take(most).collect(), unseen))
    }

    /// The revision at which the history of a domain begins here.
    fn since(&self, domain: &str) -> Result<Revision, StoreError> {
        let since = self.ledger.domain(domain).map_or(Revision::GENESIS, |domain| domain.record.since);
        Ok(self.history_from()?.previous().map_or(since, |before| since.max(Revision::slot(before))))
    }

    /// Conflicts to which something happened from one revision to another, in whatever domain, and at which; and the revision down to
    /// which all of it is known, where more happened than one page looks at. What happened at one revision is not divided.
    #[allow(clippy::type_complexity)] // a name for a map and where it goes on would hide both
    fn disputed(
        &self,
        first: Revision,
        (last, has_last): (Revision, bool),
    ) -> Result<(BTreeMap<ConflictId, BTreeSet<Revision>>, Option<Revision>), StoreError> {
        let key = |revision, id, place| rows::conflict_events(revision, &ConflictId(Digest([id; 32])), place);
        let end = if has_last { key(last, 0xff, u32::MAX) } else { key(last, 0, 0) };
        let (mut found, mut looked_at, mut at, mut is_cut) = (BTreeMap::<_, BTreeSet<_>>::new(), 0, last, false);
        self.read.scan_back(Table::Archive, &key(first, 0, 0), &end, &mut |key, _| {
            let Some((revision, id, _)) = rows::conflict_event_parts(key) else { return ControlFlow::Continue(()) };
            is_cut = looked_at >= page::LOOKED_AT_MAX && revision != at;
            if is_cut {
                return ControlFlow::Break(());
            }
            found.entry(id).or_default().insert(revision);
            (looked_at, at) = (looked_at + 1, revision);
            ControlFlow::Continue(())
        })?;
        Ok((found, Some(at).filter(|_| is_cut)))
    }

    /// Envelopes that came into conflict at a path: they made no version of it. The conflicts are those of some paths, each with
    /// the revisions at which something happened to it.
    fn sides_at(
        &self,
        (domain, number): (&str, u32),
        path: &str,
        conflicts: BTreeMap<ConflictId, BTreeSet<Revision>>,
    ) -> Result<Vec<rows::Logged>, QueryError> {
        let mut found = Vec::new();
        for (id, happened) in conflicts {
            let record: Option<ConflictRecord> = entry::load_ever(self.read, number, &name::conflict(&id))?;
            let Some(record) = record.filter(|record| record.path == path) else { continue };
            for index in 0..record.sides {
                let side: Option<Side> = entry::load_row(self.read, Table::Past, &rows::side(number, &id, index))?;
                let revision = side.ok_or_else(|| entry::damaged("a side of a conflict"))?.revision;
                if happened.contains(&revision) {
                    found.extend(self.envelope_at(domain, revision)?.map(|envelope| (revision, envelope)));
                }
            }
        }
        Ok(found)
    }

    /// Line of the log; none where a repair has dropped the receipt.
    pub(super) fn log_entry(
        &self,
        domain: &str,
        revision: Revision,
        id: &EnvelopeId,
    ) -> Result<Option<LogEntry>, StoreError> {
        let Some(verdict) = self.ledger.verdict(self.read, id)? else { return Ok(None) };
        let Verdict { receipt, messages, time, time_ms, .. } = verdict;
        let changes = receipt.changes_in(domain);
        Ok(Some(LogEntry {
            id: receipt.id,
            revision,
            author: receipt.author,
            message: paragraphs(messages),
            time,
            author_time_ms: time_ms,
            changes,
        }))
    }

    /// Paths that two revisions of a domain have differently, by path, after the path `from`.
    pub fn diff(
        &self,
        domain: &str,
        (first, second): (Revision, Revision),
        from: Option<&str>,
        limit: usize,
    ) -> Result<Page<PathDifference>, QueryError> {
        let (number, limit) = (self.number(domain)?, page::limit(limit));
        let newest = self.ledger.revision();
        if let Some(unknown) = [first, second].into_iter().find(|revision| *revision > newest) {
            return Err(QueryError::UnknownRevision(unknown));
        }
        self.check_history(first.min(second))?;
        let mut found = Vec::new();
        for path in self.touched(domain, number, first.min(second), first.max(second))? {
            if from.is_some_and(|from| path.as_str() <= from) {
                continue;
            }
            let difference = PathDifference {
                from: self.file_of(number, &path, first)?,
                to: self.file_of(number, &path, second)?,
                path,
            };
            if difference.from != difference.to {
                found.push(difference);
            }
            if found.len() > limit {
                break;
            }
        }
        Ok(Page::cut(found, limit, |difference| difference.path.clone()))
    }

    /// Paths that somebody wrote after one revision and not after another.
    fn touched(
        &self,
        domain: &str,
        number: u32,
        after: Revision,
        until: Revision,
    ) -> Result<BTreeSet<String>, QueryError> {
        let (first, to) = (rows::log(number, after), rows::log(number, until));
        let mut ids = Vec::new();
        self.read.scan(Table::Archive, &first, &to, &mut |key, id| {
            if key != first {
                ids.extend(rows::logged(key, id));
            }
            ControlFlow::Continue(())
        })?;
        let mut paths = BTreeSet::new();
        for (revision, id) in &ids {
            let told = self.log_entry(domain, *revision, id)?.ok_or(QueryError::Dropped(*revision))?;
            paths.extend(told.changes.into_iter().map(|change| change.path));
            if paths.len() > PATHS_MAX {
                return Err(StoreError(format!("the difference has more than {PATHS_MAX} paths")).into());
            }
        }
        Ok(paths)
    }
}

/// Messages of an envelope's changes as paragraphs; a transaction says the same in each of its domains.
fn paragraphs(mut messages: Vec<String>) -> String {
    messages.dedup();
    messages.join("\n\n")
}
