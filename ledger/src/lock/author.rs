//! An author's requests in all domains, and how the last of them left the line.

use crate::vocabulary::lock::LockEnd;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::Time;

/// Requests that left the line without a lock, as they are remembered for one author: enough for whoever waited to learn
/// why.
const LEFT_MAX: usize = 16;

/// A request that is gone.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LeftLine {
    /// Number of its domain.
    pub(crate) domain: u32,
    /// Its path.
    pub path: String,
    /// Why.
    pub why: LockEnd,
    /// Ledger time.
    pub at: Time,
}

/// An author's requests, in the group's tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct AuthorLocks {
    /// Domain's number and path of each, ascending.
    pub(crate) places: Vec<(u32, String)>,
    /// Oldest first.
    pub(crate) left: Vec<LeftLine>,
}

impl AuthorLocks {
    pub(crate) fn add(&mut self, domain: u32, path: &str) {
        let place = (domain, path.to_owned());
        if let Err(at) = self.places.binary_search(&place) {
            self.places.insert(at, place);
        }
    }

    pub(crate) fn remove(&mut self, domain: u32, path: &str) {
        self.places.retain(|(of, at)| *of != domain || at != path);
    }

    pub(crate) fn note(&mut self, left: LeftLine) {
        if self.left.len() == LEFT_MAX {
            self.left.remove(0);
        }
        self.left.push(left);
    }
}
