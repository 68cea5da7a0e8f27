//! Files and domains.

use super::page::{self, Page};
use super::{QueryError, StateView};
use crate::format::constants::GROUP;
use crate::policy::DomainPolicy;
use crate::state::overlay::path_of;
use crate::state::record::FileRecord;
use crate::state::store::{LiveStore, StoreError, Table};
use crate::state::tree::key_of;
use crate::state::{entry, name, rows, versions};
use crate::vocabulary::file::{File, Mode};
use crate::vocabulary::ids::ConflictId;
use crate::vocabulary::name::Principal;
use crate::vocabulary::revision::Revision;
use core::ops::ControlFlow;
use quorate_pbft::Digest;
use std::collections::BTreeSet;

/// File at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its name in the domain.
    pub path: String,
    /// File, executable or link.
    pub mode: Mode,
    /// SHA-256 of the content.
    pub hash: Digest,
    /// Bytes of the content.
    pub size: u64,
    /// The revision that made it so.
    pub revision: Revision,
    /// The open conflict.
    pub conflict: Option<ConflictId>,
}

/// A path that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file, in conflict or not.
    File(FileEntry),
    /// No file is served: it was removed or moved away, and this conflict is open about the path.
    Removed(ConflictId),
    /// No file is served, because the sides of this conflict never agreed on anything.
    Disputed(ConflictId),
    /// No file is at the path.
    Nothing,
}

impl Found {
    /// The file, if there is one.
    pub fn found(self) -> Option<FileEntry> {
        match self {
            Self::File(file) => Some(file),
            Self::Removed(_) | Self::Disputed(_) | Self::Nothing => None,
        }
    }
}

/// A domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainEntry {
    /// Its name.
    pub name: String,
    /// Principals that may change files.
    pub writers: Vec<Principal>,
    /// Principals that may read.
    pub readers: Vec<Principal>,
    /// Root of its tree.
    pub root: Digest,
    /// Entries of its tree: files, authors' numbers, conflicts.
    pub entries: u64,
    /// The newest revision that changed it; `0` if none did.
    pub revision: Revision,
}

impl<'a> StateView<'a> {
    /// Domains by name, as far as they are kept here.
    pub fn domains(&self) -> Result<Vec<DomainEntry>, QueryError> {
        let domains = self.ledger.domains().iter().filter(|(_, domain)| domain.record.number != GROUP);
        let domains = domains.filter(|(name, _)| self.ledger.holds(name)).map(|(name, domain)| {
            Ok(DomainEntry {
                name: name.clone(),
                writers: domain.record.policy.writers.clone(),
                readers: domain.record.policy.readers.clone(),
                root: domain.tree.root(),
                entries: domain.tree.count(),
                revision: self.newest(domain.record.number)?.max(domain.usage.changed), // a copy has no log
            })
        });
        domains.collect()
    }

    /// A domain that not everyone may read, if there is one.
    pub fn closed_domain(&self) -> Option<&'a str> {
        self.closed_domains().next().map(|(name, _)| name)
    }

    /// Domains that not everyone may read.
    pub(super) fn closed_domains(&self) -> impl Iterator<Item = (&'a str, &'a DomainPolicy)> + use<'a> {
        let domains = self.ledger.domains().iter().filter(|(_, domain)| domain.record.number != GROUP);
        let policies = domains.map(|(name, domain)| (name.as_str(), &domain.record.policy));
        policies.filter(|(_, policy)| !policy.readers.contains(&Principal::Everyone))
    }

    /// Whether everyone may read a domain; none where there is no such domain.
    pub fn is_open(&self, domain: &str) -> Option<bool> {
        let known = self.ledger.domain(domain).filter(|domain| domain.record.number != GROUP)?;
        Some(known.record.policy.readers.contains(&Principal::Everyone))
    }

    fn newest(&self, domain: u32) -> Result<Revision, QueryError> {
        let (from, to) = (rows::log(domain, Revision::GENESIS), rows::log(domain, self.ledger.revision()));
        let mut newest = Revision::GENESIS;
        self.read.scan_back(Table::Archive, &from, &to, &mut |key, _| {
            newest = key.get(5..).and_then(Revision::from_key).unwrap_or(newest);
            ControlFlow::Break(())
        })?;
        Ok(newest)
    }

    /// File at a path, now or at an earlier revision.
    pub fn file(&self, domain: &str, path: &str, at: Option<Revision>) -> Result<Found, QueryError> {
        let number = self.number(domain)?;
        match at {
            Some(at) if at != self.ledger.revision() => Ok(self.file_at(number, path, at)?),
            _ => Ok(self.file_now(number, path)?),
        }
    }

    /// The bytes of a content, if they are here; an error where they are not what the hash says.
    pub fn content(&self, hash: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = self.read.get(Table::Contents, &hash.0)?;
        bytes.map(|bytes| entry::sound_content(hash, bytes)).transpose()
    }

    /// Files whose paths begin with `prefix`, by path, after the path `from`.
    pub fn ls(
        &self,
        domain: &str,
        prefix: &str,
        at: Option<Revision>,
        from: Option<&str>,
        limit: usize,
    ) -> Result<Page<FileEntry>, QueryError> {
        let number = self.number(domain)?;
        let mut start = rows::listed(number, from.unwrap_or(prefix));
        if from.is_some() {
            start.push(0); // no path has a NUL: the first key after it
        }
        let (_, end) = rows::below_path(&rows::listed(number, prefix));
        match at.filter(|at| *at != self.ledger.revision()) {
            None => self.ls_now(number, (&start, &end), page::limit(limit)),
            Some(at) => self.ls_at(number, (&start, &end), at, page::limit(limit)),
        }
    }

    fn ls_now(&self, number: u32, (start, end): Ends<'_>, limit: usize) -> Result<Page<FileEntry>, QueryError> {
        let mut items = Vec::new();
        for path in self.paths(Table::Names, 0, (start, end), limit + 1)? {
            items.extend(self.file_now(number, &path)?.found());
        }
        Ok(Page::cut(items, limit, |file| file.path.clone()))
    }

    fn ls_at(
        &self,
        number: u32,
        (start, end): Ends<'_>,
        at: Revision,
        limit: usize,
    ) -> Result<Page<FileEntry>, QueryError> {
        let mut paths = BTreeSet::new();
        paths.extend(self.paths(Table::Names, 0, (start, end), page::LOOKED_AT_MAX)?);
        for (table, row) in [(Table::Index, rows::fileless as Listing), (Table::Archive, rows::forgotten)] {
            paths.extend(self.paths(table, 1, (&row(start), &row(end)), page::LOOKED_AT_MAX)?);
        }
        let (mut items, is_all) = (Vec::new(), paths.len() < page::LOOKED_AT_MAX);
        let mut last = None;
        for path in paths.into_iter().take(page::LOOKED_AT_MAX) {
            items.extend(self.file_at(number, &path, at)?.found());
            if items.len() > limit {
                return Ok(Page::cut(items, limit, |file| file.path.clone()));
            }
            last = Some(path);
        }
        Ok(Page { items, next: last.filter(|_| !is_all) })
    }

    /// The first `most` paths whose keys are in a range of a table; a key begins with `kind` bytes that name its kind.
    fn paths(&self, table: Table, kind: usize, (start, end): Ends<'_>, most: usize) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        self.read.scan(table, start, end, &mut |key, _| {
            found.push(path_of(&key[kind..]));
            if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        found.into_iter().collect()
    }

    fn file_now(&self, domain: u32, path: &str) -> Result<Found, StoreError> {
        Ok(match self.record(domain, path)? {
            Some(FileRecord { file: Some(file), since, conflict, .. }) => {
                Found::File(FileEntry { conflict, ..file_entry(path, file, since) })
            }
            Some(FileRecord { conflict: Some(conflict), envelope: Some(_), .. }) => Found::Removed(conflict),
            Some(FileRecord { conflict: Some(conflict), .. }) => Found::Disputed(conflict),
            _ => Found::Nothing,
        })
    }

    /// Earlier revisions are read without their conflicts: those are told by the conflict itself.
    fn file_at(&self, domain: u32, path: &str, at: Revision) -> Result<Found, QueryError> {
        if at > self.ledger.revision() {
            return Err(QueryError::UnknownRevision(at));
        }
        self.check_versions(domain, at)?;
        let version = self.version_at(domain, path, at)?;
        Ok(match version {
            Some((since, Some(file))) => Found::File(file_entry(path, file, since)),
            _ => Found::Nothing,
        })
    }

    pub(super) fn file_of(&self, domain: u32, path: &str, at: Revision) -> Result<Option<File>, StoreError> {
        Ok(self.version_at(domain, path, at)?.and_then(|(_, file)| file))
    }

    pub(super) fn version_at(
        &self,
        domain: u32,
        path: &str,
        at: Revision,
    ) -> Result<Option<(Revision, Option<File>)>, StoreError> {
        let (key, record) = (key_of(&name::file(path)), self.record(domain, path)?);
        versions::at(&LiveStore(self.read), (domain, &key), record.as_ref(), at)
    }

    pub(super) fn record(&self, domain: u32, path: &str) -> Result<Option<FileRecord>, StoreError> {
        entry::load(self.read, domain, &name::file(path))
    }
}

/// Key of a row that lists a path, from its key in [`rows::listed`].
type Listing = fn(&[u8]) -> Vec<u8>;

/// The first and the last key of a range.
type Ends<'a> = (&'a [u8], &'a [u8]);

fn file_entry(path: &str, file: File, revision: Revision) -> FileEntry {
    let File { mode, content, size } = file;
    FileEntry { path: path.to_owned(), mode, hash: content, size, revision, conflict: None }
}
