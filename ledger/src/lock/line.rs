//! Conflicts between requests for locks.

use super::record::{LockNode, LockRequest};
use crate::format::constants::GROUP;
use crate::state::overlay::Overlay;
use crate::state::store::{Live, StoreError};
use crate::state::{name, rows};
use crate::vocabulary::ids::TransactionId;
use crate::vocabulary::lock::LockMode;
use crate::vocabulary::path;
use quorate_pbft::{Digest, PublicKey};

/// A request with its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    pub(super) path: String,
    pub(super) request: LockRequest,
}

/// Request of an author for a mode on a path, granted or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) author: &'a PublicKey,
    pub(super) path: &'a str,
    pub(super) mode: LockMode,
    /// Place in line.
    pub(super) turn: Turn,
}

/// Order of the line: conversions first, then everybody else, each by ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    holds_nothing: bool,
    ticket: u64,
}

impl Turn {
    pub(super) fn new(holds: bool, ticket: u64) -> Self {
        Self { holds_nothing: !holds, ticket }
    }

    /// Behind everybody who stands there now.
    pub(super) fn last(holds: bool) -> Self {
        Self::new(holds, u64::MAX)
    }
}

/// Whether `below` lies in the folder `folder`; the empty path is the folder of all.
pub(super) fn is_below(below: &str, folder: &str) -> bool {
    match folder {
        "" => !below.is_empty(),
        _ => below.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')),
    }
}

/// Whether two authors may hold these at a time.
pub(super) fn fit(path: &str, mode: LockMode, other_path: &str, other_mode: LockMode) -> bool {
    if path == other_path {
        mode.fits(other_mode)
    } else if is_below(path, other_path) {
        mode.intention().fits(other_mode)
    } else if is_below(other_path, path) {
        mode.fits(other_mode.intention())
    } else {
        true
    }
}

impl At {
    /// Request that it waits for, as an ask.
    pub(super) fn ask(&self) -> Option<Ask<'_>> {
        let wants = self.request.wants.as_ref()?;
        let turn = Turn::new(self.request.held.is_some(), wants.ticket);
        Some(Ask { author: &self.request.author, path: &self.path, mode: wants.mode, turn })
    }

    /// Whether it stands in the way of `ask`: by what it holds, or because it came first.
    pub(super) fn blocks(&self, ask: &Ask) -> bool {
        if self.request.author == *ask.author {
            return false;
        }
        let holds = self.request.held.as_ref().is_some_and(|held| !fit(ask.path, ask.mode, &self.path, held.mode));
        let first = self.ask().filter(|other| other.turn < ask.turn);
        holds || first.is_some_and(|other| !fit(ask.path, ask.mode, other.path, other.mode))
    }
}

/// Transaction over several groups that has a lock; none where an author has it.
pub(crate) fn transaction_of(overlay: &Overlay, holder: &PublicKey) -> Result<Option<TransactionId>, StoreError> {
    let id = TransactionId(Digest(holder.0));
    Ok(overlay.has(GROUP, &name::transaction(&id))?.then_some(id))
}

/// Name of the author or transaction that has a lock, for people.
pub(crate) fn named(overlay: &Overlay, holder: &PublicKey) -> Result<String, StoreError> {
    let transaction = transaction_of(overlay, holder)?;
    Ok(transaction.map_or_else(|| holder.to_string(), |id| format!("transaction {id}")))
}

/// The folders above a path, the root first; none above the root.
pub(super) fn above(path: &str) -> impl Iterator<Item = &str> {
    let root = (!path.is_empty()).then_some("");
    root.into_iter().chain(path::folders(path))
}

/// Requests at a path, above it and below it, as the envelope in hand sees them.
pub(super) fn related(overlay: &Overlay, domain: u32, path: &str) -> Result<Vec<At>, StoreError> {
    let mut paths: Vec<String> = above(path).map(str::to_owned).collect();
    paths.push(path.to_owned());
    let folder = if path.is_empty() { String::new() } else { format!("{path}/") };
    let (from, to) = rows::below_path(&rows::locked(domain, &folder));
    for key in overlay.keys(Live::Index, &from, &to)? {
        paths.extend(rows::locked_path(&key).filter(|found| !found.is_empty()));
    }
    let mut found = Vec::new();
    for path in paths {
        let node = node(overlay, domain, &path)?;
        found.extend(node.requests.into_iter().map(|request| At { path: path.clone(), request }));
    }
    Ok(found)
}

/// Requests at a path, as the envelope in hand sees them.
pub(super) fn node(overlay: &Overlay, domain: u32, path: &str) -> Result<LockNode, StoreError> {
    Ok(overlay.get(domain, &name::lock(path))?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_on_a_folder_is_felt_below_and_an_intention_above() {
        use LockMode::{Ix, S, X};
        assert!(!fit("a/b", X, "a", S));
        assert!(!fit("a", S, "a/b/c", X));
        assert!(fit("a", S, "a/b/c", S));
        assert!(fit("a", Ix, "a/b/c", X));
        assert!(!fit("", S, "a/b/c", X));
        assert!(fit("a/b", X, "a/bc", X));
        assert!(fit("a", X, "ab/c", X));
    }

    #[test]
    fn a_path_is_below_its_folders_only() {
        assert!(is_below("a/b", "a"));
        assert!(is_below("a", ""));
        assert!(!is_below("ab", "a"));
        assert!(!is_below("a", "a"));
        assert!(!is_below("", ""));
    }
}
