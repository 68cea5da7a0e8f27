//! Changed paths of a domain after a revision, each where it was changed last: for those who mirror its files.

use super::page::{self, LOOKED_AT_MAX, Page};
use super::{QueryError, StateView};
use crate::state::rows;
use crate::state::store::Table;
use crate::vocabulary::file::File;
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::revision::Revision;
use core::fmt;
use core::ops::ControlFlow;
use core::str::FromStr;
use std::collections::BTreeSet;

/// Paths that one page looks at: an envelope may have thousands, all changed again since.
const PATHS_MAX: usize = 4_096;

/// Younger receipts that one page reads, to leave out what they tell of; where it would take more, a path is told twice.
const YOUNGER_MAX: usize = 64;

/// Path with the change that made it what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPath {
    /// Its name.
    pub path: String,
    /// The revision that made it so.
    pub revision: Revision,
    /// The envelope, or the conflict that was settled there without one.
    pub envelope: EnvelopeId,
    /// File that is there; none where nothing is.
    pub file: Option<File>,
}

/// Place in a list of changed paths: a revision, and the path up to which those of that revision were told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangesCursor {
    revision: Revision,
    path: Option<String>,
}

impl ChangesCursor {
    /// After all that a revision changed.
    pub fn after(revision: Revision) -> Self {
        Self { revision, path: None }
    }

    /// Behind an item.
    pub fn behind(item: &ChangedPath) -> Self {
        Self { revision: item.revision, path: Some(item.path.clone()) }
    }

    /// Whether it is behind a path of the revision.
    fn has_told(&self, revision: Revision, path: &str) -> bool {
        revision == self.revision && self.path.as_deref().is_none_or(|told| path <= told)
    }
}

impl fmt::Display for ChangesCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            None => self.revision.fmt(f),
            Some(path) => write!(f, "{}/{path}", self.revision),
        }
    }
}

impl FromStr for ChangesCursor {
    type Err = <Revision as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            None => Ok(Self::after(text.parse()?)),
            Some((revision, path)) => Ok(Self { revision: revision.parse()?, path: Some(path.to_owned()) }),
        }
    }
}

impl StateView<'_> {
    /// Paths that were changed behind a place, in the order of the revisions that changed them last, and as they are now.
    /// A path that changes again while its reader goes on comes again behind. A page may have few items, or none, and say
    /// where to go on: most of what it looked at may have changed again since.
    pub fn changes(&self, domain: &str, from: &ChangesCursor, limit: usize) -> Result<Page<ChangedPath>, QueryError> {
        let (number, limit, now) = (self.number(domain)?, page::limit(limit), self.ledger.revision());
        if from.revision > now {
            return Err(QueryError::UnknownRevision(from.revision));
        }
        let since = self.ledger.domain(domain).map_or(Revision::GENESIS, |domain| domain.record.since);
        self.check_history(from.revision.max(since))?;
        let mut logged_rows = Vec::new();
        let (first, last) = (rows::log(number, from.revision), rows::log(number, now));
        self.read.scan(Table::Archive, &first, &last, &mut |key, id| {
            logged_rows.extend(rows::logged(key, id));
            if logged_rows.len() < LOOKED_AT_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let (mut younger, mut found, mut looked_at) = (Younger::default(), Vec::new(), 0);
        for (revision, id) in &logged_rows {
            if *revision == from.revision && from.path.is_none() {
                continue;
            }
            for path in self.paths_of(domain, (*revision, *id))? {
                if from.has_told(*revision, &path) {
                    continue;
                }
                found.extend(self.last_changed(domain, (*revision, *id), &path, &mut younger)?);
                if found.len() > limit {
                    return Ok(Page::cut(found, limit, |item| ChangesCursor::behind(item).to_string()));
                }
                looked_at += 1;
                if looked_at == PATHS_MAX {
                    let next = ChangesCursor { revision: *revision, path: Some(path) };
                    return Ok(Page { items: found, next: Some(next.to_string()) });
                }
            }
        }
        let looked_at = logged_rows.last().filter(|_| logged_rows.len() == LOOKED_AT_MAX);
        Ok(Page { items: found, next: looked_at.map(|(revision, _)| ChangesCursor::after(*revision).to_string()) })
    }

    /// Path that an entry of the log was the last to tell of. What a rename leaves behind, or brings back, may be younger than
    /// that: no receipt names it.
    fn last_changed(
        &self,
        domain: &str,
        (revision, id): (Revision, EnvelopeId),
        path: &str,
        younger: &mut Younger,
    ) -> Result<Option<ChangedPath>, QueryError> {
        let now = self.ledger.revision();
        let Some((since, file)) = self.version_at(self.number(domain)?, path, now)? else { return Ok(None) };
        let is_told = since > revision && younger.tells(self, domain, since, path)?;
        Ok((!is_told).then(|| ChangedPath { path: path.to_owned(), revision, envelope: id, file }))
    }

    fn paths_of(&self, domain: &str, (revision, id): (Revision, EnvelopeId)) -> Result<BTreeSet<String>, QueryError> {
        let told = self.log_entry(domain, revision, &id)?.ok_or(QueryError::Dropped(revision))?;
        Ok(told.changes.into_iter().map(|change| change.path).collect())
    }
}

/// Receipt that is younger than the entry in hand: the last one that was asked for.
#[derive(Default)]
struct Younger {
    revision: Revision,
    paths: BTreeSet<String>,
    read: usize,
}

impl Younger {
    /// Whether the receipt of a revision tells of a path; no where too many were read for this page.
    fn tells(
        &mut self,
        view: &StateView<'_>,
        domain: &str,
        revision: Revision,
        path: &str,
    ) -> Result<bool, QueryError> {
        if self.revision != revision {
            let Some(id) = view.envelope_at(domain, revision)?.filter(|_| self.read < YOUNGER_MAX) else {
                return Ok(false);
            };
            (self.revision, self.paths) = (revision, view.paths_of(domain, (revision, id))?);
            self.read += 1;
        }
        Ok(self.paths.contains(path))
    }
}
