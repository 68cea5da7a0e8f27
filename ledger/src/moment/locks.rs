//! Locks: who holds which, and who stands in line.

use super::page::{self, Page};
use super::{Moment, QueryError};
use crate::lock::{AuthorLocks, Held, LeftLine, LockNode, LockRequest, Wanted, place_in_line};
use crate::path::PATH_BYTES_MAX;
use crate::state::{entry, name, rows};
use crate::store::{StoreError, Table};
use core::ops::ControlFlow;
use quorate_pbft::PublicKey;

/// An author's request for one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockEntry {
    /// The path; empty for the root.
    pub path: String,
    /// Whose.
    pub author: PublicKey,
    /// The author's organisation.
    pub organisation: String,
    /// What is held; none while it only waits.
    pub held: Option<Held>,
    /// What it waits for; none once it has it.
    pub wants: Option<Wanted>,
    /// Its place among those who wait for what it waits for, from 1; none where it does not wait.
    pub place: Option<u32>,
    /// Authors that it waits for, ascending.
    pub waits_for: Vec<PublicKey>,
}

impl<'a> Moment<'a> {
    /// Locks of a domain by path and author, after the path `from`: at a path and below it, or all of them.
    pub fn locks(
        &self,
        domain: &str,
        below: &str,
        from: Option<&str>,
        limit: usize,
    ) -> Result<Page<LockEntry>, QueryError> {
        let (number, limit) = (self.number(domain)?, page::limit(limit));
        let mut found = Vec::new();
        for path in self.locked_paths(number, below, from, limit + 1)? {
            found.extend(self.locks_at(number, &path)?);
            if found.len() > limit && found.first().is_some_and(|first| first.path != path) {
                break;
            }
        }
        // A page ends with whole paths, so that the last path is where the next one begins.
        let more = found.len() > limit;
        let cut = found.get(limit).map(|next| next.path.clone()).filter(|_| more);
        match cut {
            Some(cut) if found.first().is_some_and(|first| first.path != cut) => {
                found.retain(|lock| lock.path < cut);
                let next = found.last().map(|lock| lock.path.clone());
                Ok(Page { items: found, next })
            }
            _ => Ok(Page { items: found, next: None }),
        }
    }

    /// An author's locks in a domain, and how the last ones there left the line.
    pub fn locks_of(&self, domain: &str, author: &PublicKey) -> Result<(Vec<LockEntry>, Vec<LeftLine>), QueryError> {
        let number = self.number(domain)?;
        let known: AuthorLocks = entry::load(self.read, 0, &name::author_locks(author))?.unwrap_or_default();
        let mut found = Vec::new();
        for (_, path) in known.places.iter().filter(|(of, _)| *of == number) {
            found.extend(self.locks_at(number, path)?.into_iter().filter(|lock| lock.author == *author));
        }
        Ok((found, known.left.into_iter().filter(|left| left.domain == number).collect()))
    }

    fn locked_paths(
        &self,
        domain: u32,
        below: &str,
        from: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        let (_, to) = rows::below(&rows::locked(domain, below), PATH_BYTES_MAX);
        let first = rows::locked(domain, from.filter(|from| *from > below).unwrap_or(below));
        self.read.scan(Table::History, &first, &to, &mut |key, _| {
            let path = rows::locked_path(key).filter(|path| from.is_none_or(|from| path.as_str() > from));
            let is_there = |path: &String| below.is_empty() || path == below || path.starts_with(&format!("{below}/"));
            found.extend(path.filter(is_there));
            if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(found)
    }

    fn locks_at(&self, domain: u32, path: &str) -> Result<Vec<LockEntry>, StoreError> {
        let node: LockNode = entry::load(self.read, domain, &name::lock(path))?.unwrap_or_default();
        node.requests.into_iter().map(|request| self.lock_entry(domain, path, request)).collect()
    }

    fn lock_entry(&self, domain: u32, path: &str, request: LockRequest) -> Result<LockEntry, StoreError> {
        let in_line = place_in_line(&self.read, domain, path, &request)?;
        let (place, waits_for) = in_line.map_or((None, Vec::new()), |(place, whom)| (Some(place), whom));
        let LockRequest { author, organisation, held, wants } = request;
        Ok(LockEntry { path: path.to_owned(), author, organisation, held, wants, place, waits_for })
    }
}
