//! Locks that a write needs of its author, and must not meet of others.

use super::line::above;
use super::record::{Held, LockNode, LockRequest, LockTable};
use super::{AuthorLocks, DEPTH_MAX};
use crate::format::constants::GROUP;
use crate::state::name;
use crate::state::overlay::Overlay;
use crate::state::store::StoreError;
use quorate_pbft::{PublicKey, Time};
use std::collections::BTreeMap;

/// Locks that keep writers out, at the paths of one domain where anybody asked for some: a line is read once for all that is
/// written below it, until a lock changes.
#[derive(Debug, Default)]
pub(crate) struct Bars(BTreeMap<String, Vec<LockRequest>>);

impl Bars {
    /// The lock of another author, and its path, that keeps `author` from writing to `path`.
    pub(crate) fn against(
        &mut self,
        (overlay, domain): (&Overlay, u32),
        path: &str,
        author: &PublicKey,
        now: Time,
    ) -> Result<Option<(String, LockRequest)>, StoreError> {
        let table: Option<LockTable> = overlay.get(domain, name::LOCKS)?;
        if table.is_none_or(|table| table.requests == 0) {
            return Ok(None);
        }
        for place in above(path).chain([path]).take(1 + DEPTH_MAX) {
            let bars = self.at((overlay, domain), place)?;
            let other = bars.iter().find(|request| request.author != *author && request.live(now).is_some());
            if let Some(request) = other {
                return Ok(Some((place.to_owned(), request.clone())));
            }
        }
        Ok(None)
    }

    fn at(&mut self, (overlay, domain): (&Overlay, u32), path: &str) -> Result<&[LockRequest], StoreError> {
        if !self.0.contains_key(path) {
            let Some(mut node) = overlay.get::<LockNode>(domain, &name::lock(path))? else { return Ok(&[]) };
            node.requests.retain(|request| request.held.is_some_and(|held| held.mode.keeps_writers_out()));
            self.0.insert(path.to_owned(), node.requests);
        }
        Ok(self.0.get(path).map_or(&[], Vec::as_slice))
    }
}

/// The author's lock with this token, if it is held now.
pub(crate) fn by_token(
    overlay: &Overlay,
    domain: u32,
    author: &PublicKey,
    token: u64,
    now: Time,
) -> Result<Option<Held>, StoreError> {
    let known: AuthorLocks = overlay.get(GROUP, &name::author_locks(author))?.unwrap_or_default();
    for (_, path) in known.places.iter().filter(|(of, _)| *of == domain) {
        let node: LockNode = overlay.get(domain, &name::lock(path))?.unwrap_or_default();
        let held = node.of(author).and_then(|request| request.live(now).copied());
        if let Some(held) = held.filter(|held| held.token == token) {
            return Ok(Some(held));
        }
    }
    Ok(None)
}
