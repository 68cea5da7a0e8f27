//! Locks: who holds which, and who stands in line.

use super::page::{self, Page};
use super::{QueryError, StateView};
use crate::lock::{AuthorLocks, Held, LeftLine, LockRequest, Queue, Wanted, node};
use crate::state::store::{StoreError, Table};
use crate::state::{entry, name, rows};
use crate::vocabulary::hexed;
use core::ops::ControlFlow;
use quorate_pbft::PublicKey;

/// An author's request for one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockEntry {
    /// The path; empty for the root.
    pub path: String,
    /// Author of the request.
    pub author: PublicKey,
    /// The author's organisation.
    pub organisation: String,
    /// Lock that is held; none while it only waits.
    pub held: Option<Held>,
    /// Lock that it waits for; none once it is granted.
    pub wants: Option<Wanted>,
    /// Its place among those who wait for what it waits for, from 1; none where it does not wait.
    pub place: Option<u32>,
    /// Authors that it waits for, ascending; at most 64 that are found near its path.
    pub waits_for: Vec<PublicKey>,
}

impl<'a> StateView<'a> {
    /// Locks of a domain by path and author, at a path and below it or all of them, after the cursor `from`.
    ///
    /// A page reads as many rows as it has items, and for those that wait the line of those who wait; how many locks there
    /// are beside them costs nothing.
    pub fn locks(
        &self,
        domain: &str,
        below: &str,
        from: Option<&str>,
        limit: usize,
    ) -> Result<Page<LockEntry>, QueryError> {
        let (number, limit) = (self.number(domain)?, page::limit(limit));
        let from = from.map(|from| parse(from).ok_or(QueryError::Cursor)).transpose()?;
        let is_after = |path: &str, request: &LockRequest| {
            from.as_ref().is_none_or(|(after, author)| (path, &request.author) > (after.as_str(), author))
        };
        let mut found: Vec<(String, LockRequest)> = Vec::new();
        for path in self.locked_paths(number, below, from.as_ref().map(|(path, _)| path.as_str()), limit + 2)? {
            let requests = node(self.read, number, &path)?.requests.into_iter();
            found.extend(requests.filter(|request| is_after(&path, request)).map(|request| (path.clone(), request)));
            if found.len() > limit {
                break;
            }
        }
        let page = Page::cut(found, limit, |(path, request)| format!("{}/{path}", request.author));
        Ok(Page { items: self.lock_entries(number, page.items)?, next: page.next })
    }

    /// An author's locks in a domain, and how the last ones there left the line.
    pub fn locks_of(&self, domain: &str, author: &PublicKey) -> Result<(Vec<LockEntry>, Vec<LeftLine>), QueryError> {
        let number = self.number(domain)?;
        let known: AuthorLocks = entry::load(self.read, 0, &name::author_locks(author))?.unwrap_or_default();
        let mut found = Vec::new();
        for (_, path) in known.places.iter().filter(|(of, _)| *of == number) {
            let request = node(self.read, number, path)?.of(author).cloned();
            found.extend(request.map(|request| (path.clone(), request)));
        }
        let left = known.left.into_iter().filter(|left| left.domain == number).collect();
        Ok((self.lock_entries(number, found)?, left))
    }

    /// Paths with locks, from the path `from` on, it included.
    fn locked_paths(
        &self,
        domain: u32,
        below: &str,
        from: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, StoreError> {
        let itself = rows::locked(domain, below);
        let folder = if below.is_empty() { itself.clone() } else { rows::locked(domain, &format!("{below}/")) };
        let first = rows::locked(domain, from.unwrap_or(""));
        let mut found = Vec::new();
        for (start, end) in [(itself.clone(), itself), rows::below_path(&folder)] {
            self.read.scan(Table::Index, &start.max(first.clone()), &end, &mut |key, _| {
                found.extend(rows::locked_path(key).filter(|path| found.last() != Some(path)));
                if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
        }
        found.truncate(most);
        Ok(found)
    }

    fn lock_entries(&self, domain: u32, found: Vec<(String, LockRequest)>) -> Result<Vec<LockEntry>, StoreError> {
        let waits = found.iter().any(|(_, request)| request.wants.is_some());
        let queue = if waits { Queue::of(self.read, domain)? } else { Queue::default() };
        let entry = |(path, request): (String, LockRequest)| {
            let position = queue.position(self.read, domain, &path, &request)?;
            let (place, waits_for) = position.map_or((None, vec![]), |found| (Some(found.place), found.waits_for));
            let LockRequest { author, organisation, held, wants } = request;
            Ok(LockEntry { path, author, organisation, held, wants, place, waits_for })
        };
        found.into_iter().map(entry).collect()
    }
}

/// Author and path of a cursor.
fn parse(cursor: &str) -> Option<(String, PublicKey)> {
    let (author, path) = cursor.split_once('/')?;
    Some((path.to_owned(), hexed::parse(author).ok()?))
}
