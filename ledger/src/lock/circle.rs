//! Deadlocks: authors who wait for each other.

use super::AuthorLocks;
use super::line::{At, node, related};
use crate::format::constants::GROUP;
use crate::state::name;
use crate::state::overlay::Overlay;
use crate::state::store::StoreError;
use crate::vocabulary::revision::Revision;
use quorate_pbft::PublicKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Waiting requests that are looked at in search of circles. Circles beyond these steps end when a request's time is
/// over.
const STEPS_MAX: usize = 256;

/// A request that waits, in its domain.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) domain: u32,
    pub(super) at: At,
}

impl Waiting {
    /// Larger for whoever asked later. (Within one envelope, for the later domain and ticket.)
    pub(super) fn age(&self) -> Option<(Revision, u32, u64)> {
        self.at.request.wants.map(|wants| (wants.since, self.domain, wants.ticket))
    }
}

/// The requests that lie on circles through `author`, in whatever domains; empty if there is none.
///
/// Only what this author just asked for can have closed a circle, so all circles lead through it, and a request lies on
/// one if the author is waited for from there and waits for whoever made it.
pub(super) fn around(overlay: &Overlay, author: &PublicKey) -> Result<Vec<Waiting>, StoreError> {
    let found = waits_from(overlay, author)?;
    let mut reaching = BTreeSet::from([*author]);
    loop {
        let more = found.iter().filter(|(_, whom)| whom.iter().any(|whom| reaching.contains(whom)));
        let more: BTreeSet<PublicKey> = more.map(|(waiting, _)| waiting.at.request.author).collect();
        if more.is_subset(&reaching) {
            break;
        }
        reaching.extend(more);
    }
    let on_circle = |(_, whom): &(Waiting, BTreeSet<PublicKey>)| whom.iter().any(|whom| reaching.contains(whom));
    Ok(found.into_iter().filter(on_circle).map(|(waiting, _)| waiting).collect())
}

/// Requests with whom they wait for: those of `author`, of whom they wait for, and so on.
fn waits_from(overlay: &Overlay, author: &PublicKey) -> Result<Vec<(Waiting, BTreeSet<PublicKey>)>, StoreError> {
    let mut lines: BTreeMap<u32, Vec<At>> = BTreeMap::new();
    let (mut seen, mut next) = (BTreeSet::from([*author]), VecDeque::from([*author]));
    let mut found = Vec::new();
    while let Some(author) = next.pop_front() {
        for waiting in waits(overlay, &author)? {
            if found.len() == STEPS_MAX {
                return Ok(found);
            }
            let line = match lines.get(&waiting.domain) {
                Some(line) => line,
                None => lines.entry(waiting.domain).or_insert(related(overlay, waiting.domain, "")?),
            };
            let whom = waits_for(&waiting, line);
            next.extend(whom.iter().filter(|whom| seen.insert(**whom)));
            found.push((waiting, whom));
        }
    }
    Ok(found)
}

/// An author's requests that wait, in all domains.
fn waits(overlay: &Overlay, author: &PublicKey) -> Result<Vec<Waiting>, StoreError> {
    let known: AuthorLocks = overlay.get(GROUP, &name::author_locks(author))?.unwrap_or_default();
    let mut found = Vec::new();
    for (domain, path) in known.places {
        let node = node(overlay, domain, &path)?;
        if let Some(request) = node.of(author).filter(|request| request.wants.is_some()) {
            found.push(Waiting { domain, at: At { path, request: request.clone() } });
        }
    }
    Ok(found)
}

/// Authors whom a request waits for.
fn waits_for(waiting: &Waiting, line: &[At]) -> BTreeSet<PublicKey> {
    let Some(ask) = waiting.at.ask() else { return BTreeSet::new() };
    line.iter().filter(|other| other.blocks(&ask)).map(|other| other.request.author).collect()
}
