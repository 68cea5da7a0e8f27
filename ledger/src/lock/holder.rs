//! Locks that a write needs of its author, and must not meet of others.

use super::line::above;
use super::record::{Held, LockNode, LockRequest, LockTable};
use super::{AuthorLocks, DEPTH_MAX};
use crate::format::constants::GROUP;
use crate::state::name;
use crate::state::overlay::Overlay;
use crate::state::store::StoreError;
use quorate_pbft::{PublicKey, Time};

/// The lock of another author, and its path, that keeps `author` from writing to `path`.
pub(crate) fn against(
    overlay: &Overlay,
    domain: u32,
    path: &str,
    author: &PublicKey,
    now: Time,
) -> Result<Option<(String, LockRequest)>, StoreError> {
    let table: Option<LockTable> = overlay.get(domain, name::LOCKS)?;
    if table.is_none_or(|table| table.requests == 0) {
        return Ok(None);
    }
    for place in above(path).chain([path]).take(1 + DEPTH_MAX) {
        let node: LockNode = overlay.get(domain, &name::lock(place))?.unwrap_or_default();
        let keeps_out = |request: &&LockRequest| {
            request.author != *author && request.live(now).is_some_and(|held| held.mode.keeps_writers_out())
        };
        if let Some(request) = node.requests.iter().find(keeps_out) {
            return Ok(Some((place.to_owned(), request.clone())));
        }
    }
    Ok(None)
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
