//! Base of the first change of an import.

use super::super::failure::Failure;
use super::super::print;
use super::earlier::Found;
use super::{files, sending};
use quorate_client::api::Causality;
use quorate_client::http::{Client, ClientError};
use quorate_git::Repository;
use quorate_ledger::{Base, EnvelopeId, Revision};
use std::collections::BTreeSet;

/// Bases that will do.
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    /// The last import, in whose chain there is room.
    pub last: bool,
    /// Every base, though files of others are written over.
    pub over: bool,
}

/// Base of the first change: the newest revision; but where others changed what imports brought or what comes now, or may
/// have, the last import, if that has not seen what they changed. Refuses where their files would be written over.
pub async fn of(
    (client, domain): (&Client, &str),
    (found, executed): (&Found, Revision),
    (repository, coming): (&Repository, impl FnOnce() -> Result<BTreeSet<String>, Failure>),
    allowed: Allowed,
) -> Result<Base, Failure> {
    let newest = executed.max(found.others.newest);
    let may_meet = found.is_cut || !found.others.are_none();
    let Some(earlier) = found.earlier.as_ref().filter(|_| may_meet) else { return Ok(Base::Revision(newest)) };
    let coming = coming()?;
    let otherwise = match found.is_cut && !coming.is_empty() || found.others.come(&coming) {
        true => files::otherwise((client, domain, newest), (repository, earlier), &coming).await?,
        false => BTreeSet::new(),
    };
    let is_based = allowed.last && (found.is_cut || found.others.meet(&coming, &otherwise));
    let last = earlier.change.filter(|_| is_based);
    if let Some((path, theirs)) = found.others.among(&otherwise, found.is_cut).filter(|_| !allowed.over) {
        let is_lost = match (last, theirs) {
            (Some(last), Some(theirs)) => has_seen(client, domain, last, theirs).await?,
            (Some(_), None) => found.is_cut,
            (None, _) => true,
        };
        if is_lost {
            let missing = earlier.missing(repository, path).map_err(Failure::usage)?;
            let unknown = |missing| {
                sending::missing(&missing, "nobody knows whether others have changed it, and nothing more was sent")
            };
            return Err(missing.map_or_else(|| lost(path), unknown));
        }
    }
    Ok(last.map_or(Base::Revision(newest), Base::Envelope))
}

/// Whether an import counts a change of others as seen, so that one based on it writes over that; also where the node does not
/// know.
async fn has_seen(client: &Client, domain: &str, last: EnvelopeId, theirs: EnvelopeId) -> Result<bool, ClientError> {
    let (first, second) = (theirs.to_string(), last.to_string());
    match client.renewed().get(&["domains", domain, "causality"], &[("first", &first), ("second", &second)]).await {
        Ok(Causality { order, .. }) => Ok(order == "before"),
        Err(ClientError::Refused(problem)) if problem.status == 404 => Ok(true),
        Err(error) => Err(error),
    }
}

fn lost(path: &str) -> Failure {
    let path = print::plain(path);
    Failure::no(format!(
        "others have changed {path} too long ago for this history to be merged with that: nothing more was sent"
    ))
    .next("--over writes over what they did")
}
