//! Lock state under the root: the requests at each path, and the numbers of a domain's line.

use crate::state::index::{self, IndexRow, Indexed};
use crate::state::store::Live;
use crate::state::tree::{TreeNumber, key_of};
use crate::state::{entry, name, rows};
use crate::vocabulary::lock::LockMode;
use crate::vocabulary::revision::Revision;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{PublicKey, Time};
use std::collections::BTreeMap;

/// An author's request for one path: what it holds, what it waits for, or both.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LockRequest {
    /// Author of the request.
    pub author: PublicKey,
    /// The author's organisation.
    pub organisation: String,
    /// Lock that is held; none while it only waits.
    pub held: Option<Held>,
    /// Lock that it waits for; none once it is granted.
    pub wants: Option<Wanted>,
}

/// A granted lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Held {
    /// Mode of the lock.
    pub mode: LockMode,
    /// Larger than that of every earlier grant in the domain.
    pub token: u64,
    /// The revision that granted it.
    pub since: Revision,
    /// Ledger time at which the lease is over.
    pub until: Time,
}

/// A place in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Wanted {
    /// Mode of the lock.
    pub mode: LockMode,
    /// Smaller than that of whoever asked later.
    pub ticket: u64,
    /// The revision that asked.
    pub since: Revision,
    /// Ledger time at which it leaves the line.
    pub until: Time,
    /// Milliseconds of the lease that begins with the grant.
    pub lease_ms: u64,
}

/// Requests at one path, by author.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct LockNode {
    pub(crate) requests: Vec<LockRequest>,
}

/// The line of a domain as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct LockTable {
    /// Grants so far: the newest token.
    pub(crate) tokens: u64,
    /// Requests that had to wait so far: the newest ticket.
    pub(crate) tickets: u64,
    /// Requests, held or waiting.
    pub(crate) requests: u32,
    /// Count of waiting requests.
    pub(crate) waiting: u32,
    /// Requests by organisation, for those that have any.
    pub(crate) organisations: BTreeMap<String, u32>,
}

impl LockRequest {
    /// The lock, if the lease is not over at `now`.
    pub fn live(&self, now: Time) -> Option<&Held> {
        self.held.as_ref().filter(|held| now < held.until)
    }
}

impl LockRequest {
    /// When something of it is over.
    fn ends(&self) -> impl Iterator<Item = Time> {
        let (lease, patience) = (self.held.map(|held| held.until), self.wants.map(|wants| wants.until));
        lease.into_iter().chain(patience)
    }
}

impl Indexed for LockNode {
    const KIND: u8 = index::LOCK;

    fn index(&self, tree: TreeNumber, name: &[u8]) -> Option<Vec<IndexRow>> {
        let path = core::str::from_utf8(name).ok()?;
        let key = key_of(&name::lock(path));
        let mut found = vec![(Live::Index, rows::locked(tree, path), Vec::new())];
        for request in &self.requests {
            let author = &request.author;
            let ends = request.ends().map(|over| rows::lease(over, tree, &key, author));
            found.extend(ends.map(|row| (Live::Index, row, name.to_vec())));
            let place = |wants: &Wanted| (rows::in_line(tree, wants.ticket), entry::bytes_of(&(path, author)));
            found.extend(request.wants.iter().map(place).map(|(row, place)| (Live::Index, row, place)));
        }
        Some(found)
    }
}

impl LockNode {
    pub(crate) fn of(&self, author: &PublicKey) -> Option<&LockRequest> {
        let place = self.requests.binary_search_by_key(author, |request| request.author).ok()?;
        self.requests.get(place)
    }

    pub(crate) fn set(&mut self, request: LockRequest) {
        match self.requests.binary_search_by_key(&request.author, |known| known.author) {
            Ok(place) => self.requests[place] = request,
            Err(place) => self.requests.insert(place, request),
        }
    }

    pub(crate) fn remove(&mut self, author: &PublicKey) {
        self.requests.retain(|request| request.author != *author);
    }
}

impl LockTable {
    /// Counts a request of an organisation more, or one less.
    pub(crate) fn count(&mut self, organisation: &str, more: bool) {
        let count = self.organisations.entry(organisation.to_owned()).or_default();
        if more {
            (self.requests, *count) = (self.requests + 1, *count + 1);
        } else {
            (self.requests, *count) = (self.requests.saturating_sub(1), count.saturating_sub(1));
        }
        if *count == 0 {
            self.organisations.remove(organisation);
        }
    }

    /// Counts a waiting request more, or one less.
    pub(crate) fn count_waiting(&mut self, before: bool, after: bool) {
        self.waiting = self.waiting.saturating_sub(u32::from(before)) + u32::from(after);
    }
}
