//! Deadlocks: authors who wait for each other.

use super::AuthorLocks;
use super::line::{At, node, related};
use crate::format::constants::GROUP;
use crate::state::abort::Abort;
use crate::state::name;
use crate::state::overlay::Overlay;
use crate::state::store::StoreError;
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::Code;
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
/// one if the author is waited for from there and waits for whoever made it. Each request that is held against one which waits
/// is a step.
pub(super) fn around(overlay: &Overlay, author: &PublicKey, steps: &mut u64) -> Result<Vec<Waiting>, Abort> {
    let found = waits_from(overlay, author, steps)?;
    let (mut reaching, mut next) = (BTreeSet::from([*author]), vec![*author]);
    while let Some(whom) = next.pop() {
        let waits = found.iter().filter(|(_, waits_for)| waits_for.contains(&whom));
        next.extend(waits.map(|(waiting, _)| waiting.at.request.author).filter(|author| reaching.insert(*author)));
    }
    let on_circle = |(_, whom): &(Waiting, BTreeSet<PublicKey>)| whom.iter().any(|whom| reaching.contains(whom));
    Ok(found.into_iter().filter(on_circle).map(|(waiting, _)| waiting).collect())
}

/// Requests with whom they wait for: those of `author`, of whom they wait for, and so on.
fn waits_from(
    overlay: &Overlay,
    author: &PublicKey,
    steps: &mut u64,
) -> Result<Vec<(Waiting, BTreeSet<PublicKey>)>, Abort> {
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
            *steps = steps.saturating_sub(line.len() as u64);
            if *steps == 0 {
                return Err(Abort::refused(
                    Code::BadAct,
                    "locks that take more looks for circles of those who wait than one envelope may have taken",
                ));
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::{Asked, Manager, Placed};
    use crate::state::memory_store::MemoryStore;
    use crate::vocabulary::lock::LockMode;
    use quorate_pbft::{SeqNum, Time};

    fn asks(overlay: &mut Overlay, who: u8, steps: &mut u64) -> Result<Placed, Abort> {
        let (mut changes, revision) = (Vec::new(), Revision::slot(SeqNum::new(1)));
        let (author, mode) = (PublicKey([who; 32]), LockMode::X);
        let asked = Asked { author, organisation: "org", path: "a", mode, lease_ms: 1_000, wait_ms: 1_000 };
        Manager { overlay, domain: 1, now: Time::new(0), revision, rules: 16, changes: &mut changes }
            .acquire(&asked, steps)
    }

    /// Eleven requests, ten of which wait: each of these is held against all.
    #[test]
    fn circles_are_looked_for_as_long_as_there_are_steps_left() {
        for (steps, is_placed) in [(111, true), (110, false)] {
            let (mut store, mut steps) = (MemoryStore::new(), steps);
            let mut overlay = Overlay::new(&mut store, None);
            for who in 0..10 {
                asks(&mut overlay, who, &mut 1_000).expect("a lock, or a place in line");
            }
            assert_eq!(asks(&mut overlay, 10, &mut steps).is_ok(), is_placed);
        }
    }
}
